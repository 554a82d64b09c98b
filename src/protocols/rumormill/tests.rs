//! The machines together, at one node. `tests/protocol.rs` has them in a network.

use super::*;
use crate::protocols::rumormill::message::{Ack, Entries};
use crate::protocols::testing::{Alone, Net, entry, star};
use std::time::Duration;

type Node = Alone<Rumormill>;

fn hub() -> Config {
    Config { route: Route::Hub, ..Config::default() }
}

/// A message of node 1 with its first entry, of this generation.
fn message(generation: u64, number: u64) -> Gossip {
    message_with(1, generation, number)
}

/// The same with the first entry of another node.
fn message_with(node: u32, generation: u64, number: u64) -> Gossip {
    let generation = Generation(generation);
    let origin = Origin { node: NodeId(node), generation };
    let entries = [Entries { origin, first: 0, values: [7.into()].into() }].into();
    Gossip { generation, number, entries, ..Gossip::default() }
}

/// The receivers of all messages that the end of the input brings, with the number of entries.
fn at_end(node: &mut Node) -> Vec<(u32, usize)> {
    node.machine.on_end(node.now, &mut node.out);
    node.out.drain_sends().map(|(peer, m)| (peer.0, m.entries.len())).collect()
}

#[test]
fn a_submitted_entry_waits_for_its_window_and_the_end_of_the_input_sends_all() {
    let mut node = Node::new(4, &hub());
    node.submit(entry(0, 0));
    assert_eq!(node.machine.next_timeout(), Some(node.now));
    assert_eq!(node.time_out(), []);
    assert!(node.machine.next_timeout() > Some(node.now));
    node.submit(entry(0, 1));
    assert_eq!(at_end(&mut node), [(1, 1), (2, 1), (3, 1)]);
    assert_eq!((at_end(&mut node), node.machine.replica().held().count()), (vec![], 2));
}

#[test]
fn an_ack_that_is_owed_is_sent_at_the_end_of_the_input() {
    let mut node = Node::new(4, &hub());
    node.receive(message(1, 0));
    assert_eq!(at_end(&mut node), [(1, 0)]);
    assert_eq!(node.out.drain_deliveries().count(), 1);
    assert_eq!((node.machine.stats().entries_received, node.machine.links().count()), (1, 1));
}

#[test]
fn a_message_that_contradicts_this_node_is_refused() {
    let mut node = Node::new(4, &hub());
    assert_eq!(node.receive(message_with(0, 1, 0)), []);
    assert_eq!((node.out.drain_refusals().count(), node.machine.links().count()), (1, 0));
}

#[test]
fn a_node_that_comes_back_tells_what_it_held_and_submits_none_of_it() {
    let window = Some(Duration::ZERO);
    let mut node = Node::new(4, &Config { route: Route::Topology, window, ..Config::default() });
    let mut old = entry(2, 0);
    old.id.origin.generation = Generation(0);
    node.machine.on_restore(old);
    node.submit(entry(0, 0));
    let graph = Arc::new(Graph::new(4, [(NodeId(0), NodeId(3))]));
    node.machine.on_topology(node.now, graph, &mut node.out);
    assert_eq!(at_end(&mut node), [(3, 1)]);
    assert_eq!(node.machine.replica().held().count(), 2);
    // It asks at once for what it missed.
    let mut node = Node::new(4, &hub());
    node.machine.on_restore(entry(2, 0));
    node.machine.on_topology(node.now, Arc::new(Graph::new(4, [])), &mut node.out);
    assert!(
        node.machine.next_timeout().is_some_and(|at| at <= node.now.after(hub().sync_interval))
    );
}

#[test]
fn only_a_message_of_the_present_generation_is_evidence() {
    let known = |generation: u64| {
        let mut node = Node::new(4, &hub());
        node.receive(Gossip { generation: Generation(2), ..Gossip::default() });
        node.receive(message(generation, 1));
        assert_eq!(node.out.drain_deliveries().count(), 1);
        let (_, link) = node.machine.links().next().unwrap();
        (link.known().count(), node.machine.stats().restarts_seen)
    };
    assert_eq!((known(1), known(2), known(3)), ((0, 0), (1, 0), (1, 1)));
}

#[test]
fn a_missed_budget_is_logged() {
    let latency_budget = Duration::from_millis(1);
    let mut node = Node::new(4, &Config { latency_budget, ..hub() });
    node.submit(entry(0, 0));
    let sent = node.time_out();
    assert_eq!((sent.len(), node.out.drain_log().count()), (3, 0));
    assert_eq!(node.machine.plan(), Some(Plan::Tree { period: Duration::ZERO, pulse: false }));
    node.now = node.now.after(Duration::from_secs(1));
    let ack =
        Ack { generation: Generation(1), numbers: std::iter::once(0..1).collect(), held_us: 0 };
    node.receive(Gossip { ack: Some(ack), ..message(1, 0) });
    node.submit(entry(0, 1));
    node.time_out();
    assert_eq!(node.out.drain_log().count(), 1);
}

#[test]
fn entries_of_the_parent_start_its_heartbeat() {
    let config = Config { window: Some(Duration::ZERO), ..hub() };
    let mut net: Net<Rumormill> = Net::new(3, &config, &star(3));
    for _ in 0..20 {
        net.submit(0);
        net.run_for(Duration::from_millis(200));
    }
    let suspect_at = net.nodes[1].repair.detector().suspect_at();
    assert!(suspect_at.is_some_and(|at| at > net.now), "{suspect_at:?}");
    assert_eq!(net.nodes[0].repair.detector().suspect_at(), None);
}

#[test]
fn nodes_compare_checksums_at_rest_and_all_that_they_hold_while_values_come() {
    let mut net: Net<Rumormill> = Net::new(3, &hub(), &star(3));
    net.submit(0);
    net.run_for(Duration::from_secs(10));
    let is_digest = |m: &Gossip| m.is_digest && !m.is_probe;
    let digests = net.count(is_digest);
    net.run_for(Duration::from_secs(60));
    let checksums = net.count(|m| m.checksum.is_some());
    assert!(checksums > 0 && net.count(is_digest) == digests);
    for _ in 0..300 {
        net.submit(0);
        net.run_for(Duration::from_millis(200));
    }
    assert!(net.count(is_digest) > digests);
    assert_eq!(net.count(|m| m.checksum.is_some()), checksums);
}
