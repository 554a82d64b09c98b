//! Maelstrom's delivery: a node's queue has one consumer, which sleeps while a message is not due.
//!
//! It takes the earliest message at once and sleeps until that is due, or up to 1 ms less;
//! everything else waits, also what is due earlier.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::MessageId;
use super::stopped::Waiting;
use crate::time::{MS, Nanos};

/// The queue of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// By the time at which they are due, then by the order of sending.
    waiting: BinaryHeap<Reverse<(Nanos, u64, MessageId)>>,
    /// Taken by the consumer, which sleeps until this time.
    pub(super) in_hand: Option<(Nanos, Waiting)>,
}

impl Queue {
    pub(super) fn push(&mut self, due: Nanos, number: u64, message: MessageId) {
        self.waiting.push(Reverse((due, number, message)));
    }

    /// The message that an idle consumer takes.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        if self.in_hand.is_some() {
            return None;
        }
        self.waiting.pop().map(|Reverse((due, number, id))| Waiting { due, number, id })
    }

    /// Takes all messages but the one in hand, in order.
    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        let waiting = std::mem::take(&mut self.waiting).into_sorted_vec().into_iter().rev();
        waiting.map(|Reverse((due, number, id))| Waiting { due, number, id }).collect()
    }
}

/// How long the consumer sleeps before it hands over a message that is due then.
///
/// Maelstrom's consumer looks at its clock a moment after the sender did. The rest is then cut to
/// whole milliseconds, so an idle consumer sleeps 1 ms less than was drawn.
pub(super) const fn sleep(now: Nanos, due: Nanos) -> Nanos {
    due.saturating_sub(now + 1) / MS * MS
}
