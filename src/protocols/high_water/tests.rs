use super::*;
use crate::protocols::testing::Net;

fn net(nodes: u32) -> Net<HighWater> {
    let mut net = Net::new(nodes, &Config::default(), &[]);
    net.run_for(Duration::from_secs(20));
    net.sent.clear();
    net
}

/// LITERATURE, section 4: the bounds by cluster size, and the trap of floating point at 27 and 125.
#[test]
fn the_number_of_connections_is_bounded_by_the_cube_root() {
    for (nodes, peers) in
        [(3, 3), (27, 3), (28, 4), (64, 4), (65, 5), (125, 5), (343, 7), (1_000, 10)]
    {
        assert_eq!(peers_max(nodes), peers, "{nodes}");
    }
    let net = net(64);
    for node in &net.nodes {
        assert!(node.count(true) <= 4 && node.count(false) <= 4);
        assert!(!node.links.is_empty());
    }
    let redirected = net.nodes.iter().filter(|node| !node.links.contains_key(&NodeId(0)));
    assert!(redirected.count() > 50);
}

#[test]
fn distant_nodes_are_connected_to_until_all_are_within_five_hops() {
    let mut net = net(100);
    net.run_for(Duration::from_secs(120));
    // Hops over connections, from every node: what the counts in descriptors stand for.
    for start in 0..100 {
        let mut seen = BTreeSet::from([NodeId(start)]);
        for _ in 0..HOPS_MAX {
            let next = seen.iter().flat_map(|node| net.nodes[node.0 as usize].links.keys());
            let next: Vec<NodeId> = next.copied().collect();
            seen.extend(next);
        }
        assert_eq!(seen.len(), 100, "from {start}");
    }
    assert!(net.nodes.iter().all(|node| node.nodes.len() == 100));
}

#[test]
fn an_info_crosses_a_connection_once_each_way_at_most() {
    let mut net = net(25);
    let links: usize = net.nodes.iter().map(|node| node.links.len()).sum();
    let id = net.submit(7);
    net.run_for(Duration::from_millis(500));
    let deltas = |net: &Net<HighWater>| net.count(|m| matches!(m, Message::Delta { .. }));
    assert_eq!(net.holders(id), 25);
    assert!((24..=links).contains(&deltas(&net)), "{} of {links}", deltas(&net));
    let before = deltas(&net);
    net.run_for(Duration::from_secs(10));
    assert_eq!(deltas(&net), before);
}

/// Pitfall: a stamp says nothing of what is below it unless infos come in order.
#[test]
fn an_info_beyond_a_gap_is_dropped_and_sent_again() {
    let mut net = net(2);
    net.cut(1);
    let first = net.submit(0);
    net.heal();
    let second = net.submit(0);
    net.run_for(Duration::from_millis(50));
    assert_eq!((net.holders(first), net.holders(second)), (1, 1));
    net.run_for(Duration::from_secs(3));
    assert_eq!((net.holders(first), net.holders(second)), (2, 2));
}

/// Found by `lab bench protocols`: the join list died, and stalled nodes asked no other.
#[test]
fn the_survivors_stay_connected_when_the_join_list_and_a_third_of_the_nodes_die() {
    let mut net = net(25);
    net.loses = Box::new(|from, to, _| from.0 < 8 || to.0 < 8);
    net.run_for(Duration::from_secs(30));
    let ids: Vec<_> = (8..25).map(|node| net.submit(node)).collect();
    net.run_for(Duration::from_secs(30));
    assert!(ids.iter().all(|&id| net.holders(id) == 17));
}

/// Found by `lab bench protocols 1000`: a node that the join list had not answered before it died
/// knew no other, and stayed alone.
#[test]
fn a_node_whose_join_list_is_dead_from_the_start_connects_through_later_nodes() {
    let mut net: Net<HighWater> = Net::new(40, &Config::default(), &[]);
    net.loses = Box::new(|from, to, _| from.0 < 12 || to.0 < 12);
    net.run_for(Duration::from_secs(30));
    let ids: Vec<_> = (12..40).map(|node| net.submit(node)).collect();
    net.run_for(Duration::from_secs(30));
    assert!(ids.iter().all(|&id| net.holders(id) == 28));
}

#[test]
fn loss_partitions_and_lost_memory_are_repaired() {
    net(25).assert_repairs(Duration::from_secs(40));
}

#[test]
fn a_connection_that_both_ends_open_at_once_keeps_to_the_bound() {
    let mut net: Net<HighWater> = Net::new(10, &Config::default(), &[]);
    let node = &mut net.nodes[9];
    for (peer, is_outgoing) in [(0, true), (1, false), (2, false), (3, false)] {
        node.links.insert(NodeId(peer), Link::new(is_outgoing, Instant::ZERO));
    }
    let dial = Message::Stamps { is_dial: true, stamps: BTreeMap::new(), nodes: Vec::new() };
    node.on_message(Instant::ZERO, NodeId(0), dial, &mut Effects::default());
    assert_eq!((node.count(true), node.count(false)), (1, 3));
}
