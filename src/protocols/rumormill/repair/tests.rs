mod mail;
mod suspicion;

use super::*;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::exchange::fixture::{Machines, ack, at, entries, gossip};
use crate::protocols::rumormill::message::{Ack, Pulse};
use crate::protocols::rumormill::route::Route;

fn parent(node: &Machines) -> Option<u32> {
    node.repair.tree().parent().map(|parent| parent.0)
}

/// The peers that are to be probed.
fn probed(node: &Machines) -> Vec<u32> {
    let probes = node.peers.iter().filter(|(_, link)| link.is_probe_requested());
    probes.map(|(peer, _)| peer.0).collect()
}

/// A message of `from` with this offer arrives, and an ack of all that was sent to it.
fn hear(node: &mut Machines, now: Instant, from: u32, offer: Option<TreeOffer>) {
    let sent = node.peers.open(NodeId(from)).sent.next_number();
    let number = node.peers.open(NodeId(from)).acks.ack(now, Some(Default::default()));
    let number = number.map_or(0, |ack| ack.numbers.end());
    let ack = if sent > 0 { ack(sent) } else { None };
    let message = Gossip { ack, offer, ..gossip(number) };
    node.receive(now, from, &message);
    let (repair, mut cx) = node.parts(now);
    repair.on_tree_offer(&mut cx, NodeId(from), &message);
    repair.on_heard(&mut cx, NodeId(from), &message);
}

fn offer(parent: Option<u32>, root: u32, depth: u32, age_ms: u64) -> Option<TreeOffer> {
    let (parent, root) = (parent.map(NodeId), NodeId(root));
    Some(TreeOffer { parent, root, depth, age_us: age_ms * 1_000 })
}

/// The hub leaves the entries of this leaf unacked until it is suspected, `PTO_WITHOUT_EVIDENCE`
/// being over; returns when.
fn lose_parent(node: &mut Machines) -> Instant {
    let mut now = at(0);
    while !node.peers.is_suspected(NodeId(0)) {
        node.send_entry(now, 0);
        now = now.after(Duration::from_millis(500));
        let (repair, mut cx) = node.parts(now);
        repair.on_link_deadline(&mut cx, NodeId(0));
    }
    now
}

#[test]
fn a_parent_that_leaves_messages_unacked_is_probed_and_so_are_candidates_for_its_place() {
    let mut node = Machines::hubs(3, 9);
    node.send_entry(at(0), 0);
    let (repair, mut cx) = node.parts(at(500));
    repair.on_link_deadline(&mut cx, NodeId(0));
    let probed = probed(&node);
    assert_eq!(&probed[..3], [0, 1, 2], "the parent, and the first in the list");
    assert!(node.repair.is_displaced() && parent(&node) == Some(0));
}

#[test]
fn the_first_candidate_takes_the_place_of_a_suspected_hub() {
    let mut node = Machines::hubs(3, 9);
    lose_parent(&mut node);
    assert_eq!(parent(&node), Some(1));
    let mut first = Machines::hubs(1, 9);
    lose_parent(&mut first);
    assert_eq!(parent(&first), None, "it is the root now");
    let tree = first.repair.tree();
    assert!((2..9).all(|peer| tree.is_child(&first.peers, NodeId(peer))));
}

#[test]
fn a_peer_that_leads_to_the_lost_root_is_the_better_parent() {
    let mut node = Machines::hubs(3, 9);
    let now = lose_parent(&mut node);
    // Node 5 has just heard of the root.
    hear(&mut node, now.after(Duration::from_millis(10)), 5, offer(Some(0), 0, 1, 0));
    assert_eq!(parent(&node), Some(5));
}

#[test]
fn a_better_parent_is_sent_what_the_missed_one_has_not_acked() {
    let mut node = Machines::hubs(3, 9);
    node.hold(&entries(3, &[7]));
    node.receive(at(0), 0, &gossip(0));
    node.send_entry(at(200), 0);
    meet_deadline(&mut node, 500, 0);
    hear(&mut node, at(1_000), 6, offer(Some(0), 0, 1, 10));
    assert_eq!((parent(&node), node.peers.is_suspected(NodeId(0))), (Some(6), false));
    let queue = &node.peers.get(NodeId(6)).unwrap().queue;
    assert_eq!((queue.entries().count(), queue.forward()), (1, Forward::Tree));
}

