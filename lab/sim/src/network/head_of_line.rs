//! Maelstrom's delivery: a node's queue has one consumer, which sleeps while a message is not due.
//!
//! It takes the earliest message at once and sleeps until that is due, or up to 1 ms less;
//! everything else waits, also what is due earlier.

use std::collections::VecDeque;

use super::MessageId;
use crate::time::{MS, Nanos};

/// A message that waits in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) due: Nanos,
    /// By the order of sending.
    pub(super) number: u64,
    pub(super) id: MessageId,
}

/// The queue of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// By the time at which they are due, then by the order of sending. A new one is the last, or not far
    /// from it: what was sent long ago is due before.
    waiting: VecDeque<Waiting>,
    /// Taken by the consumer, which sleeps until this time.
    pub(super) in_hand: Option<(Nanos, Waiting)>,
}

impl Queue {
    pub(super) fn push(&mut self, new: Waiting) {
        let is_before = |other: &Waiting| (other.due, other.number) < (new.due, new.number);
        if self.waiting.back().is_none_or(is_before) {
            self.waiting.push_back(new);
        } else {
            let place = self.waiting.partition_point(is_before);
            self.waiting.insert(place, new);
        }
    }

    /// The message that an idle consumer takes.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        if self.in_hand.is_some() {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Takes all messages but the one in hand, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiting> {
        std::mem::take(&mut self.waiting).into_iter()
    }
}

/// How long the consumer sleeps before it hands over a message that is due then.
///
/// Maelstrom's consumer looks at its clock a moment after the sender did. The rest is then cut to
/// whole milliseconds, so an idle consumer sleeps 1 ms less than was drawn.
pub(super) const fn sleep(now: Nanos, due: Nanos) -> Nanos {
    due.saturating_sub(now + 1) / MS * MS
}
