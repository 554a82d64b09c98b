//! Spanning-tree multicast, repaired by acks (RMTP, Lin and Paul 1996; TMTP, Yavatkar et al. 1995).
//!
//! Rule: an entry goes along the spanning tree of the topology. Each node acks to its neighbours in
//! the tree, once per period, everything that it holds, as ranges: first missing number and bitmap
//! in one. A neighbour sends again what stays unacked, ever more seldom while no ack comes. The acks
//! are aggregated: with them goes, per origin, the number of entries that the whole subtree behind
//! the node holds. So the origin learns what all nodes hold from its own few neighbours.
//!
//! Cost: n - 1 messages per entry, and at most 2 (n - 1) acks per period while entries come. The
//! origin gets one ack per neighbour, not one per node: no ack implosion.
//!
//! Used by: reliable file distribution (RMTP, NORM's ack mode), database log shipping in cascades.
//!
//! Breaks with: a node that is down: it cuts its subtree off until it is back, because nothing
//! replaces a parent. A restarted node has forgotten everything and gets it all again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph, Tree};
use crate::gossip::Ticker;
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::set::Versions;
use crate::store::Store;
use crate::time::Instant;

crate::settings! {
    /// Settings of the tree with acks.
    pub struct Config {
        /// Time between two acks to a neighbour. Default 100 ms: an ack for every batch of a
        /// second's tenth; shorter costs messages, longer delays repair.
        ack_period: Duration as Interval = Duration::from_millis(100), "--ack-period",
            "time between two acks to a neighbour";
        /// Time without an ack after which an entry is sent again; it doubles, up to eight times
        /// itself. Default 500 ms: above the ack period and a slow round trip.
        retry: Duration as Interval = Duration::from_millis(500), "--retry",
            "time after which an unacked entry is sent again";
    }
}

crate::message! {
    /// The message.
    pub enum Message: "tree-ack" {
        /// Entries, new ones or repairs.
        Data = "data" {
            /// Generation of the sender: a new one has forgotten what the old one acked.
            generation: Generation,
            /// The entries.
            entries: Vec<Entry>,
        },
        /// Ack of everything that the sender holds.
        Ack = "ack" {
            /// Generation of the sender.
            generation: Generation,
            /// The entries held.
            held: Versions,
            /// By origin behind the receiver: the number of its first entries that the whole subtree
            /// of the sender holds.
            stable: Vec<(Origin, u64)>,
            /// The sender has not heard the receiver since it started, and wants an ack.
            is_hello: bool,
        },
    }
}

