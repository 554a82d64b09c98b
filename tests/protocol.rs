//! The protocol between nodes: what must hold whatever the network does.

mod common;
mod repair;
mod suspicion;

use std::sync::Arc;
use std::time::Duration;

use common::{Body, LATENCY, Message, World, name, text};
use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::message::Named;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::message::{Ack, Entries, Gossip, Have};
use rumormill::protocols::rumormill::route::Route;
use rumormill::set::Ranges;
use rumormill::value::Value;

/// Plain flooding of the topology, nothing waits.
fn flood() -> Config {
    Config { route: Route::Topology, window: Some(Duration::ZERO), ..Config::default() }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn all_hold(world: &mut World, expected: &[i64]) {
    for node in 0..world.nodes.len() {
        assert_eq!(world.read(node), expected, "on n{node}");
    }
}

#[test]
fn a_value_crosses_a_line_in_one_latency_per_hop() {
    let mut world = World::line(5, &flood());
    world.broadcast(0, 42);
    world.run_for(LATENCY * 4 - Duration::from_micros(1));
    assert!(world.read(4).is_empty());
    world.run_for(Duration::from_micros(1));
    all_hold(&mut world, &[42]);
    world.assert_known_is_held();
}

#[test]
fn each_link_carries_a_value_once_and_evidence_is_piggybacked() {
    let mut world = World::line(3, &flood());
    for value in 0..20 {
        world.broadcast(value as usize % 3, value);
        world.run_for(Duration::from_millis(50));
    }
    world.run_for(Duration::from_secs(3));
    all_hold(&mut world, &(0..20).collect::<Vec<_>>());
    let stats = world.stats();
    let sent: u64 = stats.iter().map(|s| s.entries_sent).sum();
    assert_eq!(sent, 40, "20 values over 2 links");
    assert!(stats.iter().all(|s| s.duplicates_received == 0 && s.retries == 0), "{stats:?}");
    world.assert_known_is_held();
}

#[test]
fn known_grows_only_on_evidence() {
    let mut world = World::line(2, &flood());
    world.cut.insert((0, 1));
    world.broadcast(0, 1);
    world.run_for(seconds(30));
    let (_, link) = world.protocol(0).links().next().unwrap();
    assert!(link.known().is_empty() && link.queue().count() == 1);
    assert!(link.suspected_since().is_some());
    assert!(world.read(1).is_empty());
}

#[test]
fn an_ack_of_messages_that_were_never_sent_is_void() {
    let mut world = World::line(2, &flood());
    world.dead.insert(1);
    world.broadcast(0, 1);
    for number in 0..200 {
        world.run_for(Duration::from_millis(50));
        let numbers = std::iter::once(0..1_000_000).collect();
        let ack = Some(Ack { generation: Generation(1), numbers, held_us: 0 });
        let gossip = Gossip { generation: Generation(1), number, ack, ..Gossip::default() };
        let nodes = Arc::clone(world.nodes[0].nodes().unwrap());
        let body = Body::Peer(Named::new(gossip, &nodes));
        let (now, message) = (world.now, Message { src: name("n1"), dest: name("n0"), body });
        world.nodes[0].handle_message(now, message);
    }
    let (_, link) = world.protocol(0).links().next().unwrap();
    assert!(link.known().is_empty() && link.suspected_since().is_some());
}

#[test]
fn a_lost_message_is_sent_again() {
    let mut world = World::line(2, &flood());
    world.cut.insert((0, 1));
    world.broadcast(0, 1);
    world.cut.clear();
    world.broadcast(0, 2);
    world.run_for(seconds(4));
    all_hold(&mut world, &[1, 2]);
    world.assert_known_is_held();
}

#[test]
fn lost_evidence_is_given_again() {
    let mut world = World::line(2, &flood());
    world.cut.insert((1, 0));
    world.broadcast(0, 1);
    world.run_for(seconds(3));
    world.cut.clear();
    world.run_for(seconds(3));
    let (_, link) = world.protocol(0).links().next().unwrap();
    assert_eq!(link.known().count(), 1);
    assert!(link.suspected_since().is_none());
    world.assert_known_is_held();
}

#[test]
fn each_side_of_a_partition_converges_and_the_heal_is_noticed_within_a_second() {
    let mut world = World::line(4, &flood());
    world.broadcast(0, 0);
    world.run_for(seconds(2));
    for (one, other) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        world.cut_both_ways(one, other);
    }
    for value in 1..9 {
        world.broadcast(value as usize % 4, value);
        world.run_for(seconds(1));
    }
    assert_eq!(world.read(0), [0, 1, 4, 5, 8]);
    assert_eq!(world.read(1), [0, 1, 4, 5, 8]);
    assert_eq!(world.read(3), [0, 2, 3, 6, 7]);
    world.cut.clear();
    world.run_for(seconds(1));
    all_hold(&mut world, &(0..9).collect::<Vec<_>>());
    world.assert_known_is_held();
}

