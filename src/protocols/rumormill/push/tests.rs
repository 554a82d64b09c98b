use super::*;
use crate::protocols::rumormill::exchange::fixture::{Machines, at, entries};
use crate::protocols::rumormill::message::TreeOffer;
use crate::protocols::rumormill::route::Route;

fn with(route: Route, me: u32, config: &Config) -> Machines {
    Machines::in_line(me, 5, &Config { route, ..config.clone() })
}

/// The peers for which something is queued.
fn receivers(node: &Machines) -> Vec<u32> {
    let waiting = node.peers.iter().filter(|(_, link)| !link.queue().is_empty());
    waiting.map(|(peer, _)| peer.0).collect()
}

fn disseminated(node: &mut Machines) -> Vec<u32> {
    let held = node.hold(&entries(node.cluster.me().0, &[7]));
    let (push, mut around) = node.around(at(0));
    push.disseminate(&mut around, &held);
    receivers(node)
}

/// Entries of `peer` that are new here.
fn from(peer: u32, entries: &VersionSet) -> Received<'_> {
    let (is_repair, is_paced) = (false, false);
    Received { entries, from: NodeId(peer), forward: Forward::No, is_repair, is_paced }
}

/// An entry of node 4 came from `from`.
fn forwarded(node: &mut Machines, from: u32, how: impl FnOnce(&mut Received<'_>)) -> Vec<u32> {
    let held = node.hold(&entries(4, &[7]));
    let (push, mut around) = node.around(at(0));
    let mut received = self::from(from, &held);
    how(&mut received);
    push.forward(&mut around, received, false);
    receivers(node)
}

#[test]
fn each_route_has_its_receivers() {
    // The nodes stand in a line. A window of zero: nothing is left to wait.
    let at_once = || Config { window: Some(Duration::ZERO), ..Config::default() };
    let of = |route, me| disseminated(&mut with(route, me, &at_once()));
    assert_eq!(of(Route::Direct, 1), [0, 2, 3, 4]);
    assert_eq!(of(Route::Hub, 1), [0]);
    assert_eq!(of(Route::Hub, 0), [1, 2, 3, 4]);
    assert_eq!(of(Route::Topology, 1), [0, 2]);
    assert_eq!(of(Route::Tree, 1), [0, 2]);
}

#[test]
fn a_hub_forwards_to_all_but_the_sender_and_a_leaf_keeps_what_comes_down() {
    let forward = |m: &mut Received<'_>| m.forward = Forward::Tree;
    assert_eq!(forwarded(&mut Machines::hubs(0, 5), 4, forward), [1, 2, 3]);
    assert_eq!(forwarded(&mut Machines::hubs(1, 5), 0, |_| {}), [0_u32; 0]);
}

#[test]
fn entries_of_a_peer_that_asks_for_nothing_are_kept() {
    let mut node = Machines::hubs(0, 5);
    assert_eq!(forwarded(&mut node, 4, |_| {}), [0_u32; 0]);
    let mut node = Machines::hubs(0, 5);
    assert_eq!(forwarded(&mut node, 4, |m| m.is_repair = true), [1, 2, 3]);
}

#[test]
fn what_a_former_parent_sends_goes_on_to_the_nodes_below() {
    // Node 1 is a hub below the root: nodes 42 to 82 are its children.
    let nodes = 1_600;
    let mut hub = Machines::hubs(1, nodes);
    let below: Vec<u32> = std::iter::once(0).chain(42..=82).collect();
    assert_eq!(forwarded(&mut hub, 2, |_| {}), below);
    assert_eq!(forwarded(&mut Machines::hubs(42, nodes), 2, |_| {}), [0_u32; 0]);
    assert_eq!(forwarded(&mut Machines::hubs(0, nodes), 2, |_| {}), [0_u32; 0]);
}

#[test]
fn what_another_root_sends_goes_on_to_the_nodes_below() {
    // Node 4 stood in for this root, and does not serve the nodes that have come back to it already.
    let mut node = Machines::hubs(0, 5);
    let offer = TreeOffer { parent: None, root: NodeId(4), depth: 0, age_us: 0 };
    node.repair.tree_mut().on_offer(at(0), &node.peers, NodeId(4), Some(offer));
    assert_eq!(forwarded(&mut node, 4, |_| {}), [1, 2, 3]);
}

#[test]
fn a_flooded_entry_goes_on_to_all_neighbours_but_the_sender_and_is_marked() {
    let mut node = Machines::hubs(2, 5);
    assert_eq!(forwarded(&mut node, 1, |m| m.forward = Forward::Flood), [3]);
    let link = node.peers.get(NodeId(3)).unwrap();
    assert_eq!(link.queue.forward(), Forward::Flood);
}

#[test]
fn what_goes_up_is_to_be_forwarded() {
    let mut leaf = Machines::hubs(1, 5);
    disseminated(&mut leaf);
    let tree = leaf.repair.tree();
    assert_eq!(leaf.push.forward_for(tree, &leaf.peers, NodeId(0)), Forward::Tree);
    assert_eq!(leaf.push.forward_for(tree, &leaf.peers, NodeId(2)), Forward::No);
}

#[test]
fn a_cut_spanning_tree_of_the_topology_is_flooded_around() {
    let mut node = with(Route::Tree, 2, &Config::default());
    node.suspect(at(0), 1);
    let held = node.hold(&entries(2, &[7]));
    let (push, mut around) = node.around(at(0));
    push.along_tree(&mut around, &held, None, None);
    let link = node.peers.get(NodeId(3)).unwrap();
    assert_eq!((link.queue.forward(), link.queue().count()), (Forward::Flood, 1));
}

#[test]
fn relations_follow_the_plan() {
    let relation = |node: &Machines, peer: u32| {
        node.push.relation(node.repair.tree(), &node.peers, NodeId(peer))
    };
    let leaf = Machines::hubs(1, 5);
    assert_eq!([0, 2].map(|peer| relation(&leaf, peer)), [Relation::Parent, Relation::Other]);
    assert_eq!(relation(&Machines::hubs(0, 5), 3), Relation::Child);
    let direct = with(Route::Direct, 1, &Config::default());
    assert_eq!(relation(&direct, 0), Relation::Other);
    let window = Some(Duration::ZERO);
    let flood = with(Route::Topology, 1, &Config { window, ..Config::default() });
    assert_eq!(relation(&flood, 4), Relation::Neighbour);
}

/// The deadline of what is queued for a peer, in milliseconds.
fn flush_ms(node: &Machines, peer: u32) -> Option<u64> {
    let link = node.peers.get(NodeId(peer))?;
    Some(link.next_deadline()?.as_micros() / 1_000)
}

/// Much is lost.
fn lose_much(node: &mut Machines) {
    (0..100).for_each(|_| node.peers.loss_mut().on_sent(at(0)));
    node.peers.loss_mut().on_lost(at(0), 50);
}

#[test]
fn repairs_are_forwarded_at_once_unless_much_is_lost() {
    // The window of this hub is 100 ms.
    let flush = |is_heavy: bool, how: fn(&mut Received<'_>), is_displaced| {
        let mut node = Machines::hubs(0, 5);
        if is_heavy {
            lose_much(&mut node);
        }
        let held = node.hold(&entries(4, &[7]));
        let (push, mut around) = node.around(at(0));
        let mut received = from(4, &held);
        how(&mut received);
        push.forward(&mut around, received, is_displaced);
        assert_eq!(flush_ms(&node, 4), None);
        flush_ms(&node, 1)
    };
    let repair = |m: &mut Received<'_>| m.is_repair = true;
    let paced_repair = |m: &mut Received<'_>| (m.is_repair, m.is_paced) = (true, true);
    let new = |m: &mut Received<'_>| m.forward = Forward::Tree;
    assert_eq!((flush(false, new, false), flush(false, new, true)), (Some(100), Some(100)));
    assert_eq!((flush(false, repair, false), flush(true, repair, false)), (Some(0), Some(100)));
    assert_eq!((flush(true, repair, true), flush(false, paced_repair, false)), (Some(0), Some(0)));
    // Entries that are new to a displaced node, though their sender asks for nothing.
    assert_eq!((flush(false, |_| {}, true), flush(false, |_| {}, false)), (Some(0), None));
}

#[test]
fn a_displaced_node_forwards_nothing_without_a_tree() {
    let latency_budget = Duration::from_millis(100);
    let mut node = with(Route::Auto, 1, &Config { latency_budget, ..Config::default() });
    assert!(matches!(node.push.plan(), Some(Plan::Direct { .. })));
    let held = node.hold(&entries(4, &[7]));
    let (push, mut around) = node.around(at(0));
    push.forward(&mut around, Received { is_repair: true, ..from(4, &held) }, true);
    assert_eq!(receivers(&node), [0_u32; 0]);
}

#[test]
fn entries_that_missed_their_beat_leave_after_the_margin() {
    let latency_budget = Duration::from_secs(1);
    let config = Config { route: Route::Hub, latency_budget, ..Config::default() };
    let flush = |is_paced| {
        let mut node = Machines::in_line(0, 25, &config);
        let held = node.hold(&entries(4, &[7]));
        let received = Received { forward: Forward::Tree, is_paced, ..from(4, &held) };
        let (push, mut around) = node.around(at(1_000));
        push.forward(&mut around, received, false);
        let (push, mut around) = node.around(at(1_005));
        push.forward(&mut around, received, false);
        flush_ms(&node, 3)
    };
    // Beats at 1000, 1775, …; the margin is 25 ms.
    assert_eq!((flush(true), flush(false)), (Some(1_025), Some(1_775)));
}

#[test]
fn along_the_topologys_tree_entries_go_on_wherever_they_came_from() {
    let mut node = with(Route::Tree, 1, &Config::default());
    assert_eq!(node.repair.tree().parent(), Some(NodeId(2)));
    assert_eq!(forwarded(&mut node, 0, |_| {}), [2]);
}

#[test]
fn a_flooded_entry_waits_for_the_window_at_each_hop() {
    let window = Some(Duration::from_millis(30));
    let mut node = with(Route::Topology, 2, &Config { window, ..Config::default() });
    assert_eq!((forwarded(&mut node, 1, |_| {}), flush_ms(&node, 3)), (vec![3], Some(30)));
}

#[test]
fn a_tree_of_hubs_is_not_flooded_while_an_edge_is_suspected() {
    let mut hub = Machines::hubs(0, 5);
    hub.suspect(at(0), 1);
    let held = hub.hold(&entries(0, &[7]));
    let (push, mut around) = hub.around(at(0));
    push.along_tree(&mut around, &held, None, None);
    assert_eq!(receivers(&hub), [1, 2, 3, 4]);
    assert_eq!(hub.peers.get(NodeId(2)).unwrap().queue.forward(), Forward::No);
}

#[test]
fn only_what_is_queued_for_the_parent_is_to_be_forwarded() {
    let mut leaf = Machines::hubs(1, 5);
    disseminated(&mut leaf);
    assert_eq!(leaf.peers.get(NodeId(0)).unwrap().queue.forward(), Forward::Tree);
    let mut hub = Machines::hubs(0, 5);
    disseminated(&mut hub);
    assert_eq!(hub.peers.get(NodeId(1)).unwrap().queue.forward(), Forward::No);
    let direct = with(Route::Direct, 1, &Config::default());
    let forward = direct.push.forward_for(direct.repair.tree(), &direct.peers, NodeId(0));
    assert_eq!(forward, Forward::No);
}

#[test]
fn a_flood_reaches_the_neighbours_of_a_suspected_one_and_neither_the_sender_nor_itself() {
    let mut node = with(Route::Topology, 2, &Config::default());
    node.suspect(at(0), 1);
    let held = node.hold(&entries(4, &[7]));
    let (_, mut around) = node.around(at(0));
    flood(&mut around, &held, Some(NodeId(3)), Duration::from_millis(5));
    assert_eq!(
        (node.peers.get(NodeId(2)).is_none(), node.peers.get(NodeId(3)).is_none()),
        (true, true)
    );
    assert_eq!(flush_ms(&node, 0), Some(5));
}

#[test]
fn entries_are_paced_for_the_parent_once_its_pulse_is_known() {
    let pulse = Pulse { period_us: 400_000, age_us: 0, distance_us: 0 };
    let is_paced = |node: &Machines, peer| node.push.is_paced(node.repair.tree(), NodeId(peer));
    let mut leaf = Machines::hubs(1, 5);
    assert!(!is_paced(&leaf, 0));
    leaf.push.pacer.on_pulse(at(0), Duration::ZERO, Some(pulse));
    assert!(is_paced(&leaf, 0) && !is_paced(&leaf, 2));
    assert_eq!(leaf.push.period(), Duration::from_millis(400));
    leaf.push.pacer.forget_beat();
    assert!(!is_paced(&leaf, 0));
    let mut direct = with(Route::Direct, 1, &Config::default());
    direct.push.pacer.on_pulse(at(0), Duration::ZERO, Some(pulse));
    assert!(!is_paced(&direct, 0));
}

#[test]
fn the_pulse_is_told_to_all_but_the_parent() {
    let latency_budget = Duration::from_secs(1);
    let config = Config { route: Route::Hub, latency_budget, ..Config::default() };
    let mut node = Machines::in_line(1, 25, &config);
    let pulse = Pulse { period_us: 400_000, age_us: 0, distance_us: 0 };
    node.push.pacer.on_pulse(at(0), Duration::ZERO, Some(pulse));
    let told = |peer| node.push.pulse_for(at(0), node.repair.tree(), &node.peers, NodeId(peer));
    assert_eq!((told(0), told(2)), (None, Some(pulse)));
}

#[test]
fn a_plan_says_whether_it_is_a_tree_and_whom_it_serves() {
    let at_once = Config { window: Some(Duration::ZERO), ..Config::default() };
    let facts = |route, config: &Config| {
        let node = with(route, 1, config);
        let tree = node.repair.tree();
        let serves = |&peer: &u32| node.push.serves(tree, &node.peers, &node.cluster, NodeId(peer));
        let served: Vec<u32> = [0, 2, 3].into_iter().filter(serves).collect();
        (node.push.planner.is_tree(), node.push.uses_hubs(tree), served)
    };
    assert_eq!(facts(Route::Hub, &at_once), (true, true, vec![0]));
    assert_eq!(facts(Route::Tree, &at_once), (true, false, vec![0, 2]));
    assert_eq!(facts(Route::Topology, &at_once), (false, false, vec![0, 2]));
    let direct = Config { latency_budget: Duration::from_millis(100), ..Config::default() };
    assert_eq!(facts(Route::Auto, &direct), (false, false, vec![0, 2]));
}

#[test]
fn a_missed_budget_is_logged_once_and_a_new_tree_makes_a_new_plan() {
    let latency_budget = Duration::from_millis(100);
    let mut node = with(Route::Hub, 1, &Config { latency_budget, ..Config::default() });
    node.peers.on_rtt_sample(Duration::from_millis(200), None);
    assert!(node.push.take_log().is_empty());
    node.push.planner.forget();
    assert_eq!(node.push.plan(), None);
    let (push, around) = node.around(at(0));
    assert!(push.replan(&around).is_some());
    let log = push.take_log();
    assert!(log.len() == 1 && log[0].contains("cannot be met"), "{log:?}");
    assert!(push.take_log().is_empty());
}

#[test]
fn the_rate_is_that_of_all_values_and_entries_wait_for_the_window() {
    let mut node = Machines::hubs(1, 5);
    (0..100).for_each(|i| node.push.planner.on_values(at(20 * i), 1));
    assert!(node.push.planner.rate(at(2_000)).is_some_and(|rate| (45.0..55.0).contains(&rate)));
    let window = Duration::from_millis(70);
    let config = Config { window: Some(window), ..Config::default() };
    let waits = |route| with(route, 1, &config).push.longest_wait();
    assert_eq!([Route::Hub, Route::Direct].map(waits), [window; 2]);
    // The deadline of an entry on its way down is the end of the window.
    let mut hub = with(Route::Hub, 0, &config);
    let (push, around) = hub.around(at(5));
    assert_eq!(push.deadline(at(5), around.tree, around.peers, NodeId(1), None), at(75));
}

#[test]
fn late_entries_shorten_the_period() {
    let config =
        Config { route: Route::Hub, latency_budget: Duration::from_secs(1), ..Config::default() };
    let mut node = Machines::in_line(0, 5, &config);
    let held = node.hold(&entries(4, &[7]));
    let mut period = |now| {
        let received = Received { forward: Forward::Tree, is_paced: true, ..from(4, &held) };
        let (push, mut around) = node.around(at(now));
        push.forward(&mut around, received, false);
        push.period().as_millis()
    };
    // The way takes 200 ms, the margin 25; then entries are 100 ms late.
    assert_eq!([1_000, 1_100, 1_400].map(&mut period), [775, 775, 675]);
}
