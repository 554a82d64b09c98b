use super::*;
use crate::protocols::rumormill::config::Config;

fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

fn hub_tree(me: u32, nodes: u32) -> (SpanningTree, Peers) {
    let mut tree = SpanningTree::new(NodeId(me), true);
    tree.set_preferred(Some(Arc::new(Tree::hubs(nodes))));
    (tree, Peers::new(&Config::default()))
}

/// The peer was just heard.
fn hear(peers: &mut Peers, peer: u32, now: Instant) {
    let link = peers.open(NodeId(peer));
    let ack = link.acks().ack(now, Some(crate::id::Generation(1)));
    let number = ack.map_or(0, |ack| ack.numbers.end());
    link.acks_mut().on_received(now, number, true, Duration::ZERO);
}

fn suspect(peers: &mut Peers, peer: u32, now: Instant) {
    let link = peers.open(NodeId(peer));
    let mut entries = crate::set::VersionSet::new();
    entries.insert(crate::set::OriginId(0), 0..1);
    link.on_sent(now, entries, Default::default(), Default::default(), Default::default());
    while !link.is_suspected() {
        let deadline = link.next_deadline().unwrap();
        link.on_deadline(deadline, 0);
    }
}

fn place(parent: Option<u32>, root: u32, depth: u32, age_us: u64) -> Option<TreeOffer> {
    Some(TreeOffer { parent: parent.map(NodeId), root: NodeId(root), depth, age_us })
}

#[test]
fn a_node_on_the_preferred_tree_sends_no_offer_unless_it_is_requested() {
    let (mut tree, mut peers) = hub_tree(3, 5);
    hear(&mut peers, 0, at(1_000));
    assert_eq!(tree.offer_for(at(1_000), &peers, NodeId(0), false), None);
    tree.on_offer_requested(NodeId(1));
    let offer = tree.offer_for(at(1_050), &peers, NodeId(1), false).unwrap();
    // The hub was heard 50 ms ago, and its message took 100 ms.
    assert_eq!((offer.parent, offer.root, offer.depth), (Some(NodeId(0)), NodeId(0), 1));
    assert_eq!(offer.age_us, 150_000);
    tree.on_sent(NodeId(1));
    assert_eq!(tree.offer_for(at(1_050), &peers, NodeId(1), false), None);
}

#[test]
fn a_suspected_parent_is_replaced_by_the_first_node_in_the_list_that_is_up() {
    let (tree, mut peers) = hub_tree(3, 5);
    hear(&mut peers, 2, at(900));
    suspect(&mut peers, 0, at(500));
    assert_eq!(tree.best_parent(at(1_000), &peers, Some(at(500))), (Some(NodeId(2)), false));
    // Nothing was heard since: the first candidate that is not suspected.
    assert_eq!(tree.best_parent(at(1_000), &peers, Some(at(950))), (Some(NodeId(1)), false));
}

#[test]
fn a_fresh_offer_of_the_lost_root_is_taken_and_an_old_one_is_not() {
    let (mut tree, mut peers) = hub_tree(3, 5);
    hear(&mut peers, 0, at(500));
    suspect(&mut peers, 0, at(500));
    tree.on_root_lost(at(1_500), &peers);
    hear(&mut peers, 4, at(1_500));
    // This node last had a message of the root 1.1 s ago.
    tree.on_offer(at(1_500), &peers, NodeId(4), place(Some(0), 0, 1, 900_000));
    assert_eq!(tree.best_parent(at(1_500), &peers, Some(at(500))).0, Some(NodeId(1)));
    tree.on_offer(at(1_500), &peers, NodeId(4), place(Some(0), 0, 1, 200_000));
    assert_eq!(tree.best_parent(at(1_500), &peers, Some(at(500))), (Some(NodeId(4)), true));
}

