//! Where and when a table was measured.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// One line of Markdown: the command, the commit, the date and the machine, as far as they are known.
#[must_use]
pub fn stamp(command: &str) -> String {
    let commit = commit().map_or_else(String::new, |commit| format!(", commit {commit}"));
    let date = jiff::Zoned::now().strftime("%-d %B %Y");
    let cores = available_parallelism().map_or(1, usize::from);
    let of = processor().map_or_else(String::new, |processor| format!(" of {processor}"));
    let plural = if cores == 1 { "" } else { "s" };
    format!("*Measured by `{command}`{commit}, on {date}, {cores} core{plural}{of}.*")
}

/// The commit of the work tree in which the lab runs; `-dirty` if anything but the documents, which
/// tables are written into, has changed since.
fn commit() -> Option<String> {
    let head = git(&["rev-parse", "--short", "HEAD"])?;
    let changes = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":/",
        ":(top,exclude)docs",
        ":(top,exclude)README.md",
    ])?;
    Some(if changes.is_empty() { head } else { format!("{head}-dirty") })
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The name that Linux gives the processor.
fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
