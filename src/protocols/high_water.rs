//! CockroachDB's gossip (`pkg/gossip`): deltas by high-water stamps over bounded connections.
//!
//! Rule: an info has an originator and a stamp that grows. A node keeps, per originator, the highest
//! stamp that it has (its high-water stamps), and per connection those of the peer. A new info goes
//! at once over every connection whose peer has not reached its stamp; each peer reports its stamps
//! when a connection opens and once a second, which finds what was lost.
//!
//! A node opens connections until it has max(3, ⌈n^(1/3)⌉), and accepts as many; a node that is full
//! names one of its peers instead. *Tighten*: while there is room and the most distant node is more
//! than five hops away, connect to it. *Cull*: every minute or so, a full node drops the connection
//! that supplied the fewest originators. A node that has not heard of the first node lately (the
//! sentinel) is stalled, and connects to one of the first nodes of the list, or any that it knows.
//!
//! Cost: an info crosses a connection once, or once each way when both ends send: up to 3 n messages
//! per entry at the bound of three. Stamps: a row per originator and second over each connection.
//!
//! Used by: CockroachDB for node addresses, store capacities and settings.
//!
//! Breaks with: infos of an originator out of order, of which a stamp says nothing. CockroachDB
//! relies on TCP for the order; here an info beyond a gap is dropped and sent again. Hop counts of
//! nodes that are seldom heard are stale, and connections thrash (cockroach #9819, #17610).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt as _;

use crate::cluster::Cluster;
use crate::gossip::{Ticker, random_of};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;

/// Hops to the most distant node above which a node opens another connection.
const HOPS_MAX: u32 = 5;
/// The nodes that a node connects through at first: the join list. It doubles with each try of a node
/// that has heard of no other: here all nodes are known by name, and the first ones may be down.
const RESOLVERS: usize = 3;
/// Periods without a message after which a connection is closed.
const SILENCE_MAX: u32 = 4;
/// Periods after which a descriptor is stale: its node is gone, or far behind.
const STALE: u32 = 15;

crate::settings! {
    /// Settings of high-water gossip.
    pub struct Config {
        /// Time between two reports of stamps over a connection. Default 1 s.
        period: Duration as Interval = Duration::from_secs(1), "--period",
            "time between two reports of stamps";
        /// Time for which infos that were sent count as received. Default 500 ms: above a slow round trip.
        resend: Duration as Interval = Duration::from_millis(500), "--resend",
            "time after which infos that the peer has not reached are sent again";
        /// Time between two culls, 25 % more or less. Default 60 s, as in CockroachDB.
        cull: Duration as Interval = Duration::from_secs(60), "--cull", "time between two culls";
    }
}

crate::message! {
    /// The message.
    pub enum Message: "high-water" {
        /// The peer's stamps: opens a connection, or keeps it open.
        Stamps = "stamps" {
            /// True if the sender wants to open a connection.
            is_dial: bool,
            /// Per originator, the number of infos that the sender has.
            stamps: BTreeMap<Origin, u64>,
            /// Descriptors: a node, its own stamp, and hops to it.
            nodes: Vec<(NodeId, u64, u32)>,
        },
        /// Infos that the peer has not reached.
        Delta = "delta" {
            /// The infos.
            entries: Vec<Entry>,
        },
        /// The node is full: connect to another.
        Alternate = "alternate" {
            /// One of its peers.
            node: NodeId,
        },
        /// The connection is closed.
        Close = "close" {},
    }
}

