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
    let ack = link.acks.ack(now, Some(crate::id::Generation(1)));
    let number = ack.map_or(0, |ack| ack.numbers.end());
    link.acks.on_received(now, number, true, Duration::ZERO);
}

fn suspect(peers: &mut Peers, peer: u32, now: Instant) {
    let link = peers.open(NodeId(peer));
    let mut entries = crate::set::VersionSet::new();
    entries.insert(crate::set::OriginId(0), 0..1);
    link.on_sent(
        now,
        entries,
        Default::default(),
        Default::default(),
        crate::set::SharedSet::default(),
    );
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

/// The nodes whose number fulfils a condition.
fn all(nodes: u32, is: impl Fn(NodeId) -> bool) -> Vec<u32> {
    (0..nodes).filter(|&node| is(NodeId(node))).collect()
}

/// In a tree of hubs of 1,600 nodes the children of the root are 1 to 41, those of 1 are 42 to 82, …
const LARGE: u32 = 1_600;

#[test]
fn leaves_depths_and_heights_are_those_of_the_preferred_tree() {
    let facts = |me: u32| {
        let (tree, _) = hub_tree(me, LARGE);
        (tree.is_leaf(NodeId(me)), tree.preferred_depth(), tree.height())
    };
    assert_eq!([0, 1, 1_590].map(facts), [(false, 0, 2), (false, 1, 2), (true, 2, 2)]);
    let none = SpanningTree::new(NodeId(1), true);
    assert_eq!((none.is_leaf(NodeId(1)), none.preferred_depth(), none.height()), (false, 0, 1));
    assert!(none.is_preferred() && none.edges(&Peers::new(&Config::default())).is_empty());
    let mut of_topology = SpanningTree::new(NodeId(1), false);
    of_topology.set_preferred(Some(Arc::new(Tree::hubs(5))));
    assert!(!of_topology.is_leaf(NodeId(1)));
}

#[test]
fn a_node_is_preferred_while_it_and_its_parent_stand_where_they_should() {
    let (mut tree, peers) = hub_tree(3, 5);
    assert!(tree.is_preferred());
    tree.on_offer(at(0), &peers, NodeId(0), place(Some(1), 1, 1, 0));
    assert!(tree.has_offer(NodeId(0)) && !tree.is_preferred());
    tree.on_restart(NodeId(0));
    assert!(!tree.has_offer(NodeId(0)) && tree.is_preferred());
    tree.set_parent(Some(NodeId(1)));
    assert!(!tree.is_preferred());
}

/// The edges of a node, with what makes them differ from the preferred ones.
fn edges(me: u32, change: impl FnOnce(&mut SpanningTree, &mut Peers)) -> Vec<u32> {
    let (mut tree, mut peers) = hub_tree(me, LARGE);
    change(&mut tree, &mut peers);
    let edges: Vec<u32> = tree.edges(&peers).into_iter().map(|peer| peer.0).collect();
    assert_eq!(all(LARGE, |peer| peer.0 != me && tree.is_edge(&peers, peer)), edges);
    edges
}

#[test]
fn the_edges_are_those_of_the_preferred_tree_and_what_takes_the_place_of_lost_ones() {
    let list = |parts: &[std::ops::RangeInclusive<u32>]| -> Vec<u32> {
        parts.iter().cloned().flatten().collect()
    };
    assert_eq!(edges(0, |_, _| {}), list(&[1..=41]));
    assert_eq!(edges(1, |_, _| {}), list(&[0..=0, 42..=82]));
    assert_eq!(edges(1_590, |_, _| {}), [38]);
    // The leaves of a suspected hub choose another parent themselves.
    assert_eq!(edges(0, |_, peers| suspect(peers, 1, at(0))), list(&[1..=41]));
    assert_eq!(edges(1, |_, peers| suspect(peers, 42, at(0))), list(&[0..=0, 42..=82]));
    // A root in the place of those before it serves them and their children.
    let root = |tree: &mut SpanningTree, _: &mut Peers| {
        tree.set_parent(None);
    };
    assert_eq!(edges(1, root), list(&[0..=0, 2..=82]));
    assert_eq!(edges(3, root), list(&[0..=2, 4..=164]));
}

#[test]
fn a_child_that_names_another_parent_has_left_unless_one_of_the_two_is_suspected() {
    let with = |suspected: Option<u32>| {
        edges(0, |tree, peers| {
            tree.on_offer(at(0), peers, NodeId(4), place(Some(2), 0, 2, 0));
            suspected.into_iter().for_each(|peer| suspect(peers, peer, at(0)));
        })
        .contains(&4)
    };
    assert_eq!([None, Some(4), Some(2)].map(with), [false, true, true]);
    // Along a spanning tree of the topology no node leaves, and none stands in for others.
    let mut tree = SpanningTree::new(NodeId(1), false);
    tree.set_preferred(Some(Arc::new(Tree::hubs(LARGE))));
    let mut peers = Peers::new(&Config::default());
    tree.on_offer(at(0), &peers, NodeId(50), place(Some(2), 0, 2, 0));
    suspect(&mut peers, 42, at(0));
    tree.set_parent(None);
    assert_eq!(all(LARGE, |peer| tree.is_edge(&peers, peer)), (42..=82).collect::<Vec<_>>());
    assert_eq!(tree.edges(&peers), (42..=82).map(NodeId).collect::<Vec<_>>());
}

#[test]
fn the_parent_of_a_peer_is_the_one_it_names() {
    let (mut tree, peers) = hub_tree(3, LARGE);
    assert_eq!((tree.parent_of(NodeId(0)), tree.parent_of(NodeId(42))), (None, Some(NodeId(1))));
    tree.on_offer(at(0), &peers, NodeId(42), place(Some(2), 0, 2, 0));
    tree.on_offer(at(0), &peers, NodeId(1), place(None, 1, 0, 0));
    assert_eq!((tree.parent_of(NodeId(42)), tree.parent_of(NodeId(1))), (Some(NodeId(2)), None));
}

#[test]
fn a_child_of_the_preferred_tree_is_no_extra_child_and_an_extra_child_is_told_where_it_hangs() {
    let (mut tree, peers) = hub_tree(1, LARGE);
    assert!(
        !tree.on_offer(at(0), &peers, NodeId(42), place(Some(1), 0, 2, 0)),
        "it was one before"
    );
    assert_eq!(tree.extra_children().count(), 0);
    assert_eq!(tree.offer_for(at(0), &peers, NodeId(42), false), None);
    assert!(tree.on_offer(at(0), &peers, NodeId(90), place(Some(1), 0, 2, 0)));
    assert_eq!(tree.extra_children().collect::<Vec<_>>(), [NodeId(90)]);
    let offer = tree.offer_for(at(0), &peers, NodeId(90), false);
    assert!(offer.is_some_and(|offer| offer.depth == 1 && offer.parent == Some(NodeId(0))));
    // A child that comes back is a new one.
    assert!(!tree.on_offer(at(0), &peers, NodeId(42), place(Some(2), 0, 2, 0)));
    assert!(tree.on_offer(at(0), &peers, NodeId(42), None));
}

#[test]
fn a_probe_is_shown_this_nodes_place_and_so_is_every_message_off_the_preferred_tree() {
    let (mut tree, peers) = hub_tree(3, 5);
    let is_shown = |tree: &SpanningTree, is_probe| {
        tree.offer_for(at(0), &peers, NodeId(1), is_probe).is_some()
    };
    assert_eq!((is_shown(&tree, false), is_shown(&tree, true)), (false, true));
    tree.set_parent(Some(NodeId(1)));
    assert!(is_shown(&tree, false));
    let direct = SpanningTree::new(NodeId(3), true);
    assert!(!is_shown(&direct, true));
}

/// Depth and age in milliseconds of the root's word in the offer of node 1590 with this parent. All
/// peers have just been heard; a hop takes 100 ms.
fn told(parent: Option<u32>, offer: Option<TreeOffer>) -> (u32, u32, u64) {
    let (mut tree, mut peers) = hub_tree(1_590, LARGE);
    tree.set_parent(parent.map(NodeId));
    if let Some(parent) = parent {
        hear(&mut peers, parent, at(5_000));
        if offer.is_some() {
            tree.on_offer(at(5_000), &peers, NodeId(parent), offer);
        }
    }
    let offer = tree.offer_for(at(5_000), &peers, NodeId(7), true).unwrap();
    assert_eq!(offer.parent, parent.map(NodeId));
    (offer.root.0, offer.depth, offer.age_us / 1_000)
}

#[test]
fn an_offer_tells_the_age_of_the_newest_message_of_the_root() {
    assert_eq!(told(None, None), (1_590, 0, 0));
    // The preferred hub sends what comes from the root; if it stands elsewhere, it tells the age.
    assert_eq!(told(Some(38), None), (0, 2, 100));
    assert_eq!(told(Some(38), place(Some(1), 0, 2, 700_000)), (0, 3, 800));
    assert_eq!(told(Some(37), place(Some(0), 0, 1, 700_000)), (0, 2, 800));
    // A message of the root itself is the newest, whatever it tells.
    assert_eq!(told(Some(0), None), (0, 1, 100));
    assert_eq!(told(Some(37), place(None, 37, 0, 700_000)), (37, 1, 100));
    // Another hub that does not tell the age has none.
    assert_eq!(told(Some(37), None), (0, 2, 5_000));
}

/// True if an offer of node 4 for this root is fresh at 9 s, after this change.
fn is_fresh(root: u32, age_ms: u64, change: impl FnOnce(&mut SpanningTree, &mut Peers)) -> bool {
    let (mut tree, mut peers) = hub_tree(5, 9);
    change(&mut tree, &mut peers);
    hear(&mut peers, 4, at(9_000));
    // The message took 100 ms.
    tree.on_offer(at(9_000), &peers, NodeId(4), place(Some(root), root, 1, (age_ms - 100) * 1_000));
    tree.is_fresh(at(9_000), &tree.offers[&NodeId(4)])
}

/// The root was heard at that time, and is lost.
fn lose(tree: &mut SpanningTree, peers: &mut Peers, root: u32, heard: u64) {
    hear(peers, root, at(heard));
    tree.on_offer(at(heard), peers, NodeId(root), place(None, root, 0, 0));
    tree.set_parent(Some(NodeId(root)));
    tree.on_root_lost(at(heard), peers);
}

#[test]
fn an_offer_for_a_lost_root_has_three_quarters_of_its_age_and_one_for_another_a_second() {
    let lost = |tree: &mut SpanningTree, peers: &mut Peers| lose(tree, peers, 1, 5_100);
    // Its last message was sent 4 s ago.
    assert_eq!((is_fresh(1, 2_999, lost), is_fresh(1, 3_000, lost)), (true, false));
    assert_eq!((is_fresh(2, 999, lost), is_fresh(2, 1_000, lost)), (true, false));
    assert_eq!((is_fresh(1, 999, |_, _| {}), is_fresh(1, 1_000, |_, _| {})), (true, false));
}

#[test]
fn of_several_lost_roots_the_first_in_the_list_counts() {
    let first = |tree: &mut SpanningTree, peers: &mut Peers| {
        lose(tree, peers, 1, 5_100);
        lose(tree, peers, 2, 5_100);
    };
    assert_eq!((is_fresh(1, 2_000, first), is_fresh(2, 2_000, first)), (true, false));
    let second = |tree: &mut SpanningTree, peers: &mut Peers| {
        lose(tree, peers, 2, 5_100);
        lose(tree, peers, 1, 5_100);
    };
    assert!(is_fresh(1, 2_000, second));
    // Lost once more, it was heard later.
    let again = |tree: &mut SpanningTree, peers: &mut Peers| {
        lose(tree, peers, 1, 5_100);
        lose(tree, peers, 1, 7_100);
    };
    assert_eq!((is_fresh(1, 1_499, again), is_fresh(1, 1_500, again)), (true, false));
    // A parent that was chosen without an offer leads to the same root, and was told of it by none.
    let unheard = |tree: &mut SpanningTree, peers: &mut Peers| {
        lose(tree, peers, 0, 5_100);
        tree.set_parent(Some(NodeId(1)));
        tree.on_root_lost(at(6_000), peers);
    };
    assert_eq!((is_fresh(0, 2_999, unheard), is_fresh(0, 3_000, unheard)), (true, false));
    // A root that is itself one loses none.
    let root = |tree: &mut SpanningTree, peers: &mut Peers| {
        tree.set_parent(None);
        tree.on_root_lost(at(5_000), peers);
    };
    assert!(!is_fresh(5, 1_500, root));
}

#[test]
fn a_parent_that_names_another_root_has_lost_its_own() {
    let change = |by: u32| {
        move |tree: &mut SpanningTree, peers: &mut Peers| {
            hear(peers, 3, at(5_000));
            tree.on_offer(at(5_000), peers, NodeId(3), place(Some(1), 1, 1, 0));
            tree.set_parent(Some(NodeId(3)));
            tree.on_offer(at(5_000), peers, NodeId(by), place(Some(2), 2, 1, 0));
        }
    };
    assert!(is_fresh(1, 2_000, change(3)));
    assert!(!is_fresh(1, 2_000, change(6)), "it is not the parent that says so");
    let same = |tree: &mut SpanningTree, peers: &mut Peers| {
        change(3)(tree, peers);
        tree.former_root = None;
        tree.on_offer(at(5_100), peers, NodeId(3), place(Some(2), 2, 2, 0));
    };
    assert!(!is_fresh(2, 2_000, same));
}

/// The best parent of a node of a star of nine whose hub is suspected, after this change.
fn best(me: u32, change: impl FnOnce(&mut SpanningTree, &Peers)) -> Option<u32> {
    let (mut tree, mut peers) = hub_tree(me, 9);
    suspect(&mut peers, 0, at(0));
    (1..9).filter(|&peer| peer != me).for_each(|peer| hear(&mut peers, peer, at(5_000)));
    change(&mut tree, &peers);
    tree.best_parent(at(5_000), &peers, Some(at(1_000))).0.map(|peer| peer.0)
}

#[test]
fn no_node_below_this_one_is_its_parent() {
    let below = |parent, root| {
        move |tree: &mut SpanningTree, peers: &Peers| {
            tree.on_offer(at(5_000), peers, NodeId(2), place(Some(parent), root, 1, 0));
        }
    };
    assert_eq!((best(1, |_, _| {}), best(1, below(1, 0))), (None, None));
    assert_eq!(best(1, below(3, 1)), None, "it leads to this node itself");
    assert_eq!(best(1, below(3, 0)), Some(2));
    // Of two nodes that have chosen each other, the second in the list stays with the first.
    let mutual = |me: u32, other: u32| {
        best(me, |tree, peers| {
            tree.set_parent(Some(NodeId(other)));
            tree.on_offer(at(5_000), peers, NodeId(other), place(Some(me), 0, 2, 0));
        })
    };
    assert_eq!((mutual(2, 3), mutual(3, 2)), (Some(1), Some(2)));
}

#[test]
fn a_stale_offer_for_a_root_counts_only_while_it_comes_from_the_parent() {
    let offered = |is_parent: bool| {
        best(1, |tree, peers| {
            if is_parent {
                tree.set_parent(Some(NodeId(7)));
            }
            tree.on_offer(at(5_000), peers, NodeId(7), place(Some(0), 0, 1, 3_000_000));
        })
    };
    assert_eq!((offered(false), offered(true)), (None, Some(7)));
    // It is as good as a fresh one while the parent is not missed.
    let is_fresh = |is_parent: bool, missed_at| {
        let (mut tree, mut peers) = hub_tree(1, 9);
        suspect(&mut peers, 0, at(0));
        hear(&mut peers, 7, at(5_000));
        tree.on_offer(at(5_000), &peers, NodeId(7), place(Some(0), 0, 1, 3_000_000));
        tree.set_parent(is_parent.then_some(NodeId(7)));
        tree.best_parent(at(5_000), &peers, missed_at)
    };
    assert_eq!(is_fresh(true, None), (Some(NodeId(7)), true));
    assert_eq!(is_fresh(true, Some(at(1_000))), (Some(NodeId(7)), false));
    assert_eq!(is_fresh(false, None), (None, false));
}

#[test]
fn nodes_are_as_lost_if_they_miss_the_same_parent_since_the_same_time() {
    let is_as_lost = |parent, age_ms: u64| {
        let (mut tree, mut peers) = hub_tree(3, 5);
        hear(&mut peers, 0, at(1_000));
        tree.on_offer(at(2_000), &peers, NodeId(4), place(Some(parent), 0, 1, age_ms * 1_000));
        tree.is_as_lost(at(2_000), &peers, NodeId(4))
    };
    // A hop takes 100 ms, and a quarter of it is no difference.
    let ages = [974, 975, 1_000, 1_025, 1_026];
    assert_eq!(ages.map(|age| is_as_lost(0, age)), [false, true, true, true, false]);
    assert!(!is_as_lost(1, 1_000));
}
