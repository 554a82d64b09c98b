//! Many seeds of the same run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, anyhow};

use super::{Nobody, NodeKind, simulate_observed};
use crate::history::Nanos;
use crate::journal::NullSink;
use crate::outcome::State;
use crate::results::{Results, RunInfo};
use crate::settings::Settings;

/// What one seed gave.
#[derive(Clone, Debug)]
pub struct Row {
    /// The seed.
    pub seed: u64,
    /// The results, unless it crashed.
    pub results: Option<Results>,
    /// Why it crashed.
    pub crash: Option<String>,
    /// Events handled.
    pub events: u64,
    /// Length of the run in virtual time.
    pub end: Nanos,
}

impl Row {
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
    let next = AtomicU64::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let offset = next.fetch_add(1, Ordering::Relaxed);
                    if offset >= seeds {
                        return;
                    }
                    let seed = settings.seed.wrapping_add(offset);
                    let row = one(&Settings { seed, ..settings.clone() }, kind);
                    if let Ok(mut rows) = rows.lock() {
                        rows.push((offset, row));
                    }
                }
            });
        }
    });
    let mut rows = rows.into_inner().map_err(|_| anyhow!("a thread of the simulation died"))?;
    rows.sort_by_key(|(offset, _)| *offset);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn one(settings: &Settings, kind: &NodeKind) -> Result<Row> {
    let simulated = simulate_observed(settings, kind, NullSink, &mut Nobody)?;
    let (outcome, events) = (&simulated.outcome, simulated.events);
    let mut row = Row { seed: settings.seed, results: None, crash: None, events, end: outcome.end };
    match &outcome.state {
        State::Crashed(why) => row.crash = Some(why.clone()),
        _ => {
            let notices = &simulated.notices;
            row.results = Some(Results::of(settings, outcome, notices, RunInfo::default())?);
        }
    }
    Ok(row)
}
