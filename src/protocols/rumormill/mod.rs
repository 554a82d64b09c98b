//! Rumormill: batched gossip through hubs or along the topology, with repair.
//!
//! This file composes; each machine has a file of its own:
//!
//! * [`replica`]: the entries held;
//! * [`link`]: what a peer holds and what is on its way to it (session, queue, sent messages, acks,
//!   suspicion, round trip); [`peers`]: all links, and the conditions of the network;
//! * [`push`]: the peers for a new entry, by the planner's plan and the pacer's deadlines;
//! * [`spanning_tree`]: the parent of each node; [`failure_detector`]: the watch over the parent;
//!   [`repair`]: reacting when a peer is suspected, and when it is up again;
//! * [`anti_entropy`]: periodic digests, and what follows from those of the peers;
//! * [`exchange`]: what a message changes (receiver), and what the next one carries (transmitter).

pub mod ablation;
mod ack_policy;
mod anti_entropy;
pub mod config;
mod context;
mod describe;
mod exchange;
mod failure_detector;
pub mod link;
pub mod message;
#[cfg(feature = "mutations")]
pub mod mutation;
mod peers;
mod push;
mod rate_meter;
mod repair;
pub mod replica;
pub mod route;
mod spanning_tree;
pub mod stats;
mod wire;

use std::fmt;
use std::sync::Arc;

