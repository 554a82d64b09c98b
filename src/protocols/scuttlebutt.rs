//! Scuttlebutt reconciliation (van Renesse, Dumitriu, Gough and Thomas 2008).
//!
//! Rule: every node owns a map of keys to values with version numbers; only the owner writes, and
//! each write has a version above all before it. A digest is the highest version known of each
//! owner. Each period a node sends its digest to a random node, which answers with its own digest
//! and the deltas that the sender lacks, and gets the deltas that it lacks itself.
//!
//! Deltas are limited by the message size (`--mtu`). The MTU rule: if one delta of an owner is left
//! out, all of its higher versions must be. Then equal highest versions mean equal states.
//! *Depth* first takes the owners with the most deltas to send; *breadth* takes one delta of every
//! owner, then a second of each, in random order of owners.
//!
//! Cost: three messages per period and node, of a size that grows with the number of owners.
//!
//! Used by: Cassandra, Chitchat (Quickwit), and in name Secure Scuttlebutt.
//!
//! Breaks with: more updates than the MTU carries. A receiver that takes deltas beyond a gap, for
//! example one that has lost its memory since it sent its digest, would never miss the skipped
//! ones; here such deltas are dropped.

use std::time::Duration;

use rand::seq::SliceRandom as _;

use crate::cluster::Cluster;
use crate::gossip::{Ticker, random_others};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;

crate::choice! {
    /// The deltas that come first when not all fit.
    pub enum Order {
        /// All of the owner with the most.
        Depth = "depth",
        /// One of each owner in turn.
        Breadth = "breadth",
    }
}

crate::settings! {
    /// Settings of scuttlebutt.
    pub struct Config {
        /// Time between two rounds. Default 1 s, as in the paper.
        period: Duration as Interval = Duration::from_secs(1), "--period",
            "time between two exchanges";
        /// Most deltas in a message. Default 100, as in the paper's experiment: twice what 128
        /// nodes need at an update per second each.
        mtu: usize as Count = 100, "--mtu", "most deltas in a message";
        /// The deltas that come first. Default depth, which the paper found better.
        order: Order as Choice = Order::Depth, "--order", "which deltas come first: depth, breadth";
    }
}

crate::message! {
    /// The message.
    pub enum Message: "scuttlebutt" {
        /// The initiator's digest.
        Digest = "digest" {
            /// The highest version known of each owner.
            versions: Vec<(Origin, u64)>,
        },
        /// The answer: the deltas that the initiator lacks, and the responder's digest.
        Reply = "reply" {
            /// Deltas, ascending within each owner.
            deltas: Vec<Entry>,
            /// The highest version known of each owner.
            versions: Vec<(Origin, u64)>,
        },
        /// The deltas that the responder lacks.
        Deltas = "deltas" {
            /// Deltas, ascending within each owner.
            deltas: Vec<Entry>,
        },
    }
}

/// One node's state. The version of an entry is its sequence number and one, its owner the origin:
/// the highest version known is the length of the prefix held, and there is never more.
#[derive(Clone, Debug)]
pub struct Scuttlebutt {
    cluster: Cluster,
    config: Config,
    rng: Rng,
    store: Store,
    ticker: Ticker,
}

impl Protocol for Scuttlebutt {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, now: Instant) -> Self {
        let ticker = Ticker::new(config.period, now, &mut rng);
        Self { cluster, config: config.clone(), rng, store: Store::default(), ticker }
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, _: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.store.insert(&entry);
    }

    fn on_message(
        &mut self,
        _: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        match message {
            Message::Digest { versions } => {
                let deltas = self.deltas(&versions);
                out.send(from, Message::Reply { deltas, versions: self.digest() });
            }
            Message::Reply { deltas, versions } => {
                self.apply(deltas, out);
                let deltas = self.deltas(&versions);
                if !deltas.is_empty() {
                    out.send(from, Message::Deltas { deltas });
                }
            }
            Message::Deltas { deltas } => self.apply(deltas, out),
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.ticker.is_due(now) {
            for peer in random_others(&self.cluster, 1, &mut self.rng) {
                out.send(peer, Message::Digest { versions: self.digest() });
            }
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.ticker.next())
    }
}

impl Scuttlebutt {
    /// The highest version known of an owner in its first generation.
    #[must_use]
    pub fn version(&self, owner: NodeId) -> u64 {
        self.store.prefix(Origin { node: owner, generation: Generation(1) })
    }

    fn digest(&self) -> Vec<(Origin, u64)> {
        let origins = self.store.held().origins();
        origins.map(|origin| (origin, self.store.prefix(origin))).collect()
    }

    /// Takes the next deltas of each owner; what is held or lies beyond a gap is dropped.
    fn apply(&mut self, deltas: Vec<Entry>, out: &mut Effects<Message>) {
        for delta in deltas {
            if delta.id.sequence == self.store.prefix(delta.id.origin) {
                self.store.receive(&delta, out);
            }
        }
    }

    /// The deltas for a node with that digest, as many as fit.
    fn deltas(&mut self, digest: &[(Origin, u64)]) -> Vec<Entry> {
        let known = |origin| {
            let row = digest.iter().find(|(other, _)| *other == origin);
            row.map_or(0, |(_, version)| *version)
        };
        // By owner, in random order: the first delta that the other lacks, and the end.
        let mut owners: Vec<(Origin, u64, u64)> = self
            .digest()
            .into_iter()
            .map(|(origin, end)| (origin, known(origin), end))
            .filter(|(_, start, end)| start < end)
            .collect();
        owners.shuffle(&mut self.rng);
        let id = |origin, sequence| EntryId { origin, sequence };
        let ids: Vec<EntryId> = match self.config.order {
            Order::Depth => {
                // Stable: ties stay in random order.
                owners.sort_by_key(|(_, start, end)| std::cmp::Reverse(end - start));
                let all = owners.iter().flat_map(|&(origin, start, end)| {
                    (start..end).map(move |sequence| id(origin, sequence))
                });
                all.take(self.config.mtu).collect()
            }
            Order::Breadth => {
                let most = owners.iter().map(|(_, start, end)| end - start).max().unwrap_or(0);
                let ranks = (0..most).flat_map(|rank| {
                    let of_rank = owners.iter().filter(move |(_, start, end)| start + rank < *end);
                    of_rank.map(move |&(origin, start, _)| id(origin, start + rank))
                });
                let mut ids: Vec<EntryId> = ranks.take(self.config.mtu).collect();
                ids.sort_unstable();
                ids
            }
        };
        self.store.entries_of(ids).collect()
    }
}

#[cfg(test)]
mod tests;
