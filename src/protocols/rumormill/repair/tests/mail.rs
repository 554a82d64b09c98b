//! Direct mail while the parent is missed.

use super::super::mail::{MAIL_MAX, probe_all};
use super::*;
use crate::protocols::rumormill::link::sent::AckWait;
use crate::protocols::rumormill::push::Received;

/// The hub has acked the first entry after this round trip.
fn measure(node: &mut Machines, rtt: u64) {
    node.send_entry(at(0), 0);
    hear(node, at(rtt), 0, None);
}

/// The peers for which mail is due, but for those that are probed.
fn mailed(node: &Machines, now: u64) -> Vec<u32> {
    let is_mailed = |link: &Link| {
        link.queue.piggyback_forward() == Forward::Mail && link.bare_message_due(at(now))
    };
    node.peers.iter().filter(|(_, link)| is_mailed(link)).map(|(peer, _)| peer.0).collect()
}

/// The hub leaves the second value of node 3 of nine unacked, and one of node 4, until they have timed out at
/// 1,900 ms. It was heard after a round trip only.
fn overdue_after(rtt: u64, change: impl FnOnce(&mut Machines)) -> Machines {
    let mut node = Machines::hubs(3, 9);
    measure(&mut node, rtt);
    let own = node.hold(&entries(3, &[6, 7]));
    let other = node.hold(&entries(4, &[8]));
    for entries in [own, other] {
        let wait = AckWait { timeout: Duration::from_millis(100), ..AckWait::default() };
        let link = node.peers.open(NodeId(0));
        link.on_sent(at(800), entries, Forward::Tree, wait, VersionSet::new());
    }
    change(&mut node);
    meet_deadline(&mut node, 1_900, 0);
    node
}

fn overdue(change: impl FnOnce(&mut Machines)) -> Machines {
    overdue_after(200, change)
}

#[test]
fn a_node_mails_its_own_entries_to_all_when_the_parent_leaves_them_unacked() {
    let mut node = overdue(|_| {});
    let (mut all, probed) = (mailed(&node, 1_900), probed(&node));
    assert_eq!(all, [4, 7, 8]);
    all.extend(&probed);
    assert!([0, 1, 2, 4, 5, 6, 7, 8].iter().all(|peer| all.contains(peer)), "{all:?}");
    let mail = node.transmit(at(1_900), 8);
    let [mail] = &mail[..] else { panic!("{mail:?}") };
    assert_eq!((mail.entries.len(), mail.forward), (1, Forward::Mail));
    assert_eq!(
        mail.offer.map(|offer| offer.parent),
        Some(Some(NodeId(0))),
        "it says what it misses"
    );
    // Candidates are probed, and get the others' entries along.
    let probe = node.transmit(at(1_900), 1);
    assert!(probe[0].is_probe && probe[0].entries.len() == 2);
    // It is mailed once.
    let (repair, mut cx) = node.parts(at(2_000));
    repair.mail.send_own(&mut cx, NodeId(0));
    assert_eq!(mailed(&node, 2_000), [4, 7], "not those that it has left for");
}

#[test]
fn nothing_is_mailed_while_the_parent_is_likely_to_be_up_or_another_one_is_found_soon() {
    let is_mailed = |change: fn(&mut Machines)| !mailed(&overdue(change), 1_900).is_empty();
    assert!(is_mailed(|_| {}) && !is_mailed(make_jittery));
    assert!(!is_mailed(|node| node.peers.loss_mut().on_lost(at(1_700), 1)));
    assert!(!is_mailed(|node| node.peers.loss_mut().on_told(true)));
    let hub_is_heard = |node: &mut Machines| {
        node.receive(at(1_850), 0, &gossip(1));
    };
    assert!(is_mailed(hub_is_heard), "it may not hear this node");
    let fast = |rtt| mailed(&overdue_after(rtt, |_| {}), 1_900).is_empty();
    assert_eq!([100, 101].map(fast), [true, false]);
}

#[test]
fn a_suspected_peer_is_not_mailed() {
    let node = overdue(|node| node.suspect(at(0), 4));
    assert_eq!(mailed(&node, 1_900), [7, 8]);
}

