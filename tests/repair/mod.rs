//! Repair of a tree of hubs. Digests are off: what converges does so by tree repair.

use std::time::Duration;

use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::route::Route;

use crate::common::{Body, World};

const NEVER: Duration = Duration::from_secs(3_600);

pub(crate) fn hubs() -> Config {
    Config {
        route: Route::Hub,
        sync_interval: NEVER,
        sync_interval_max: NEVER,
        ..Config::default()
    }
}

/// A cluster in which every node has heard the hub, and the values that are there.
pub(crate) fn warm(nodes: usize) -> (World, Vec<i64>) {
    let mut world = World::line(nodes, &hubs());
    let mut values = Vec::new();
    world.keep_busy(&(0..nodes).collect::<Vec<_>>(), &mut values, 20);
    (world, values)
}

pub(crate) fn all_hold(world: &mut World, nodes: impl Iterator<Item = usize>, expected: &[i64]) {
    for node in nodes {
        let mut held = world.read(node);
        held.sort_unstable();
        assert_eq!(held, expected, "on n{node}");
    }
}

#[test]
fn a_node_that_cannot_hear_the_hub_takes_a_parent_that_does() {
    let (mut world, mut values) = warm(6);
    // n5 is all that connects n1, and behind it in the list: only its news of the hub speak for it.
    [0, 2, 3, 4].into_iter().for_each(|node| world.cut_both_ways(node, 1));
    world.keep_busy(&[0, 5, 1], &mut values, 20);
    world.run_for(Duration::from_secs(2));
    all_hold(&mut world, 0..6, &values);
    world.assert_known_is_held();
    let words = world.nodes[1].describe(world.now).to_string();
    assert!(words.contains("parent n5"), "{words}");
}

#[test]
fn nobody_follows_anybody_for_the_sake_of_a_dead_hub() {
    let (mut world, mut values) = warm(6);
    world.dead.insert(0);
    let died_at = world.now;
    world.keep_busy(&[3, 5, 1], &mut values, 20);
    world.run_for(Duration::from_secs(2));
    all_hold(&mut world, 1..6, &values);
    // Once all have missed it, no node says that it stands below it.
    let settled = died_at.after(Duration::from_millis(1_200));
    for (_, message) in world.log.iter().filter(|(at, _)| *at > settled) {
        let Body::Peer(gossip) = &message.body else { continue };
        let place = gossip.message().offer.expect("no node is where the preferred tree has it");
        assert_ne!(&**gossip.nodes().name(place.root), "n0", "{message:?}");
    }
    for node in 2..6 {
        let words = world.nodes[node].describe(world.now).to_string();
        assert!(words.contains("parent n1\n"), "{words}");
    }
}

#[test]
fn a_hub_that_comes_back_gets_its_place_and_all_that_it_missed() {
    let (mut world, mut values) = warm(5);
    (1..5).for_each(|node| world.cut_both_ways(0, node));
    world.keep_busy(&[0, 1, 2, 3, 4], &mut values, 20);
    world.cut.clear();
    world.run_for(Duration::from_secs(2));
    all_hold(&mut world, 0..5, &values);
    for node in 1..5 {
        let words = world.nodes[node].describe(world.now).to_string();
        assert!(words.contains("parent n0\n"), "{words}");
    }
}

#[test]
fn a_hub_with_nothing_to_say_is_not_missed() {
    let (mut world, values) = warm(6);
    world.run_for(Duration::from_secs(5));
    all_hold(&mut world, 0..6, &values);
    let stats = world.stats();
    assert!(stats.iter().all(|stats| stats.suspicions == 0), "{stats:?}");
    assert!(stats.iter().all(|stats| stats.digests_sent == 0), "no digest is sent: {stats:?}");
}