#[test]
fn a_silent_peer_is_probed_ever_more_seldom() {
    let mut world = World::line(2, &flood());
    world.dead.insert(1);
    world.broadcast(0, 1);
    world.run_for(seconds(60));
    let in_a_minute = world.log.len();
    world.run_for(seconds(60));
    let in_two = world.log.len();
    assert!(in_a_minute < 100, "{in_a_minute}");
    assert!(in_two - in_a_minute < 30, "{}", in_two - in_a_minute);
}

/// Both nodes restart, and each then gets a late message of the other's earlier generation.
fn restart_together_with_stragglers(generations: [u64; 2]) {
    let mut world = World::line(2, &flood());
    world.broadcast(0, 100);
    world.broadcast(1, 101);
    world.run_for(seconds(2));
    let stragglers: Vec<Message> = [0, 1]
        .map(|from: usize| {
            let of = |message: &&Message| message.src == world.names[from];
            world.log.iter().map(|(_, message)| message).rfind(of).unwrap().clone()
        })
        .into();
    for (node, generation) in generations.into_iter().enumerate() {
        world.restart(node, generation);
    }
    world.topology(&[(0, 1)]);
    world.broadcast(0, 1);
    world.broadcast(1, 2);
    world.run_for(seconds(1));
    for (node, straggler) in [1, 0].into_iter().zip(stragglers) {
        let now = world.now;
        world.nodes[node].handle_message(now, straggler);
    }
    world.run_for(seconds(1));
    world.cut_both_ways(0, 1);
    world.broadcast(0, 3);
    world.broadcast(1, 4);
    world.run_for(seconds(5));
    world.cut.clear();
    world.run_for(seconds(60));
    for value in 1..=4 {
        for node in 0..2 {
            assert!(world.read(node).contains(&value), "{value} on n{node}, {generations:?}");
        }
    }
}

#[test]
fn stragglers_of_an_earlier_generation_make_no_node_deaf_to_the_present_one() {
    restart_together_with_stragglers([2, 2]);
    // The clocks were set back: the living generations seem older than the dead ones.
    restart_together_with_stragglers([0, 0]);
    restart_together_with_stragglers([0, 2]);
}

#[test]
fn a_restarted_node_gets_everything_back_and_reuses_no_name() {
    let mut world = World::line(3, &flood());
    world.broadcast(2, 1);
    world.broadcast(0, 2);
    world.run_for(seconds(2));
    world.restart(2, 99);
    world.broadcast(2, 3);
    world.run_for(seconds(10));
    all_hold(&mut world, &[1, 2, 3]);
    // Also without a topology of its own and without a new value.
    world.restart(0, 100);
    world.run_for(seconds(45));
    all_hold(&mut world, &[1, 2, 3]);
}

