use std::time::Duration;

use super::*;
use crate::protocols::testing::{DELAY, Net, star};

#[test]
fn an_entry_goes_to_the_server_and_from_there_to_all_others() {
    let mut net: Net<Central> = Net::new(25, &Config {}, &star(25));
    let id = net.submit(7);
    net.run_for(DELAY);
    assert_eq!((net.holders(id), net.sent.len()), (2, 24));
    net.run_for(DELAY);
    assert_eq!((net.holders(id), net.sent.len()), (25, 24));
    let at_the_server = |(from, to, _): &(NodeId, NodeId, Message)| [*from, *to].contains(&SERVER);
    assert!(net.sent.iter().all(at_the_server));
    let of_the_server = net.submit(0);
    net.run_for(DELAY);
    assert_eq!((net.holders(of_the_server), net.sent.len()), (25, 48));
}

#[test]
fn nothing_spreads_while_the_server_is_cut_off_nor_afterwards() {
    let mut net: Net<Central> = Net::new(25, &Config {}, &star(25));
    net.cut(1);
    let id = net.submit(7);
    net.run_for(Duration::from_secs(10));
    net.heal();
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.holders(id), 1);
}
