//! The hunt: many seeds of random faults, and the smallest case of what went wrong.
//!
//! A seed means a [`case::Case`]: a configuration, operations, faults ([`draw`]). A run of it
//! ([`phases`]) has the same nodes and the same network as `lab sim`, and checks every step. A
//! failing case is made small ([`shrink`]) and can be kept in a file.

mod agreement;
pub mod bound;
#[cfg(feature = "mutations")]
pub mod bug;
pub mod case;
mod choice;
pub mod counts;
pub mod draw;
pub mod family;
mod in_ms;
mod oracle;
pub mod phases;
pub mod recorder;
pub mod report;
pub mod setup;
mod shape;
pub mod shrink;
mod surroundings;
mod unusual;
pub mod violation;
mod watch;
mod words;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::parallel::Pool;
use crate::shard::Shard;
use agreement::{Agreement, Agreements};
use case::Case;
use counts::Counts;
use draw::draw;
use phases::{Outcome, run};
use setup::{Setup, Tweak};
use violation::{Kind, Violation};
pub use words::keep_panics;

/// Every so many seeds, one is run twice.
const TWICE_EVERY: u64 = 50;

/// The settings of a hunt.
#[derive(Clone, Copy)]
pub struct Hunt<'a> {
    /// The first seed.
    pub start: u64,
    /// How many.
    pub seeds: u64,
    /// Threads.
    pub jobs: usize,
    /// Changes the nodes' settings; for mutations.
    pub tweak: Tweak<'a>,
    /// No seed above a failing one is begun any more.
    pub stop_at_first: bool,
    /// Once it is true, no seed is begun any more.
    pub stop: &'a AtomicBool,
}

/// The outcome of a hunt.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that were to be run, and were not, because the hunt was interrupted: the last ones.
    pub left: u64,
    /// The counts of all of them.
    pub counts: Counts,
    /// By what was to be exercised: in how many runs, and in how many it really happened.
    pub exercised: BTreeMap<&'static str, (u64, u64)>,
    /// By seed.
    pub failures: BTreeMap<u64, Violation>,
    /// The times from the heal until all nodes agreed.
    pub agreements: Agreements,
}

impl Found {
    /// Events that some run was to exercise, and that never happened in any.
    pub fn vacuous(&self) -> impl Iterator<Item = &'static str> {
        self.exercised.iter().filter(|(_, (_, really))| *really == 0).map(|(name, _)| *name)
    }

    fn add(&mut self, seed: u64, run: Run) {
        self.seeds += 1;
        self.counts.add(&run.counts);
        for (name, happened) in run.counts.exercised(&draw(seed)) {
            let (runs, really) = self.exercised.entry(name).or_default();
            *runs += 1;
            *really += u64::from(happened);
        }
        if let Some(took) = run.converged {
            let Run { interval, bound, .. } = run;
            self.agreements.add(Agreement { took, seed, interval, bound });
        }
        if let Some(violation) = run.violation {
            self.failures.insert(seed, violation);
        }
    }
}

/// The rest of one run, also in a shard's file.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Run {
    counts: Counts,
    converged: Option<Duration>,
    bound: Duration,
    interval: Duration,
    violation: Option<Violation>,
}

impl Run {
    fn of(case: &Case, outcome: Outcome) -> Self {
        let Outcome { counts, converged, bound, violation, .. } = outcome;
        let interval = bound::longest_interval(&Setup::of(case).slowest());
        Self { counts, converged, bound, interval, violation }
    }
}

impl Hunt<'_> {
    /// Runs all seeds. `progress` is told now and then how many are done, and how many failed.
    pub fn run(&self, progress: &(dyn Fn(u64, usize) + Sync)) -> Found {
        let runs = self.run_shard(Shard::WHOLE, progress);
        let left = self.seeds.saturating_sub(runs.len() as u64);
        let mut found = self.sum_up(runs);
        if self.stop.load(Ordering::Relaxed) {
            found.left = left;
        }
        found
    }

    /// Runs the seeds of a shard; by number, which counts from 0.
    pub fn run_shard(
        &self,
        shard: Shard,
        progress: &(dyn Fn(u64, usize) + Sync),
    ) -> BTreeMap<u64, Run> {
        keep_panics();
        let is_over =
            |failed| (self.stop_at_first && failed > 0) || self.stop.load(Ordering::Relaxed);
        let pool = Pool { count: self.seeds, jobs: self.jobs, shard, is_over: &is_over };
        let runs =
            pool.run(|number| self.run_one(number), |run: &Run| run.violation.is_some(), progress);
        let _ = std::panic::take_hook();
        runs
    }

    /// In the order of seeds, and not beyond the first failure if that ended the hunt: the same
    /// for any number of threads and shards.
    #[must_use]
    pub fn sum_up(&self, runs: BTreeMap<u64, Run>) -> Found {
        let mut found = Found::default();
        for (number, run) in runs {
            found.add(self.start.saturating_add(number), run);
            if self.stop_at_first && !found.failures.is_empty() {
                break;
            }
        }
        found
    }

    fn run_one(&self, number: u64) -> Run {
        let case = draw(self.start.saturating_add(number));
        let mut outcome = run(&case, self.tweak, false);
        if number.is_multiple_of(TWICE_EVERY) && outcome.violation.is_none() {
            let again = run(&case, self.tweak, false);
            if again.fingerprint != outcome.fingerprint || again.counts != outcome.counts {
                let text = format!("seed {}: two runs, two fingerprints", case.seed);
                outcome.violation = Some(Violation::new(Kind::Determinism, text));
            }
        }
        Run::of(&case, outcome)
    }
}