#[test]
fn at_rest_traffic_dies_down() {
    let mut world = World::line(5, &flood());
    for value in 0..10 {
        world.broadcast(value as usize % 5, value);
    }
    world.run_for(seconds(60));
    let before = world.log.len();
    world.run_for(seconds(100));
    let messages = world.log.len() - before;
    assert!(messages < 50, "{messages} messages of 5 nodes in 100 s");
    let (_, link) = world.protocol(2).links().next().unwrap();
    assert!(link.queue().is_empty() && link.in_flight().is_empty());
    assert!(link.known().range_count() <= 5);
}

#[test]
fn nothing_is_said_before_the_topology() {
    let mut world = World::new(3, &flood());
    world.run_for(seconds(10));
    assert_eq!(world.log.len(), 0);
}

#[test]
fn values_from_before_the_topology_are_spread_too() {
    let mut world = World::new(3, &flood());
    world.broadcast(2, 5);
    world.topology(&[(0, 1), (1, 2)]);
    world.run_for(seconds(1));
    all_hold(&mut world, &[5]);
}

#[test]
fn long_queues_leave_in_bounded_batches() {
    let config = Config { batch_entries_max: 10, ..flood() };
    let mut world = World::line(2, &config);
    world.cut_both_ways(0, 1);
    for value in 0..95 {
        world.broadcast(0, value);
        world.run_for(Duration::from_millis(20));
    }
    world.cut.clear();
    world.run_for(seconds(2));
    all_hold(&mut world, &(0..95).collect::<Vec<_>>());
    for (_, message) in &world.log {
        if let Body::Peer(gossip) = &message.body {
            assert!(gossip.message().entries.iter().map(|e| e.values.len()).sum::<usize>() <= 10);
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let run = || {
        let mut world = World::line(6, &flood());
        for value in 0..30 {
            if value == 10 {
                world.cut_both_ways(2, 3);
            }
            if value == 20 {
                world.cut.clear();
            }
            world.broadcast(value as usize * 7 % 6, value);
            world.run_for(Duration::from_millis(333));
        }
        world.log.iter().map(|(at, message)| format!("{at} {}", text(message))).collect::<String>()
    };
    assert_eq!(run(), run());
}

/// A message of the first life of another node.
fn gossip(values: Vec<Entries>, have: Vec<Have>) -> Gossip {
    Gossip { generation: Generation(1), entries: values.into(), have, ..Gossip::default() }
}

fn deliver(world: &mut World, src: &str, gossip: Gossip) {
    let nodes = world.nodes[0].nodes().expect("it is initialised");
    let body = Body::Peer(Named::new(gossip, nodes));
    let message = Message { src: name(src), dest: name("n0"), body };
    world.nodes[0].handle_message(world.now, message);
}

#[test]
fn gossip_that_cannot_be_true_is_refused_and_counted() {
    let mut world = World::line(2, &flood());
    let [own, other] = [0, 1].map(|node| Origin { node: NodeId(node), generation: Generation(1) });
    let entries = |origin| Entries { origin, first: 0, values: [Value::Int(9)].into() };
    let ranges: Ranges = std::iter::once(0..3).collect();
    deliver(&mut world, "n7", gossip(vec![entries(other)], vec![]));
    deliver(&mut world, "n0", gossip(vec![entries(other)], vec![]));
    deliver(&mut world, "n1", gossip(vec![entries(own)], vec![]));
    deliver(&mut world, "n1", gossip(vec![], vec![Have { origin: own, ranges }]));
    assert_eq!(world.nodes[0].refused(), 4);
    let lines: Vec<_> = std::iter::from_fn(|| world.nodes[0].poll_log()).collect();
    assert!(lines[0].contains("n7, which is not a peer"), "{lines:?}");
    assert!(lines[3].contains("names entry 2 of this node, which has made 0"), "{lines:?}");
    assert!(world.read(0).is_empty());
    deliver(&mut world, "n1", gossip(vec![entries(other)], vec![]));
    assert_eq!(world.read(0), [9]);
}
