//! A node for the unit tests of machines that work with several others.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;

use super::{receiver, transmitter};
use crate::cluster::{Cluster, Graph};
use crate::id::{Generation, NodeId, Origin};
use crate::protocol::{Effects, Protocol as _, Rng};
use crate::protocols::rumormill::Rumormill;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::link::sent::AckWait;
use crate::protocols::rumormill::message::{Ack, Entries, Forward, Gossip};
use crate::protocols::rumormill::push::{EagerPush, Surroundings};
use crate::protocols::rumormill::route::Route;
use crate::set::{OriginId, VersionSet};
use crate::time::Instant;
use crate::value::Value;

/// Generation of every node.
pub(crate) const GENERATION: Generation = Generation(5);

/// A node, all of whose parts a test may reach into.
pub(crate) type Machines = Rumormill;

pub(crate) fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

/// Values of `origin`, from its first on.
pub(crate) fn entries(origin: u32, values: &[i64]) -> Entries {
    let origin = Origin { node: NodeId(origin), generation: GENERATION };
    Entries { origin, first: 0, values: values.iter().copied().map(Value::Int).collect() }
}

/// A message with this number.
pub(crate) fn gossip(number: u64) -> Gossip {
    Gossip { generation: GENERATION, number, ..Gossip::default() }
}

/// An ack of the first `count` messages.
pub(crate) fn ack(count: u64) -> Option<Ack> {
    let numbers = std::iter::once(0..count).collect();
    Some(Ack { generation: GENERATION, numbers, held_us: 0 })
}

impl Machines {
    /// Node `me` of a star whose hub is node 0, with the route `hub`.
    pub(crate) fn hubs(me: u32, nodes: u32) -> Self {
        let config = Config { route: Route::Hub, ..Config::default() };
        Self::in_line(me, nodes, &config)
    }

    /// Node `me` of a cluster whose nodes stand in a line.
    pub(crate) fn in_line(me: u32, nodes: u32, config: &Config) -> Self {
        let links = (1..nodes).map(|node| (NodeId(node - 1), NodeId(node)));
        let mut cluster = Cluster::new(NodeId(me), Arc::new(Graph::new(nodes, [])));
        cluster.set_topology(Arc::new(Graph::new(nodes, links)));
        let rng = Rng::seed_from_u64(1);
        let mut node = Self::new(cluster, GENERATION, config, rng, Instant::ZERO);
        let (push, around) = node.around(Instant::ZERO);
        push.replan(&around);
        node
    }

    /// Eager push, and its surroundings.
    pub(crate) fn around(&mut self, now: Instant) -> (&mut EagerPush, Surroundings<'_>) {
        let Self { push, repair, peers, cluster, .. } = self;
        (push, Surroundings { now, tree: repair.tree(), peers, cluster })
    }

    /// This node holds these entries.
    pub(crate) fn hold(&mut self, entries: &Entries) -> VersionSet {
        let (all, _) = self.replica.insert_all(Instant::ZERO, std::slice::from_ref(entries), drop);
        all
    }

    /// A message of `from` arrives, without its effect on the tree.
    pub(crate) fn receive(&mut self, now: Instant, from: u32, m: &Gossip) -> VersionSet {
        let from = NodeId(from);
        let (repair, mut cx) = self.parts(now);
        let cx = &mut cx;
        receiver::on_generation(cx, repair, from, m);
        let new = receiver::on_entries(cx, repair, from, m, true, &mut Effects::default());
        receiver::on_acks(cx, repair, from, m);
        receiver::on_digest(cx, repair, from, m);
        new
    }

    /// Sends what is due on the link to `peer`.
    pub(crate) fn transmit(&mut self, now: Instant, peer: u32) -> Vec<Gossip> {
        let mut out = Effects::default();
        let (repair, mut cx) = self.parts(now);
        transmitter::on_link_due(&mut cx, repair, NodeId(peer), &mut out);
        out.drain_sends().map(|(_, message)| message).collect()
    }

    /// A message with an entry to `peer`, which does not hold it, is in flight, to be acked within 100 ms.
    pub(crate) fn send_entry(&mut self, now: Instant, peer: u32) {
        let wait = AckWait { timeout: Duration::from_millis(100), ..AckWait::default() };
        let link = self.peers.open(NodeId(peer));
        let sequence = link.known().get(OriginId(0)).map_or(0, |held| held.end());
        let mut entry = VersionSet::new();
        entry.insert(OriginId(0), sequence..sequence + 1);
        link.on_sent(now, entry, Forward::No, wait, VersionSet::new());
    }

    /// The peer is suspected from `now` on.
    pub(crate) fn suspect(&mut self, now: Instant, peer: u32) {
        let mut now = now;
        while !self.peers.is_suspected(NodeId(peer)) {
            self.send_entry(now, peer);
            now = now.after(Duration::from_millis(100));
            self.peers.open(NodeId(peer)).on_deadline(now, 0);
        }
    }
}
