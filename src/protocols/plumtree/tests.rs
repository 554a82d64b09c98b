use super::*;
use crate::protocols::testing::{Net, grid, line};

fn net(nodes: u32, config: &Config, edges: &[(u32, u32)]) -> Net<Plumtree> {
    let mut net = Net::new(nodes, config, edges);
    // The views are filled and the tree is built.
    net.run_for(Duration::from_secs(30));
    for _ in 0..10 {
        net.submit(0);
        net.run_for(Duration::from_secs(1));
    }
    net.sent.clear();
    net
}

fn is_gossip(message: &Message) -> bool {
    matches!(message, Message::Gossip { .. })
}

fn is_graft(message: &Message) -> bool {
    matches!(message, Message::Graft { .. })
}

fn over_the_topology() -> Config {
    Config { view: View::Topology, ..Config::default() }
}

/// LITERATURE, section 7: relative message redundancy 0, n - 1 payloads, once the tree stands.
#[test]
fn a_tree_remains_and_carries_n_minus_1_copies() {
    for (config, edges) in [(Config::default(), vec![]), (over_the_topology(), grid(10))] {
        let mut net = net(100, &config, &edges);
        let id = net.submit(0);
        net.run_for(Duration::from_secs(5));
        assert_eq!((net.holders(id), net.count(is_gossip)), (100, 99), "{:?}", config.view);
        assert_eq!(net.count(is_graft), 0);
    }
}

#[test]
fn a_lost_copy_is_grafted_and_the_tree_heals() {
    let mut net = net(36, &over_the_topology(), &grid(6));
    net.loses = Box::new(|_, to, message| to == NodeId(14) && is_gossip(message));
    let id = net.submit(0);
    net.run_for(Duration::from_millis(400));
    assert!(!net.holds(14, id));
    net.heal();
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.holders(id), 36);
    assert!(net.count(is_graft) > 0);
}

/// A duplicate prunes the link it came over, on both sides.
#[test]
fn the_links_of_the_tree_are_the_same_at_both_ends() {
    let net = net(36, &over_the_topology(), &grid(6));
    let is_eager = |a: NodeId, b: &NodeId| net.nodes[a.0 as usize].peers[b];
    let mut eager = 0;
    for (a, node) in (0..).map(NodeId).zip(&net.nodes) {
        for (b, &mine) in &node.peers {
            assert_eq!(mine, is_eager(*b, &a), "{a:?} {b:?}");
            eager += usize::from(mine);
        }
    }
    assert_eq!(eager, 2 * 35);
}

/// HyParView's invariant, and that the overlay is one.
#[test]
fn views_are_symmetric_bounded_and_connect_all_nodes_even_after_half_have_failed() {
    let mut net = net(60, &Config::default(), &[]);
    for alive in [60, 30] {
        if alive == 30 {
            net.loses = Box::new(|from, to, _| from.0 >= 30 || to.0 >= 30);
            net.run_for(Duration::from_secs(60));
        }
        let view = |node: u32| net.nodes[node as usize].view.active().collect::<Vec<_>>();
        let mut seen = BTreeSet::from([0]);
        for _ in 0..30 {
            let next: Vec<u32> = seen.iter().flat_map(|&node| view(node)).map(|id| id.0).collect();
            seen.extend(next);
        }
        assert_eq!(seen, (0..alive).collect::<BTreeSet<u32>>());
        for node in 0..alive {
            assert!(view(node).len() <= 5);
            assert!(view(node).iter().all(|peer| view(peer.0).contains(&NodeId(node))));
        }
    }
    let id = net.submit(3);
    net.run_for(Duration::from_secs(5));
    assert_eq!(net.holders(id), 30);
}

#[test]
fn nothing_is_announced_again_after_a_partition() {
    let mut net = net(10, &over_the_topology(), &line(10));
    net.cut(5);
    let id = net.submit(0);
    net.run_for(Duration::from_secs(10));
    net.heal();
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.holders(id), 5);
}
