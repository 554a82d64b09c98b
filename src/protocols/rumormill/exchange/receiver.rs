//! The receiver: what a message of a peer changes, apart from the tree.

use crate::id::NodeId;
use crate::protocol::Effects;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::ack_policy::{AckPolicy, Relation};
use crate::protocols::rumormill::anti_entropy::{GRACE_MAX, grace, probe_grace};
use crate::protocols::rumormill::context::Context;
use crate::protocols::rumormill::link::session::Incarnation;
use crate::protocols::rumormill::message::{Ack, Forward, Gossip};
#[cfg(feature = "mutations")]
use crate::protocols::rumormill::mutation::Mutation;
use crate::protocols::rumormill::repair::TreeRepair;
use crate::set::VersionSet;

/// The ack in a message, if it is one of this generation, and of messages that were sent: a peer
/// that acks others is not to be believed.
fn ack<'m>(cx: &Context<'_>, from: NodeId, m: &'m Gossip) -> Option<&'m Ack> {
    let sent = cx.peers.get(from).map_or(0, |link| link.sent.next_number());
    let is_valid =
        |ack: &&Ack| ack.generation == cx.replica.own().generation && ack.numbers.end() <= sent;
    m.ack.as_ref().filter(is_valid)
}

/// The generation of the sender.
pub(crate) fn on_generation(
    cx: &mut Context<'_>,
    repair: &mut TreeRepair,
    from: NodeId,
    m: &Gossip,
) -> Incarnation {
    let acked = ack(cx, from, m).and_then(Ack::largest);
    let link = cx.peers.open(from);
    let incarnation = link.on_generation(cx.now, m.generation, m.number, acked);
    match incarnation {
        Incarnation::Same => {}
        Incarnation::First | Incarnation::Newer => repair.tree_mut().on_restart(from),
        Incarnation::Older => {
            // If it is alive after all, it is to know soon that it is taken for an earlier one.
            link.acks.schedule(cx.now);
            link.liveness.on_heard(cx.now, cx.config.probe_min);
        }
    }
    incarnation
}

