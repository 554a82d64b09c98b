use super::*;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::exchange::fixture::{Machines, ack, at, entries, gossip};
use crate::protocols::rumormill::message::Pulse;
use crate::protocols::rumormill::route::Route;
use crate::set::{OriginId, VersionSet};

/// A leaf that knows the pulse of its parent, and has an entry to send at `flush` ms.
fn paced_leaf(flush: u64) -> Machines {
    let mut leaf = Machines::hubs(1, 5);
    let pulse = Pulse { period_us: 400_000, age_us: 0, distance_us: 0 };
    leaf.push.pacer.on_pulse(at(0), Duration::ZERO, Some(pulse));
    let held = leaf.hold(&entries(1, &[7]));
    leaf.peers.open(NodeId(0)).enqueue(&held, at(flush));
    leaf
}

#[test]
fn entries_sent_for_a_beat_are_paced_and_those_that_go_along_with_an_ack_are_not() {
    let sent = paced_leaf(300).transmit(at(300), 0);
    assert_eq!((sent.len(), sent[0].is_paced, sent[0].entries.len()), (1, true, 1));
    let mut early = paced_leaf(300);
    early.peers.open(NodeId(0)).acks.schedule(at(200));
    let sent = early.transmit(at(200), 0);
    assert_eq!((sent.len(), sent[0].is_paced, sent[0].entries.len()), (1, false, 1));
}

#[test]
fn what_goes_up_is_to_be_forwarded_and_what_goes_down_is_not() {
    let up = paced_leaf(0).transmit(at(0), 0);
    assert_eq!(up[0].forward, Forward::Tree);
    let mut hub = Machines::hubs(0, 5);
    let held = hub.hold(&entries(0, &[7]));
    hub.peers.open(NodeId(1)).enqueue(&held, at(0));
    assert_eq!(hub.transmit(at(0), 1)[0].forward, Forward::No);
}

#[test]
fn nothing_is_sent_before_it_is_due() {
    let mut leaf = paced_leaf(300);
    assert_eq!(leaf.transmit(at(299), 0), []);
    assert_eq!(leaf.transmit(at(300), 0).len(), 1);
    assert_eq!(leaf.transmit(at(301), 0), []);
}

#[test]
fn a_long_queue_leaves_at_once_in_messages_of_bounded_length() {
    let config = Config { batch_entries_max: 2, ..Config::default() };
    let mut hub = Machines::in_line(0, 5, &config);
    let held = hub.hold(&entries(0, &[1, 2, 3, 4, 5]));
    hub.peers.open(NodeId(1)).enqueue(&held, at(0));
    let sent = hub.transmit(at(0), 1);
    let lengths: Vec<usize> = sent.iter().map(|m| m.entries[0].values.len()).collect();
    assert_eq!(lengths, [2, 2, 1]);
}

#[test]
fn what_goes_along_shares_the_room_of_a_message() {
    let config = Config { batch_bytes_max: 24, ..Config::default() };
    let mut node = Machines::in_line(1, 5, &config);
    let held = node.hold(&entries(1, &[1, 2, 3, 4]));
    node.send_entry(at(0), 0);
    let link = node.peers.open(NodeId(0));
    link.queue.piggyback(&held, Forward::No);
    link.enqueue(&std::iter::once((OriginId(0), std::iter::once(3..4).collect())).collect(), at(0));
    link.request_probe(at(0));
    let count = |m: &Gossip| m.entries.iter().map(|e| e.values.len()).sum::<usize>();
    let sent = node.transmit(at(0), 0);
    assert_eq!(sent.iter().map(count).collect::<Vec<_>>(), [3]);
    // The rest stays behind: another link answers for it.
    node.peers.open(NodeId(0)).request_probe(at(1));
    assert_eq!(node.transmit(at(1), 0).iter().map(count).collect::<Vec<_>>(), [0]);
}

#[test]
fn retransmissions_come_with_a_digest() {
    let mut leaf = paced_leaf(0);
    assert!(!leaf.transmit(at(0), 0)[0].is_digest);
    leaf.peers.open(NodeId(0)).on_deadline(at(60_000), 1);
    let again = leaf.transmit(at(60_000), 0);
    assert!(again[0].is_digest && again[0].entries.len() == 1 && !again[0].is_paced);
}

