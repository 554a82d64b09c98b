use std::time::Duration;

use super::*;
use crate::protocols::testing::{DELAY, Net, star};

#[test]
fn an_entry_costs_a_message_per_other_node_and_one_delay() {
    let mut net: Net<DirectMail> = Net::new(25, &Config {}, &star(25));
    let id = net.submit(7);
    net.run_for(DELAY);
    assert_eq!((net.holders(id), net.sent.len()), (25, 24));
    assert!(net.sent.iter().all(|(from, ..)| *from == NodeId(7)));
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.sent.len(), 24);
}

/// LITERATURE: coverage under loss `l` is binomial, `1 - l` of the other nodes.
#[test]
fn what_is_lost_stays_lost() {
    let mut net: Net<DirectMail> = Net::new(1_001, &Config {}, &[]);
    net.lose(0.1);
    let id = net.submit(0);
    net.run_for(Duration::from_secs(60));
    let covered = net.holders(id) - 1;
    // The standard deviation is 9.5 nodes.
    assert!((862..=938).contains(&covered), "{covered}");
}