#[test]
fn a_better_parent_is_not_sent_what_is_on_its_way_to_one_that_is_not_missed() {
    let mut node = Machines::hubs(3, 9);
    let now = lose_parent(&mut node);
    let stand_in = NodeId(parent(&node).unwrap());
    node.hold(&entries(3, &[7, 8]));
    let held = node.replica.held().clone();
    hear(
        &mut node,
        now.after(Duration::from_millis(50)),
        stand_in.0,
        offer(None, stand_in.0, 0, 0),
    );
    node.peers.open(stand_in).enqueue(&held, now);
    let back = now.after(Duration::from_millis(100));
    hear(&mut node, back, 0, offer(None, 0, 0, 0));
    let (repair, mut cx) = node.parts(back);
    repair.on_peer_up(&mut cx);
    assert_eq!(parent(&node), Some(0));
    assert!(node.peers.get(NodeId(0)).unwrap().queue().is_empty());
}

#[test]
fn the_hub_is_the_parent_again_once_it_acks() {
    let mut node = Machines::hubs(3, 9);
    let now = lose_parent(&mut node).after(Duration::from_millis(100));
    hear(&mut node, now, 0, offer(None, 0, 0, 0));
    let (repair, mut cx) = node.parts(now);
    repair.on_peer_up(&mut cx);
    assert_eq!(parent(&node), Some(0));
}

#[test]
fn without_a_fresh_offer_all_peers_are_mailed_what_the_hub_has_not_acked() {
    let mut node = Machines::hubs(3, 9);
    node.hold(&entries(3, &[7]));
    lose_parent(&mut node);
    assert_eq!(probed(&node), [0, 1, 2, 4, 5, 6, 7, 8]);
    for peer in [1, 2, 4, 5, 6, 7, 8].map(NodeId) {
        assert_eq!(node.peers.open(peer).take_piggyback(std::mem::take).0.count(), 1, "{peer:?}");
    }
}

#[test]
fn a_new_child_is_sent_what_it_lacks() {
    let mut node = Machines::hubs(3, 9);
    node.hold(&entries(3, &[7]));
    hear(&mut node, at(0), 6, offer(Some(3), 0, 2, 0));
    assert!(node.repair.tree().is_child(&node.peers, NodeId(6)));
    assert_eq!(node.peers.get(NodeId(6)).unwrap().queue().count(), 1);
    hear(&mut node, at(10), 6, None);
    assert!(!node.repair.tree().is_child(&node.peers, NodeId(6)));
}

#[test]
fn runs_of_losses_are_no_random_loss() {
    let heavy = |in_a_row: u64| {
        let mut node = Machines::hubs(1, 5);
        (0..10).for_each(|_| node.peers.loss_mut().on_sent(at(0)));
        for _ in 0..10 {
            let (repair, mut cx) = node.parts(at(0));
            repair.on_loss(&mut cx, NodeId(0), in_a_row, in_a_row);
        }
        node.peers.loss_mut().is_heavy(at(0))
    };
    assert_eq!([1, 2, 3].map(heavy), [true, true, false]);
}

#[test]
fn a_suspected_edge_of_the_topologys_tree_is_flooded_around() {
    let config = Config { route: Route::Tree, ..Config::default() };
    let mut node = Machines::in_line(2, 5, &config);
    let held = node.hold(&entries(2, &[7]));
    node.peers.open(NodeId(1)).enqueue(&held, at(60_000));
    let mut now = at(0);
    while !node.peers.is_suspected(NodeId(1)) {
        node.send_entry(now, 1);
        now = now.after(Duration::from_millis(500));
        let (repair, mut cx) = node.parts(now);
        repair.on_link_deadline(&mut cx, NodeId(1));
    }
    // Its other neighbour may be cut off by its death: node 2 takes its place.
    for peer in [NodeId(0), NodeId(3)] {
        let link = node.peers.get(peer).unwrap();
        assert_eq!((link.queue().count(), link.queue.forward()), (1, Forward::Flood));
    }
    assert!(node.peers.get(NodeId(4)).is_none());
}

/// Delays vary widely.
fn make_jittery(node: &mut Machines) {
    for i in 0..40 {
        let sample = Duration::from_millis(50 + 400 * (i % 2));
        node.peers.on_rtt_sample(sample, Some(Duration::from_millis(250)));
    }
}

/// Half of the messages are lost.
fn lose_much(node: &mut Machines, now: u64) {
    (0..100).for_each(|_| node.peers.loss_mut().on_sent(at(now)));
    node.peers.loss_mut().on_lost(at(now), 50);
}

