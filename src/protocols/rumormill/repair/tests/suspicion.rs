//! When the parent is missed, and when it is suspected.

use super::*;

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
    // One that has heard of the root since is no evidence, nor one that lost it long before.
    assert!(!corroborated(true, true, |age| offer(Some(0), 0, 1, age - 200)));
    assert!(!corroborated(true, true, |age| offer(Some(0), 0, 1, age + 200)));
}

#[test]
fn a_probe_that_came_before_the_parent_was_missed_is_no_evidence() {
    let mut node = Machines::hubs(1, 9);
    hear(&mut node, at(1_000), 0, None);
    let message = Gossip { is_probe: true, offer: offer(Some(0), 0, 1, 1_000), ..gossip(0) };
    node.receive(at(2_000), 3, &message);
    let (repair, mut cx) = node.parts(at(2_000));
    repair.on_tree_offer(&mut cx, NodeId(3), &message);
    node.send_entry(at(2_100), 0);
    meet_deadline(&mut node, 2_800, 0);
    assert!(missed_ms(&node).is_some() && !node.peers.is_suspected(NodeId(0)));
}

fn suspect_ms(node: &Machines) -> Option<u64> {
    node.repair.detector().suspect_at().map(|at| at.as_micros() / 1_000)
}

#[test]
fn the_parent_is_awaited_from_the_topology_on_in_a_tree_of_hubs() {
    let suspect_ms = |mut node: Machines| {
        node.repair.on_topology(at(1_000), Duration::from_millis(300));
        suspect_ms(&node)
    };
    assert_eq!(suspect_ms(Machines::hubs(3, 9)), Some(1_400));
    assert_eq!((suspect_ms(Machines::hubs(0, 9)), suspect_ms(in_a_line(1))), (None, None));
}

#[test]
fn timeouts_and_suspicions_are_counted() {
    let mut node = Machines::hubs(3, 9);
    meet_deadline(&mut node, 0, 0);
    node.send_entry(at(0), 0);
    meet_deadline(&mut node, 99, 0);
    assert_eq!((node.stats.retries, node.stats.suspicions), (0, 0));
    meet_deadline(&mut node, 100, 0);
    assert_eq!((node.stats.retries, node.stats.suspicions), (1, 0));
    lose_parent(&mut node);
    assert_eq!(node.stats.suspicions, 1);
}

#[test]
fn a_suspicion_hastens_the_digests() {
    let mut node = Machines::hubs(3, 9);
    let (before, soon) =
        (node.anti_entropy.at().unwrap(), |at: Instant| at.after(Duration::from_secs(2)));
    let lost_at = lose_parent(&mut node);
    assert!(before > soon(lost_at) && node.anti_entropy.at().unwrap() <= soon(lost_at));
}

/// The parent of node 8 has acked a message within 100 ms. The next one, of 200 ms, is not acked until
/// 1 s. Returns since when the parent is missed, and how many peers are to be probed.
fn after_a_timeout(change: fn(&mut Machines)) -> (Option<u64>, usize) {
    let mut node = Machines::hubs(8, 30);
    node.send_entry(at(0), 0);
    hear(&mut node, at(100), 0, None);
    node.send_entry(at(200), 0);
    change(&mut node);
    meet_deadline(&mut node, 1_000, 0);
    (missed_ms(&node), probed(&node).len())
}

#[test]
fn a_parent_that_is_heard_is_missed_since_its_message_and_no_random_peers_are_probed() {
    let (missed, count) = after_a_timeout(|_| {});
    assert_eq!((missed, count > 4), (Some(1_000), true), "the parent, candidates, some at random");
    let heard = |node: &mut Machines| {
        node.receive(at(400), 0, &gossip(1));
    };
    assert_eq!(after_a_timeout(heard), (Some(200), 4));
    assert_eq!(after_a_timeout(|node| lose_much(node, 900)), (None, 1), "it is asked to answer");
}

#[test]
fn only_the_parent_is_missed_and_since_its_message_if_it_is_heard() {
    let missed = |peer: u32, is_heard: bool| {
        let mut node = Machines::hubs(3, 9);
        node.send_entry(at(0), peer);
        if is_heard {
            node.receive(at(200), peer, &gossip(0));
        }
        meet_deadline(&mut node, 500, peer);
        (missed_ms(&node), node.peers.get(NodeId(peer)).unwrap().liveness.backoff())
    };
    assert_eq!((missed(0, false), missed(0, true)), ((Some(500), 2), (Some(0), 2)));
    assert_eq!((missed(5, false), missed(5, true)), ((None, 2), (None, 2)));
}