/// A connection.
#[derive(Clone, Debug)]
struct Link {
    is_outgoing: bool,
    heard_at: Instant,
    /// The stamps of the peer, counting what was sent, and when that was.
    stamps: BTreeMap<Origin, (u64, Instant)>,
    /// Originators whose infos came first over this connection.
    supplied: BTreeSet<NodeId>,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct HighWater {
    cluster: Cluster,
    config: Config,
    rng: Rng,
    store: Store,
    links: BTreeMap<NodeId, Link>,
    /// Of each node: its stamp, hops, and when the stamp was new here.
    nodes: BTreeMap<NodeId, (u64, u32, Instant)>,
    stamp: u64,
    /// Length of the join list.
    resolvers: usize,
    ticker: Ticker,
    cull_at: Instant,
}

impl Protocol for HighWater {
    type Config = Config;
    type Message = Message;

    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &Config,
        mut rng: Rng,
        now: Instant,
    ) -> Self {
        Self {
            cluster,
            config: config.clone(),
            store: Store::default(),
            links: BTreeMap::new(),
            nodes: BTreeMap::new(),
            // Above the stamps of earlier generations, whose infos are out there still.
            stamp: generation.0,
            resolvers: RESOLVERS,
            ticker: Ticker::new(config.period, now, &mut rng),
            cull_at: now.after(config.cull),
            rng,
        }
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, out: &mut Effects<Message>) {
        self.store.insert(&entry);
        self.send_deltas(now, out);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        match message {
            Message::Stamps { is_dial, stamps, nodes } => {
                if is_dial && !self.accept(now, from, out) {
                    return;
                }
                self.learn_nodes(now, nodes);
                self.on_stamps(now, from, &stamps);
                self.send_deltas(now, out);
            }
            Message::Delta { entries } => self.on_delta(now, from, entries, out),
            Message::Alternate { node } => {
                self.links.remove(&from);
                if node != self.cluster.me() && self.has_room() && !self.links.contains_key(&node) {
                    self.dial(now, node, out);
                }
            }
            Message::Close {} => drop(self.links.remove(&from)),
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if !self.ticker.is_due(now) {
            return;
        }
        self.stamp += 1;
        self.nodes.insert(self.cluster.me(), (self.stamp, 0, now));
        let silent = now.before(self.config.period * SILENCE_MAX);
        self.links.retain(|_, link| link.heard_at > silent);
        out.send_all(self.links.keys().copied(), self.report(now, false));
        self.bootstrap(now, out);
        self.tighten(now, out);
        if self.cull_at <= now {
            let jitter = self.rng.random_range(0.75..1.25);
            self.cull_at = now.after(self.config.cull.mul_f64(jitter));
            self.cull(out);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.ticker.next())
    }
}

/// Connections each way: max(3, ⌈n^(1/3)⌉). In integers, because e^(ln 27 / 3) is above 3.
fn peers_max(nodes: u32) -> usize {
    (3..).find(|&peers: &u64| peers.pow(3) >= u64::from(nodes)).unwrap_or(3) as usize
}

impl HighWater {
    /// The peers that this node is connected with; true if this node opened the connection.
    pub fn connections(&self) -> impl Iterator<Item = (NodeId, bool)> + '_ {
        self.links.iter().map(|(&peer, link)| (peer, link.is_outgoing))
    }

    fn report(&self, now: Instant, is_dial: bool) -> Message {
        let origins = self.store.held().origins();
        let stamps = origins.map(|origin| (origin, self.store.prefix(origin))).collect();
        let nodes = self.reachable(now).map(|(node, hops)| (node, self.nodes[&node].0, hops));
        Message::Stamps { is_dial, stamps, nodes: nodes.collect() }
    }

    fn count(&self, is_outgoing: bool) -> usize {
        self.links.values().filter(|link| link.is_outgoing == is_outgoing).count()
    }

    fn has_room(&self) -> bool {
        self.count(true) < peers_max(self.cluster.len())
    }

    fn dial(&mut self, now: Instant, peer: NodeId, out: &mut Effects<Message>) {
        self.links.insert(peer, Link::new(true, now));
        out.send(peer, self.report(now, true));
    }

    /// Accepts a connection; false if there is no room.
    fn accept(&mut self, now: Instant, from: NodeId, out: &mut Effects<Message>) -> bool {
        let is_full = self.count(false) >= peers_max(self.cluster.len());
        if let Some(link) = self.links.get_mut(&from) {
            // Both have opened one: that of the lower node stays, but the bound on incoming ones holds.
            // Or the peer has restarted.
            link.is_outgoing &= self.cluster.me() < from || is_full;
            link.stamps.clear();
        } else if !is_full {
            self.links.insert(from, Link::new(false, now));
        } else {
            let peers: Vec<NodeId> = self.links.keys().copied().collect();
            for node in random_of(&peers, 1, &mut self.rng) {
                out.send(from, Message::Alternate { node });
            }
            return false;
        }
        out.send(from, self.report(now, false));
        true
    }

    /// Takes the peer's stamps; of what was sent lately, the higher ones.
    fn on_stamps(&mut self, now: Instant, from: NodeId, stamps: &BTreeMap<Origin, u64>) {
        let Some(link) = self.links.get_mut(&from) else { return };
        link.heard_at = now;
        let resend = now.before(self.config.resend);
        // It has not reached what was sent before.
        link.stamps.retain(|_, (_, sent_at)| *sent_at > resend);
        for (&origin, &stamp) in stamps {
            let known = link.stamps.entry(origin).or_insert((stamp, Instant::ZERO));
            known.0 = known.0.max(stamp);
        }
    }

