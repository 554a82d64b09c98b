use super::*;
use crate::protocols::testing::{DELAY, Net, grid, line, star};

fn net(nodes: u32, edges: &[(u32, u32)]) -> Net<TreeAck> {
    let mut net = Net::new(nodes, &Config::default(), edges);
    // The hellos are over.
    net.run_for(Duration::from_secs(2));
    net.sent.clear();
    net
}

fn is_ack(message: &Message) -> bool {
    matches!(message, Message::Ack { .. })
}

#[test]
fn an_entry_costs_n_minus_1_messages_and_at_rest_nothing_is_sent() {
    let mut net = net(25, &grid(5));
    let id = net.submit(3);
    net.run_for(Duration::from_secs(3));
    let data = net.count(|message| !is_ack(message));
    assert_eq!((net.holders(id), data), (25, 24));
    let sent = net.sent.len();
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.sent.len(), sent);
}

/// The point of the aggregation: no ack implosion at the origin, which knows of all nodes.
#[test]
fn the_origin_hears_only_its_neighbours_and_learns_what_all_nodes_hold() {
    let mut net = net(40, &line(40));
    net.loses = Box::new(|_, to, message| to == NodeId(39) && !is_ack(message));
    let id = net.submit(0);
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.holders(id), 39);
    assert_eq!(net.nodes[0].stable(id.origin), 0);
    net.heal();
    net.run_for(Duration::from_secs(15));
    assert_eq!(net.nodes[0].stable(id.origin), 1);
    assert!(net.sent.iter().all(|(from, to, _)| *to != NodeId(0) || *from == NodeId(1)));
}

#[test]
fn what_is_lost_is_sent_again() {
    let mut net = net(25, &grid(5));
    net.lose(0.3);
    let ids: Vec<_> = (0..100).map(|i| net.submit(i % 25)).collect();
    net.run_for(Duration::from_secs(60));
    assert!(ids.iter().all(|&id| net.holders(id) == 25));
}

#[test]
fn a_node_that_is_cut_off_cuts_off_all_behind_it_until_the_heal() {
    let mut net = net(25, &star(25));
    net.cut(1);
    let ids = [net.submit(0), net.submit(7)];
    net.run_for(Duration::from_secs(60));
    assert_eq!(ids.map(|id| net.holders(id)), [1, 1]);
    net.heal();
    net.run_for(Duration::from_secs(5));
    assert_eq!(ids.map(|id| net.holders(id)), [25, 25]);
}

/// An ack is void once its sender has lost its memory.
#[test]
fn a_restarted_node_gets_everything_again() {
    let mut net = net(9, &line(9));
    let ids: Vec<_> = (0..9).map(|node| net.submit(node)).collect();
    net.run_for(DELAY * 50);
    net.restart(4);
    let late = net.submit(4);
    net.run_for(Duration::from_secs(3));
    assert!(ids.iter().chain([&late]).all(|&id| net.holders(id) == 9));
}