/// A message with an entry.
fn full(number: u64) -> Gossip {
    Gossip { entries: [entries(0, &[7])].into(), ..gossip(number) }
}

/// Messages of the parent arrive every 100 ms, and at 300 ms this last one of `from`: when the next is missed.
fn missed_after(from: u32, last: &Gossip, change: fn(&mut Machines)) -> Option<u64> {
    let mut node = Machines::hubs(3, 9);
    change(&mut node);
    for number in 0..4 {
        node.receive(at(100 * number), 0, &full(number));
    }
    let (repair, mut cx) = node.parts(at(300));
    repair.on_heard(&mut cx, NodeId(from), last);
    // Messages of other nodes do not put it off.
    let heard = suspect_ms(&node);
    let (repair, mut cx) = node.parts(at(400));
    repair.on_heard(&mut cx, NodeId(5), &full(0));
    assert_eq!(suspect_ms(&node), heard);
    heard
}

#[test]
fn the_heartbeat_timeout_of_the_parent_allows_for_losses_and_distance() {
    let last = full(3);
    assert_eq!(missed_after(0, &last, |_| {}), Some(550));
    let bare = gossip(3);
    assert_eq!((missed_after(0, &bare, |_| {}), missed_after(1, &last, |_| {})), (None, None));
    let some_loss = |node: &mut Machines| node.peers.loss_mut().on_lost(at(0), 1);
    assert_eq!(missed_after(0, &last, some_loss), Some(800));
    let told = Gossip { is_lossy: true, ..full(3) };
    assert_eq!(missed_after(0, &told, |_| {}), Some(800), "the parent has lost some");
    assert_eq!(missed_after(0, &last, |node| lose_much(node, 0)), Some(1_050));
    let far = |node: &mut Machines| node.peers.on_rtt_sample(Duration::from_millis(700), None);
    assert_eq!(missed_after(0, &last, far), Some(1_000), "a round trip");
}

#[test]
fn a_node_passes_on_whether_its_parent_has_losses() {
    let mut node = Machines::hubs(3, 9);
    let held = node.hold(&entries(3, &[7]));
    let mut told = |from: u32, is_lossy: bool| {
        let (repair, mut cx) = node.parts(at(0));
        repair.on_heard(&mut cx, NodeId(from), &Gossip { is_lossy, ..gossip(0) });
        node.peers.open(NodeId(4)).enqueue(&held, at(0));
        node.transmit(at(0), 4)[0].is_lossy
    };
    assert!(told(0, true) && !told(0, false) && !told(5, true) && told(0, true));
    assert_eq!(node.peers.piggyback_max(at(0)), 0, "it has lost nothing itself");
    hear(&mut node, at(0), 1, offer(None, 0, 0, 0));
    let (repair, mut cx) = node.parts(at(0));
    repair.set_parent(&mut cx, Some(NodeId(1)));
    assert!(!node.peers.is_lossy(at(0)), "the next parent has told nothing");
}

#[test]
fn a_parent_that_was_never_heard_is_probed_and_one_that_was_is_missed() {
    let after = |change: fn(&mut Machines)| {
        let mut node = Machines::hubs(3, 30);
        node.repair.on_topology(at(0), Duration::ZERO);
        change(&mut node);
        for now in [399, 400] {
            assert!(probed(&node).is_empty());
            let (repair, mut cx) = node.parts(at(now));
            repair.on_heartbeat_timeout(&mut cx);
        }
        (missed_ms(&node), probed(&node).len() > 1, probed(&node).contains(&0))
    };
    assert_eq!(after(|_| {}), (None, false, true));
    assert_eq!(after(|node| node.send_entry(at(0), 0)), (None, false, false));
    let heard = |node: &mut Machines| {
        node.receive(at(0), 0, &gossip(0));
    };
    assert_eq!(after(heard), (Some(400), true, true));
    assert_eq!(
        after(|node| {
            node.repair.tree_mut().set_parent(None);
        }),
        (None, false, false)
    );
}

#[test]
fn a_missed_parent_that_is_heard_is_found() {
    let mut node = Machines::hubs(3, 9);
    node.send_entry(at(0), 0);
    meet_deadline(&mut node, 500, 0);
    hear(&mut node, at(600), 5, None);
    assert_eq!(missed_ms(&node), Some(500));
    hear(&mut node, at(700), 0, None);
    assert_eq!((missed_ms(&node), parent(&node)), (None, Some(0)));
}

#[test]
fn a_root_of_its_own_misses_nobody() {
    let mut node = Machines::hubs(1, 9);
    lose_parent(&mut node);
    assert_eq!((parent(&node), missed_ms(&node)), (None, None));
}
