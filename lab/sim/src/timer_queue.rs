//! A queue of timers. Equal times come up in the order of entry.
//!
//! A radix heap (Ahuja, Mehlhorn, Orlin and Tarjan 1990): times that come up never decrease, so
//! timers stand in buckets by the highest bit in which they differ from the time that came up
//! last. A bucket is only sorted when it is the first, in one pass, into lower ones. That keeps the
//! order of entry, and no step depends on a cache miss of the step before.
//!
//! Measured against `std`'s binary heap of `(time, number of entry)`, processor time on a busy machine:
//!
//! | simulation | radix heap | binary heap |
//! |---|--:|--:|
//! | push-pull rumour, 1,000,000 nodes, asynchronous, 22,457,371 messages | 58.0 s, 63.6 s | 72.7 s, 84.4 s |
//! | the same, 100,000 nodes | 2.7 to 3.1 s | 2.7 to 3.6 s |
//! | flood in a grid, 1,000,000 nodes, 2,996,001 messages | 1.8 to 2.6 s | 1.8 to 2.4 s |
//! | flood in a grid, 1,000 nodes, 500 runs | .36 to .47 s | .32 to .49 s |
//!
//! It pays for itself only with millions of timers. The first row costs 1.6 GB instead of 1.3 GB: the
//! buckets keep their memory.

use std::collections::VecDeque;

use crate::time::Nanos;

/// One bucket per bit, and the first for times that are equal to the last.
const BUCKETS: usize = Nanos::BITS as usize + 1;

/// Timers by time, then by order of entry.
#[derive(Clone, Debug)]
pub struct TimerQueue<T> {
    /// The time that came up last; nothing in the buckets is earlier.
    last: Nanos,
    /// Due at `last`, or earlier if they were entered too late.
    due: VecDeque<(Nanos, T)>,
    /// Bucket `i`: the highest bit that differs from `last` is bit `i - 1`.
    buckets: Vec<Vec<(Nanos, T)>>,
    /// The earliest time in the buckets.
    next: Option<Nanos>,
    /// The memory of the bucket that was sorted last.
    spare: Vec<(Nanos, T)>,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self {
            last: 0,
            due: VecDeque::new(),
            buckets: (0..BUCKETS).map(|_| Vec::new()).collect(),
            next: None,
            spare: Vec::new(),
        }
    }
}

impl<T> TimerQueue<T> {
    /// Adds a timer. One that is too late comes up after those that are due now.
    pub fn add(&mut self, time: Nanos, timer: T) {
        if time <= self.last {
            self.due.push_back((time, timer));
            return;
        }
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
        self.buckets[bucket(self.last, time)].push((time, timer));
    }

    /// The time of the earliest timer.
    #[must_use]
    pub fn next_time(&self) -> Option<Nanos> {
        self.due.front().map(|(time, _)| *time).or(self.next)
    }

    /// Takes the earliest timer if its time has come.
    pub fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, T)> {
        if self.due.is_empty() {
            self.last = self.next.filter(|next| *next <= now)?;
            self.sort();
        }
        self.due.pop_front()
    }

    /// Removes all timers.
    pub fn clear(&mut self) {
        self.due.clear();
        self.buckets.iter_mut().for_each(Vec::clear);
        self.next = None;
    }

    /// The first bucket that is not empty.
    fn first(&self) -> Option<usize> {
        self.buckets.iter().position(|bucket| !bucket.is_empty())
    }

    /// Sorts the first bucket, which has timers of `last`, into lower ones.
    fn sort(&mut self) {
        let Some(first) = self.first() else { return };
        let spare = std::mem::take(&mut self.spare);
        let mut sorting = std::mem::replace(&mut self.buckets[first], spare);
        for (time, timer) in sorting.drain(..) {
            if time == self.last {
                self.due.push_back((time, timer));
            } else {
                self.buckets[bucket(self.last, time)].push((time, timer));
            }
        }
        self.spare = sorting;
        let first = self.first().map(|first| &self.buckets[first]);
        self.next = first.and_then(|first| first.iter().map(|(time, _)| *time).min());
    }
}

const fn bucket(last: Nanos, time: Nanos) -> usize {
    (Nanos::BITS - (last ^ time).leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn earliest_first_and_equal_times_in_order_of_entry() {
        let mut queue = TimerQueue::default();
        queue.add(20, 'c');
        queue.add(10, 'b');
        queue.add(10, 'a');
        assert_eq!(queue.pop_due(9), None);
        assert_eq!(queue.next_time(), Some(10));
        assert_eq!(queue.pop_due(15), Some((10, 'b')));
        assert_eq!(queue.pop_due(15), Some((10, 'a')));
        assert_eq!(queue.pop_due(15), None);
        assert_eq!(queue.pop_due(20), Some((20, 'c')));
        assert_eq!(queue.next_time(), None);
    }

    #[test]
    fn a_timer_before_the_next_one_comes_first_and_a_late_one_at_once() {
        let mut queue = TimerQueue::default();
        queue.add(100, 'a');
        assert_eq!((queue.pop_due(50), queue.next_time()), (None, Some(100)));
        queue.add(60, 'b');
        assert_eq!(queue.pop_due(70), Some((60, 'b')));
        queue.add(40, 'c');
        assert_eq!(queue.next_time(), Some(40));
        assert_eq!(queue.pop_due(70), Some((40, 'c')));
        assert_eq!(queue.pop_due(Nanos::MAX), Some((100, 'a')));
        queue.add(Nanos::MAX, 'd');
        assert_eq!(queue.next_time(), Some(Nanos::MAX));
        queue.clear();
        assert_eq!((queue.next_time(), queue.pop_due(Nanos::MAX)), (None, None));
    }

    /// The order is that of a stable sort, whatever comes in between.
    #[test]
    fn timers_come_up_in_the_order_of_time_and_entry() {
        let mut dice = Dice::new(7, "timers");
        let (mut queue, mut now, mut taken) = (TimerQueue::default(), 0, Vec::new());
        for number in 0..20_000_u64 {
            let range = [3, 1_000, 1_000_000_000][dice.index(3)];
            queue.add(now + dice.below(range), number);
            now += dice.below(500);
            while let Some((time, number)) = queue.pop_due(now) {
                assert!(time <= now && queue.next_time().is_none_or(|next| next >= time));
                taken.push((time, number));
            }
        }
        while let Some(timer) = queue.pop_due(Nanos::MAX) {
            taken.push(timer);
        }
        assert_eq!(taken.len(), 20_000);
        assert!(taken.is_sorted());
    }
}
