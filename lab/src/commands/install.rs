//! `lab completions` and `lab man`: for a shell and for `man`.

use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Command, ValueEnum as _};
use clap_complete::Shell;

/// `lab completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell; without it, the one that SHELL names
    pub shell: Option<Shell>,
}

/// `lab man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory for the pages, made if need be
    pub dir: PathBuf,
}

/// Writes the completions of `lab`, which is `command`, to stdout; answers the exit status.
///
/// # Errors
/// If no shell is known, or stdout is closed.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<u8> {
    let names = || {
        let names: Vec<String> = Shell::value_variants().iter().map(ToString::to_string).collect();
        format!("which shell? One of {}", names.join(", "))
    };
    let shell = args.shell.or_else(Shell::from_env).with_context(names)?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "lab", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(0)
}

/// Writes a man page for `lab`, which is `command`, and one for each of its commands; answers the exit
/// status.
///
/// # Errors
/// If they cannot be written.
pub fn man(args: &ManArgs, command: Command) -> Result<u8> {
    let dir = &args.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    clap_mangen::generate_to(command, dir)
        .with_context(|| format!("cannot write to {}", dir.display()))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_that_is_shown_has_a_man_page() {
        let dir = tempfile::tempdir().expect("dir");
        man(&ManArgs { dir: dir.path().join("man1") }, Cli::command()).unwrap();
        for command in Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
            let page = dir.path().join("man1").join(format!("lab-{}.1", command.get_name()));
            assert!(page.is_file(), "{}", page.display());
        }
    }
}
