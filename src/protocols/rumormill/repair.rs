//! Tree repair: reacting when a peer is suspected, and when it is reachable again.
//!
//! In a star or a tree of hubs, a node that misses its parent probes it and a few other peers. It mails its own
//! entries to all (`mail.rs`) if the parent leaves them unacked, so that they need not wait for the next one. When
//! the parent is suspected, the node takes the best of those that answer; there is no vote. If none
//! of them leads to a root, it probes others at random, or all if it has mailed nothing, and sends what
//! the parent has not confirmed along. Along a spanning tree of the topology there is no other parent; nodes
//! flood while an edge of it is suspected.

mod mail;

use std::time::Duration;

use rand::RngExt as _;

use super::ablation::Rule;
use super::context::Context;
use super::failure_detector::{
    FailureDetector, TimeoutConditions, is_random_loss, suspicion_multiplier,
};
use super::link::{Link, Timeout};
use super::message::{Forward, Gossip, TreeOffer};
#[cfg(feature = "mutations")]
use super::mutation::Mutation;
use super::peers::Peers;
use super::push::{Surroundings, flood};
use super::spanning_tree::SpanningTree;
use crate::cluster::Cluster;
use crate::id::NodeId;
use crate::set::VersionSet;
use crate::time::Instant;
use mail::{Mail, probe_all};

/// Peers probed when the parent is missed: the first candidates for its place, and some at random,
/// since the candidates may be on the other side of the same cut.
const CANDIDATES_PROBED: usize = 3;
const OTHERS_PROBED: usize = 5;

/// The tree, and the watch over the parent.
#[derive(Clone, Debug)]
pub(crate) struct TreeRepair {
    tree: SpanningTree,
    detector: FailureDetector,
    mail: Mail,
}

impl TreeRepair {
    pub(crate) fn new(tree: SpanningTree) -> Self {
        Self { tree, detector: FailureDetector::default(), mail: Mail::default() }
    }

    /// The tree.
    pub(crate) const fn tree(&self) -> &SpanningTree {
        &self.tree
    }

    /// The same, mutably.
    pub(crate) const fn tree_mut(&mut self) -> &mut SpanningTree {
        &mut self.tree
    }

    /// The watch over the parent.
    #[cfg(test)]
    pub(crate) const fn detector(&self) -> &FailureDetector {
        &self.detector
    }

    /// The next deadline, apart from those of the links.
    pub(crate) const fn next_deadline(&self) -> Option<Instant> {
        self.detector.suspect_at()
    }

    /// True if this node is not where the preferred tree puts it, or is about to leave.
    pub(crate) fn is_displaced(&self) -> bool {
        let is_missed = self.detector.missed_at().is_some();
        self.tree.has_hubs() && (is_missed || !self.tree.is_preferred())
    }

    /// All nodes can be written to.
    pub(crate) fn on_topology(&mut self, now: Instant, budget: Duration) {
        let has_parent = self.tree.has_hubs() && self.tree.parent().is_some();
        self.detector.on_topology(now, budget, has_parent);
    }

    /// A deadline of the link to `peer` may have come: messages that timed out are queued again, and
    /// a peer that has left too many unacked is replaced.
    pub(crate) fn on_link_deadline(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        let timeout = self.expire(cx, peer);
        cx.stats.retries += u64::from(timeout != Timeout::Nothing);
        #[cfg(feature = "mutations")]
        if cx.config.mutation == Some(Mutation::RetryNeverSent)
            && matches!(timeout, Timeout::Messages | Timeout::BelowAcked)
        {
            cx.peers.open(peer).queue.clear();
        }
        match timeout {
            Timeout::Peer => self.on_peer_down(cx, peer),
            Timeout::BelowAcked if !cx.peers.rtt().is_jittery() => self.on_loss(cx, peer, 1, 1),
            Timeout::BelowAcked | Timeout::Messages | Timeout::Nothing => {}
        }
    }

