use super::*;
use crate::protocols::testing::Net;

type HeartbeatNet = Net<HeartbeatGossip>;

const SECOND: Duration = Duration::from_secs(1);

fn alive(net: &HeartbeatNet, at: usize) -> usize {
    let node = &net.nodes[at];
    (0..net.nodes.len() as u32).filter(|id| node.is_alive(NodeId(*id), net.now)).count()
}

#[test]
fn nodes_meet_through_the_seeds() {
    let config = Config { seeds: 1, ..Config::default() };
    let mut net: HeartbeatNet = Net::new(30, &config, &[]);
    net.run_for(SECOND * 5);
    assert!((0..30).all(|node| alive(&net, node) == 29));
}

#[test]
fn a_member_without_heartbeats_fails_after_t_fail_and_is_forgotten_after_twice_that() {
    let mut net: HeartbeatNet = Net::new(10, &Config::default(), &[]);
    net.run_for(SECOND * 5);
    net.silence(9);
    net.run_for(SECOND * 4);
    assert_eq!(alive(&net, 1), 9);
    net.run_for(SECOND * 4);
    assert_eq!(alive(&net, 1), 8);
    assert!(net.nodes[1].heartbeat(NodeId(9)).is_some());
    net.run_for(SECOND * 6);
    assert_eq!(net.nodes[1].heartbeat(NodeId(9)), None);
    // It comes back through a seed.
    net.heal();
    net.run_for(SECOND * 5);
    assert_eq!(alive(&net, 1), 9);
}

#[test]
fn a_member_that_was_not_told_to_leave_is_kept_without_removal() {
    let config = Config { remove: Switch::Off, ..Config::default() };
    let mut net: HeartbeatNet = Net::new(10, &config, &[]);
    net.run_for(SECOND * 5);
    net.silence(9);
    net.run_for(SECOND * 60);
    assert!(net.nodes[1].heartbeat(NodeId(9)).is_some());
}

#[test]
fn a_restarted_member_counts_anew_in_its_generation() {
    let mut net: HeartbeatNet = Net::new(3, &Config::default(), &[]);
    net.run_for(SECOND * 5);
    let (now, mut node) = (net.now, net.nodes[0].clone());
    let old = node.heartbeat(NodeId(2)).unwrap();
    let new = Heartbeat { generation: Generation(2), has_left: false, counter: 1 };
    node.hear(now, NodeId(2), new);
    assert_eq!(node.heartbeat(NodeId(2)), Some(new));
    // An older list does not bring the former life back.
    node.hear(now, NodeId(2), Heartbeat { counter: old.counter + 50, ..old });
    assert_eq!(node.heartbeat(NodeId(2)), Some(new));
    node.hear(now, NodeId(2), Heartbeat { has_left: true, counter: 2, ..new });
    assert!(!node.is_alive(NodeId(2), now));
}

#[test]
fn values_spread_through_loss_and_a_partition() {
    let mut net: HeartbeatNet = Net::new(25, &Config::default(), &[]);
    net.run_for(SECOND * 3);
    net.lose(0.1);
    let lossy = net.submit(4);
    net.run_for(SECOND * 10);
    assert_eq!(net.holders(lossy), 25);
    net.cut(12);
    let (here, there) = (net.submit(1), net.submit(20));
    net.run_for(SECOND * 30);
    assert_eq!((net.holders(here), net.holders(there)), (12, 13));
    net.heal();
    net.run_for(SECOND * 10);
    assert_eq!((net.holders(here), net.holders(there)), (25, 25));
}
