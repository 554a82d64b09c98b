use std::collections::BTreeMap;

use super::*;
use crate::protocols::testing::Net;

fn net(nodes: u32, config: &Config) -> Net<Scuttlebutt> {
    Net::new(nodes, config, &[])
}

/// The deltas per owner in the first reply of a node that holds 9 entries of each of `owners`.
fn first_reply(order: Order, own: &[u32]) -> Vec<Entry> {
    let config = Config { order, mtu: 6, ..Config::default() };
    let mut net = net(4, &config);
    for &node in own {
        for _ in 0..3 * (node + 1) {
            net.submit(node);
        }
    }
    let mut node = net.nodes[3].clone();
    for other in &net.nodes {
        assert!(other.store.entries().all(|entry| node.store.insert(&entry)));
    }
    node.deltas(&[])
}

/// The MTU rule: within an owner nothing is left out before something that is sent.
#[test]
fn deltas_that_fit_have_no_gaps_in_either_order() {
    for (order, expected) in [(Order::Depth, vec![6]), (Order::Breadth, vec![2, 2, 2])] {
        let deltas = first_reply(order, &[0, 1, 2]);
        let mut by_owner: BTreeMap<Origin, Vec<u64>> = BTreeMap::new();
        for delta in &deltas {
            by_owner.entry(delta.id.origin).or_default().push(delta.id.sequence);
        }
        for sequences in by_owner.values() {
            assert_eq!(*sequences, (0..sequences.len() as u64).collect::<Vec<_>>(), "{order:?}");
        }
        let counts: Vec<_> = by_owner.values().map(Vec::len).collect();
        assert_eq!(counts, expected, "{order:?}");
    }
}

#[test]
fn depth_takes_the_owner_with_the_most_deltas() {
    let deltas = first_reply(Order::Depth, &[0, 1, 2]);
    assert!(deltas.iter().all(|delta| delta.id.origin.node == NodeId(2)));
}

/// Pitfall: chitchat #179. A digest from before a restart must not leave a hole.
#[test]
fn deltas_beyond_a_gap_are_dropped() {
    let mut net = net(2, &Config::default());
    for _ in 0..5 {
        net.submit(0);
    }
    let deltas = net.nodes[0].deltas(&[]);
    let (mut out, node) = (Effects::default(), &mut net.nodes[1]);
    node.apply(deltas[2..].to_vec(), &mut out);
    assert_eq!((out.drain_deliveries().count(), node.digest()), (0, vec![]));
    node.apply(deltas, &mut out);
    assert_eq!(out.drain_deliveries().count(), 5);
}

#[test]
fn loss_partitions_and_lost_memory_are_repaired() {
    for order in [Order::Depth, Order::Breadth] {
        net(25, &Config { order, ..Config::default() }).assert_repairs(Duration::from_secs(20));
    }
}

#[test]
fn a_round_costs_two_messages_when_all_agree() {
    let mut net = net(25, &Config::default());
    net.submit(0);
    net.run_for(Duration::from_secs(30));
    net.sent.clear();
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.sent.len(), 25 * 10 * 2);
}