/// A neighbour in the tree.
#[derive(Clone, Debug)]
struct Link {
    generation: Generation,
    /// Acked by the neighbour.
    acked: Versions,
    stable: BTreeMap<Origin, u64>,
    /// When unacked entries were last sent.
    sent: BTreeMap<EntryId, Instant>,
    /// Doublings of the retry time since the last ack.
    backoff: u32,
    owes_ack: bool,
    is_heard: bool,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct TreeAck {
    cluster: Cluster,
    tree: Arc<Tree>,
    config: Config,
    generation: Generation,
    store: Store,
    links: BTreeMap<NodeId, Link>,
    ticker: Ticker,
}

impl Protocol for TreeAck {
    type Config = Config;
    type Message = Message;

    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &Config,
        mut rng: Rng,
        now: Instant,
    ) -> Self {
        let mut node = Self {
            tree: cluster.spanning_tree(),
            cluster,
            config: config.clone(),
            generation,
            store: Store::default(),
            links: BTreeMap::new(),
            ticker: Ticker::new(config.ack_period, now, &mut rng),
        };
        node.connect();
        node
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_topology(&mut self, _: Instant, graph: Arc<Graph>, _: &mut Effects<Message>) {
        self.cluster.set_topology(graph);
        self.tree = self.cluster.spanning_tree();
        self.connect();
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, out: &mut Effects<Message>) {
        self.store.insert(&entry);
        self.forward(now, None, &[entry], out);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        match message {
            Message::Data { generation, mut entries } => {
                let Some(link) = self.link(from, generation) else { return };
                link.owes_ack = true;
                entries.iter().for_each(|entry| link.acked.insert(entry.id));
                entries.retain(|entry| self.store.receive(entry, out));
                self.forward(now, Some(from), &entries, out);
            }
            Message::Ack { generation, held, stable, is_hello } => {
                let Some(link) = self.link(from, generation) else { return };
                link.owes_ack |= is_hello;
                link.acked.union_with(&held);
                let before = link.sent.len();
                link.sent.retain(|id, _| !link.acked.contains(*id));
                if link.sent.len() < before {
                    link.backoff = 0;
                }
                let stable: BTreeMap<_, _> = stable.into_iter().collect();
                if std::mem::replace(&mut link.stable, stable.clone()) != stable {
                    // The nodes upstream learn it with the next ack.
                    let others = self.links.iter_mut().filter(|(peer, _)| **peer != from);
                    others.for_each(|(_, link)| link.owes_ack = true);
                }
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if !self.ticker.is_due(now) {
            return;
        }
        let neighbours: Vec<NodeId> = self.links.keys().copied().collect();
        for peer in neighbours {
            self.send_again(now, peer, out);
            self.send_ack(peer, out);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.ticker.next())
    }
}

impl Link {
    const fn new(generation: Generation) -> Self {
        Self {
            generation,
            acked: Versions::new(),
            stable: BTreeMap::new(),
            sent: BTreeMap::new(),
            backoff: 0,
            owes_ack: false,
            is_heard: false,
        }
    }
}

impl TreeAck {
    /// The link to a neighbour that sent something in that generation; `None` if it is none, or has
    /// restarted since.
    fn link(&mut self, from: NodeId, generation: Generation) -> Option<&mut Link> {
        let link = self.links.get_mut(&from)?;
        if generation > link.generation {
            // It has forgotten everything.
            *link = Link { owes_ack: link.owes_ack, ..Link::new(generation) };
        }
        link.is_heard = true;
        (generation == link.generation).then_some(link)
    }

    /// Makes links to the neighbours in the tree, and drops the others.
    fn connect(&mut self) {
        let me = self.cluster.me();
        let peers: Vec<NodeId> =
            self.tree.parent(me).into_iter().chain(self.tree.children(me)).collect();
        self.links.retain(|peer, _| peers.contains(peer));
        for peer in peers {
            self.links.entry(peer).or_insert_with(|| Link::new(Generation(0)));
        }
    }

    /// Sends new entries to all neighbours in the tree but the one they came from.
    fn forward(
        &mut self,
        now: Instant,
        from: Option<NodeId>,
        entries: &[Entry],
        out: &mut Effects<Message>,
    ) {
        if entries.is_empty() {
            return;
        }
        for (&peer, link) in self.links.iter_mut().filter(|(peer, _)| Some(**peer) != from) {
            link.sent.extend(entries.iter().map(|entry| (entry.id, now)));
            let (generation, entries) = (self.generation, entries.to_vec());
            out.send(peer, Message::Data { generation, entries });
        }
    }

    /// Sends a neighbour the entries that it has not acked for the retry time.
    fn send_again(&mut self, now: Instant, peer: NodeId, out: &mut Effects<Message>) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let deadline = now.before(self.config.retry * (1 << link.backoff));
        let mut entries = self.store.missing_from(&link.acked);
        entries.retain(|entry| link.sent.get(&entry.id).is_none_or(|&sent| sent <= deadline));
        // Those that were never sent to it were acked before it restarted.
        let (late, fresh): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| link.sent.contains_key(&entry.id));
        link.sent.extend(fresh.iter().map(|entry| (entry.id, now)));
        if !late.is_empty() {
            link.sent.extend(late.iter().map(|entry| (entry.id, now)));
            link.backoff = (link.backoff + 1).min(3);
            out.send(peer, Message::Data { generation: self.generation, entries: late });
        }
    }

    fn send_ack(&mut self, peer: NodeId, out: &mut Effects<Message>) {
        let origins = self.store.held().origins();
        let stable: Vec<(Origin, u64)> = origins
            .filter(|origin| self.towards(origin.node) == Some(peer))
            .map(|origin| (origin, self.stable(origin)))
            .collect();
        let Some(link) = self.links.get_mut(&peer) else { return };
        let is_hello = !link.is_heard;
        if std::mem::take(&mut link.owes_ack) || is_hello {
            let (generation, held) = (self.generation, self.store.held().clone());
            out.send(peer, Message::Ack { generation, held, stable, is_hello });
        }
    }

    /// The neighbour on the way to a node; `None` for this node.
    fn towards(&self, node: NodeId) -> Option<NodeId> {
        let me = self.cluster.me();
        if node == me {
            return None;
        }
        let way = std::iter::once(node).chain(self.tree.ancestors(node));
        let mut below = None;
        for step in way {
            if step == me {
                return below;
            }
            below = Some(step);
        }
        self.tree.parent(me)
    }

    /// The number of first entries of an origin that this node and all behind it hold; at the
    /// origin: that all nodes hold.
    #[must_use]
    pub fn stable(&self, origin: Origin) -> u64 {
        let upstream = self.towards(origin.node);
        let behind = self.links.iter().filter(|(peer, _)| Some(**peer) != upstream);
        let least = behind.map(|(_, link)| link.stable.get(&origin).copied().unwrap_or(0)).min();
        least.unwrap_or(u64::MAX).min(self.store.prefix(origin))
    }
}

#[cfg(test)]
mod tests;