fn meet_deadline(node: &mut Machines, now: u64, peer: u32) {
    let (repair, mut cx) = node.parts(at(now));
    repair.on_link_deadline(&mut cx, NodeId(peer));
}

fn missed_ms(node: &Machines) -> Option<u64> {
    node.repair.detector().missed_at().map(|at| at.as_micros() / 1_000)
}

/// The spanning tree of a line of five nodes, of which node 2 is the root.
fn in_a_line(me: u32) -> Machines {
    Machines::in_line(me, 5, &Config { route: Route::Tree, ..Config::default() })
}

#[test]
fn a_node_of_a_tree_of_hubs_is_displaced_off_its_place_and_while_its_parent_is_missed() {
    let mut node = Machines::hubs(3, 9);
    assert!(!node.repair.is_displaced());
    node.repair.tree_mut().set_parent(Some(NodeId(1)));
    assert!(node.repair.is_displaced());
    let mut node = in_a_line(1);
    node.repair.tree_mut().set_parent(None);
    assert!(!node.repair.is_displaced());
}

#[test]
fn a_message_below_the_largest_acked_counts_as_lost_unless_delays_vary() {
    let piggyback_max = |change: fn(&mut Machines)| {
        let mut node = Machines::hubs(0, 9);
        (0..50).for_each(|_| node.peers.loss_mut().on_sent(at(0)));
        change(&mut node);
        node.send_entry(at(0), 1);
        let (nothing, wait) = (VersionSet::new, Default::default());
        node.peers.open(NodeId(1)).on_sent(at(0), nothing(), Forward::No, wait, nothing());
        let numbers = std::iter::once(1..2).collect();
        let ack = ack(2).map(|ack| Ack { numbers, ..ack });
        node.receive(at(10), 1, &Gossip { ack, ..gossip(0) });
        meet_deadline(&mut node, 100, 1);
        node.peers.piggyback_max(at(100))
    };
    assert!(piggyback_max(|_| {}) > 0);
    assert_eq!(piggyback_max(make_jittery), 0);
}

#[test]
fn losses_count_between_nodes_that_are_always_in_touch() {
    let piggyback_max = |mut node: Machines, peer: u32| {
        (0..50).for_each(|_| node.peers.loss_mut().on_sent(at(0)));
        let (repair, mut cx) = node.parts(at(0));
        repair.on_loss(&mut cx, NodeId(peer), 1, 1);
        node.peers.piggyback_max(at(0)) > 0
    };
    assert!(piggyback_max(Machines::hubs(3, 9), 0) && !piggyback_max(Machines::hubs(3, 9), 5));
    assert!(piggyback_max(in_a_line(1), 4), "without hubs any peer is one");
}

#[test]
fn a_probe_carries_what_the_parent_has_not_acked_unless_it_is_likely_to_be_up() {
    let cargo = |change: fn(&mut Machines)| {
        let mut node = Machines::hubs(3, 9);
        node.hold(&entries(3, &[7]));
        node.receive(at(0), 0, &gossip(0));
        node.send_entry(at(0), 0);
        change(&mut node);
        let (repair, mut cx) = node.parts(at(50));
        repair.on_parent_missed(&mut cx, at(50), 0);
        assert_eq!(probed(&node), [0, 1, 2]);
        let mut taken = |peer| node.peers.open(NodeId(peer)).take_piggyback(std::mem::take);
        (taken(0).0.count(), taken(1).0.count(), taken(1).1)
    };
    assert_eq!(cargo(|_| {}), (0, 1, Forward::No));
    assert_eq!(cargo(make_jittery), (0, 0, Forward::No));
    let queued = |node: &mut Machines| {
        let held = node.hold(&entries(3, &[7, 8]));
        node.peers.open(NodeId(0)).enqueue(&held, at(60));
    };
    assert_eq!(cargo(queued).1, 2);
}

#[test]
fn candidates_are_probed_again_after_a_while_if_random_peers_were() {
    let again = |others: usize, now: u64| {
        let mut node = Machines::hubs(3, 9);
        let (repair, mut cx) = node.parts(at(0));
        repair.on_parent_missed(&mut cx, at(0), others);
        for peer in [0, 1, 2] {
            assert!(node.transmit(at(0), peer)[0].is_probe);
        }
        let (repair, mut cx) = node.parts(at(now));
        repair.on_parent_missed(&mut cx, at(0), 0);
        [0, 1].map(|peer| probed(&node).contains(&peer))
    };
    assert_eq!((again(0, 1), again(1, 499)), ([true, true], [true, false]));
    assert_eq!(again(1, 500), [true, true]);
}

