//! The commands and the shell that runs them: exit statuses, lines on stderr, command lines to paste.

use std::io::{self, Write as _};
use std::path::Path;

use derive_more::Display;
use rumormill_judge::format::text::shell_word;

/// Maelstrom's exit status for arguments that make no sense.
pub const BAD_ARGUMENTS: u8 = 254;
/// Maelstrom's exit status for runs that came to no end.
pub(super) const CRASH: u8 = 255;
/// A shell adds this to the number of a signal that ended a process.
pub(super) const SIGNAL_BASE: i32 = 128;

/// An error in what was asked for: the command ends with [`BAD_ARGUMENTS`].
#[derive(Debug, Display)]
#[display("{_0:#}")]
struct BadArguments(anyhow::Error);

impl std::error::Error for BadArguments {}

/// Marks an error as one of the arguments: the exit status is [`BAD_ARGUMENTS`].
pub(crate) fn asked<T>(read: anyhow::Result<T>) -> anyhow::Result<T> {
    read.map_err(|error| BadArguments(error).into())
}

/// The exit status of a command: its own, or [`CRASH`] after the error was written to stderr
/// ([`BAD_ARGUMENTS`] if it was in what was asked for). A closed stdout is no error.
pub(crate) fn status(done: anyhow::Result<u8>) -> u8 {
    match done {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            log(&format!("{error:#}"));
            if error.is::<BadArguments>() { BAD_ARGUMENTS } else { CRASH }
        }
    }
}

/// True if the reader of a pipe is gone.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref().map_or(error, |BadArguments(error)| error);
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes to stdout. A closed one is no error: the exit status has the verdict.
pub(super) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Writes a line to stderr.
pub(super) fn log(text: &str) {
    // A closed stderr is no error.
    let _ = writeln!(io::stderr(), "lab: {text}");
}

/// The node's binary and arguments.
pub(super) fn node_command_line(bin: &Path, args: &[String]) -> String {
    let bin = shell_word(&bin.display().to_string());
    args.iter().fold(bin, |line, arg| line + " " + &shell_word(arg))
}

/// The command line that does the same again, from the name of the program on: with the seed, and
/// quoted for a shell.
pub(super) fn repeating_command(args: impl Iterator<Item = String>, seed: u64) -> String {
    let mut words: Vec<String> = args.collect();
    let is_seed = |word: &String| word == "--seed" || word.starts_with("--seed=");
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    if !words[..end].iter().any(is_seed) {
        words.splice(end..end, ["--seed".to_owned(), seed.to_string()]);
    }
    let quoted: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    quoted.join(" ")
}

/// The arguments after the command's name, without `--shard` and without threads: the same for all
/// shards of a command. Nothing after two dashes is the lab's.
pub(super) fn arguments_without_shard(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all = all.skip(2);
    let mut kept = Vec::new();
    while let Some(word) = all.next() {
        match word.as_str() {
            "--" => {
                kept.push(word);
                kept.extend(all.by_ref());
            }
            "--shard" | "--jobs" => {
                all.next();
            }
            word if word.starts_with("--shard=") || word.starts_with("--jobs=") => {}
            _ => kept.push(word),
        }
    }
    kept
}

/// A command's arguments, read again from the words after its name.
///
/// # Errors
/// The word that is wrong, in clap's words.
pub(super) fn parse_again<A: clap::Args>(words: &[String]) -> Result<A, clap::Error> {
    let command = A::augment_args(clap::Command::new("lab").args_override_self(true));
    let words = std::iter::once("lab").chain(words.iter().map(String::as_str));
    A::from_arg_matches(&command.try_get_matches_from(words)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_repeats_a_run_has_its_seed_and_is_quoted() {
        let repeat = |args: &[&str]| {
            let args = ["lab"].iter().chain(args);
            repeating_command(args.map(ToString::to_string), 7)
        };
        assert_eq!(repeat(&["test", "--rate", "5"]), "lab test --rate 5 --seed 7");
        assert_eq!(repeat(&["test", "--seed", "9"]), "lab test --seed 9");
        assert_eq!(
            repeat(&["test", "--limit", "median<1s", "--", "--seed", "it's"]),
            r"lab test --limit 'median<1s' --seed 7 -- --seed 'it'\''s'"
        );
    }
}