#[test]
fn a_digest_is_not_repeated_blindly() {
    let mut leaf = paced_leaf(0);
    leaf.peers.loss_mut().on_lost(at(0), 20);
    leaf.peers.open(NodeId(0)).queue.mark_retransmissions();
    assert!(leaf.transmit(at(0), 0)[0].is_digest);
    assert_eq!(leaf.transmit(at(30), 0), []);
}

#[test]
fn a_digest_leaves_what_is_not_due_in_the_queue() {
    let mut leaf = paced_leaf(300);
    let mut digest = |now: u64| {
        let out = &mut Effects::default();
        let (repair, mut cx) = leaf.parts(at(now));
        send(&mut cx, repair, NodeId(0), Purpose::Digest, out);
        out.drain_sends().map(|(_, gossip)| gossip.entries.len()).collect::<Vec<_>>()
    };
    assert_eq!((digest(200), digest(300)), (vec![0], vec![1]));
}

#[test]
fn a_suspected_peer_gets_a_probe_with_all_that_waits_once() {
    let mut hub = Machines::hubs(0, 5);
    let held = hub.hold(&entries(0, &[7]));
    hub.suspect(at(0), 1);
    hub.peers.open(NodeId(1)).enqueue(&held, at(0));
    let due = hub.peers.get(NodeId(1)).unwrap().next_deadline().unwrap();
    let probe = hub.transmit(due, 1);
    assert!(probe[0].is_probe && probe[0].is_digest && probe[0].entries.len() == 1);
    let later = hub.peers.get(NodeId(1)).unwrap().next_deadline().unwrap();
    assert!(later > due);
    let probe = hub.transmit(later, 1);
    assert!(probe[0].is_probe && probe[0].entries.is_empty(), "{probe:?}");
}

#[test]
fn a_requested_probe_that_times_out_is_overdue_and_an_ack_ends_it() {
    let mut leaf = Machines::hubs(1, 5);
    leaf.peers.open(NodeId(0)).request_probe(at(0));
    let probe = leaf.transmit(at(0), 0);
    assert!(probe[0].is_probe && probe[0].offer.is_some(), "a probe shows this node's place");
    let overdue = |leaf: &Machines, now| leaf.peers.get(NodeId(0)).unwrap().overdue_since(at(now));
    assert_eq!((overdue(&leaf, 200), overdue(&leaf, 400)), (None, Some(at(0))));
    leaf.receive(at(100), 0, &Gossip { ack: ack(1), ..gossip(0) });
    assert_eq!(overdue(&leaf, 400), None);
}

#[test]
fn blind_repeats_go_to_a_parent_and_only_where_much_is_lost() {
    let repeats = |lost: u64, peer: u32| {
        let mut node = Machines::hubs(1, 5);
        (0..100).for_each(|_| node.peers.loss_mut().on_sent(at(0)));
        node.peers.loss_mut().on_lost(at(0), lost);
        let held = node.hold(&entries(1, &[7]));
        node.peers.open(NodeId(peer)).enqueue(&held, at(0));
        let first = node.transmit(at(0), peer);
        let again = node.transmit(at(0).after(REPEAT_DELAY), peer);
        assert_eq!(first[0].entries.len(), 1);
        again.iter().filter(|m| m.entries == first[0].entries).count()
    };
    assert_eq!((repeats(20, 0), repeats(0, 0), repeats(20, 2)), (1, 0, 0));
}

/// The messages that are due at `now` on the link to a peer, after this change.
fn due(me: u32, peer: u32, now: u64, change: impl FnOnce(&mut Machines)) -> Vec<Gossip> {
    let mut node = Machines::hubs(me, 5);
    change(&mut node);
    node.transmit(at(now), peer)
}

#[test]
fn a_request_is_not_sent_if_what_is_missing_has_arrived() {
    let request = |held: u64| {
        due(0, 1, 10, |node| {
            let claim = VersionSet::from_iter([(OriginId(0), std::iter::once(0..2).collect())]);
            node.hold(&entries(0, &[7, 8][..held as usize]));
            let link = node.peers.open(NodeId(1));
            link.confirm(&claim);
            link.request_by(at(10));
        })
    };
    assert_eq!((request(1).len(), request(2).len()), (1, 0));
    assert!(request(1)[0].is_digest && !request(1)[0].is_probe);
}

