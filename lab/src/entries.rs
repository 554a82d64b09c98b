//! Entries that nodes send each other, and those that came to a node that had them already.
//!
//! An entry is a value in a message from one node to another. A node that is too impatient, or
//! does not believe what it was told, sends entries again that have arrived: a storm of retries is
//! seen here first. Seen in the messages, so it works for processes, too, if they speak our gossip.

use crate::convergence::{Collector, gossip_values, has_bit, set_bit};
use crate::network::packet::Payload;

/// How many entries there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryCounts {
    /// Sent, repetitions included.
    pub sent: u64,
    /// Received by a node that had the value already: from its client, or in another message
    /// since it last lost its memory. A message that the network doubled counts as well.
    pub repeated: u64,
}

/// Counts them.
#[derive(Debug)]
pub(crate) struct EntryWatch {
    /// By node: the values that came in messages of others, as bits.
    received: Vec<Vec<u64>>,
    counts: EntryCounts,
}

impl EntryWatch {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { received: vec![Vec::new(); nodes], counts: EntryCounts::default() }
    }

    /// Counts a message from a node to another. Values that were never broadcast are ignored.
    pub(crate) fn sent(&mut self, body: &Payload, held: &Collector) {
        let sent = &mut self.counts.sent;
        gossip_values(body, |value| *sent += u64::from(held.knows(value)));
    }

    /// A node is about to get this from another one; `held` has not heard of it yet.
    pub(crate) fn received(&mut self, node: usize, body: &Payload, held: &Collector) {
        let (received, holds) = (&mut self.received[node], held.held(node));
        let repeated = &mut self.counts.repeated;
        gossip_values(body, |value| {
            if held.knows(value) {
                // Known values are numbered like the elements of a list.
                let index = value as usize;
                *repeated += u64::from(!set_bit(received, index) || has_bit(holds, index));
            }
        });
    }

    /// A node has lost its memory: nothing is a repetition to it.
    pub(crate) fn forget(&mut self, node: usize) {
        self.received[node].clear();
    }

    /// What was counted.
    pub(crate) const fn counts(&self) -> EntryCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> (EntryWatch, Collector) {
        let mut held = Collector::new(2);
        (0..3).for_each(|_| held.invoked(0));
        (EntryWatch::new(2), held)
    }

    fn gossip(values: &str) -> Payload {
        Payload::Gossip(
            format!(r#"{{"type":"rumormill","v":1,"entries":[["n0",1,0,[{values}]]]}}"#).into(),
        )
    }

    #[test]
    fn what_a_node_has_is_repeated_until_it_forgets() {
        let (mut watch, mut held) = bench();
        held.holds(1, 2, 0);
        for (values, repeated) in [("0,1", 0), ("1", 1), ("2", 2), ("0,1,2", 5)] {
            watch.sent(&gossip(values), &held);
            watch.received(1, &gossip(values), &held);
            assert_eq!(watch.counts().repeated, repeated, "{values}");
        }
        assert_eq!(watch.counts().sent, 7);
        watch.received(0, &gossip("0,1"), &held);
        watch.forget(1);
        held.forget(1);
        watch.received(1, &gossip("0,1,2"), &held);
        assert_eq!(watch.counts().repeated, 5);
    }

    #[test]
    fn values_that_nobody_has_broadcast_are_none() {
        let (mut watch, held) = bench();
        let body = gossip("3,18446744073709551615");
        for _ in 0..2 {
            watch.sent(&body, &held);
            watch.received(0, &body, &held);
        }
        assert_eq!(watch.counts(), EntryCounts::default());
    }
}
