//! The receiver: what a message of a peer changes, apart from the tree.

use std::time::Duration;

use super::context::Context;
use crate::id::{Generation, NodeId};
use crate::protocol::Effects;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::ack_policy::{AckPolicy, Relation};
use crate::protocols::rumormill::anti_entropy::{DigestSender, GRACE_MAX, grace, repair_grace};
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::link::session::Incarnation;
use crate::protocols::rumormill::message::{Ack, Forward, Gossip};
#[cfg(feature = "mutations")]
use crate::protocols::rumormill::mutation::Mutation;
use crate::protocols::rumormill::repair::TreeRepair;
use crate::set::VersionSet;

/// What the receiver needs to know of this node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver {
    generation: Generation,
    policy: AckPolicy,
    probe_min: Duration,
}

impl Receiver {
    pub(crate) const fn new(config: &Config, generation: Generation) -> Self {
        let policy = AckPolicy::new(config.ack_delay);
        Self { generation, policy, probe_min: config.probe_min }
    }

    /// The ack in a message, if it is one of this generation, and of messages that were sent: a peer
    /// that acks others is not to be believed.
    fn ack<'m>(self, cx: &Context<'_>, from: NodeId, m: &'m Gossip) -> Option<&'m Ack> {
        let sent = cx.peers.get(from).map_or(0, |link| link.sent().next_number());
        let is_valid = |ack: &&Ack| ack.generation == self.generation && ack.numbers.end() <= sent;
        m.ack.as_ref().filter(is_valid)
    }

    /// The generation of the sender. `None`: this is its first message.
    pub(crate) fn on_generation(
        self,
        cx: &mut Context<'_>,
        repair: &mut TreeRepair,
        from: NodeId,
        m: &Gossip,
    ) -> Option<Incarnation> {
        let acked = self.ack(cx, from, m).and_then(Ack::largest);
        let link = cx.peers.open(from);
        let is_first = link.generation().is_none();
        let incarnation = link.on_generation(cx.now, m.generation, m.number, acked);
        match incarnation {
            Incarnation::Same => {}
            Incarnation::Newer => repair.tree_mut().on_restart(from),
            Incarnation::Older => {
                // If it is alive after all, it is to know soon that it is taken for an earlier one.
                link.acks_mut().schedule(cx.now);
                link.on_heard(cx.now, self.probe_min);
            }
        }
        (!is_first).then_some(incarnation)
    }

    /// Takes in the entries of a message, delivers those that are new and returns them. Unless the
    /// message is of an earlier generation, the sender holds what it sent.
    pub(crate) fn on_entries(
        self,
        cx: &mut Context<'_>,
        repair: &TreeRepair,
        from: NodeId,
        m: &Gossip,
        is_current: bool,
        out: &mut Effects<Gossip>,
    ) -> VersionSet {
        if m.entries.is_empty() {
            return VersionSet::new();
        }
        let now = cx.now;
        self.schedule_ack(cx, repair, from, m);
        cx.replica.forget_arrivals(now, GRACE_MAX);
        let (sent, new) = cx.replica.insert_all(now, &m.entries, |entry| out.deliver(entry));
        let count: u64 = m.entries.iter().map(|entries| entries.values.len() as u64).sum();
        cx.stats.entries_received += new.count();
        cx.stats.duplicates_received += count - new.count();
        if is_current {
            cx.peers.open(from).confirm(&sent);
        }
        new
    }

    /// Entries of `from` are to be acked.
    fn schedule_ack(self, cx: &mut Context<'_>, repair: &TreeRepair, from: NodeId, m: &Gossip) {
        let (now, tree) = (cx.now, repair.tree());
        let relation = cx.push.relation(tree, cx.peers, from);
        let period = cx.push.period();
        let forwards = m.entries.iter().any(|entries| entries.origin.node != from);
        let deadline = match self.policy.own_delay(relation, period, forwards) {
            Some(delay) => now.after(delay),
            None => cx.push.deadline(now, tree, cx.peers, from, None),
        };
        let is_leaf = tree.is_leaf(cx.cluster.me());
        let rate = if relation == Relation::Parent && is_leaf {
            cx.push.rate(now).map(|all| all / f64::from(cx.cluster.len()))
        } else {
            None
        };
        let threshold = self.policy.own_threshold(relation, is_leaf, rate, period);
        cx.peers.open(from).acks_mut().schedule_batched(now, deadline, threshold);
    }