    fn learn_nodes(&mut self, now: Instant, nodes: Vec<(NodeId, u64, u32)>) {
        for (node, stamp, hops) in nodes {
            let hops = hops.saturating_add(1);
            if node == self.cluster.me() {
                // An earlier generation was further: its stamps would look newer for ever.
                self.stamp = self.stamp.max(stamp);
                continue;
            }
            let known = self.nodes.entry(node).or_insert((stamp, hops, now));
            if stamp > known.0 {
                *known = (stamp, hops, now);
            } else if stamp == known.0 {
                known.1 = known.1.min(hops);
            }
        }
    }

    /// The nodes heard of lately, with the hops to each. Stamps of the others are kept: otherwise
    /// they would come back from peers, as ghosts.
    fn reachable(&self, now: Instant) -> impl Iterator<Item = (NodeId, u32)> + '_ {
        let stale = now.before(self.config.period * STALE);
        let fresh = self.nodes.iter().filter(move |(_, (_, _, at))| *at > stale);
        fresh.map(|(&node, &(_, hops, _))| (node, hops))
    }

    fn on_delta(
        &mut self,
        now: Instant,
        from: NodeId,
        entries: Vec<Entry>,
        out: &mut Effects<Message>,
    ) {
        let Some(link) = self.links.get_mut(&from) else { return };
        link.heard_at = now;
        for entry in entries {
            let EntryId { origin, sequence } = entry.id;
            let known = link.stamps.entry(origin).or_insert((0, now));
            known.0 = known.0.max(sequence.saturating_add(1));
            if sequence == self.store.prefix(origin) && self.store.receive(&entry, out) {
                link.supplied.insert(origin.node);
            }
        }
        self.send_deltas(now, out);
    }

    /// Sends every peer the infos that it has not reached.
    fn send_deltas(&mut self, now: Instant, out: &mut Effects<Message>) {
        for (&peer, link) in &mut self.links {
            let mut ids = Vec::new();
            for origin in self.store.held().origins() {
                let end = self.store.prefix(origin);
                let reached = link.stamps.get(&origin).map_or(0, |(stamp, _)| *stamp);
                if reached < end {
                    link.stamps.insert(origin, (end, now));
                    ids.extend((reached..end).map(|sequence| EntryId { origin, sequence }));
                }
            }
            if !ids.is_empty() {
                out.send(peer, Message::Delta { entries: self.store.entries_of(ids).collect() });
            }
        }
    }

    /// Connects through the first nodes if there is no connection, or the sentinel is not heard of.
    fn bootstrap(&mut self, now: Instant, out: &mut Effects<Message>) {
        let me = self.cluster.me();
        let is_stalled =
            self.links.is_empty() || self.reachable(now).all(|(node, _)| node != NodeId(0));
        if is_stalled && self.has_room() {
            // The join list, and all nodes ever heard of: the list may be down.
            let resolvers = self.cluster.seeds(self.resolvers);
            let known: BTreeSet<NodeId> = resolvers.chain(self.nodes.keys().copied()).collect();
            let is_candidate = |node: &NodeId| *node != me && !self.links.contains_key(node);
            let resolvers: Vec<NodeId> = known.into_iter().filter(is_candidate).collect();
            for resolver in random_of(&resolvers, 1, &mut self.rng) {
                self.dial(now, resolver, out);
            }
            if self.nodes.keys().all(|&node| node == me) {
                self.resolvers = self.resolvers.saturating_mul(2);
            }
        }
    }

    fn tighten(&mut self, now: Instant, out: &mut Effects<Message>) {
        let strangers = self.reachable(now).filter(|(node, _)| !self.links.contains_key(node));
        if let Some((node, hops)) = strangers.max_by_key(|&(node, hops)| (hops, node))
            && hops > HOPS_MAX
            && self.has_room()
        {
            self.dial(now, node, out);
        }
    }

    /// Drops the outgoing connection that supplied the fewest originators, if there is no room.
    fn cull(&mut self, out: &mut Effects<Message>) {
        if self.has_room() {
            return;
        }
        let outgoing = self.links.iter().filter(|(_, link)| link.is_outgoing);
        let least = outgoing.min_by_key(|(peer, link)| (link.supplied.len(), **peer));
        if let Some(peer) = least.map(|(&peer, _)| peer) {
            self.links.remove(&peer);
            out.send(peer, Message::Close {});
        }
        self.links.values_mut().for_each(|link| link.supplied.clear());
    }
}

impl Link {
    const fn new(is_outgoing: bool, now: Instant) -> Self {
        Self { is_outgoing, heard_at: now, stamps: BTreeMap::new(), supplied: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests;
