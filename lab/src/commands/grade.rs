//! `lab grade`: node binaries through the challenges, one verdict.

mod sheet;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use super::shell::{BAD_ARGUMENTS, log};
use crate::compare::Run;
use crate::harness::process::resolve_bin;
use sheet::{Mark, Sheet};

/// A test: its name, what it is about, and the flags of `lab test`.
struct Test {
    name: &'static str,
    about: &'static str,
    flags: &'static [&'static str],
}

/// The tests of a broadcast node, in order.
const BROADCAST: [Test; 7] = [
    Test { name: "3a", about: "one node", flags: &["--profile", "fly-3a"] },
    Test { name: "3b", about: "five nodes", flags: &["--profile", "fly-3b"] },
    Test { name: "3c", about: "partitions", flags: &["--profile", "fly-3c"] },
    Test { name: "3d", about: "25 nodes, few messages, quick", flags: &["--profile", "fly-3d"] },
    Test { name: "3e", about: "25 nodes, fewer messages", flags: &["--profile", "fly-3e"] },
    Test {
        name: "loss",
        about: "1 in 20 messages is lost",
        flags: &["--profile", "fly-3b", "--loss", "0.05"],
    },
    Test {
        name: "pause",
        about: "a node stands still for 3 s",
        flags: &["--profile", "fly-3b", "--pause", "n1@5+3"],
    },
];

/// The tests of other nodes, which are run if they are asked for.
const OTHERS: [Test; 3] = [
    Test { name: "1", about: "echo", flags: &["--profile", "fly-1"] },
    Test { name: "2", about: "unique ids", flags: &["--profile", "fly-2"] },
    Test { name: "4", about: "a counter that only grows", flags: &["--profile", "fly-4"] },
];

/// `lab grade`.
#[derive(Debug, Args)]
pub struct GradeArgs {
    /// Node binaries, as paths
    #[arg(required = true, value_name = "NODE")]
    pub nodes: Vec<PathBuf>,
    /// The tests to run: 1, 2, 3a to 3e, loss, pause, 4 [default: all of broadcast]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub tests: Vec<String>,
    /// Runs of each test; the worst counts
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Where the runs are kept
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
    /// Print JSON in place of the table
    #[arg(long)]
    pub json: bool,
    /// Write the marks to a file, too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Arguments of the nodes
    #[arg(last = true)]
    pub args: Vec<String>,
}

/// Executes `lab grade`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &GradeArgs) -> Result<u8> {
    let tests = chosen(&args.tests)?;
    ensure!(args.seeds > 0, "--seeds 0 would grade nothing");
    let nodes: Vec<PathBuf> =
        args.nodes.iter().map(|node| resolve_bin(node)).collect::<Result<_>>()?;
    let mut sheet = Sheet::default();
    for (node, given) in nodes.iter().zip(&args.nodes) {
        for test in &tests {
            let name = given.display().to_string();
            log(&format!("{name}: {} ({})", test.name, test.about));
            let marks =
                (args.seed..).take(args.seeds.try_into()?).map(|seed| run(args, node, test, seed));
            let marks: Vec<Mark> = marks.collect::<Result<_>>()?;
            let worst = marks.into_iter().max_by_key(|mark| mark.verdict);
            sheet.add(&name, test.name, worst.context("no run")?);
        }
    }
    sheet.sort();
    if let Some(path) = &args.junit {
        let written = std::fs::write(path, sheet.junit());
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text = if args.json { sheet.json()? } else { sheet.table() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(sheet.verdict().exit_code())
}

/// The tests of these names, in order; those of broadcast if there are no names.
fn chosen(names: &[String]) -> Result<Vec<&'static Test>> {
    if names.is_empty() {
        return Ok(BROADCAST.iter().collect());
    }
    let all = || OTHERS.iter().chain(&BROADCAST);
    if let Some(name) = names.iter().find(|name| all().all(|test| test.name != *name)) {
        let known: Vec<&str> = all().map(|test| test.name).collect();
        bail!("there is no test {name:?}; there are {}", known.join(", "));
    }
    Ok(all().filter(|test| names.iter().any(|name| name == test.name)).collect())
}

/// Runs a test in a process of its own: the store is left as if it had been run by hand.
fn run(args: &GradeArgs, node: &Path, test: &Test, seed: u64) -> Result<Mark> {
    let lab = std::env::current_exe().context("cannot tell where the lab itself is")?;
    let mut command = Command::new(lab);
    command.arg("test").arg("--bin").arg(node).arg("--store").arg(&args.store);
    command.args(["--no-report", "--seed", &seed.to_string()]).args(test.flags);
    if !args.args.is_empty() {
        command.arg("--").args(&args.args);
    }
    command.stdin(Stdio::null());
    let output = command.output().context("cannot run lab test")?;
    if output.status.code() == Some(i32::from(BAD_ARGUMENTS)) {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end().trim_start_matches("lab: "));
    }
    ensure!(output.status.code().is_some(), "interrupted");
    let latest = args.store.join("latest");
    let store = latest.canonicalize().with_context(|| format!("no {}", latest.display()))?;
    Ok(Mark::of(&Run::load(&store)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn tests_are_chosen_by_name_and_their_profiles_exist() {
        let names = |chosen: &[&str]| {
            let chosen: Vec<String> = chosen.iter().map(ToString::to_string).collect();
            super::chosen(&chosen)
                .map(|tests| tests.iter().map(|test| test.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).expect("all").len(), BROADCAST.len());
        assert_eq!(names(&["loss", "1"]).expect("two"), ["1", "loss"]);
        assert!(names(&["9z"]).expect_err("none").to_string().contains("4, 3a, 3b"));
        for test in OTHERS.iter().chain(&BROADCAST) {
            Profile::load(test.flags[1]).expect("a profile");
        }
    }
}