#[test]
fn a_peer_that_is_suspected_and_no_edge_keeps_no_queue() {
    let queued = |me: u32, peer: u32| {
        let mut node = Machines::hubs(me, 9);
        let held = node.hold(&entries(me, &[7]));
        node.suspect(at(0), peer);
        node.peers.open(NodeId(peer)).enqueue(&held, at(0));
        let (repair, mut cx) = node.parts(at(200));
        repair.on_peer_down(&mut cx, NodeId(peer));
        node.peers.get(NodeId(peer)).unwrap().queue().count()
    };
    assert_eq!((queued(0, 3), queued(3, 5)), (1, 0));
}

#[test]
fn a_recovered_peer_may_be_the_better_parent() {
    let mut node = Machines::hubs(3, 9);
    node.repair.tree_mut().set_parent(Some(NodeId(2)));
    let (repair, mut cx) = node.parts(at(0));
    repair.on_peer_up(&mut cx);
    assert_eq!((parent(&node), probed(&node)), (Some(0), vec![0]));
    // The old parent is told with the next message, which leaves at once.
    let mut node = Machines::hubs(3, 9);
    node.repair.tree_mut().set_parent(Some(NodeId(2)));
    node.peers.open(NodeId(2));
    let (repair, mut cx) = node.parts(at(7));
    repair.on_peer_up(&mut cx);
    assert_eq!(node.peers.get(NodeId(2)).unwrap().next_deadline(), Some(at(7)));
    let mut line = in_a_line(1);
    line.repair.tree_mut().set_parent(None);
    let (repair, mut cx) = line.parts(at(0));
    repair.on_peer_up(&mut cx);
    assert_eq!(parent(&line), None);
}

#[test]
fn a_new_child_is_not_sent_what_is_on_its_way() {
    let mut node = Machines::hubs(3, 9);
    node.hold(&entries(3, &[7, 8]));
    node.send_entry(at(0), 6);
    let (_, mut cx) = node.parts(at(10));
    send_missing(&mut cx, NodeId(6));
    assert_eq!(node.peers.get(NodeId(6)).unwrap().queue().count(), 1);
}

/// The parent of node 3 after a message of node 1, which is up, while the hub may be missed.
fn parent_after(change: fn(&mut Machines)) -> Option<u32> {
    let mut node = Machines::hubs(3, 9);
    node.send_entry(at(0), 0);
    change(&mut node);
    hear(&mut node, at(700), 1, None);
    parent(&node)
}

#[test]
fn a_peer_that_is_up_takes_the_place_of_a_missed_parent() {
    assert_eq!(parent_after(|_| {}), Some(0));
    assert_eq!(parent_after(|node| meet_deadline(node, 500, 0)), Some(1));
    let missed = |node: &mut Machines| {
        let (repair, mut cx) = node.parts(at(500));
        repair.on_parent_missed(&mut cx, at(500), 0);
    };
    assert_eq!(parent_after(missed), Some(1));
}

#[test]
fn only_the_newest_message_of_a_peer_tells_where_it_stands() {
    let mut node = Machines::hubs(3, 9);
    let (newest, overtaken) = (gossip(1), Gossip { offer: offer(Some(3), 0, 2, 0), ..gossip(0) });
    for message in [&newest, &overtaken] {
        node.receive(at(0), 6, message);
        let (repair, mut cx) = node.parts(at(0));
        repair.on_tree_offer(&mut cx, NodeId(6), message);
    }
    assert!(!node.repair.tree().has_offer(NodeId(6)));
}

#[test]
fn a_peer_that_is_no_child_is_sent_nothing_and_its_pulse_is_none() {
    let pulse = Some(Pulse { period_us: 400_000, age_us: 0, distance_us: 0 });
    for (from, is_paced) in [(6, false), (0, true)] {
        let mut node = Machines::hubs(3, 9);
        node.hold(&entries(3, &[7]));
        let message = Gossip { pulse, ..gossip(0) };
        node.receive(at(0), from, &message);
        let (repair, mut cx) = node.parts(at(0));
        repair.on_tree_offer(&mut cx, NodeId(from), &message);
        assert_eq!(node.peers.get(NodeId(from)).unwrap().queue().count(), 0);
        assert_eq!(node.push.is_paced(node.repair.tree(), NodeId(0)), is_paced);
    }
}