#[test]
fn a_parent_too_far_from_the_root_or_below_this_node_is_none() {
    let (mut tree, mut peers) = hub_tree(3, 5);
    suspect(&mut peers, 0, at(500));
    hear(&mut peers, 4, at(1_500));
    tree.on_offer(at(1_500), &peers, NodeId(4), place(Some(1), 1, 4, 0));
    assert_ne!(tree.best_parent(at(1_500), &peers, Some(at(500))).0, Some(NodeId(4)));
    tree.on_offer(at(1_500), &peers, NodeId(4), place(Some(1), 1, 3, 0));
    assert_eq!(tree.best_parent(at(1_500), &peers, Some(at(500))).0, Some(NodeId(4)));
    tree.on_offer(at(1_500), &peers, NodeId(4), place(Some(3), 1, 3, 0));
    assert_ne!(tree.best_parent(at(1_500), &peers, Some(at(500))).0, Some(NodeId(4)));
}

#[test]
fn a_peer_that_chooses_this_node_becomes_a_child_and_leaves_again() {
    let (mut tree, peers) = hub_tree(1, 5);
    assert!(!tree.is_child(&peers, NodeId(4)));
    assert!(tree.on_offer(at(0), &peers, NodeId(4), place(Some(1), 1, 1, 0)));
    assert!(tree.is_child(&peers, NodeId(4)) && tree.edges(&peers).contains(&NodeId(4)));
    assert!(!tree.on_offer(at(0), &peers, NodeId(4), place(Some(1), 1, 1, 0)));
    // By saying nothing it says that it is back on the preferred tree.
    assert!(!tree.on_offer(at(0), &peers, NodeId(4), None));
    assert!(!tree.is_child(&peers, NodeId(4)));
}

#[test]
fn a_root_in_the_place_of_others_serves_them_and_their_children() {
    let (mut tree, mut peers) = hub_tree(1, 5);
    suspect(&mut peers, 0, at(0));
    assert!(tree.set_parent(None) && !tree.set_parent(None));
    let edges: Vec<u32> = tree.edges(&peers).into_iter().map(|peer| peer.0).collect();
    assert_eq!(edges, [0, 2, 3, 4]);
    assert!(tree.is_child(&peers, NodeId(0)) && tree.is_child(&peers, NodeId(4)));
    // A node that has another parent is not served.
    tree.on_offer(at(0), &peers, NodeId(4), place(Some(2), 2, 1, 0));
    assert!(!tree.edges(&peers).contains(&NodeId(4)));
    // One that still names the suspected hub is: it is about to notice.
    tree.on_offer(at(0), &peers, NodeId(4), place(Some(0), 0, 1, 0));
    assert!(tree.edges(&peers).contains(&NodeId(4)) && tree.is_child(&peers, NodeId(4)));
}

#[test]
fn the_preferred_parent_wins_among_equals() {
    let (mut tree, mut peers) = hub_tree(1_590, 1_600);
    let hub = Tree::hubs(1_600).parent(NodeId(1_590)).unwrap();
    for peer in [hub.0, hub.0 - 1] {
        hear(&mut peers, peer, at(1_000));
    }
    tree.on_offer(at(1_000), &peers, NodeId(hub.0 - 1), place(Some(0), 0, 1, 0));
    assert_eq!(tree.best_parent(at(1_000), &peers, None).0, Some(hub));
    assert_eq!(tree.better_parent(at(1_000), &peers, None), None);
    tree.set_parent(Some(NodeId(hub.0 - 1)));
    assert_eq!(tree.better_parent(at(1_000), &peers, None), Some(Some(hub)));
}

#[test]
fn a_parent_that_is_not_missed_is_not_left_for_one_that_heard_of_the_root_later() {
    let (mut tree, mut peers) = hub_tree(3, 5);
    hear(&mut peers, 1, at(500));
    tree.set_parent(Some(NodeId(1)));
    tree.on_offer(at(500), &peers, NodeId(1), place(Some(0), 0, 1, 0));
    // All was at rest for an hour; then another node heard of the root.
    let later = at(3_600_000);
    hear(&mut peers, 2, later);
    tree.on_offer(later, &peers, NodeId(2), place(Some(0), 0, 1, 0));
    assert_eq!(tree.better_parent(later, &peers, None), None);
    assert_eq!(tree.better_parent(later, &peers, Some(at(1_000))), Some(Some(NodeId(2))));
}
