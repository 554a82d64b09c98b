//! Threads that share the seeds of a hunt.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::shard::Shard;

/// Seeds to run, and the threads for them.
#[derive(Clone, Copy)]
pub(super) struct Pool<'a> {
    /// How many seeds all shards together have.
    pub(super) seeds: u64,
    /// Threads.
    pub(super) jobs: usize,
    /// The part of the seeds to run.
    pub(super) shard: Shard,
    /// Is told how many have failed; once it is true, no seed is begun any more.
    pub(super) is_over: &'a (dyn Fn(usize) -> bool + Sync),
}

impl Pool<'_> {
    /// Runs the seeds, begun in their order; by number, which counts from 0. `progress` is told how
    /// many are done, and how many failed.
    pub(super) fn run<T: Send>(
        &self,
        run: impl Fn(u64) -> T + Sync,
        has_failed: impl Fn(&T) -> bool + Sync,
        progress: &(dyn Fn(u64, usize) + Sync),
    ) -> BTreeMap<u64, T> {
        let (next, failed) = (AtomicU64::new(0), AtomicUsize::new(0));
        let runs = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while !(self.is_over)(failed.load(Ordering::Relaxed)) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            return;
                        }
                        if !self.shard.has(number) {
                            continue;
                        }
                        let new = run(number);
                        let failure = usize::from(has_failed(&new));
                        let failed = failed.fetch_add(failure, Ordering::Relaxed) + failure;
                        // A thread that panicked with the lock held had not begun to insert.
                        let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                        runs.insert(number, new);
                        progress(runs.len() as u64, failed);
                    }
                });
            }
        });
        runs.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