#[test]
fn a_gap_is_reported_and_counts_as_loss_unless_delays_vary() {
    let piggyback_max = |is_jittery: bool| {
        let mut node = Machines::hubs(0, 5);
        (0..50).for_each(|_| node.peers.loss_mut().on_sent(at(0)));
        for i in 0..if is_jittery { 40 } else { 0 } {
            let sample = Duration::from_millis(50 + 400 * (i % 2));
            node.peers.on_rtt_sample(sample, Some(Duration::from_millis(250)));
        }
        node.receive(at(0), 1, &gossip(1));
        let report = node.transmit(at(0), 1);
        assert_eq!((report.len(), report[0].is_digest), (1, false));
        node.peers.piggyback_max(at(0))
    };
    assert!(piggyback_max(false) > 0);
    assert_eq!(piggyback_max(true), 0);
}

#[test]
fn the_first_thing_that_is_due_decides_what_a_message_is() {
    let kind = |change: fn(&mut Link)| {
        let sent = due(0, 1, 10, |node| change(node.peers.open(NodeId(1))));
        sent.first().map(|m| (m.is_digest, m.is_probe))
    };
    assert_eq!(kind(|link| link.request_probe(at(10))), Some((true, true)));
    assert_eq!(kind(|link| link.acks.schedule(at(10))), Some((false, false)));
    // There is nothing to repeat.
    assert_eq!((kind(|link| link.repeat_at = Some(at(10))), kind(|_| {})), (None, None));
}

#[test]
fn the_timeout_of_a_message_is_that_of_the_link_and_doubles() {
    let deadline = |me: u32, peer: u32, back_off: bool| {
        let mut node = Machines::hubs(me, 5);
        let held = node.hold(&entries(me, &[7]));
        let link = node.peers.open(NodeId(peer));
        link.enqueue(&held, at(0));
        if back_off {
            link.liveness.back_off();
        }
        assert_eq!(node.transmit(at(0), peer).len(), 1);
        let link = node.peers.get(NodeId(peer)).unwrap();
        let deadline = link.sent.next_deadline().unwrap();
        deadline.as_micros() / 1_000
    };
    // 300 ms, and the max ack delay: of the parent its window, of a child 1.05 s.
    assert_eq!((deadline(1, 0, false), deadline(1, 0, true)), (400, 700));
    assert_eq!((deadline(0, 1, false), deadline(0, 1, true)), (1_350, 1_650));
    let probe = |back_off: bool| {
        let mut node = Machines::hubs(1, 5);
        let link = node.peers.open(NodeId(0));
        link.request_probe(at(0));
        if back_off {
            link.liveness.back_off();
        }
        node.transmit(at(0), 0);
        let link = node.peers.get(NodeId(0)).unwrap();
        [299, 300, 599, 600].map(|now| link.overdue_since(at(now)).is_some())
    };
    assert_eq!(
        (probe(false), probe(true)),
        ([false, true, true, true], [false, false, false, true])
    );
}

#[test]
fn only_entries_for_a_child_of_a_hub_are_heartbeats() {
    let keep_alive = |mut node: Machines, peer: u32, values: &[i64]| {
        let me = node.cluster.me().0;
        for i in 0..4_u64 {
            let held = node.hold(&entries(me, values));
            let link = node.peers.open(NodeId(peer));
            link.enqueue(&held, at(100 * i));
            link.acks.schedule(at(100 * i));
            assert_eq!(node.transmit(at(100 * i), peer).len(), 1);
            node.peers.open(NodeId(peer)).on_deadline(at(100 * i), 9);
        }
        let link = node.peers.get(NodeId(peer)).unwrap();
        (link.bare_message_due(at(489)), link.bare_message_due(at(490)))
    };
    assert_eq!(keep_alive(Machines::hubs(0, 5), 1, &[7]), (false, true));
    assert_eq!(keep_alive(Machines::hubs(0, 5), 1, &[]), (false, false));
    assert_eq!(keep_alive(Machines::hubs(1, 5), 0, &[7]), (false, false));
    let line = Machines::in_line(2, 5, &Config { route: Route::Tree, ..Config::default() });
    assert_eq!(keep_alive(line, 1, &[7]), (false, false));
}

#[test]
fn a_message_counts_for_the_loss_rate() {
    let mut node = Machines::hubs(0, 5);
    node.peers.loss_mut().on_lost(at(0), 2);
    assert!(node.peers.loss_mut().is_heavy(at(0)));
    for _ in 0..100 {
        node.peers.open(NodeId(1)).acks.schedule(at(0));
        node.transmit(at(0), 1);
    }
    assert!(!node.peers.loss_mut().is_heavy(at(0)));
}
