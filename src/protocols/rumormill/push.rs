//! Eager push: to which peers a new entry goes at once, and by when (Plumtree's eager peers, Leitão
//! 2007; direct mail, Demers 1987).

mod pacer;
mod planner;

use std::collections::BTreeSet;
use std::time::Duration;

use super::ablation::Rule;
use super::ack_policy::Relation;
use super::config::Config;
use super::link::Added;
use super::message::{Forward, Pulse};
use super::peers::Peers;
use super::spanning_tree::SpanningTree;
use crate::cluster::Cluster;
use crate::id::NodeId;
use crate::set::VersionSet;
use crate::time::Instant;
use pacer::{Pacer, Position};
pub use planner::Plan;
use planner::{Planner, PlannerInput, margin};

/// The plan, its deadlines, and the queues that follow from it.
#[derive(Clone, Debug)]
pub(crate) struct EagerPush {
    pub(crate) planner: Planner,
    pub(crate) pacer: Pacer,
    log: Vec<String>,
}

/// The surroundings of a node: the tree and the graph, and the links whose queues are filled.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Instant,
    pub(crate) tree: &'a SpanningTree,
    pub(crate) peers: &'a mut Peers,
    pub(crate) cluster: &'a Cluster,
}

/// Entries that are new here, and how they came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    pub(crate) entries: &'a VersionSet,
    pub(crate) from: NodeId,
    /// The action that the sender wants.
    pub(crate) forward: Forward,
    /// They were sent again, or because this node lacked them.
    pub(crate) is_repair: bool,
    /// They were sent for a beat.
    pub(crate) is_paced: bool,
}

impl EagerPush {
    pub(crate) fn new(config: &Config) -> Self {
        Self { planner: Planner::new(config), pacer: Pacer::default(), log: Vec::new() }
    }

    /// The present plan, once there was an entry.
    pub(crate) const fn plan(&self) -> Option<Plan> {
        self.planner.plan()
    }

    /// Lines for people.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// The plan, looked over if it was not for a while.
    pub(crate) fn replan(&mut self, around: &Surroundings<'_>) -> Option<Plan> {
        let Surroundings { now, tree, ref peers, cluster } = *around;
        if self.planner.is_due(now) {
            let (measured, variation) =
                (peers.rtt().round_trip(), peers.rtt().measured_variation());
            let round_trip = peers.round_trip();
            let input = PlannerInput {
                nodes: cluster.len(),
                budget: self.planner.budget,
                round_trip,
                margin: margin(round_trip, variation) + self.pacer.slack(),
                load: self.planner.rate(now),
                height: tree.height(),
                hubs: tree.preferred().map_or(0, crate::cluster::Tree::hubs_below_root),
            };
            self.log.extend(self.planner.replan(now, &input, measured.is_some()));
        }
        self.planner.plan()
    }

    /// Queues entries of this node for the peers that the plan names.
    pub(crate) fn disseminate(&mut self, around: &mut Surroundings<'_>, entries: &VersionSet) {
        match self.replan(around) {
            Some(Plan::Flood { window }) => flood(around, entries, None, window),
            Some(Plan::Direct { window }) => {
                let added = &mut Added::new(entries);
                for peer in around.cluster.others() {
                    around.peers.enqueue(peer, added, around.now.after(window));
                }
            }
            Some(Plan::Tree { .. }) | None => self.along_tree(around, entries, None, None),
        }
    }

    /// Forwards entries that are new here, as far as other nodes depend on this one for them.
    /// `is_displaced`: this node is not where the preferred tree puts it, so nodes below it may lack
    /// what comes by any other way.
    pub(crate) fn forward(
        &mut self,
        around: &mut Surroundings<'_>,
        received: Received<'_>,
        is_displaced: bool,
    ) {
        let Received { entries, from, forward, is_repair, is_paced } = received;
        if entries.is_empty() {
            return;
        }
        let plan = self.replan(around);
        let is_displaced = is_displaced && Rule::DisplacedForward.applies();
        let (now, tree) = (around.now, around.tree);
        let is_tree = matches!(plan, Some(Plan::Tree { .. }));
        let is_mail = forward == Forward::Mail;
        if is_mail && is_tree && is_displaced && tree.parent().is_some() {
            return; // Its sender mails them to all.
        }
        let at_once = match plan {
            Some(Plan::Flood { window }) => return flood(around, entries, Some(from), window),
            _ if forward == Forward::Flood => {
                return flood(around, entries, Some(from), Duration::ZERO);
            }
            _ if is_mail => false,
            // Entries that were lost once are late already. But where much is lost, so much is repaired that
            // it must share messages.
            _ if is_tree && is_repair && !Rule::RepairAtOnce.applies() => false,
            _ if is_tree && is_repair => !around.peers.loss_mut().is_heavy(now) || is_displaced,
            // Along the topology's tree, what comes any other way than down from the parent was
            // held up, and nodes below may still lack it.
            _ if forward == Forward::Tree || tree.parent() == Some(from) || !tree.has_hubs() => {
                false
            }
            _ if is_tree && is_displaced => true,
            // Nodes below get them from this one alone: the new parent takes entries for known here that
            // the former one still sends.
            _ if is_tree
                && Rule::InnerForward.applies()
                && tree.is_relied_on(around.peers, from) =>
            {
                false
            }
            _ => return,
        };
        // Entries that have missed the beat they were sent for get one of their own.
        let late = if is_paced && !at_once {
            self.pacer.on_paced_entry(now, plan, position(tree, around.peers))
        } else {
            at_once.then_some(now)
        };
        self.along_tree(around, entries, Some(from), late);
    }

