//! What the commands do, from their arguments to the exit status.

#[cfg(feature = "ablation")]
pub mod ablate;
pub mod bench;
pub mod check;
pub mod compare;
pub mod explain;
pub mod figures;
pub mod hunt;
pub mod maelstrom;
pub mod replay;
pub mod report;
pub mod serve;
pub mod sim;
pub mod spread;
pub mod validate;
pub mod watch;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cli::{Cli, Command, RunArgs, TestArgs};
use crate::figures::Needs;
use crate::harness::net_log::NetLog;
use crate::harness::process::{NodeCommand, resolve_bin};
use crate::harness::view::View;
use crate::harness::{self, Death, Processes, Report, own_node};
use crate::limit::{Limit, PROCESSES};
use crate::outcome::{Notice, Outcome};
use crate::results::{CrashReport, LastWords, Results, RunInfo};
use crate::screen::{self, Style};
use crate::settings::{Distribution, Latency, Settings};
use crate::store::Store;

/// Maelstrom's exit status for arguments that make no sense.
pub const BAD_ARGUMENTS: u8 = 254;
/// Maelstrom's exit status for runs that came to no end.
const CRASH: u8 = 255;
/// Shells add this to a signal's number.
const SIGNAL_BASE: i32 = 128;

/// Executes the command; returns the exit status.
#[must_use]
pub fn execute(cli: &Cli) -> u8 {
    match &cli.command {
        Command::Test(args) => test(args),
        Command::Replay(args) => replay::execute(args),
        Command::Report(args) => report::execute(args),
        Command::Explain(args) => explain::execute(args),
        Command::Compare(args) => compare::execute(args),
        Command::Serve(args) => serve::execute(args),
        Command::Watch(args) => watch::execute(args),
        Command::Sim(args) => sim::execute(args),
        Command::Check(args) => check::execute(args),
        Command::Maelstrom(args) => maelstrom::execute(args),
        Command::Hunt(args) => hunt::execute(args),
        Command::Figures => figures::figures(),
        Command::Profiles => figures::profiles(),
        #[cfg(feature = "ablation")]
        Command::Ablate(args) => ablate::execute(args),
        Command::Spread(args) => spread::execute(args),
        Command::Validate(args) => validate::execute(args),
        Command::Bench(command) => bench::execute(command),
        Command::Frontier(args) => bench::frontier::execute(args),
        Command::Faults(args) => bench::faults::execute(args),
    }
}

fn test(args: &TestArgs) -> u8 {
    let (settings, node_args) = match resolve_for_processes(args) {
        Ok(resolved) => resolved,
        Err(error) => {
            log(&format!("{error:#}"));
            return BAD_ARGUMENTS;
        }
    };
    run_test(args, &settings, node_args).unwrap_or_else(|error| {
        log(&format!("{error:#}"));
        CRASH
    })
}

fn resolve_for_processes(args: &TestArgs) -> anyhow::Result<(Settings, Vec<String>)> {
    let resolved = resolve(&args.run)?;
    // A profile may have such a limit, for both kinds of runs: it is shown as not judged.
    for limit in args.run.limits.iter().filter_map(|limit| limit.parse::<Limit>().ok()) {
        if limit.figure.needs == Needs::Simulation {
            bail!("the limit `{limit}` is for simulated nodes only: run this with `lab sim`");
        }
    }
    if let Some(what) = resolved.0.faults.simulated_only() {
        bail!("{what} are for simulated nodes only: run this with `lab sim`");
    }
    Ok(resolved)
}

/// The settings, and the node's arguments.
fn resolve(args: &RunArgs) -> anyhow::Result<(Settings, Vec<String>)> {
    let mut profile = args.profile()?;
    profile.seed.get_or_insert_with(fresh_seed);
    let node_args = profile.node_args.take().unwrap_or_default();
    let mut settings = profile.into_settings()?;
    if let Some(millis) = args.init_timeout {
        settings.init_timeout_ms = millis;
    }
    Ok((settings, node_args))
}

/// Short enough to be typed.
fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}

