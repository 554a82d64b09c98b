//! The same work for many numbers, on several threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};

/// Calls the function for 0 to `count`, the latter excluded, on several threads, and returns the
/// results in order. A thread that is done with one number takes the next; a panic goes on.
pub(crate) fn in_parallel<T: Send>(
    count: u64,
    jobs: usize,
    call: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    let next = AtomicU64::new(0);
    let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count);
    let work = || std::iter::from_fn(take).map(|number| (number, call(number))).collect();
    let mut results: Vec<(u64, T)> = thread::scope(|scope| {
        let threads: Vec<ScopedJoinHandle<'_, Vec<_>>> =
            (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let join = |thread: ScopedJoinHandle<'_, Vec<_>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(join).collect()
    });
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_whatever_takes_long() {
        for jobs in [0, 1, 3, 20] {
            let results = in_parallel(10, jobs, |number| {
                thread::sleep(std::time::Duration::from_micros(500 * (10 - number)));
                number * number
            });
            assert_eq!(results, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
        }
        assert!(in_parallel(0, 2, |number| number).is_empty());
    }
}
