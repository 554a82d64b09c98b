//! The figures of a point: medians over seeds, simulated or on real processes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use super::cases::{Case, EVIDENCE_MAX};
use crate::harness::process::NodeCommand;
use crate::harness::view::View;
use crate::harness::{self, Processes};
use crate::limit::Figure;
use crate::outcome::State;
use crate::results::{Results, RunInfo};
use crate::sim::{NodeKind, sweep};
use crate::store::Store;

/// How long real nodes may take to end.
const GRACE: Duration = Duration::from_millis(500);

/// The figures of a run; of several, each figure's median, but the worst of what was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Messages between nodes per operation, as Maelstrom counts.
    pub msgs_per_op: f64,
    /// Median of Maelstrom's stable latencies.
    pub median_ms: f64,
    /// The greatest of them.
    pub max_ms: f64,
    /// Until the last node held the value, median.
    pub last_median_ms: f64,
    /// The same, greatest; infinite if a value never was on all nodes.
    pub last_max_ms: f64,
    /// Messages that bring no value, for each that does.
    pub evidence_share: f64,
    /// Acknowledged values that some node lacks at the end.
    pub missing: f64,
    /// Share of the operations that succeeded.
    pub availability: f64,
    /// How long a broadcast's client waited for its answer, median.
    pub wait_median_ms: f64,
    /// The same, greatest.
    pub wait_max_ms: f64,
}

/// A point and what it gave.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The point.
    pub case: Case,
    /// Its figures under Maelstrom's rules.
    pub figures: Figures,
    /// Its figures if every message is delivered when it is due, if that was tried.
    pub on_time: Option<Figures>,
}

impl Figures {
    /// Those of one run.
    ///
    /// # Errors
    /// If the run has none of that name: it was too short for a single value, for example.
    pub fn of(results: &Results) -> Result<Self> {
        let read = |name: &str| {
            let figure = Figure::named(name).and_then(|figure| figure.read(results));
            figure.ok_or_else(|| anyhow!("the run has no {name}"))
        };
        Ok(Self {
            msgs_per_op: read("msgs-per-op")?,
            median_ms: read("median")?,
            max_ms: read("max")?,
            last_median_ms: read("convergence-median")?,
            last_max_ms: read("convergence-max")?,
            evidence_share: read("evidence-share")?,
            missing: read("missing")?,
            availability: read("availability")?,
            wait_median_ms: read("broadcast-latency-median")?,
            wait_max_ms: read("broadcast-latency-max")?,
        })
    }

    /// Of several runs.
    ///
    /// # Errors
    /// If there are none.
    pub fn median(runs: &[Self]) -> Result<Self> {
        if runs.is_empty() {
            bail!("no runs have no figures");
        }
        let sorted = |read: fn(&Self) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(read).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let median = |read: fn(&Self) -> f64| sorted(read)[runs.len() / 2];
        Ok(Self {
            msgs_per_op: median(|run| run.msgs_per_op),
            median_ms: median(|run| run.median_ms),
            max_ms: median(|run| run.max_ms),
            last_median_ms: median(|run| run.last_median_ms),
            last_max_ms: median(|run| run.last_max_ms),
            evidence_share: median(|run| run.evidence_share),
            missing: sorted(|run| run.missing)[runs.len() - 1],
            availability: sorted(|run| run.availability)[0],
            wait_median_ms: median(|run| run.wait_median_ms),
            wait_max_ms: median(|run| run.wait_max_ms),
        })
    }
}

impl Measured {
    /// Nothing was lost, everything answered, and the goal, if there is one, was reached.
    #[must_use]
    pub fn passed(&self) -> bool {
        let Figures { msgs_per_op, median_ms, max_ms, .. } = self.figures;
        let reached = self.case.goal.is_none_or(|goal| {
            msgs_per_op <= goal.msgs_per_op && median_ms <= goal.median_ms && max_ms <= goal.max_ms
        });
        reached && self.keeps_everything() && self.figures.evidence_share <= EVIDENCE_MAX
    }

    /// Nothing was lost, and every operation succeeded.
    #[must_use]
    pub fn keeps_everything(&self) -> bool {
        self.figures.missing == 0.0 && self.figures.availability >= 1.0
    }
}