fn run_test(args: &TestArgs, settings: &Settings, node_args: Vec<String>) -> anyhow::Result<u8> {
    let bin = match &args.bin {
        Some(bin) => resolve_bin(bin)?,
        None => own_node::locate(log)?,
    };
    let mut node_args = node_args;
    if !args.no_record && own_node::is_own(&bin) {
        own_node::record(&mut node_args);
    }
    let started = jiff::Zoned::now();
    let store = Store::create(&args.run.store, settings.workload.name(), &started)
        .with_context(|| format!("cannot write to {}", args.run.store.display()))?;
    let info = RunInfo {
        program: PROCESSES.to_owned(),
        command: repeating_command(std::env::args(), settings.seed),
        store: Some(store.dir().display().to_string()),
        node: node_command_line(&bin, &node_args),
        shape: shape(settings),
        started: started.to_string(),
    };
    let processes = Processes {
        command: NodeCommand { bin, args: node_args, pipe_stderr: args.log_stderr },
        logs: settings.nodes.iter().map(|name| store.node_log(name)).collect(),
        grace: Duration::from_millis(args.grace),
    };
    let sink = NetLog::new(store.sink()?, args.log_net_send, args.log_net_recv);
    let mut view = View::new();
    let report = harness::run(settings, &processes, sink, &mut view)?;
    let Report { outcome, sink, signal, deaths, backlog } = report;
    let finished = sink.into_inner().finish();

    if let Some(backlog) = backlog {
        let kib = backlog.peak_bytes.div_ceil(1 << 10);
        view.say(&format!("{} read slowly: up to {kib} KiB waited for it", backlog.node));
    }
    let words = deaths.first().map(last_words);
    let crash = CrashReport::of(&outcome, words.as_ref(), signal.is_some());
    let results = results(settings, &outcome, &view.into_notices(), info, crash.clone())?;
    let written = store.write_results(&results);
    // Results in memory are shown even if the disk is full.
    let screen = screen::render(&results, Style::for_stdout());
    let _ = io::stdout().write_all(screen.as_bytes());
    written?;
    finished.context("cannot write the history")?;
    let code = match (crash, signal) {
        (_, Some(signal)) => u8::try_from(SIGNAL_BASE + signal).unwrap_or(CRASH),
        (Some(crash), None) => {
            log_crash(&crash, &deaths);
            CRASH
        }
        (None, None) => results.exit_code(),
    };
    if !args.run.no_report {
        let _ = io::stdout().write_all(report::after_run(store.dir()).as_bytes());
    }
    store.publish()?;
    Ok(code)
}

/// The results of a run, whatever end it came to.
fn results(
    settings: &Settings,
    outcome: &Outcome,
    notices: &[Notice],
    info: RunInfo,
    crash: Option<CrashReport>,
) -> anyhow::Result<Results> {
    match crash {
        Some(crash) => Results::of_crashed(settings, outcome, notices, info, crash),
        None => Results::of(settings, outcome, notices, info),
    }
}

/// The known facts of a node that ended the run.
fn last_words(death: &Death) -> LastWords {
    LastWords {
        node: death.node.clone(),
        status: death.how.clone(),
        lines: death.last_lines.clone(),
        last_message: Some(death.last_line.clone()).filter(|line| !line.is_empty()),
    }
}

/// Says on stderr, too, that a run crashed: the screen may go elsewhere.
fn log_crash(crash: &CrashReport, deaths: &[Death]) {
    log(&format!("the test crashed: {}", crash.why));
    let node = crash.node.as_deref().unwrap_or_default();
    for line in &crash.last_lines {
        log(&format!("    {node}: {line}"));
    }
    for death in deaths.iter().skip(1) {
        log(&format!("{} {}", death.node, death.how));
    }
}

/// True if the reader of a pipe is gone.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// A line on stderr.
fn log(text: &str) {
    // A closed stderr is no error.
    let _ = writeln!(io::stderr(), "lab: {text}");
}

/// The node's binary and arguments.
fn node_command_line(bin: &Path, args: &[String]) -> String {
    let bin = quote(&bin.display().to_string());
    args.iter().fold(bin, |line, arg| line + " " + &quote(arg))
}

/// The run in a few words.
pub(crate) fn shape(settings: &Settings) -> String {
    let nodes = settings.nodes.len();
    let Latency { mean_ms, distribution } = settings.latency;
    let seconds = settings.time_limit_ms as f64 / 1e3;
    let mut words = vec![
        format!("{nodes} nodes"),
        settings.topology.to_string(),
        format!("latency {mean_ms} ms"),
    ];
    if distribution != Distribution::Constant {
        words.push(distribution.to_string());
    }
    words.push(format!("rate {}/s", settings.rate));
    words.push(format!("{seconds} s"));
    if let Some(nemesis) = settings.nemesis {
        words.push(format!("partitions every {} s", nemesis.interval_ms as f64 / 1e3));
    }
    words.extend(settings.faults.words());
    words.join(", ")
}

/// The command line that does the same again, from the name of the program on: with the seed, and
/// quoted for a shell.
fn repeating_command(args: impl Iterator<Item = String>, seed: u64) -> String {
    let mut words: Vec<String> = args.collect();
    let is_seed = |word: &String| word == "--seed" || word.starts_with("--seed=");
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    if !words[..end].iter().any(is_seed) {
        words.splice(end..end, ["--seed".to_owned(), seed.to_string()]);
    }
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
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
