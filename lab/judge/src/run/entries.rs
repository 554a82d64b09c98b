//! Entries that nodes send each other, and those that came to a node that had them already.
//!
//! An entry is a value in a message from one node to another. A node that is too impatient, or
//! does not believe what it was told, sends entries again that have arrived: a storm of retries is
//! seen here first. This counts those of simulated nodes; [`trace`](crate::trace) those of
//! processes.

use crate::delivery::convergence::{Collector, NodeValues};
use crate::delivery::entries::EntryCounts;
use crate::message::packet::PeerMessage;

/// Counts them.
#[derive(Debug)]
pub(crate) struct EntryWatch {
    /// The values that came in messages of others.
    received: NodeValues,
    counts: EntryCounts,
}

impl EntryWatch {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { received: NodeValues::new(nodes), counts: EntryCounts::default() }
    }

    /// Number of entries in a message from a node to another. Values that were never broadcast are ignored.
    pub(crate) fn known(message: &dyn PeerMessage, held: &Collector) -> u64 {
        let mut known = 0;
        message.numbers(|value| known += u64::from(held.knows(value)));
        known
    }

    /// A message with so many entries was sent from a node to another.
    pub(crate) const fn sent(&mut self, entries: u64) {
        self.counts.sent += entries;
    }

    /// A node is about to get this from another one; `held` has not heard of it yet.
    pub(crate) fn received(&mut self, node: usize, message: &dyn PeerMessage, held: &Collector) {
        let (received, holds) = (&mut self.received, held.held());
        let repeated = &mut self.counts.repeated;
        message.numbers(|value| {
            if held.knows(value) {
                // Known values are numbered like the elements of a list.
                let index = value as usize;
                *repeated +=
                    u64::from(!received.insert(node, index) || holds.contains(node, index));
            }
        });
    }

    /// A node has lost its memory: nothing is a repetition to it.
    pub(crate) fn forget(&mut self, node: usize) {
        self.received.forget(node, |_| ());
    }

    /// The subject of the count.
    pub(crate) const fn counts(&self) -> EntryCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use rumormill::id::{Generation, NodeId, Origin};
    use rumormill::protocols::rumormill::message::{Entries, Gossip};
    use rumormill::value::Value;

    use super::*;

    fn bench() -> (EntryWatch, Collector) {
        let mut held = Collector::new(2);
        (0..3).for_each(|_| held.invoked(0));
        (EntryWatch::new(2), held)
    }

    fn gossip(values: &[u64]) -> Gossip {
        let origin = Origin { node: NodeId(0), generation: Generation(1) };
        let value = |value: &u64| {
            i64::try_from(*value).map_or_else(|_| Value::Json(value.to_string().into()), Value::Int)
        };
        let entries = Entries { origin, first: 0, values: values.iter().map(value).collect() };
        Gossip { entries: [entries].into(), ..Gossip::default() }
    }

    #[test]
    fn what_a_node_has_is_repeated_until_it_forgets() {
        let (mut watch, mut held) = bench();
        held.holds(1, 2, 0);
        for (values, repeated) in [(&[0, 1][..], 0), (&[1], 1), (&[2], 2), (&[0, 1, 2], 5)] {
            watch.sent(EntryWatch::known(&gossip(values), &held));
            watch.received(1, &gossip(values), &held);
            assert_eq!(watch.counts().repeated, repeated, "{values:?}");
        }
        assert_eq!(watch.counts().sent, 7);
        watch.received(0, &gossip(&[0, 1]), &held);
        watch.forget(1);
        held.forget(1);
        watch.received(1, &gossip(&[0, 1, 2]), &held);
        assert_eq!(watch.counts().repeated, 5);
    }

    #[test]
    fn values_that_were_not_broadcast_are_none() {
        let (mut watch, held) = bench();
        let body = gossip(&[3, u64::MAX]);
        for _ in 0..2 {
            watch.sent(EntryWatch::known(&body, &held));
            watch.received(0, &body, &held);
        }
        assert_eq!(watch.counts(), EntryCounts::default());
    }
}