    /// Queues entries for the edges of the tree but the one they came along: `at` some time, or by the
    /// pacer's deadline. While an edge of a spanning tree of the topology is suspected, they are
    /// flooded.
    pub(crate) fn along_tree(
        &mut self,
        around: &mut Surroundings<'_>,
        entries: &VersionSet,
        from: Option<NodeId>,
        at: Option<Instant>,
    ) {
        let (now, tree) = (around.now, around.tree);
        let edges = tree.edges(around.peers);
        if !tree.has_hubs() && edges.iter().any(|&peer| around.peers.is_suspected(peer)) {
            return flood(around, entries, from, Duration::ZERO);
        }
        let (plan, place) = (self.plan(), position(tree, around.peers));
        let added = &mut Added::new(entries);
        for peer in edges.into_iter().filter(|&peer| Some(peer) != from) {
            let by_pacer = || self.pacer.deadline(now, plan, place, peer, from);
            let deadline = at.unwrap_or_else(by_pacer);
            around.peers.enqueue(peer, added, deadline);
            if tree.parent() == Some(peer) {
                around.peers.open(peer).queue.raise_forward(Forward::Tree);
            }
        }
    }

    /// When an entry from `from` leaves for `peer` along the tree.
    pub(crate) fn deadline(
        &mut self,
        now: Instant,
        tree: &SpanningTree,
        peers: &Peers,
        peer: NodeId,
        from: Option<NodeId>,
    ) -> Instant {
        self.pacer.deadline(now, self.planner.plan(), position(tree, peers), peer, from)
    }

    /// True if new entries go through hubs.
    pub(crate) const fn uses_hubs(&self, tree: &SpanningTree) -> bool {
        tree.has_hubs() && self.planner.is_tree()
    }

    /// The relation of a peer to this node.
    pub(crate) fn relation(&self, tree: &SpanningTree, peers: &Peers, peer: NodeId) -> Relation {
        match self.plan() {
            Some(Plan::Flood { .. }) => Relation::Neighbour,
            Some(Plan::Tree { .. }) if tree.parent() == Some(peer) => Relation::Parent,
            Some(Plan::Tree { .. }) if tree.is_child(peers, peer) => Relation::Child,
            _ => Relation::Other,
        }
    }

    /// True if `peer` gets new entries from this node as a matter of course.
    pub(crate) fn serves(
        &self,
        tree: &SpanningTree,
        peers: &Peers,
        cluster: &Cluster,
        peer: NodeId,
    ) -> bool {
        match self.plan() {
            Some(Plan::Tree { .. }) => tree.is_edge(peers, peer),
            _ => cluster.neighbours(cluster.me()).contains(&peer),
        }
    }

    /// The action wanted of `peer` for the entries waiting for it.
    pub(crate) fn forward_for(&self, tree: &SpanningTree, peers: &Peers, peer: NodeId) -> Forward {
        let queued = peers.get(peer).map_or(Forward::No, |link| link.queue.forward());
        let is_up = self.planner.is_tree() && tree.parent() == Some(peer);
        if is_up { queued.max(Forward::Tree) } else { queued }
    }

    /// True if what goes to `peer` is sent for a beat of the root.
    pub(crate) fn is_paced(&self, tree: &SpanningTree, peer: NodeId) -> bool {
        tree.parent() == Some(peer) && self.planner.is_tree() && self.pacer.has_beat()
    }

    /// The pulse to tell `peer`, if it is not the parent and there is one.
    pub(crate) fn pulse_for(
        &self,
        now: Instant,
        tree: &SpanningTree,
        peers: &Peers,
        peer: NodeId,
    ) -> Option<Pulse> {
        if tree.parent() == Some(peer) {
            return None;
        }
        self.pacer.pulse(now, self.plan(), position(tree, peers))
    }

    /// Longest wait of an entry at the root of the tree.
    pub(crate) fn period(&self) -> Duration {
        self.pacer.period(self.plan())
    }

    /// Longest wait of an entry, here or at a peer, before it is sent.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.pacer.longest_wait(self.plan())
    }
}

/// Queues entries for every neighbour but the one they came from. A suspected neighbour may be all
/// that holds the graph together, so its neighbours get them, too.
pub(crate) fn flood(
    around: &mut Surroundings<'_>,
    entries: &VersionSet,
    from: Option<NodeId>,
    window: Duration,
) {
    let (me, cluster) = (around.cluster.me(), around.cluster);
    let mut receivers = BTreeSet::new();
    for &peer in cluster.neighbours(me) {
        receivers.insert(peer);
        if around.peers.is_suspected(peer) {
            receivers.extend(cluster.neighbours(peer));
        }
    }
    let added = &mut Added::new(entries);
    for peer in receivers.into_iter().filter(|&peer| peer != me && Some(peer) != from) {
        let link = around.peers.open(peer);
        link.enqueue_shared(added, around.now.after(window));
        link.queue.set_forward(Forward::Flood);
    }
}

fn position(tree: &SpanningTree, peers: &Peers) -> Position {
    Position {
        parent: tree.parent(),
        depth: tree.preferred_depth(),
        height: tree.height(),
        margin: margin(peers.round_trip(), peers.rtt().measured_variation()),
    }
}

#[cfg(test)]
mod tests;