/// Takes in the entries of a message, delivers those that are new and returns them. Unless the
/// message is of an earlier generation, the sender holds what it sent.
pub(crate) fn on_entries(
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
    schedule_ack(cx, repair, from, m);
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
fn schedule_ack(cx: &mut Context<'_>, repair: &TreeRepair, from: NodeId, m: &Gossip) {
    if m.forward == Forward::Mail {
        return; // The parent of the sender acks them, or the next one.
    }
    let (now, tree) = (cx.now, repair.tree());
    let relation = cx.push.relation(tree, cx.peers, from);
    let (policy, period) = (AckPolicy::new(cx.config.ack_delay), cx.push.period());
    let forwards = m.entries.iter().any(|entries| entries.origin.node != from);
    let deadline = match policy.own_delay(relation, period, forwards) {
        Some(delay) => now.after(delay),
        None => cx.push.deadline(now, tree, cx.peers, from, None),
    };
    let is_leaf = tree.is_leaf(cx.cluster.me());
    let rate = if relation == Relation::Parent && is_leaf {
        cx.push.planner.rate(now).map(|all| all / f64::from(cx.cluster.len()))
    } else {
        None
    };
    let threshold = policy.own_threshold(relation, is_leaf, rate, period);
    cx.peers.open(from).acks.schedule_batched(now, deadline, threshold);
}

/// The peer has restarted with an empty memory.
pub(crate) fn on_restart(cx: &mut Context<'_>, repair: &TreeRepair, peer: NodeId) {
    cx.stats.restarts_seen += 1;
    cx.hasten_digests();
    if cx.push.serves(repair.tree(), cx.peers, cx.cluster, peer) {
        let link = cx.peers.open(peer);
        #[cfg(feature = "mutations")]
        if cx.config.mutation == Some(Mutation::PendingLostAtRestart) {
            return link.queue.clear();
        }
        link.enqueue(cx.replica.held(), cx.now);
    }
}

/// Takes in the number of a message, what its sender holds, and what it acks.
pub(crate) fn on_acks(cx: &mut Context<'_>, repair: &mut TreeRepair, from: NodeId, m: &Gossip) {
    let now = cx.now;
    let reordering = cx.peers.loss_mut().reordering_timeout();
    let link = cx.peers.open(from);
    let late = link.acks.on_received(now, m.number, !m.entries.is_empty(), reordering);
    let given_up = link.acks.give_up_gaps(now, GRACE_MAX);
    let claims = cx.replica.claims(&m.have);
    link.confirm(&claims.entries);
    let was_suspected = link.is_suspected();
    let expected = link.rtt().smoothed();
    let variation = cx.peers.rtt().variation();
    let ack = ack(cx, from, m);
    let link = cx.peers.open(from);
    let ack = ack.map(|ack| link.on_ack(now, ack, variation)).unwrap_or_default();
    let floor = cx.config.probe_min;
    let floor = link.rtt().timeout().unwrap_or(floor).max(floor);
    link.liveness.on_heard(now, floor);
    let is_recovered = was_suspected && !link.is_suspected();
    if let Some(late) = late {
        cx.peers.loss_mut().on_late(now, late, late > reordering);
    }
    // Where delays vary widely, only what never arrives is lost.
    let lost = if cx.peers.rtt().is_jittery() { given_up } else { ack.lost };
    repair.on_loss(cx, from, lost, lost);
    if let Some(rtt) = ack.rtt {
        cx.peers.on_rtt_sample(rtt, expected);
    }
    if is_recovered {
        cx.hasten_digests();
        repair.on_peer_up(cx);
    }
    let grace = grace(cx.peers.timeout(from), cx.push.longest_wait());
    cx.replica.forget_arrivals(now, grace);
    if claims.exceed_replica
        && let Some(link) = cx.peers.get_mut(from)
    {
        link.request_by(now.after(grace));
    }
}

/// A digest: what its sender lacks is sent; if it waits for an answer, it is acked at once. A checksum
/// of other entries is answered with a probe. When both agree, nothing is sent.
pub(crate) fn on_digest(cx: &mut Context<'_>, repair: &mut TreeRepair, from: NodeId, m: &Gossip) {
    if m.checksum.is_some_and(|theirs| theirs != cx.replica.checksum()) {
        cx.peers.open(from).request_probe(cx.now);
    }
    if !m.is_digest {
        return;
    }
    if m.is_probe {
        repair.tree_mut().on_offer_requested(from);
    }
    let now = cx.now;
    let tree = repair.tree();
    let grace = if m.is_probe && tree.has_hubs() {
        let is_parent = tree.parent_of(from) == Some(cx.cluster.me()) && cx.push.uses_hubs(tree);
        probe_grace(is_parent, cx.peers.hop(from), cx.peers.is_unreliable(now))
    } else {
        Some(grace(cx.peers.timeout(from), cx.push.longest_wait()))
    };
    let link = cx.peers.open(from);
    if m.is_probe {
        link.acks.on_probe(now);
    } else if !m.entries.is_empty() {
        link.acks.schedule(now);
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
        cx.peers.open(from).queue.raise_forward(Forward::Tree);
    }
    cx.hasten_digests();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::{Generation, Origin};
    use crate::protocols::rumormill::config::Config;
    use crate::protocols::rumormill::exchange::fixture::{
        GENERATION, Machines, ack, at, entries, gossip,
    };
    use crate::protocols::rumormill::message::Have;
    use crate::protocols::rumormill::route::Route;

    fn with_entries(number: u64, of: u32) -> Gossip {
        Gossip { entries: [entries(of, &[7])].into(), ..gossip(number) }
    }

    fn known(node: &Machines, peer: u32) -> u64 {
        node.peers.get(NodeId(peer)).map_or(0, |link| link.known().count())
    }

    /// A digest of a node that holds nothing.
    fn digest(number: u64) -> Gossip {
        Gossip { is_digest: true, ..gossip(number) }
    }

    fn queued(node: &Machines, peer: u32) -> u64 {
        node.peers.get(NodeId(peer)).map_or(0, |link| link.queue().count())
    }

    #[test]
    fn entries_are_new_once_and_their_sender_holds_them() {
        let mut node = Machines::hubs(0, 5);
        assert_eq!(node.receive(at(0), 1, &with_entries(0, 1)).count(), 1);
        assert_eq!(node.receive(at(1), 2, &with_entries(0, 1)).count(), 0);
        assert_eq!((known(&node, 1), known(&node, 2), known(&node, 3)), (1, 1, 0));
        assert_eq!((node.stats.entries_received, node.stats.duplicates_received), (1, 1));
    }

    #[test]
    fn entries_of_an_earlier_generation_are_taken_but_are_no_evidence() {
        let mut node = Machines::hubs(0, 5);
        node.receive(at(0), 1, &gossip(0));
        let (repair, mut cx) = node.parts(at(1));
        let old = Gossip { generation: Generation(4), ..with_entries(0, 2) };
        let incarnation = on_generation(&mut cx, repair, NodeId(1), &old);
        assert_eq!(incarnation, Incarnation::Older);
        let out = &mut Effects::default();
        let new = on_entries(&mut cx, repair, NodeId(1), &old, false, out);
        assert_eq!((new.count(), out.drain_deliveries().count()), (1, 1));
        assert_eq!(known(&node, 1), 0);
    }

    #[test]
    fn acks_count_if_they_are_of_this_generation_and_of_messages_that_were_sent() {
        let acked = |ack: Option<Ack>| {
            let mut node = Machines::hubs(0, 5);
            node.hold(&entries(0, &[7]));
            node.send_entry(at(0), 1);
            node.receive(at(50), 1, &Gossip { ack, ..gossip(0) });
            known(&node, 1)
        };
        assert_eq!(acked(ack(1)), 1);
        assert_eq!(acked(ack(2)), 0, "message 1 was never sent");
        let of_another = ack(1).map(|ack| Ack { generation: Generation(4), ..ack });
        assert_eq!(acked(of_another), 0);
    }

    #[test]
    fn a_restarted_child_is_sent_everything_and_a_stranger_nothing() {
        let restarts = |me: u32, peer: u32| {
            let mut node = Machines::hubs(me, 5);
            node.hold(&entries(4, &[1, 2]));
            let (repair, mut cx) = node.parts(at(0));
            on_restart(&mut cx, repair, NodeId(peer));
            queued(&node, peer)
        };
        assert_eq!((restarts(0, 1), restarts(1, 0), restarts(1, 2)), (2, 2, 0));
    }

    #[test]
    fn a_digest_is_answered_with_what_it_lacks_once_that_should_have_arrived() {
        let mut node = Machines::hubs(0, 5);
        node.hold(&entries(4, &[1, 2]));
        node.receive(at(10), 1, &digest(0));
        assert_eq!(queued(&node, 1), 0, "it may be on its way");
        let origin = Origin { node: NodeId(4), generation: GENERATION };
        let have = vec![Have { origin, ranges: std::iter::once(0..1).collect() }];
        node.receive(at(9_000), 1, &Gossip { have, ..digest(1) });
        assert_eq!((queued(&node, 1), node.stats.repairs), (1, 1));
    }

    #[test]
    fn a_digest_of_a_node_that_lacks_nothing_is_not_answered() {
        let mut node = Machines::hubs(0, 5);
        node.receive(at(9_000), 1, &digest(0));
        assert_eq!(node.transmit(at(9_000), 1), []);
    }

    #[test]
    fn a_checksum_of_other_entries_is_answered_with_a_probe_and_the_same_with_nothing() {
        let mut node = Machines::hubs(0, 5);
        node.hold(&entries(4, &[1]));
        let checksum = Some(node.replica.checksum());
        node.receive(at(9_000), 1, &Gossip { checksum, ..gossip(0) });
        assert_eq!(node.transmit(at(9_000), 1), []);
        node.hold(&entries(4, &[1, 2]));
        node.receive(at(9_000), 1, &Gossip { checksum, ..gossip(1) });
        let [probe] = &*node.transmit(at(9_000), 1) else { panic!("it asks") };
        assert!(probe.is_probe && probe.have.len() == 1 && probe.checksum.is_none());
    }

    #[test]
    fn a_probe_is_answered_at_once_with_an_ack_an_offer_and_all_that_is_held() {
        let mut node = Machines::hubs(0, 5);
        node.hold(&entries(4, &[1]));
        node.receive(at(9_000), 1, &Gossip { is_probe: true, ..digest(0) });
        let answer = node.transmit(at(9_000), 1);
        assert_eq!(answer.len(), 1);
        let Gossip { ack, have, offer, entries, is_digest, .. } = &answer[0];
        assert!(ack.is_some() && offer.is_some() && !is_digest);
        assert_eq!((have.len(), entries.len()), (1, 1));
    }

    #[test]
    fn where_delays_vary_only_the_parent_answers_a_probe_with_entries() {
        let answered = |me: u32| {
            let mut node = Machines::hubs(me, 5);
            // Round trips between 50 and 450 ms.
            for i in 0..40 {
                let sample = Duration::from_millis(50 + 400 * (i % 2));
                node.peers.on_rtt_sample(sample, Some(Duration::from_millis(250)));
            }
            node.hold(&entries(4, &[1]));
            node.receive(at(9_000), 3, &Gossip { is_probe: true, ..digest(0) });
            queued(&node, 3)
        };
        assert_eq!((answered(0), answered(1)), (1, 0));
    }

    #[test]
    fn a_claim_of_unknown_entries_is_followed_by_a_request() {
        let mut node = Machines::hubs(0, 5);
        let origin = Origin { node: NodeId(4), generation: GENERATION };
        let have = vec![Have { origin, ranges: std::iter::once(0..3).collect() }];
        node.receive(at(0), 1, &Gossip { have, ..gossip(0) });
        let due = node.peers.get(NodeId(1)).unwrap().next_deadline().unwrap();
        let request = node.transmit(due, 1);
        assert!(request[0].is_digest && request[0].have.is_empty(), "it says what is held here");
    }

    #[test]
    fn what_arrives_is_counted_once_and_again() {
        let mut node = Machines::hubs(0, 5);
        node.receive(at(0), 1, &Gossip { entries: [entries(1, &[7, 8])].into(), ..gossip(0) });
        node.receive(at(0), 1, &Gossip { entries: [entries(1, &[7, 8, 9])].into(), ..gossip(1) });
        assert_eq!((node.stats.entries_received, node.stats.duplicates_received), (3, 2));
        let (repair, mut cx) = node.parts(at(0));
        on_restart(&mut cx, repair, NodeId(1));
        assert_eq!(node.stats.restarts_seen, 1);
    }

    #[test]
    fn a_quiet_leaf_acks_its_parents_messages_together() {
        let ack_ms = |values: u64, parent: bool| {
            let mut leaf = Machines::hubs(1, 5);
            (0..values).for_each(|i| leaf.push.planner.on_values(at(i), 1));
            let from = if parent { 0 } else { 2 };
            for number in 0..2 {
                leaf.receive(at(2_000 + 500 * number), from, &with_entries(number, from));
            }
            let link = leaf.peers.get(NodeId(from)).unwrap();
            link.acks.at().unwrap().as_micros() / 1_000
        };
        // The second message moves the deadline, unless the leaf expects entries of its own.
        assert_eq!((ack_ms(5, true), ack_ms(500, true)), (3_500, 3_000));
        assert_eq!(ack_ms(5, false), 2_000 + 5_000);
    }

    #[test]
    fn only_messages_with_entries_are_heartbeats() {
        let timeout = |has_entries: bool| {
            let mut leaf = Machines::hubs(1, 5);
            for i in 0..4 {
                let m = if has_entries { with_entries(i, 0) } else { gossip(i) };
                leaf.receive(at(100 * i), 0, &m);
            }
            leaf.peers.get(NodeId(0)).unwrap().acks.heartbeat.timeout()
        };
        assert!(timeout(true).is_some() && timeout(false).is_none());
    }

    #[test]
    fn a_late_message_is_taken_off_the_losses_if_it_was_counted() {
        let piggyback_max = |timeout: u64| {
            let mut node = Machines::hubs(0, 5);
            (0..50).for_each(|_| node.peers.loss_mut().on_sent(at(0)));
            node.peers.loss_mut().on_late(at(0), Duration::from_millis(timeout / 2), false);
            node.peers.loss_mut().on_lost(at(0), 1);
            node.receive(at(0), 1, &gossip(1));
            node.receive(at(20), 1, &gossip(0));
            node.peers.piggyback_max(at(20))
        };
        assert_eq!((piggyback_max(18), piggyback_max(20) > 0), (0, true));
    }

    #[test]
    fn what_a_digest_lacks_is_to_be_forwarded_by_a_parent_and_not_by_a_child() {
        let forward = |mut node: Machines, from: u32| {
            node.hold(&entries(4, &[1]));
            node.receive(at(9_000), from, &digest(0));
            assert_eq!((queued(&node, from), node.stats.repairs), (1, 1));
            node.peers.get(NodeId(from)).unwrap().queue.forward()
        };
        assert_eq!(forward(Machines::hubs(1, 5), 0), Forward::Tree);
        assert_eq!(forward(Machines::hubs(0, 5), 1), Forward::No);
        let line = Machines::in_line(1, 5, &Config { route: Route::Tree, ..Config::default() });
        assert_eq!(forward(line, 0), Forward::No);
    }

    #[test]
    fn a_digest_with_entries_is_acked_at_once_and_so_is_a_probe() {
        let ack_at = |m: Gossip| {
            let mut node = Machines::hubs(0, 5);
            node.receive(at(100), 1, &m);
            let acks = &node.peers.get(NodeId(1)).unwrap().acks;
            (acks.at().is_some_and(|due| due <= at(100)), acks.is_probed())
        };
        assert_eq!(ack_at(digest(0)), (false, false));
        assert_eq!(ack_at(Gossip { is_digest: true, ..with_entries(0, 1) }), (true, false));
        assert_eq!(ack_at(Gossip { is_probe: true, ..digest(0) }), (true, true));
        assert_eq!(ack_at(Gossip { is_probe: true, ..gossip(0) }), (false, false));
    }

    #[test]
    fn a_peer_that_acks_again_hastens_the_digests() {
        let digest_at = |acks: bool| {
            let mut node = Machines::hubs(0, 5);
            node.suspect(at(0), 1);
            let sent = node.peers.get(NodeId(1)).unwrap().sent.next_number();
            let ack = if acks { ack(sent) } else { None };
            node.receive(at(200), 1, &Gossip { ack, ..gossip(0) });
            assert_eq!(node.peers.is_suspected(NodeId(1)), !acks);
            node.anti_entropy.at().unwrap()
        };
        assert!(digest_at(true) <= at(2_200) && digest_at(false) > at(2_200));
    }

    #[test]
    fn an_earlier_generation_is_told_at_once_and_the_first_message_is_no_restart() {
        let mut node = Machines::hubs(0, 5);
        let mut hear = |generation: u64, now: u64| {
            let (repair, mut cx) = node.parts(at(now));
            let m = Gossip { generation: Generation(generation), ..gossip(0) };
            let incarnation = on_generation(&mut cx, repair, NodeId(1), &m);
            (incarnation, cx.peers.get(NodeId(1)).and_then(|link| link.acks.at()))
        };
        assert_eq!(hear(5, 0), (Incarnation::First, None));
        assert_eq!(hear(5, 1), (Incarnation::Same, None));
        assert_eq!(hear(4, 2), (Incarnation::Older, Some(at(2))));
        assert_eq!(hear(6, 3).0, Incarnation::Newer);
    }
}
