//! The same work for many numbers, on several threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::shard::Shard;

/// Calls the function for 0 to `count`, the latter excluded, on several threads, and returns the
/// results in order. A thread that is done with one number takes the next.
pub(crate) fn in_parallel<T: Send>(
    count: u64,
    jobs: usize,
    call: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    let pool = Pool { count, jobs, shard: Shard::WHOLE, is_over: &|_| false };
    pool.run(call, |_| false, &|_, _| {}).into_values().collect()
}

/// Numbers to run, and the threads for them.
#[derive(Clone, Copy)]
pub(crate) struct Pool<'a> {
    /// Count of the numbers, those of all shards together.
    pub(crate) count: u64,
    /// Threads.
    pub(crate) jobs: usize,
    /// The part of them to run.
    pub(crate) shard: Shard,
    /// True if no more are to be begun, given the count of those that failed.
    pub(crate) is_over: &'a (dyn Fn(usize) -> bool + Sync),
}

impl Pool<'_> {
    /// Runs them, begun in their order; by number, which counts from 0. `progress` is told how
    /// many are done, and how many failed.
    pub(crate) fn run<T: Send>(
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
                        if number >= self.count {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_whatever_takes_long() {
        for jobs in [0, 1, 3, 20] {
            let results = in_parallel(10, jobs, |number| {
                std::thread::sleep(std::time::Duration::from_micros(500 * (10 - number)));
                number * number
            });
            assert_eq!(results, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
        }
        assert!(in_parallel(0, 2, |number| number).is_empty());
    }
}