    /// Queues the messages that timed out again. A parent that leaves messages unacked is probed,
    /// and so are other peers.
    fn expire(&mut self, cx: &mut Context<'_>, peer: NodeId) -> Timeout {
        let now = cx.now;
        let typical = cx.peers.rtt().timeout();
        let Some(link) = cx.peers.get_mut(peer) else { return Timeout::Nothing };
        if Rule::ExtendOverdue.applies()
            && let Some(timeout) = link.rtt().timeout().max(typical)
        {
            link.extend_overdue(now, timeout);
        }
        let Some(since) = link.overdue_since(now) else { return Timeout::Nothing };
        let is_parent = cx.push.uses_hubs(&self.tree) && self.tree.parent() == Some(peer);
        let conditions = TimeoutConditions {
            has_evidence: cx.peers.another_acked_since(peer, since)
                || (is_parent && self.detector.is_corroborated()),
            is_loss_heavy: cx.peers.loss_mut().is_heavy(now),
        };
        let Some(link) = cx.peers.get_mut(peer) else { return Timeout::Nothing };
        let timeout = link.on_deadline(now, conditions.pto_max());
        if timeout != Timeout::Messages {
            return timeout;
        }
        if !conditions.has_evidence {
            link.liveness.back_off();
        }
        if !is_parent {
            return timeout;
        }
        cx.peers.open(peer).request_probe(now);
        // Where much is lost, a missing ack is no reason for a suspicion. A parent that is heard is up, and
        // may not hear this node: only nodes that could take its place are asked.
        if !conditions.is_loss_heavy && !conditions.has_evidence {
            let is_heard = cx.peers.spoke_since(peer, since);
            let (missed_at, others) = if is_heard { (since, 0) } else { (now, OTHERS_PROBED) };
            self.on_parent_missed(cx, missed_at, others);
        }
        timeout
    }

    /// Messages to or from `peer` are lost. They count as random loss if not too many in a row are
    /// gone, and if, in a tree, `peer` is one with which messages are exchanged all the time.
    /// (Probes go to unreachable peers, too.)
    pub(crate) fn on_loss(&self, cx: &mut Context<'_>, peer: NodeId, messages: u64, in_a_row: u64) {
        let is_in_touch = !cx.push.uses_hubs(&self.tree) || self.tree.is_edge(cx.peers, peer);
        if is_in_touch && is_random_loss(in_a_row) {
            cx.peers.loss_mut().on_lost(cx.now, messages);
        }
    }

    /// `peer` has sent a probe or mail. If it has lost the parent that is missed here at the same time, two nodes
    /// miss it independently (Lifeguard): it is given up now.
    fn on_corroboration(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        let is_missed = self.detector.missed_at().is_some() && cx.push.uses_hubs(&self.tree);
        let Some(parent) = self.tree.parent().filter(|_| is_missed) else { return };
        let is_void = cx.peers.loss_mut().is_heavy(cx.now) || !Rule::Corroboration.applies();
        if is_void || !self.tree.is_as_lost(cx.now, cx.peers, peer) {
            return;
        }
        self.detector.on_corroborated();
        self.mail.send_own(cx, parent);
        if cx.peers.open(parent).give_up(cx.now) {
            self.on_peer_down(cx, parent);
        }
    }

    /// A message of `from` arrived. A parent that sends entries often is missed soon when it stops;
    /// without entries it is only up.
    pub(crate) fn on_heard(&mut self, cx: &mut Context<'_>, from: NodeId, m: &Gossip) {
        if self.tree.parent() != Some(from) || !cx.push.uses_hubs(&self.tree) {
            return;
        }
        cx.peers.loss_mut().on_told(m.is_lossy);
        let timeout = cx.peers.get(from).and_then(|link| link.acks.heartbeat.timeout());
        let timeout = timeout.filter(|_| !m.entries.is_empty()).map(|timeout| {
            let is_unreliable = cx.peers.is_unreliable(cx.now);
            let multiplier = suspicion_multiplier(is_unreliable, cx.peers.is_lossy(cx.now));
            (timeout * multiplier).max(cx.peers.hop(from) * 2)
        });
        self.detector.on_heartbeat(cx.now, timeout);
    }

    /// The heartbeat timeout of the parent may have passed. A parent that was never heard is only
    /// probed (nothing may have happened yet), unless something was sent to it, which is a probe.
    pub(crate) fn on_heartbeat_timeout(&mut self, cx: &mut Context<'_>) {
        if !self.detector.take_due(cx.now) {
            return;
        }
        cx.push.replan(&around(cx.now, &self.tree, cx.peers, cx.cluster));
        let Some(parent) = self.tree.parent().filter(|_| cx.push.uses_hubs(&self.tree)) else {
            return;
        };
        let link = cx.peers.get(parent);
        if link.is_some_and(|link| link.acks.heard_at().is_some()) {
            self.on_parent_missed(cx, cx.now, OTHERS_PROBED);
        } else if link.is_none_or(|link| link.in_flight().is_empty()) {
            cx.peers.open(parent).request_probe(cx.now);
        }
    }

