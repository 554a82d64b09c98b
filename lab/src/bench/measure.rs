//! The runs of a point: many seeds, simulated or on real processes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rumormill_judge::figures::{Figure, Sample, figure};
use rumormill_judge::outcome::State;
use rumormill_judge::results::{Results, RunInfo};
use rumormill_judge::verdict::{Limit, judge};

use super::cases::Case;
use crate::harness::own_node::Program;
use crate::harness::process::NodeCommand;
use crate::harness::view::View;
use crate::harness::{self, Processes};
use crate::sim::{NodeKind, sweep};
use crate::store::Store;

/// Time that real nodes may take to end.
const GRACE: Duration = Duration::from_millis(500);

/// A point and its runs.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The point.
    pub case: Case,
    /// Results under Maelstrom's rules, one per seed.
    pub runs: Vec<Results>,
    /// Results if every message is delivered when it is due; empty if that was not tried.
    pub on_time: Vec<Results>,
}

impl Measured {
    /// True if nothing was lost, everything answered, and all medians are within their limits.
    #[must_use]
    pub fn passed(&self) -> bool {
        let is_kept = |limit: &Limit| {
            let median = Sample::of(limit.figure, &self.runs).median();
            median.is_some_and(|median| limit.comparison.holds(median, limit.bound))
        };
        self.keeps_everything() && self.case.limits.iter().all(is_kept)
    }

    /// True if no run lost a value, and every operation succeeded.
    #[must_use]
    pub fn keeps_everything(&self) -> bool {
        let worst = |figure: &Figure| Sample::of(figure, &self.runs).worst();
        worst(const { figure("missing") }) == Some(0.0)
            && worst(const { figure("availability") }) >= Some(1.0)
    }
}

/// Simulates a point with so many seeds from `seed` on, on so many threads: under Maelstrom's
/// rules, and with every message on time.
///
/// # Errors
/// If a run comes to no end.
pub fn simulate(case: Case, seed: u64, seeds: u64, jobs: usize) -> Result<Measured> {
    let kind = NodeKind::Rumormill(case.config().map_err(|why| anyhow!(why))?);
    let sweep = |head_of_line: bool| {
        let mut settings = case.settings(seed);
        settings.compat.head_of_line = head_of_line;
        let rows = sweep::run(&settings, &kind, seeds, jobs)?.into_iter();
        let results = rows.map(|row| {
            row.results.map_err(|why| anyhow!("{}, seed {}: {why}", case.name, row.seed))
        });
        results.collect::<Result<Vec<Results>>>()
    };
    let (runs, on_time) = (sweep(true)?, sweep(false)?);
    Ok(Measured { case, runs, on_time })
}

/// Runs a point on real processes, with so many seeds one after the other. Each run is stored
/// like one of `lab test`.
///
/// # Errors
/// If a run comes to no end, or cannot be stored.
pub fn run_processes(
    case: Case,
    program: &Program,
    store: &Path,
    seed: u64,
    seeds: u64,
) -> Result<Measured> {
    let run = |offset: u64| run_once(&case, program, store, seed.wrapping_add(offset));
    let runs: Result<Vec<Results>> = (0..seeds).map(run).collect();
    let runs = runs.with_context(|| case.name.clone())?;
    Ok(Measured { case, runs, on_time: Vec::new() })
}

fn run_once(case: &Case, program: &Program, base: &Path, seed: u64) -> Result<Results> {
    let settings = case.settings(seed);
    let started = jiff::Zoned::now();
    let store = Store::create(base, settings.workload.name, &started)?;
    let processes = Processes {
        command: NodeCommand {
            bin: program.bin.clone(),
            args: program.with_args(&case.node_args),
            pipe_stderr: false,
        },
        logs: settings.nodes.iter().map(|name| store.node_log(name)).collect(),
        grace: GRACE,
    };
    let mut view = View::default();
    let report = harness::run(&settings, &processes, store.sink()?, &mut view)?;
    report.sink.finish().context("cannot write the history")?;
    if let Some(signal) = report.signal {
        bail!("interrupted by signal {signal}");
    }
    if let State::Crashed(why) = &report.outcome.state {
        bail!("{why}; logs are in {}", store.dir().display());
    }
    let info = RunInfo {
        program: "bench".to_owned(),
        store: Some(store.dir().display().to_string()),
        node: format!("{} {}", program.bin.display(), case.node_args.join(" ")),
        shape: case.name.clone(),
        started: started.to_string(),
        ..RunInfo::default()
    };
    let results = judge(&settings, &report.outcome, &view.into_notices(), info)?;
    store.write_results(&results)?;
    store.publish()?;
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_point_keeps_everything_and_its_bound() {
        let measured = simulate(Case::budget(400), 1, 1, 1).unwrap();
        assert!(measured.keeps_everything());
        let median = |figure, runs: &[Results]| Sample::of(figure, runs).median().unwrap();
        let on_time = |figure| median(figure, &measured.on_time);
        let (found, theory) =
            (on_time(const { figure("msgs-per-op") }), measured.case.theory.unwrap());
        assert!(found > theory * 0.9 && found < theory * 2.0, "{found}, possible is {theory}");
        assert!(
            on_time(const { figure("convergence-max") }) < 500.0,
            "{}",
            on_time(const { figure("convergence-max") })
        );
        assert_eq!(on_time(const { figure("broadcast-latency-max") }), 0.0);
        assert!(median(const { figure("broadcast-latency-max") }, &measured.runs) > 0.0);
    }
}
