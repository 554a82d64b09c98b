//! Queues of nodes that a nemesis has stopped, as in Maelstrom (`net.clj`, `process.clj`).
//!
//! A node that is marked down has a queue that is *bounded*: what is sent to it while it has ten messages
//! or more is lost. If its process is gone, or takes no more, its queue is *halted*: nothing is taken from
//! it. A process that is started anew begins with an empty queue; the old one, its *backlog*, comes back
//! once the process has answered `init`, as far as there is room.

use super::head_of_line::Waiting;
use super::{DropCause, MessageId, Network, Routed};
use crate::time::Nanos;

/// Messages in the queue of a node that is marked down; more are lost.
const BOUND: usize = 10;

/// Messages that are kept apart from a node's queue by the doing of a nemesis.
#[derive(Clone, Debug, Default)]
pub(super) struct Stopped {
    /// Without head-of-line delivery: messages that were due while the queue was halted.
    pub(super) held: Vec<Waiting>,
    /// Taken out of the queue when the process was started anew.
    backlog: Vec<Waiting>,
}

impl<M: Clone + Routed, A> Network<M, A> {
    /// True if a message that is sent to this node now is lost.
    pub(super) fn is_full(&self, node: u32) -> bool {
        let inbox = &self.inboxes[node as usize];
        inbox.is_bounded && inbox.length >= BOUND
    }

    /// Marks a node down, or up again: bounds its queue, or not.
    pub fn set_bounded(&mut self, node: usize, is_bounded: bool) {
        self.inboxes[node].is_bounded = is_bounded;
    }

    /// True if nothing is taken from the node's queue.
    #[must_use]
    pub fn is_halted(&self, node: usize) -> bool {
        self.inboxes[node].is_halted
    }

    /// Takes nothing from the node's queue any more. A message that its consumer has in hand goes back.
    pub fn halt(&mut self, node: usize) {
        let inbox = &mut self.inboxes[node];
        inbox.is_halted = true;
        if let Some((_, waiting)) = inbox.queue.in_hand.take() {
            inbox.queue.push(waiting);
            inbox.length += 1;
        }
    }

    /// Takes messages from the node's queue again.
    pub fn resume(&mut self, now: Nanos, node: usize) {
        self.inboxes[node].is_halted = false;
        for waiting in std::mem::take(&mut self.stopped[node].held) {
            self.arrive_at_last(now, node, waiting);
        }
        if self.head_of_line {
            // Nodes are numbered with 32 bits.
            self.take(now, node as u32);
        }
    }

    /// A process is started anew for the node: its queue is empty, and what was there is its backlog.
    pub fn begin_backlog(&mut self, node: usize) {
        let (stopped, inbox) = (&mut self.stopped[node], &mut self.inboxes[node]);
        stopped.backlog = std::mem::take(&mut stopped.held);
        stopped.backlog.extend(inbox.queue.drain());
        inbox.length -= stopped.backlog.len();
        (inbox.is_bounded, inbox.is_halted) = (false, false);
    }

    /// Puts the backlog of a node back into its queue, as far as there is room; the rest is lost.
    pub fn return_backlog(&mut self, now: Nanos, node: usize) {
        for waiting in std::mem::take(&mut self.stopped[node].backlog) {
            let inbox = &mut self.inboxes[node];
            if inbox.length >= BOUND {
                self.lose(waiting.id, DropCause::Full);
                continue;
            }
            inbox.length += 1;
            if self.head_of_line {
                inbox.queue.push(waiting);
            } else {
                self.arrive_at_last(now, node, waiting);
            }
        }
        if self.head_of_line {
            self.take(now, node as u32);
        }
    }

    /// The backlog of a node is lost: its process has not answered `init`.
    pub fn drop_backlog(&mut self, node: usize) {
        for Waiting { id, .. } in std::mem::take(&mut self.stopped[node].backlog) {
            self.lose(id, DropCause::Down);
        }
    }

    /// A message that was held arrives.
    fn arrive_at_last(&mut self, now: Nanos, node: usize, waiting: Waiting) {
        self.inboxes[node].length -= 1;
        // Nodes are numbered with 32 bits.
        let dropped = self.fate_at_arrival(now, waiting.id, node as u32);
        self.arrive(waiting.id, dropped);
    }

    fn lose(&mut self, id: MessageId, cause: DropCause) {
        self.conditions.counts_mut().overflowed += u64::from(cause == DropCause::Full);
        self.arrive(id, Some(cause));
    }
}
