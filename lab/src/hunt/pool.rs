//! Threads that share the seeds of a hunt.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Once it is true, no seed is begun any more.
    pub(super) is_over: &'a (dyn Fn() -> bool + Sync),
}

impl Pool<'_> {
    /// Runs the seeds, begun in their order; by number, which counts from 0. `done` is told how many are
    /// done, and the last one.
    pub(super) fn run<T: Send>(
        &self,
        run: impl Fn(u64) -> T + Sync,
        done: impl Fn(u64, &T) + Sync,
    ) -> BTreeMap<u64, T> {
        let next = AtomicU64::new(0);
        let runs = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while !(self.is_over)() {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            return;
                        }
                        if !self.shard.has(number) {
                            continue;
                        }
                        let new = run(number);
                        // A thread that panicked with the lock held had not begun to insert.
                        let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                        done(runs.len() as u64 + 1, &new);
                        runs.insert(number, new);
                    }
                });
            }
        });
        runs.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
