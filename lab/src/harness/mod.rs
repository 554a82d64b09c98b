//! The process harness: runs node binaries on the wall clock.
//!
//! All semantics are in [`Run`]; here are only processes, pipes and time. One thread does it all
//! ([`driver`]), so there is nothing to lock, and a node that reads slowly, writes without end or
//! dies is just another event.

pub mod driver;
pub mod faults;
pub mod net_log;
pub mod own_node;
pub mod pipe;
pub mod process;
pub mod view;
pub mod wait;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use rumormill_judge::message::events::EventSink;
use rumormill_judge::outcome::Outcome;
use rumormill_judge::results::LastWords;
use rumormill_judge::run::Run;
use rumormill_judge::settings::Settings;

use self::driver::{Driver, Spawner};
use self::faults::FaultPlan;
use self::process::{Group, NodeCommand, NodeProcess};
use self::view::View;
use self::wait::Waiter;

/// Settings for real processes only.
#[derive(Clone, Debug)]
pub struct Processes {
    /// The program.
    pub command: NodeCommand,
    /// Where each node's stderr goes, in order.
    pub logs: Vec<PathBuf>,
    /// How long nodes have to end by themselves once their stdin is closed.
    pub grace: Duration,
}

/// A node that made messages wait at its stdin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Its name.
    pub node: String,
    /// The most that ever waited.
    pub peak_bytes: usize,
}

/// How it went.
#[derive(Debug)]
pub struct Report<S> {
    /// The messages of the run for people.
    pub outcome: Outcome,
    /// The sink that was given.
    pub sink: S,
    /// The signal that ended the run early.
    pub signal: Option<i32>,
    /// The nodes that ended before they were asked to.
    pub deaths: Vec<LastWords>,
    /// The node that read most slowly, if any made messages wait.
    pub backlog: Option<Backlog>,
}

/// Runs the nodes, and the test with them.
///
/// # Errors
/// When a node cannot be started or the system fails the lab; one line says why. A node that dies
/// or misbehaves is no error but an outcome.
pub fn run<S: EventSink>(
    settings: &Settings,
    processes: &Processes,
    sink: S,
    view: &mut View,
) -> anyhow::Result<Report<S>> {
    let mut run = Run::new(settings, sink)?;
    process::raise_open_files(settings.nodes.len())?;
    // First, so that no signal is missed from here on.
    let waiter = Waiter::new().context("cannot wait for signals")?;
    let group = Group::new()?;
    let nodes = settings.nodes.iter().zip(&processes.logs).map(|(name, log)| {
        NodeProcess::spawn(&group, &processes.command, name, log.clone(), false)
    });
    let nodes = nodes.collect::<anyhow::Result<Vec<_>>>()?;
    process::go_first();
    let logs = &processes.logs;
    let faults = FaultPlan::new(settings);
    let spawner = Spawner { group, command: &processes.command, logs };
    let mut driver = Driver::new(&mut run, nodes, spawner, waiter, view, faults)?;

    let signal = driver.drive()?;
    let deaths = driver.deaths().to_vec();
    let backlog = backlog(&driver);
    let now = driver.now();
    if let Some(signal) = signal {
        driver.interrupt(signal);
    }
    let silent = driver.closed_stdout();
    let grace = if deaths.is_empty() { processes.grace } else { Duration::ZERO };
    let left = driver.stop(grace)?;
    drop(driver);
    wait::restore_signals().context("cannot hand the signals back")?;

    for name in silent {
        view.warn(&format!("{name} closed its stdout during the run"));
    }
    for name in left {
        view.warn(&format!("{name} did not end, even of SIGKILL"));
    }
    view.end();
    let (outcome, sink) = run.into_outcome(now);
    Ok(Report { outcome, sink, signal, deaths, backlog })
}

fn backlog<S: EventSink>(driver: &Driver<S>) -> Option<Backlog> {
    let peaks = driver.nodes().iter().map(|node| Backlog {
        node: node.name.clone(),
        peak_bytes: node.stdin.as_ref().map_or(0, pipe::OutPipe::peak_bytes),
    });
    peaks.max_by_key(|backlog| backlog.peak_bytes).filter(|backlog| backlog.peak_bytes > 0)
}
