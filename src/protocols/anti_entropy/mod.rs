//! Anti-entropy: each period a node compares what it holds with a random node (Demers et al. 1987,
//! §1.2), by one of seven digests.
//!
//! Rule: *push* gives what the other lacks, *pull* takes what this node lacks, *push-pull* does both.
//! It never stops, so it repairs everything. Near the end pull squares the share of nodes without an
//! entry per period, and push divides it by e.
//!
//! The digest finds the difference:
//!
//! | digest | sent | cost besides the difference |
//! |---|---|---|
//! | `full` | all entries | all entries |
//! | `checksum` | recent entries and a checksum; all only if the checksums differ | the recent entries |
//! | `peel-back` | entries, newest first, until the checksums agree | what is newer than the difference |
//! | `merkle` | hashes of a tree, down to the leaves that differ | (differing leaves) · depth · width |
//! | `bloom` | a Bloom filter of the entries held | 8 bits per entry |
//! | `ranges` | fingerprints of ranges, split until small | differences · log n |
//! | `versions` | a version vector with exceptions | a row per origin |
//!
//! Used by: the Clearinghouse (checksum), Dynamo, Riak and Cassandra's repair (merkle), Solana
//! (bloom), Negentropy and Willow (ranges), Scuttlebutt and Rumormill (versions).
//!
//! Breaks with: nothing but an entry whose holders are all gone. It is late: on the average some
//! log n periods; so real systems push new entries at once, and repair with this.

mod bloom;
mod checksum;
mod fingerprint;
mod full;
mod merkle;
mod peel_back;
mod ranges;
mod versions;

use std::time::Duration;

