//! Timer queue of a run. Equal times fire in the order of entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::history::Nanos;

/// Something to be done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A message is due at this node.
    Queue(u32),
    /// A message that was held up on its way comes to the queue of its receiver.
    HeldUp,
    /// The next operation, or the end of a phase.
    Generator,
    /// The mean latency changes.
    Latency(u64),
    /// A cut begins or ends.
    Connectivity,
    /// Half of the wait for the cluster to settle is over.
    Rest,
    /// Look whether the cluster is quiet.
    Quiet,
    /// Read all nodes for the probe.
    Probe,
    /// Stop waiting for nodes that are read for the last time.
    Audit,
    /// The request of this client may have run out of time.
    Client(u32),
}

#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    heap: BinaryHeap<Reverse<(Nanos, u64, Timer)>>,
    entries: u64,
}

impl TimerQueue {
    pub(crate) fn add(&mut self, time: Nanos, timer: Timer) {
        self.heap.push(Reverse((time, self.entries, timer)));
        self.entries += 1;
    }

    pub(crate) fn extend(&mut self, timers: impl IntoIterator<Item = (Nanos, Timer)>) {
        timers.into_iter().for_each(|(time, timer)| self.add(time, timer));
    }

    pub(crate) fn next_time(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse((time, ..))| *time)
    }

    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, Timer)> {
        if self.next_time()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((time, _, timer))| (time, timer))
    }

    /// Nothing is due any more.
    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_first_and_equal_times_in_order_of_entry() {
        let mut timer_queue = TimerQueue::default();
        timer_queue.add(20, Timer::Probe);
        timer_queue.add(10, Timer::Quiet);
        timer_queue.add(10, Timer::Generator);
        assert_eq!(timer_queue.pop_due(9), None);
        assert_eq!(timer_queue.next_time(), Some(10));
        assert_eq!(timer_queue.pop_due(15), Some((10, Timer::Quiet)));
        assert_eq!(timer_queue.pop_due(15), Some((10, Timer::Generator)));
        assert_eq!(timer_queue.pop_due(15), None);
        assert_eq!(timer_queue.pop_due(20), Some((20, Timer::Probe)));
        assert_eq!(timer_queue.next_time(), None);
    }
}
