//! Which peers are suspected, and which are not. Digests are off: no other mechanism finds out.

use std::time::Duration;

use crate::common::World;
use crate::repair::{all_hold, hubs, warm};

const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];

fn suspicions(world: &World) -> u64 {
    world.stats().iter().map(|stats| stats.suspicions).sum()
}

fn duplicates(world: &World) -> u64 {
    world.stats().iter().map(|stats| stats.duplicates_received).sum()
}

#[test]
fn a_network_that_becomes_slower_silences_nobody() {
    let (mut world, mut values) = warm(25);
    let before = duplicates(&world);
    world.latency = Duration::from_millis(400);
    world.keep_busy(&(0..25).collect::<Vec<_>>(), &mut values, 80);
    world.run_for(Duration::from_secs(3));
    all_hold(&mut world, 0..25, &values);
    // Each of 24 misses the hub once, and mails the entry that it has under way to all.
    let again = duplicates(&world) - before;
    assert!(again < 24 * 24, "{again} entries came again");
    // By now all know the new round trip.
    world.keep_busy(&(0..25).collect::<Vec<_>>(), &mut values, 80);
    world.run_for(Duration::from_secs(3));
    all_hold(&mut world, 0..25, &values);
    assert_eq!(duplicates(&world) - before, again);
    assert_eq!(suspicions(&world), 0);
}

#[test]
fn a_node_that_was_always_far_away_is_waited_for() {
    let mut world = World::line(6, &hubs());
    world.slow.insert(3, Duration::from_millis(900));
    let mut values = Vec::new();
    world.keep_busy(&ALL, &mut values, 80);
    world.run_for(Duration::from_secs(4));
    all_hold(&mut world, 0..6, &values);
    assert_eq!(suspicions(&world), 0);
    for node in 1..6 {
        let words = world.nodes[node].describe(world.now).to_string();
        assert!(words.contains("parent n0\n"), "{words}");
    }
}

#[test]
fn a_parent_that_was_never_heard_is_missed_all_the_same() {
    let mut world = World::line(6, &hubs());
    world.cut_both_ways(0, 4);
    // Nothing is broadcast at n4, so nothing that it has sent stays unanswered.
    let mut values = Vec::new();
    world.keep_busy(&[0, 1, 2, 3, 5], &mut values, 15);
    world.run_for(Duration::from_millis(500));
    all_hold(&mut world, 4..5, &values);
}

#[test]
fn while_no_peer_acks_the_parent_is_not_suspected() {
    let (mut world, _) = warm(6);
    (0..5).for_each(|node| world.cut_both_ways(node, 5));
    world.broadcast(5, 100);
    world.run_for(Duration::from_millis(700));
    assert_eq!(world.protocol(5).stats().suspicions, 0);
    // But not for ever: a suspected peer is probed ever more seldom.
    world.run_for(Duration::from_secs(5));
    assert!(world.protocol(5).stats().suspicions > 0);
}

#[test]
fn a_peer_that_acks_is_evidence_against_a_parent_that_does_not() {
    let (mut world, _) = warm(6);
    world.cut_both_ways(0, 5);
    world.broadcast(5, 100);
    world.run_for(Duration::from_millis(700));
    all_hold(&mut world, 1..2, &(0..20).chain([100]).collect::<Vec<_>>());
    world.run_for(Duration::from_millis(500));
    assert!(world.protocol(5).stats().suspicions > 0, "sooner than without evidence");
}