    /// The parent is missed since `missed_at`: it is probed, and so are some that could take its
    /// place. They are sent what the parent has not confirmed, too.
    fn on_parent_missed(&mut self, cx: &mut Context<'_>, missed_at: Instant, others: usize) {
        let Some(parent) = self.tree.parent() else { return };
        self.detector.on_missed(missed_at);
        let link = cx.peers.open(parent);
        link.request_probe(cx.now);
        if link.liveness.first_unacked_at().is_some() {
            self.mail.send_own(cx, parent);
        }
        let unconfirmed = self.mail.not_mailed(cx.peers, parent);
        self.probe_some(cx, others, &unconfirmed);
    }

    /// No peer is known to lead to a live root: all are probed, and sent `unconfirmed`. Some are enough if this node
    /// has mailed its entries: those that miss the same parent know of each other by their mail.
    fn seek_root(&mut self, cx: &mut Context<'_>, unconfirmed: &VersionSet) {
        if self.tree.parent().is_some() && self.mail.was_sent() {
            let not_mailed = self.mail.without_mailed(unconfirmed.clone());
            self.probe_some(cx, OTHERS_PROBED, &not_mailed);
        } else {
            probe_all(cx, unconfirmed);
        }
    }

    /// Probes candidates and `others` at random, unless some at random were probed a moment ago.
    fn probe_some(&mut self, cx: &mut Context<'_>, others: usize, entries: &VersionSet) {
        let others = if Rule::ProbeOthers.applies() { others } else { 0 };
        if self.detector.may_probe_others(cx.now) {
            if others > 0 {
                self.detector.on_others_probed(cx.now);
            }
            self.probe_candidates(cx, others, entries);
        }
    }

    /// Probes the first candidates and `others` at random, and sends them `entries` to forward,
    /// unless losses or delays are such that the parent is likely to be up.
    fn probe_candidates(&self, cx: &mut Context<'_>, others: usize, entries: &VersionSet) {
        let is_unreliable = cx.peers.is_unreliable(cx.now);
        let Some(tree) = self.tree.preferred() else { return };
        let (me, nodes, parent) = (cx.cluster.me(), cx.cluster.len(), self.tree.parent());
        let drawn: Vec<NodeId> =
            (0..others).map(|_| NodeId(cx.rng.random_range(0..nodes))).collect();
        let is_probed =
            |peer: &NodeId| Some(*peer) != parent && *peer != me && !cx.peers.is_suspected(*peer);
        let candidates = if Rule::ProbeCandidates.applies() { CANDIDATES_PROBED } else { 0 };
        let mut probed: Vec<NodeId> =
            tree.candidates(me).filter(is_probed).take(candidates).collect();
        probed.extend(drawn.into_iter().filter(is_probed));
        for peer in probed {
            let link = cx.peers.open(peer);
            link.request_probe(cx.now);
            if !is_unreliable && Rule::ProbeCargo.applies() {
                link.queue.piggyback(entries, Forward::Tree);
            }
        }
    }

    /// A peer is suspected: another one takes its place.
    fn on_peer_down(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        cx.stats.suspicions += 1;
        cx.hasten_digests();
        if !cx.push.planner.is_tree() {
            return;
        }
        let now = cx.now;
        let link = cx.peers.get(peer);
        let unconfirmed = link.map(|link| link.queue().clone()).unwrap_or_default();
        let suspected_at = link.and_then(Link::suspected_since).unwrap_or(now);
        if !self.tree.has_hubs() {
            let at_once = Duration::ZERO;
            let around = &mut around(now, &self.tree, cx.peers, cx.cluster);
            return flood(around, &unconfirmed, Some(peer), at_once);
        }
        if self.tree.parent() == Some(peer) {
            self.detector.on_parent_suspected(suspected_at);
            self.tree.on_root_lost(now, cx.peers);
            if !self.select_parent(cx) {
                self.seek_root(cx, &unconfirmed);
            }
            let around = &mut around(now, &self.tree, cx.peers, cx.cluster);
            cx.push.along_tree(around, &unconfirmed, None, Some(now));
            if self.tree.parent().is_none() {
                self.on_parent_found();
            }
        }
        if !self.tree.is_edge(cx.peers, peer)
            && let Some(link) = cx.peers.get_mut(peer)
        {
            link.queue.clear();
        }
    }

    /// The parent is up after all, or this node has none.
    fn on_parent_found(&mut self) {
        self.detector.on_parent_found();
        self.mail = Mail::default();
    }

