//! Many seeds of the same run.

use anyhow::Result;
use rumormill_judge::figures::figure;
use rumormill_judge::message::events::NullSink;
use rumormill_judge::results::Results;
use rumormill_judge::settings::Settings;
use rumormill_judge::verdict::closing_line;
use rumormill_sim::Nanos;

use super::{NodeKind, simulate};
use crate::parallel::in_parallel;

/// The seed whose run is most worth another look, if one failed: a crash before a failure, then
/// the one that breaks most limits, then the one whose slowest value took longest.
#[must_use]
pub fn worst(rows: &[Row]) -> Option<&Row> {
    let gravity = |row: &Row| match row.exit_code() {
        0 => 0,
        2 => 1,
        1 => 2,
        _ => 3,
    };
    let failed = rows.iter().filter(|row| row.exit_code() != 0);
    failed.max_by(|a, b| {
        let longest = |row: &Row| {
            let max = const { figure("convergence-max") };
            row.results.as_ref().ok().and_then(|results| max.read(results)).unwrap_or_default()
        };
        let order = gravity(a).cmp(&gravity(b)).then(a.broken().len().cmp(&b.broken().len()));
        // Of equal ones the first seed.
        order.then(longest(a).total_cmp(&longest(b))).then(b.seed.cmp(&a.seed))
    })
}

/// The outcome of one seed.
#[derive(Clone, Debug)]
pub struct Row {
    /// The seed.
    pub seed: u64,
    /// The results, or why it crashed.
    pub results: Result<Results, String>,
    /// Events handled.
    pub events: u64,
    /// Length of the run in virtual time.
    pub end: Nanos,
}

impl Row {
    /// The limits that were not kept.
    fn broken(&self) -> Vec<&str> {
        let limits = self.results.iter().flat_map(|results| &results.rumormill.limits);
        limits.filter(|limit| !limit.passed).map(|limit| limit.limit.as_str()).collect()
    }

    /// The end of the seed's row: nothing if it passed.
    #[must_use]
    pub fn verdict(&self) -> String {
        let word = match self.exit_code() {
            0 => return String::new(),
            1 => "FAILED",
            2 => "unknown",
            _ => return "CRASHED".to_owned(),
        };
        let broken = self.broken();
        let why = match &self.results {
            Ok(results) if broken.is_empty() => closing_line(results),
            _ => broken.join(", "),
        };
        format!("{word}  {why}")
    }

    /// As of a run of its own.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.results.as_ref().map_or(u8::MAX, Results::exit_code)
    }
}

/// Runs seeds from that of the settings on, on so many threads. The rows are in order of seeds.
///
/// # Errors
/// If the settings make no sense.
pub fn run(settings: &Settings, kind: &NodeKind, seeds: u64, jobs: usize) -> Result<Vec<Row>> {
    let rows = in_parallel(seeds, jobs, |offset| {
        let seed = settings.seed.wrapping_add(offset);
        one(&Settings { seed, ..settings.clone() }, kind)
    });
    rows.into_iter().collect()
}

fn one(settings: &Settings, kind: &NodeKind) -> Result<Row> {
    let simulated = simulate(settings, kind, NullSink)?;
    let (end, events) = (simulated.outcome.end, simulated.events);
    Ok(Row { seed: settings.seed, results: simulated.results(settings)?, events, end })
}
