use super::*;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::exchange::fixture::{Machines, ack, at, entries, gossip};
use crate::protocols::rumormill::route::Route;

fn parent(node: &Machines) -> Option<u32> {
    node.repair.tree().parent().map(|parent| parent.0)
}

/// The peers that are to be probed.
fn probed(node: &Machines) -> Vec<u32> {
    let probes =
        node.peers.iter().filter(|(_, link)| link.liveness().probe_requested_at().is_some());
    probes.map(|(peer, _)| peer.0).collect()
}

/// A message of `from` with this offer arrives, and an ack of all that was sent to it.
fn hear(node: &mut Machines, now: Instant, from: u32, offer: Option<TreeOffer>) {
    let sent = node.peers.open(NodeId(from)).sent().next_number();
    let number = node.peers.open(NodeId(from)).acks().ack(now, Some(Default::default()));
    let number = number.map_or(0, |ack| ack.numbers.end());
    let ack = if sent > 0 { ack(sent) } else { None };
    let message = Gossip { ack, offer, ..gossip(number) };
    node.receive(now, from, &message);
    let (repair, mut cx) = node.parts(now);
    repair.on_tree_offer(&mut cx, NodeId(from), &message);
    repair.on_heard(&mut cx, NodeId(from), false);
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

/// Node 1 has heard of the hub 1 s ago, and misses it if a message to it has timed out since. Then a
/// message of node 3 arrives. Returns whether the hub is suspected.
fn corroborated(misses: bool, is_probe: bool, offer: impl Fn(u64) -> Option<TreeOffer>) -> bool {
    let mut node = Machines::hubs(1, 9);
    hear(&mut node, at(1_000), 0, None);
    if misses {
        node.send_entry(at(1_200), 0);
    }
    let (repair, mut cx) = node.parts(at(1_900));
    repair.on_link_deadline(&mut cx, NodeId(0));
    let message = Gossip { is_probe, offer: offer(1_000), ..gossip(0) };
    node.receive(at(2_000), 3, &message);
    let (repair, mut cx) = node.parts(at(2_000));
    repair.on_tree_offer(&mut cx, NodeId(3), &message);
    node.peers.is_suspected(NodeId(0))
}

#[test]
fn a_parent_that_another_node_misses_too_is_suspected_without_an_ack_of_a_third() {
    let same = |age| offer(Some(0), 0, 1, age);
    assert!(corroborated(true, true, same));
    assert!(!corroborated(false, true, same), "it is not missed here");
    assert!(!corroborated(true, false, same), "the other does not miss it");
    assert!(!corroborated(true, true, |age| offer(Some(2), 0, 2, age)), "it misses another parent");
    // One that has heard of the root since is no witness, nor one that lost it long before.
    assert!(!corroborated(true, true, |age| offer(Some(0), 0, 1, age - 200)));
    assert!(!corroborated(true, true, |age| offer(Some(0), 0, 1, age + 200)));
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
        assert_eq!(
            node.peers.open(peer).take_piggyback(VersionSet::clone).0.count(),
            1,
            "{peer:?}"
        );
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
    let mut node = Machines::new(2, 5, &config);
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
        assert_eq!((link.queue().count(), link.queued_forward()), (1, Forward::Flood));
    }
    assert!(node.peers.get(NodeId(4)).is_none());
}