    /// A suspected peer acks again: it may be the better parent.
    pub(crate) fn on_peer_up(&mut self, cx: &mut Context<'_>) {
        if self.tree.has_hubs() {
            self.select_parent(cx);
        }
    }

    /// A message of `peer` carries its offer, or none, and its pulse, if it is the parent. An older
    /// message, overtaken by another, does not say where the peer stands now.
    pub(crate) fn on_tree_offer(&mut self, cx: &mut Context<'_>, peer: NodeId, m: &Gossip) {
        let is_newest = cx.peers.get(peer).is_some_and(|link| link.acks.is_newest(m.number));
        if is_newest && self.tree.has_hubs() {
            self.on_offer(cx, peer, m.offer);
            if m.is_probe || m.forward == Forward::Mail {
                self.on_corroboration(cx, peer);
            }
        }
        if self.tree.parent() == Some(peer) {
            cx.push.pacer.on_pulse(cx.now, cx.peers.hop(peer), m.pulse);
        }
    }

    fn on_offer(&mut self, cx: &mut Context<'_>, peer: NodeId, offer: Option<TreeOffer>) {
        // A new child may have missed entries while it had no parent. Its message says what it holds.
        if self.tree.on_offer(cx.now, cx.peers, peer, offer) && Rule::NewChild.applies() {
            send_missing(cx, peer);
        }
        if !cx.push.uses_hubs(&self.tree) {
            return;
        }
        let was_missed = self.detector.missed_at().is_some();
        let is_parent = self.tree.parent() == Some(peer);
        if was_missed && is_parent && !cx.peers.is_suspected(peer) {
            self.on_parent_found();
        }
        if was_missed || self.tree.has_offer(peer) {
            let missed_at = self.detector.missed_at();
            if let Some(better) = self.tree.better_parent(cx.now, cx.peers, missed_at) {
                self.set_parent(cx, better);
            }
        }
    }

    /// Takes the best parent there is. Returns true if its offer is fresh.
    fn select_parent(&mut self, cx: &mut Context<'_>) -> bool {
        let missed_at = self.detector.missed_at();
        let (best, is_fresh) = self.tree.best_parent(cx.now, cx.peers, missed_at);
        self.set_parent(cx, best);
        is_fresh
    }

    /// Sends the new parent the entries that a missed former one has not confirmed. (If it is suspected, that
    /// has been done.)
    fn move_unconfirmed(&self, cx: &mut Context<'_>, former: NodeId, parent: NodeId) {
        let is_missed = |at| !cx.peers.spoke_since(former, at) && !cx.peers.is_suspected(former);
        if !self.detector.missed_at().is_some_and(is_missed) || !Rule::MoveQueue.applies() {
            return;
        }
        let Some(link) = cx.peers.get(former) else { return };
        let unconfirmed = link.unconfirmed();
        let link = cx.peers.open(parent);
        link.enqueue(&unconfirmed, cx.now);
        link.queue.raise_forward(Forward::Tree);
    }

    /// Sets the parent, and lets it and the old one know.
    fn set_parent(&mut self, cx: &mut Context<'_>, parent: Option<NodeId>) {
        let old = self.tree.parent();
        if !self.tree.set_parent(parent) {
            return;
        }
        if let (Some(old), Some(new)) = (old, parent) {
            self.move_unconfirmed(cx, old, new);
        }
        cx.push.pacer.forget_beat();
        cx.peers.loss_mut().on_told(false);
        self.detector.on_new_parent();
        if let Some(old) = old
            && !cx.peers.is_suspected(old)
            && let Some(link) = cx.peers.get_mut(old)
        {
            link.acks.schedule(cx.now);
        }
        if let Some(parent) = parent {
            cx.peers.open(parent).request_probe(cx.now);
        }
    }
}

fn around<'a>(
    now: Instant,
    tree: &'a SpanningTree,
    peers: &'a mut Peers,
    cluster: &'a Cluster,
) -> Surroundings<'a> {
    Surroundings { now, tree, peers, cluster }
}

/// Sends a peer everything that it is not known to hold.
fn send_missing(cx: &mut Context<'_>, peer: NodeId) {
    let Some(link) = cx.peers.get(peer) else { return };
    let mut missing = cx.replica.missing_from(link.known(), cx.now, Duration::ZERO);
    missing.subtract(&link.in_flight());
    if let Some(link) = cx.peers.get_mut(peer) {
        link.enqueue(&missing, cx.now);
    }
}

#[cfg(test)]
mod tests;