#[test]
fn mail_is_forwarded_by_a_node_that_hears_its_parent_and_kept_by_one_that_misses_it() {
    let queued = |me: u32, is_displaced: bool| {
        let mut node = Machines::hubs(me, 9);
        let new = node.hold(&entries(3, &[7]));
        let (push, mut around) = node.around(at(0));
        let received = Received {
            entries: &new,
            from: NodeId(3),
            forward: Forward::Mail,
            is_repair: true,
            is_paced: false,
        };
        push.forward(&mut around, received, is_displaced);
        let links = node.peers.iter().filter(|(_, link)| !link.queue().is_empty());
        links.map(|(peer, _)| peer.0).collect::<Vec<_>>()
    };
    assert_eq!((queued(4, false), queued(4, true)), (vec![0], vec![]));
    assert_eq!(queued(0, true), [1, 2, 4, 5, 6, 7, 8], "a root has no parent to miss");
}

#[test]
fn mail_of_a_node_that_misses_the_same_parent_is_answered_with_mail_and_is_not_acked() {
    let mut node = Machines::hubs(3, 9);
    measure(&mut node, 200);
    node.hold(&entries(3, &[7]));
    node.send_entry(at(900), 0);
    let (repair, mut cx) = node.parts(at(900));
    repair.on_parent_missed(&mut cx, at(900), 0);
    assert!(mailed(&node, 950).is_empty(), "nothing is overdue");
    let offer = offer(Some(0), 0, 1, 750);
    let forward = Forward::Mail;
    let mail = Gossip { entries: [entries(5, &[9])].into(), forward, offer, ..gossip(0) };
    node.receive(at(950), 5, &mail);
    assert_eq!(node.peers.get(NodeId(5)).unwrap().acks.at(), None);
    let (repair, mut cx) = node.parts(at(950));
    repair.on_tree_offer(&mut cx, NodeId(5), &mail);
    assert_eq!((mailed(&node, 950), probed(&node)), (vec![4, 5, 6, 7, 8], vec![0, 1, 2]));
}

#[test]
fn a_node_without_a_root_in_reach_probes_some_peers_if_it_has_mailed_and_all_if_not() {
    // The number of peers probed when the hub of twenty nodes is suspected.
    let probed_of_twenty = |me: u32, has_mailed: bool| {
        let mut node = Machines::hubs(me, 20);
        measure(&mut node, 200);
        let own = node.hold(&entries(me, &[6, 7]));
        node.peers.open(NodeId(0)).enqueue(&own, at(1_900));
        let (repair, mut cx) = node.parts(at(1_900));
        if has_mailed {
            repair.mail.send_own(&mut cx, NodeId(0));
        }
        node.suspect(at(1_900), 0);
        let (repair, mut cx) = node.parts(at(2_000));
        repair.on_peer_down(&mut cx, NodeId(0));
        probed(&node).into_iter().filter(|&peer| peer != 0).count()
    };
    assert_eq!(probed_of_twenty(3, false), 18);
    let some = probed_of_twenty(3, true);
    assert!((CANDIDATES_PROBED..=CANDIDATES_PROBED + OTHERS_PROBED).contains(&some), "{some}");
    assert_eq!(probed_of_twenty(1, true), 18, "it is the root now");
}

#[test]
fn what_was_mailed_does_not_go_along_with_the_probes_that_follow() {
    let mut node = overdue(|node| _ = node.receive(at(1_850), 0, &gossip(1)));
    for peer in 1..9 {
        node.transmit(at(1_900), peer);
    }
    node.suspect(at(1_900), 0);
    let (repair, mut cx) = node.parts(at(2_000));
    repair.on_peer_down(&mut cx, NodeId(0));
    let cargo = node.transmit(at(2_000), 2);
    let origins: Vec<NodeId> = cargo[0].entries.iter().map(|row| row.origin.node).collect();
    assert_eq!((cargo[0].is_probe, origins), (true, vec![NodeId(4)]));
}

#[test]
fn probes_of_all_go_to_those_not_suspected_unless_losses_explain_the_silence() {
    let asked = |nodes: u32, change: fn(&mut Machines)| {
        let mut node = Machines::hubs(3, nodes);
        change(&mut node);
        let held = node.hold(&entries(3, &[7]));
        let (_, mut cx) = node.parts(at(0));
        probe_all(&mut cx, &held);
        probe_all(&mut cx, &held);
        probed(&node).len()
    };
    assert_eq!((asked(9, |_| {}), asked(9, |node| node.suspect(at(0), 5))), (8, 7));
    assert_eq!((asked(200, |_| {}), asked(9, make_jittery)), (MAIL_MAX, 0));
}