/// Simulates a point with so many seeds from `seed` on, on so many threads: under Maelstrom's
/// rules, and with every message on time.
///
/// # Errors
/// If a run comes to no end.
pub fn simulate(case: Case, seed: u64, seeds: u64, jobs: usize) -> Result<Measured> {
    let config = case.config().map_err(|why| anyhow!(why))?;
    let kind = NodeKind::Rumormill(config);
    let sweep = |head_of_line: bool| {
        let mut settings = case.settings(seed);
        settings.compat.head_of_line = head_of_line;
        let rows = sweep::run(&settings, &kind, seeds, jobs)?;
        let figures = rows.iter().map(|row| match &row.results {
            Some(results) => Figures::of(results),
            None => bail!("seed {}: {}", row.seed, row.crash.as_deref().unwrap_or("crashed")),
        });
        let figures: Result<Vec<Figures>> = figures.collect();
        Figures::median(&figures.with_context(|| case.name.clone())?)
    };
    let (figures, on_time) = (sweep(true)?, Some(sweep(false)?));
    Ok(Measured { case, figures, on_time })
}

/// Runs a point on real processes, with so many seeds one after the other. Each run is stored
/// like one of `lab test`.
///
/// # Errors
/// If a run comes to no end, or cannot be stored.
pub fn run_processes(
    case: Case,
    bin: &Path,
    store: &Path,
    seed: u64,
    seeds: u64,
) -> Result<Measured> {
    let run = |offset: u64| run_once(&case, bin, store, seed.wrapping_add(offset));
    let figures: Result<Vec<Figures>> = (0..seeds).map(run).collect();
    let figures = Figures::median(&figures.with_context(|| case.name.clone())?)?;
    Ok(Measured { case, figures, on_time: None })
}

fn run_once(case: &Case, bin: &Path, base: &Path, seed: u64) -> Result<Figures> {
    let settings = case.settings(seed);
    let started = jiff::Zoned::now();
    let store = Store::create(base, settings.workload.name(), &started)?;
    let processes = Processes {
        command: NodeCommand {
            bin: bin.to_owned(),
            args: case.node_args.clone(),
            pipe_stderr: false,
        },
        logs: settings.nodes.iter().map(|name| store.node_log(name)).collect(),
        grace: GRACE,
    };
    let mut view = View::new();
    let report = harness::run(&settings, &processes, store.sink()?, &mut view)?;
    report.sink.finish().context("cannot write the history")?;
    if let Some(signal) = report.signal {
        bail!("interrupted by signal {signal}");
    }
    if let State::Crashed(why) = &report.outcome.state {
        bail!("{why}; logs are in {}", store.dir().display());
    }
    let info = RunInfo {
        program: "frontier".to_owned(),
        store: Some(store.dir().display().to_string()),
        node: format!("{} {}", bin.display(), case.node_args.join(" ")),
        shape: case.name.clone(),
        started: started.to_string(),
        ..RunInfo::default()
    };
    let results = Results::of(&settings, &report.outcome, &view.into_notices(), info)?;
    store.write_results(&results)?;
    store.publish()?;
    Figures::of(&results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_medians_but_what_is_lost_is_lost() {
        let run = |x: f64| Figures {
            msgs_per_op: x,
            missing: if x == 1.0 { 3.0 } else { 0.0 },
            availability: 1.0 - x / 10.0,
            ..Figures::default()
        };
        let figures = Figures::median(&[run(2.0), run(1.0), run(3.0)]).unwrap();
        assert_eq!((figures.msgs_per_op, figures.missing, figures.availability), (2.0, 3.0, 0.7));
        assert!(Figures::median(&[]).is_err());
    }

    #[test]
    fn a_simulated_point_keeps_everything_and_its_bound() {
        let measured = simulate(Case::budget(400), 1, 1, 1).unwrap();
        assert!(measured.keeps_everything());
        let on_time = measured.on_time.unwrap();
        let (found, theory) = (on_time.msgs_per_op, measured.case.theory.unwrap());
        assert!(found > theory * 0.9 && found < theory * 2.0, "{found}, possible is {theory}");
        assert!(on_time.last_max_ms < 500.0, "{}", on_time.last_max_ms);
        assert_eq!(on_time.wait_max_ms, 0.0);
        assert!(measured.figures.wait_max_ms > 0.0);
    }
}
