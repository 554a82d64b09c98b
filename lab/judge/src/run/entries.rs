//! Entries that nodes send each other, and those that came to a node that had them already.
//!
//! An entry is a value in a message from one node to another. A node that is too impatient, or
//! does not believe what it was told, sends entries again that have arrived: a storm of retries is
//! seen here first. This counts those of simulated nodes; [`trace`](crate::trace) those of
//! processes.

use crate::delivery::convergence::{Collector, NodeValues};
use crate::delivery::entries::EntryCounts;
use crate::message::packet::Payload;

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

    /// Counts a message from a node to another. Values that were never broadcast are ignored.
    pub(crate) fn sent(&mut self, body: &Payload, held: &Collector) {
        let sent = &mut self.counts.sent;
        body.for_each_typed_value(|value| *sent += u64::from(held.knows(value)));
    }

    /// A node is about to get this from another one; `held` has not heard of it yet.
    pub(crate) fn received(&mut self, node: usize, body: &Payload, held: &Collector) {
        let (received, holds) = (&mut self.received, held.held());
        let repeated = &mut self.counts.repeated;
        body.for_each_typed_value(|value| {
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
    use std::sync::Arc;

    use rumormill::cluster::{Name, Nodes};
    use rumormill::id::{Generation, NodeId, Origin};
    use rumormill::maelstrom::message::Named;
    use rumormill::protocols::rumormill::message::{Entries, Gossip};
    use rumormill::value::Value;

    use super::*;
    use crate::message::Body;

    fn bench() -> (EntryWatch, Collector) {
        let mut held = Collector::new(2);
        (0..3).for_each(|_| held.invoked(0));
        (EntryWatch::new(2), held)
    }

    fn gossip(values: &[u64]) -> Payload {
        let origin = Origin { node: NodeId(0), generation: Generation(1) };
        let value = |value: &u64| {
            i64::try_from(*value).map_or_else(|_| Value::Json(value.to_string().into()), Value::Int)
        };
        let entries =
            vec![Entries { origin, first: 0, values: values.iter().map(value).collect() }];
        let nodes = Arc::new(Nodes::from(vec![Name::from("n0")]));
        let message = Gossip { entries, ..Gossip::default() };
        Payload::Typed(Arc::new(Body::Peer(Named::new(message, &nodes))))
    }

    #[test]
    fn what_a_node_has_is_repeated_until_it_forgets() {
        let (mut watch, mut held) = bench();
        held.holds(1, 2, 0);
        for (values, repeated) in [(&[0, 1][..], 0), (&[1], 1), (&[2], 2), (&[0, 1, 2], 5)] {
            watch.sent(&gossip(values), &held);
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
            watch.sent(&body, &held);
            watch.received(0, &body, &held);
        }
        assert_eq!(watch.counts(), EntryCounts::default());
    }
}