    /// The peer has restarted with an empty memory.
    pub(crate) fn on_restart(self, cx: &mut Context<'_>, repair: &TreeRepair, peer: NodeId) {
        cx.stats.restarts_seen += 1;
        cx.hasten_digests();
        if cx.push.serves(repair.tree(), cx.peers, cx.cluster, peer) {
            let link = cx.peers.open(peer);
            #[cfg(feature = "mutations")]
            if cx.mutation == Some(Mutation::PendingLostAtRestart) {
                return link.queue_mut().clear();
            }
            link.enqueue(cx.replica.held(), cx.now);
        }
    }

    /// Takes in the number of a message, what its sender holds, and what it acks.
    pub(crate) fn on_acks(
        self,
        cx: &mut Context<'_>,
        repair: &mut TreeRepair,
        from: NodeId,
        m: &Gossip,
    ) {
        let now = cx.now;
        let reordering = cx.peers.loss_mut().reordering_timeout();
        let link = cx.peers.open(from);
        let late = link.acks_mut().on_received(now, m.number, !m.entries.is_empty(), reordering);
        let given_up = link.acks_mut().give_up_gaps(now, GRACE_MAX);
        let claims = cx.replica.claims(&m.have);
        link.confirm(&claims.entries);
        let was_suspected = link.is_suspected();
        let expected = link.rtt().smoothed();
        let variation = cx.peers.rtt().variation();
        let ack = self.ack(cx, from, m);
        let link = cx.peers.open(from);
        let ack = ack.map(|ack| link.on_ack(now, ack, variation));
        let ack = ack.unwrap_or_default();
        let floor = self.probe_min;
        link.on_heard(now, link.rtt().timeout().unwrap_or(floor).max(floor));
        let is_recovered = was_suspected && !link.is_suspected();
        if let Some(late) = late {
            cx.peers.loss_mut().on_late(now, late, late > reordering);
        }
        // Where delays vary widely, only what never arrives is lost.
        let lost = if cx.peers.rtt().is_jittery() { given_up } else { ack.lost };
        repair.on_loss(cx, from, lost, lost);
        if let Some(rtt) = ack.rtt {
            cx.peers.on_rtt_sample(rtt, expected);
            repair.on_indirect_evidence(cx, from);
        }
        if is_recovered {
            cx.hasten_digests();
            repair.on_peer_up(cx);
        }
        let grace = self.grace(cx, from);
        if claims.exceed_replica
            && let Some(link) = cx.peers.get_mut(from)
        {
            link.request_by(now.after(grace));
        }
    }

    /// A digest: what its sender lacks is sent; if it waits for an answer, it is acked at once. When
    /// both agree, nothing is sent.
    pub(crate) fn on_digest(
        self,
        cx: &mut Context<'_>,
        repair: &mut TreeRepair,
        from: NodeId,
        m: &Gossip,
    ) {
        if !m.is_digest {
            return;
        }
        if m.is_probe {
            repair.tree_mut().on_offer_requested(from);
        }
        let now = cx.now;
        let tree = repair.tree();
        let sender = DigestSender {
            is_probing: m.is_probe && tree.has_hubs(),
            is_child: tree.parent_of(from) == Some(cx.cluster.me()) && cx.push.uses_hubs(tree),
        };
        let is_unreliable = cx.peers.is_unreliable(now);
        let grace = repair_grace(sender, self.grace(cx, from), cx.peers.hop(from), is_unreliable);
        let link = cx.peers.open(from);
        if m.is_probe {
            link.acks_mut().on_probe(now);
        } else if !m.entries.is_empty() {
            link.acks_mut().schedule(now);
        }
        let Some(grace) = grace else { return };
        let mut missing = cx.replica.missing_from(link.known(), now, grace);
        missing.subtract(&link.in_flight());
        if missing.is_empty() {
            return;
        }
        cx.stats.repairs += missing.count();
        link.enqueue(&missing, now);
        // Nodes below the peer may lack it as well. (A child forwards what its parent sends.)
        if tree.has_hubs() && !tree.is_child(cx.peers, from) && Rule::RepairForward.applies() {
            cx.peers.open(from).queue_mut().raise_forward(Forward::Tree);
        }
        cx.hasten_digests();
    }

    /// Time after its arrival here at which an entry should be at the peer without help.
    fn grace(self, cx: &Context<'_>, peer: NodeId) -> Duration {
        grace(cx.peers.timeout(peer), cx.push.longest_wait())
    }
}
