//! `lab replay`.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use rumormill::maelstrom::record::{Output, Record, Records};

use crate::commands::shell::asked;
use crate::replay::{Condition, Replay, Turn, Until, case, describe, files};

/// Longer messages are shown as the record has them.
const SHOWN_BYTES: usize = 256;

/// `lab replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A record, stderr with a record in it, or the directory of a run
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Stop after the last input up to a time since the node's start (2.5s, 300ms) or a line of
    /// the file, and show the state
    #[arg(long, value_name = "TIME|LINE")]
    pub until: Option<Until>,
    /// Stop after the first input that this is true of, and show the state; may be repeated
    #[arg(long = "break", value_name = "CONDITION")]
    pub breaks: Vec<Condition>,
    /// From the start or the first stop on, show each input and what came of it, and wait
    #[arg(long)]
    pub step: bool,
    /// Show the state at the end
    #[arg(long)]
    pub state: bool,
    /// Only this life of a node that was restarted, from 1
    #[arg(long, value_name = "N")]
    pub life: Option<usize>,
    /// Write a regression test to lab/cases/replay: the inputs, and what clients are told now
    #[arg(long)]
    pub as_case: bool,
    /// The case's name [default: the file's]
    #[arg(long, value_name = "NAME", requires = "as_case")]
    pub name: Option<String>,
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All was the same.
    Same,
    /// It was stopped before the end.
    Stopped,
    /// It was not the same.
    Parted,
}

/// Executes `lab replay`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &ReplayArgs) -> Result<u8> {
    if args.as_case && args.files.len() != 1 {
        return asked(Err(anyhow!("--as-case takes one file")));
    }
    let mut out = io::stdout().lock();
    let mut paths = Vec::new();
    for path in &args.files {
        paths.extend(files::find(path)?);
    }
    let mut all_same = true;
    for path in &paths {
        let records = files::read(path)?;
        if args.as_case {
            return write_case(args, path, &records, &mut out);
        }
        let lives = records.lives.len();
        for (life, record) in (1..).zip(&records.lives) {
            if args.life.is_some_and(|wanted| wanted != life) {
                continue;
            }
            let which = if lives > 1 { format!(", life {life} of {lives}") } else { String::new() };
            write!(out, "{}{which}: ", path.display())?;
            all_same &= replay(args, record, &mut out)? != End::Parted;
        }
        if records.is_cut {
            writeln!(out, "  (the last line is cut short, and left out)")?;
        }
    }
    Ok(u8::from(!all_same))
}

fn write_case(
    args: &ReplayArgs,
    path: &std::path::Path,
    records: &Records,
    out: &mut impl io::Write,
) -> Result<u8> {
    let life = args.life.unwrap_or(1);
    let record = records.lives.get(life.wrapping_sub(1)).context("there is no such life")?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = args.name.as_deref().unwrap_or(stem);
    match case::write(record, name, &case::directory()) {
        Ok(path) => {
            writeln!(out, "{}: replayed by every `cargo test` from now on", path.display())?;
            Ok(0)
        }
        Err(error) => bail!(error.context("no case was written")),
    }
}

fn replay(args: &ReplayArgs, record: &Record, out: &mut impl io::Write) -> Result<End> {
    let mut replay = Replay::new(record).map_err(anyhow::Error::msg)?;
    if args.step {
        writeln!(out, "Enter goes on, s shows the state, c goes on without stopping, q ends")?;
    }
    let mut stepping = args.step && args.breaks.is_empty() && args.until.is_none();
    let end = loop {
        let Some((line, input)) = replay.peek() else { break End::Same };
        let is_past = args.until.is_some_and(|until| !until.allows(line, input));
        if is_past && !args.step {
            break End::Stopped;
        }
        stepping |= is_past;
        let turn = match replay.step() {
            Ok(Some(turn)) => turn,
            Ok(None) => break End::Same,
            Err(divergence) => {
                writeln!(out, "DIFFERENT\n{divergence}")?;
                return Ok(End::Parted);
            }
        };
        let is_met = !stepping && args.breaks.iter().any(|condition| condition.holds(&turn));
        if is_met && !args.step {
            writeln!(out, "stopped")?;
            show(&turn, out)?;
            break End::Stopped;
        }
        stepping |= is_met;
        if stepping {
            show(&turn, out)?;
            match ask(&replay, out)? {
                Answer::Next => {}
                Answer::Run => stepping = false,
                Answer::Quit => break End::Stopped,
            }
        }
    };
    let (inputs, outputs) = replay.counts();
    let word = if end == End::Same { "same" } else { "same so far" };
    writeln!(out, "{word}: {inputs} inputs, {outputs} messages sent, {}", replay.now())?;
    if args.state || (end == End::Stopped && !args.step) {
        write!(out, "{}", replay.state())?;
    }
    Ok(end)
}

fn show(turn: &Turn<'_>, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "line {}: {}", turn.line, describe(turn.input))?;
    for message in &turn.sent {
        let mut line = Vec::new();
        message.write_line(&mut line);
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        if line.len() <= SHOWN_BYTES {
            writeln!(out, "    > {line}")?;
        } else {
            writeln!(out, "    > {}", Output::of(message))?;
        }
    }
    for text in &turn.diagnostics {
        writeln!(out, "    says: {text}")?;
    }
    Ok(())
}

/// The command after a step.
enum Answer {
    Next,
    Run,
    Quit,
}

fn ask(replay: &Replay<'_>, out: &mut impl io::Write) -> io::Result<Answer> {
    loop {
        out.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(Answer::Quit);
        }
        match line.trim() {
            "" | "n" => return Ok(Answer::Next),
            "c" => return Ok(Answer::Run),
            "q" => return Ok(Answer::Quit),
            "s" => write!(out, "{}", replay.state())?,
            _ => writeln!(out, "Enter or n: next, s: state, c: go on, q: quit")?,
        }
    }
}
