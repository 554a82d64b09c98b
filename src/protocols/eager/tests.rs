use std::time::Duration;

use super::*;
use crate::protocols::testing::{DELAY, Net, star};

#[test]
fn an_entry_costs_n_times_n_minus_1_messages_and_one_delay() {
    let mut net: Net<Eager> = Net::new(25, &Config {}, &star(25));
    let id = net.submit(7);
    net.run_for(DELAY);
    assert_eq!(net.holders(id), 25);
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.sent.len(), 25 * 24);
}

#[test]
fn all_get_what_one_other_node_got_from_an_origin_that_died_while_sending() {
    let mut net: Net<Eager> = Net::new(25, &Config {}, &star(25));
    net.loses = Box::new(|from, to, _| from == NodeId(7) && to != NodeId(8));
    let id = net.submit(7);
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.holders(id), 25);
}

#[test]
fn loss_does_no_harm_and_a_partition_does() {
    let mut net: Net<Eager> = Net::new(25, &Config {}, &star(25));
    net.lose(0.1);
    let ids: Vec<_> = (0..25).map(|node| net.submit(node)).collect();
    net.run_for(Duration::from_secs(1));
    assert!(ids.iter().all(|&id| net.holders(id) == 25));
    net.cut(10);
    let id = net.submit(3);
    net.run_for(Duration::from_secs(1));
    net.heal();
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.holders(id), 10);
}