use crate::cluster::{Cluster, Graph, Nodes, Tree};
use crate::id::{Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::set::VersionSet;
use crate::time::Instant;
use ablation::Rule;
use anti_entropy::AntiEntropy;
use config::Config;
use context::Context;
use describe::Description;
use exchange::{Purpose, receiver, transmitter};
use link::Link;
use link::session::Incarnation;
use message::Gossip;
use peers::Peers;
pub use push::Plan;
use push::{EagerPush, Received, Surroundings};
use repair::TreeRepair;
use replica::Replica;
use route::Route;
use spanning_tree::SpanningTree;
use stats::Stats;

/// One node.
#[derive(Clone, Debug)]
pub struct Rumormill {
    config: Config,
    rng: Rng,
    cluster: Cluster,
    replica: Replica,
    peers: Peers,
    push: EagerPush,
    repair: TreeRepair,
    anti_entropy: AntiEntropy,
    /// When the first entry since the last timeout was submitted, and all of them.
    submitted: Option<(Instant, VersionSet)>,
    stats: Stats,
}

impl Protocol for Rumormill {
    type Config = Config;
    type Message = Gossip;

    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &Config,
        mut rng: Rng,
        now: Instant,
    ) -> Self {
        let has_hubs = matches!(config.route, Route::Auto | Route::Hub);
        let mut node = Self {
            anti_entropy: AntiEntropy::new(config, now, &mut rng),
            config: config.clone(),
            rng,
            replica: Replica::new(Origin { node: cluster.me(), generation }),
            peers: Peers::new(config),
            push: EagerPush::new(config),
            repair: TreeRepair::new(SpanningTree::new(cluster.me(), has_hubs)),
            cluster,
            submitted: None,
            stats: Stats::default(),
        };
        node.set_preferred_tree();
        node
    }

    fn on_restore(&mut self, entry: Entry) {
        self.replica.restore(entry);
    }

    fn on_topology(&mut self, now: Instant, graph: Arc<Graph>, out: &mut Effects<Gossip>) {
        self.cluster.set_topology(graph);
        self.anti_entropy.on_started(now, &mut self.rng, self.replica.has_restored());
        self.repair.on_topology(now, self.config.latency_budget);
        if matches!(self.config.route, Route::Topology | Route::Tree) {
            self.set_preferred_tree();
            self.disseminate(now, &self.replica.arrived());
        }
        self.finish(out);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _out: &mut Effects<Gossip>) {
        self.on_sign_of_life(now);
        let (origin, range) = self.replica.submit(now, entry);
        // Disseminated with whatever else is submitted at the same time.
        let (_, submitted) = self.submitted.get_or_insert_with(|| (now, VersionSet::new()));
        submitted.insert(origin, range);
        self.push.planner.on_values(now, 1);
    }

    fn on_message(&mut self, now: Instant, from: NodeId, m: Gossip, out: &mut Effects<Gossip>) {
        if let Some(reason) = self.replica.contradiction(&m) {
            return out.refuse(reason);
        }
        self.on_sign_of_life(now);
        let (repair, cx) = &mut self.parts(now);
        let incarnation = receiver::on_generation(cx, repair, from, &m);
        let is_current = incarnation != Incarnation::Older;
        let new = receiver::on_entries(cx, repair, from, &m, is_current, out);
        cx.push.planner.on_values(now, new.count());
        if incarnation == Incarnation::Newer {
            receiver::on_restart(cx, repair, from);
        }
        if is_current {
            receiver::on_acks(cx, repair, from, &m);
            receiver::on_digest(cx, repair, from, &m);
            repair.on_tree_offer(cx, from, &m);
        }
        let received = Received {
            entries: &new,
            from,
            forward: m.forward,
            is_repair: m.is_digest,
            is_paced: m.is_paced,
        };
        let is_displaced = repair.is_displaced();
        let tree = repair.tree();
        let around = &mut Surroundings { now, tree, peers: cx.peers, cluster: cx.cluster };
        cx.push.forward(around, received, is_displaced);
        repair.on_heard(cx, from, &m);
        self.finish(out);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Gossip>) {
        self.disseminate_submitted(now);
        let (repair, cx) = &mut self.parts(now);
        repair.on_heartbeat_timeout(cx);
        for peer in cx.peers.due(now) {
            repair.on_link_deadline(cx, peer);
            transmitter::on_link_due(cx, repair, peer, out);
        }
        let peers = &*cx.peers;
        let is_suspected = |peer| peers.is_suspected(peer);
        if let Some(peer) = cx.anti_entropy.next_peer(now, cx.cluster, cx.rng, is_suspected) {
            let is_at_rest = cx.replica.is_quiescent(now) && Rule::Checksum.applies();
            let is_sum = is_at_rest && !is_suspected(peer);
            let purpose = if is_sum { Purpose::Checksum } else { Purpose::Digest };
            transmitter::send(cx, repair, peer, purpose, out);
        }
        self.finish(out);
    }

    fn on_end(&mut self, now: Instant, out: &mut Effects<Gossip>) {
        self.disseminate_submitted(now);
        let owes = |link: &Link| !link.queue().is_empty() || link.acks.at().is_some();
        let links = self.peers.iter().filter(|(_, link)| owes(link));
        let owed: Vec<NodeId> = links.map(|(peer, _)| peer).collect();
        let (repair, cx) = &mut self.parts(now);
        for peer in owed {
            transmitter::send(cx, repair, peer, Purpose::Batch, out);
        }
        self.finish(out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let submitted_at = self.submitted.as_ref().map(|(at, _)| *at);
        let others = [submitted_at, self.anti_entropy.at(), self.repair.next_deadline()];
        self.peers.next_deadline().into_iter().chain(others.into_iter().flatten()).min()
    }

    fn describe(&self, now: Instant, nodes: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Description { node: self, now, nodes }.write(f)
    }
}

impl Rumormill {
    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The entries held.
    #[must_use]
    pub const fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The peers that the node has exchanged messages with, or has something for.
    pub fn links(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.peers.iter()
    }

    /// The present plan for new entries, once there was one.
    #[must_use]
    pub const fn plan(&self) -> Option<Plan> {
        self.push.plan()
    }

    /// Tree repair, and the other machines.
    fn parts(&mut self, now: Instant) -> (&mut TreeRepair, Context<'_>) {
        let cx = Context {
            now,
            config: &self.config,
            cluster: &self.cluster,
            replica: &mut self.replica,
            peers: &mut self.peers,
            push: &mut self.push,
            anti_entropy: &mut self.anti_entropy,
            stats: &mut self.stats,
            rng: &mut self.rng,
        };
        (&mut self.repair, cx)
    }

    fn finish(&mut self, out: &mut Effects<Gossip>) {
        self.peers.refresh_deadlines();
        self.push.take_log().into_iter().for_each(|line| out.log(line));
    }

    fn on_sign_of_life(&mut self, now: Instant) {
        self.anti_entropy.on_sign_of_life(now, &mut self.rng, self.replica.has_restored());
    }

    fn set_preferred_tree(&mut self) {
        let tree = match self.config.route {
            Route::Auto | Route::Hub => Some(Arc::new(Tree::hubs(self.cluster.len()))),
            Route::Topology | Route::Tree => Some(self.cluster.spanning_tree()),
            Route::Direct => None,
        };
        self.repair.tree_mut().set_preferred(tree);
        self.push.planner.forget();
    }

    fn disseminate_submitted(&mut self, now: Instant) {
        if let Some((_, submitted)) = self.submitted.take() {
            self.disseminate(now, &submitted);
        }
    }

    fn disseminate(&mut self, now: Instant, entries: &VersionSet) {
        let (tree, peers) = (self.repair.tree(), &mut self.peers);
        let around = &mut Surroundings { now, tree, peers, cluster: &self.cluster };
        self.push.disseminate(around, entries);
    }
}

#[cfg(test)]
mod tests;