use crate::cluster::Cluster;
use crate::gossip::{Ticker, random_others};
use crate::id::{EntryId, Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::set::Versions;
use crate::store::Store;
use crate::time::Instant;

crate::choice! {
    /// The direction in which entries go.
    pub enum Mode {
        /// From the initiator.
        Push = "push",
        /// To the initiator.
        Pull = "pull",
        /// Both ways.
        PushPull = "push-pull",
    }
}

crate::choice! {
    /// The way in which the difference is found.
    pub enum Digest {
        /// All entries.
        Full = "full",
        /// Recent entries and a checksum.
        Checksum = "checksum",
        /// Newest entries first, until checksums agree.
        PeelBack = "peel-back",
        /// A tree of hashes.
        Merkle = "merkle",
        /// A Bloom filter.
        Bloom = "bloom",
        /// Fingerprints of ranges.
        Ranges = "ranges",
        /// A version vector with exceptions.
        Versions = "versions",
    }
}

crate::settings! {
    /// Settings of anti-entropy.
    pub struct Config {
        /// Direction. Default push-pull, the fastest.
        mode: Mode as Choice = Mode::PushPull, "--mode", "direction: push, pull, push-pull";
        /// Digest. Default versions, the smallest while nothing is missing.
        digest: Digest as Choice = Digest::Versions, "--digest",
            "how the difference is found (see below)";
        /// Time between two exchanges. Default 500 ms: with 25 nodes an entry takes some 2 s.
        period: Duration as Interval = Duration::from_millis(500), "--period",
            "time between two exchanges";
        /// Age up to which an entry is recent, for the digest `checksum`. Default 10 s: it must be
        /// above the time in which an entry spreads, else the checksums usually differ.
        recent: Duration as Interval = Duration::from_secs(10), "--recent",
            "age up to which `checksum` sends entries unasked";
    }
    "
Digests: full (all entries), checksum (recent entries and a checksum), peel-back (newest first
until checksums agree), merkle (a tree of hashes), bloom (a Bloom filter), ranges (fingerprints
of ranges), versions (a version vector with exceptions).
"
}

crate::message! {
    /// The message. `by_initiator` is true in what the initiator of an exchange sends.
    pub enum Message: "anti-entropy" {
        /// `full`: entries.
        Full = "full" {
            /// True at the initiator.
            by_initiator: bool,
            /// The entries that the sender may give away.
            entries: Vec<Entry>,
        },
        /// `checksum`: recent entries, and the checksum of all.
        Recent = "recent" {
            /// True at the initiator.
            by_initiator: bool,
            /// Recent entries.
            entries: Vec<Entry>,
            /// Checksum of the entries held.
            checksum: u64,
        },
        /// `peel-back`: entries by age, and the checksum of all.
        Peel = "peel" {
            /// True at the initiator.
            by_initiator: bool,
            /// The next entries.
            entries: Vec<Entry>,
            /// Checksum of the entries held.
            checksum: u64,
            /// Entries that the sender has peeled so far, from the newest on.
            peeled: u64,
            /// The same of the receiver.
            yours: u64,
            /// The sender has no more.
            is_last: bool,
        },
        /// `merkle`: nodes of one level, with their hashes.
        Tree = "tree" {
            /// True at the initiator.
            by_initiator: bool,
            /// The level; 0 is the root.
            level: u32,
            /// Index and hash.
            nodes: Vec<(u64, u64)>,
        },
        /// `merkle`: the sender's entries in leaves that differ.
        Leaves = "leaves" {
            /// True at the initiator.
            by_initiator: bool,
            /// Index and entries.
            leaves: Vec<(u64, Vec<EntryId>)>,
        },
        /// `bloom`: a filter of the entries held.
        Filter = "filter" {
            /// True at the initiator.
            by_initiator: bool,
            /// Seed of the hash functions.
            seed: u64,
            /// The bits, in hexadecimal.
            bits: String,
        },
        /// `ranges`: parts of the sorted set of entries; `null` is an open bound.
        Ranges = "ranges" {
            /// True at the initiator.
            by_initiator: bool,
            /// Start, end (exclusive), fingerprint and number of entries.
            fingerprints: Vec<ranges::Fingerprint>,
            /// Start, end (exclusive) and the entries in it.
            lists: Vec<ranges::List>,
        },
        /// `versions`: the entries held.
        Versions = "versions" {
            /// True at the initiator.
            by_initiator: bool,
            /// By origin.
            held: Versions,
        },
        /// Entries that the receiver lacks.
        Items = "items" {
            /// The entries.
            entries: Vec<Entry>,
        },
        /// The sender lacks entries.
        Want = "want" {
            /// Their names.
            ids: Vec<EntryId>,
        },
    }
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct AntiEntropy {
    cluster: Cluster,
    config: Config,
    rng: Rng,
    store: Store,
    /// Entries in order of arrival.
    arrivals: Vec<(Instant, EntryId)>,
    /// Sum of the hashes of all entries.
    checksum: u64,
    tree: merkle::Tree,
    ticker: Ticker,
}

/// The conclusion of a digest from a message.
#[derive(Debug, Default)]
struct Finding {
    /// The next message of the comparison.
    reply: Option<Message>,
    /// Entries that the peer lacks.
    lacks: Vec<EntryId>,
    /// Entries that the peer holds and this node lacks.
    wants: Vec<EntryId>,
}

impl Protocol for AntiEntropy {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, now: Instant) -> Self {
        let ticker = Ticker::new(config.period, now, &mut rng);
        Self {
            cluster,
            config: config.clone(),
            rng,
            store: Store::default(),
            arrivals: Vec::new(),
            checksum: 0,
            tree: merkle::Tree::default(),
            ticker,
        }
    }

    fn on_restore(&mut self, entry: Entry) {
        self.insert(Instant::ZERO, &entry);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.insert(now, &entry);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        let (by_initiator, finding) = match message {
            Message::Items { entries } => return self.take(now, entries, out),
            Message::Want { ids } => return self.give(from, &ids, out),
            Message::Full { by_initiator, entries } => {
                (by_initiator, self.on_full(now, by_initiator, entries, out))
            }
            Message::Recent { by_initiator, entries, checksum } => {
                (by_initiator, self.on_recent(now, by_initiator, entries, checksum, out))
            }
            Message::Peel { by_initiator, entries, checksum, peeled, yours, is_last } => {
                self.take(now, entries, out);
                (by_initiator, self.on_peel(by_initiator, checksum, peeled, yours, is_last))
            }
            Message::Tree { by_initiator, level, nodes } => {
                (by_initiator, self.on_tree(by_initiator, level, &nodes))
            }
            Message::Leaves { by_initiator, leaves } => (by_initiator, self.on_leaves(leaves)),
            Message::Filter { by_initiator, seed, bits } => {
                (by_initiator, self.on_filter(by_initiator, seed, &bits))
            }
            Message::Ranges { by_initiator, fingerprints, lists } => {
                (by_initiator, self.on_ranges(by_initiator, fingerprints, lists))
            }
            Message::Versions { by_initiator, held } => {
                (by_initiator, self.on_versions(by_initiator, &held))
            }
        };
        self.conclude(from, !by_initiator, finding, out);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if !self.ticker.is_due(now) {
            return;
        }
        for peer in random_others(&self.cluster, 1, &mut self.rng) {
            let first = match self.config.digest {
                Digest::Full => self.open_full(),
                Digest::Checksum => self.open_recent(now),
                Digest::PeelBack => self.open_peel(),
                Digest::Merkle => self.open_tree(),
                Digest::Bloom => self.filter(true),
                Digest::Ranges => self.open_ranges(),
                Digest::Versions => self.versions(true),
            };
            out.send(peer, first);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.ticker.next())
    }
}

impl AntiEntropy {
    /// True if the initiator (or the responder) of an exchange gives entries away.
    fn gives(&self, is_initiator: bool) -> bool {
        match self.config.mode {
            Mode::Push => is_initiator,
            Mode::Pull => !is_initiator,
            Mode::PushPull => true,
        }
    }

    fn insert(&mut self, now: Instant, entry: &Entry) -> bool {
        let is_new = self.store.insert(entry);
        if is_new {
            self.arrivals.push((now, entry.id));
            self.checksum = self.checksum.wrapping_add(fingerprint::of(entry.id));
            if self.config.digest == Digest::Merkle {
                self.tree.insert(entry.id);
            }
        }
        is_new
    }

    fn take(&mut self, now: Instant, entries: Vec<Entry>, out: &mut Effects<Message>) {
        for entry in entries {
            if self.insert(now, &entry) {
                out.deliver(entry);
            }
        }
    }

    fn give(&self, to: NodeId, ids: &[EntryId], out: &mut Effects<Message>) {
        let entries: Vec<Entry> = self.store.entries_of(ids.iter().copied()).collect();
        if !entries.is_empty() {
            out.send(to, Message::Items { entries });
        }
    }

    /// Acts on the finding of a digest, as far as the mode allows.
    fn conclude(
        &self,
        peer: NodeId,
        is_initiator: bool,
        finding: Finding,
        out: &mut Effects<Message>,
    ) {
        let Finding { reply, lacks, wants } = finding;
        if self.gives(is_initiator) {
            self.give(peer, &lacks, out);
        }
        if self.gives(!is_initiator) && !wants.is_empty() {
            out.send(peer, Message::Want { ids: wants });
        }
        if let Some(reply) = reply {
            out.send(peer, reply);
        }
    }
}

#[cfg(test)]
mod tests;
