//! The hunt: many seeds of random faults, and the smallest case of what went wrong.
//!
//! A seed means a [`case::Case`]: a configuration, operations, faults ([`draw`]). A run of it
//! ([`phases`]) has the same nodes and the same network as `lab sim`, and checks every step. A
//! failing case is made small ([`shrink`]) and can be kept in a file.

pub mod bound;
pub mod case;
pub mod counts;
pub mod draw;
#[cfg(feature = "mutations")]
pub mod mutations;
pub mod phases;
pub mod report;
mod script;
mod shape;
pub mod shrink;
mod truth;
pub mod violation;
mod watch;
mod words;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use case::Case;
use counts::Counts;
use draw::draw;
use phases::{Outcome, Tweak, run};
use violation::{Kind, Violation};

/// Every so many seeds, one is run twice.
const TWICE_EVERY: u64 = 50;

/// What to hunt.
#[derive(Clone, Copy, Debug)]
pub struct Hunt {
    /// The first seed.
    pub start: u64,
    /// How many.
    pub seeds: u64,
    /// Threads.
    pub jobs: usize,
    /// Changes the nodes' settings; for mutations.
    pub tweak: Tweak,
    /// No seed above a failing one is begun any more.
    pub stop_at_first: bool,
}

/// What a hunt found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Seeds that were run.
    pub seeds: u64,
    /// What happened in all of them.
    pub counts: Counts,
    /// By what was to be exercised: in how many runs, and in how many it really happened.
    pub exercised: BTreeMap<&'static str, (u64, u64)>,
    /// By seed.
    pub failures: BTreeMap<u64, Violation>,
    /// The longest time from heal to agreement: which seed, how long, and its bound.
    pub slowest: Option<(Duration, u64, Duration)>,
}

impl Found {
    /// What was to be exercised in some run, and never happened in any.
    pub fn vacuous(&self) -> impl Iterator<Item = &'static str> {
        self.exercised.iter().filter(|(_, (_, really))| *really == 0).map(|(name, _)| *name)
    }

    fn add(&mut self, case: &Case, outcome: Outcome) {
        self.seeds += 1;
        self.counts.add(&outcome.counts);
        for (name, happened) in outcome.counts.exercised(case) {
            let (runs, really) = self.exercised.entry(name).or_default();
            *runs += 1;
            *really += u64::from(happened);
        }
        if let Some(took) = outcome.converged {
            // Of equals the lowest seed: the report must not depend on which thread was first.
            let this = (took, case.seed, outcome.bound);
            let rank = |slowest: &(Duration, u64, Duration)| (slowest.0, u64::MAX - slowest.1);
            if self.slowest.as_ref().is_none_or(|slowest| rank(slowest) < rank(&this)) {
                self.slowest = Some(this);
            }
        }
        if let Some(violation) = outcome.violation {
            self.failures.insert(case.seed, violation);
        }
    }
}

impl Hunt {
    /// Runs all seeds. `progress` is told now and then how many are done, and how many failed.
    pub fn run(&self, progress: &(dyn Fn(u64, usize) + Sync)) -> Found {
        words::keep_panics();
        let next = AtomicU64::new(0);
        let stopped = AtomicBool::new(false);
        let found = Mutex::new(Found::default());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while !stopped.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            return;
                        }
                        let case = draw(self.start.saturating_add(number));
                        let outcome = self.run_one(&case, number);
                        // A thread that panicked here leaves sums behind that are still sums.
                        let mut found = found.lock().unwrap_or_else(|e| e.into_inner());
                        found.add(&case, outcome);
                        let failed = found.failures.len();
                        if self.stop_at_first && failed > 0 {
                            stopped.store(true, Ordering::Relaxed);
                        }
                        progress(found.seeds, failed);
                    }
                });
            }
        });
        let _ = std::panic::take_hook();
        found.into_inner().unwrap_or_else(|e| e.into_inner())
    }

    fn run_one(&self, case: &Case, number: u64) -> Outcome {
        let mut outcome = run(case, self.tweak, false);
        if number % TWICE_EVERY == 0 && outcome.violation.is_none() {
            let again = run(case, self.tweak, false);
            if again.fingerprint != outcome.fingerprint || again.counts != outcome.counts {
                let text = format!("seed {}: two runs, two fingerprints", case.seed);
                outcome.violation = Some(Violation::new(Kind::Determinism, text));
            }
        }
        outcome
    }
}
