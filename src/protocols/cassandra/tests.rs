use super::*;
use crate::protocols::testing::Net;

fn net(nodes: u32) -> Net<Cassandra> {
    let mut net = Net::new(nodes, &Config::default(), &[]);
    // All know all.
    net.run_for(Duration::from_secs(30));
    net
}

#[test]
fn nodes_learn_of_each_other_through_seeds_and_values_spread() {
    let mut net = net(25);
    assert!(net.nodes.iter().all(|node| node.endpoints.len() == 25));
    let ids: Vec<_> = (0..50).map(|i| net.submit(i % 25)).collect();
    net.run_for(Duration::from_secs(15));
    assert!(ids.iter().all(|&id| net.holders(id) == 25));
}

/// LITERATURE, section 3: a round sends 1 + unreachable / (live + 1) + a seed term. With 24 live,
/// of which 3 are seeds: 1 + (1 - 3/24) · 3/24 = 1.109 at a node that is no seed.
#[test]
fn the_number_of_syns_is_that_of_the_rule() {
    let mut net = net(25);
    let (mut sent, rounds) = (0, 20_000);
    for _ in 0..rounds {
        sent += net.nodes[20].targets().len();
    }
    let mean = f64::from(sent as u32) / f64::from(rounds);
    assert!((1.099..1.119).contains(&mean), "{mean}");
    for gone in 0..5 {
        net.nodes[20].endpoints.get_mut(&NodeId(10 + gone)).unwrap().is_unreachable = true;
    }
    let to_the_unreachable = (0..rounds)
        .filter(|_| net.nodes[20].targets().iter().any(|to| (10..15).contains(&to.0)))
        .count();
    let share = to_the_unreachable as f64 / f64::from(rounds);
    // 5 / (19 + 1)
    assert!((0.24..0.26).contains(&share), "{share}");
}

/// Phi 8 is 8 · ln 10 = 18.42 mean intervals.
#[test]
fn phi_8_is_18_42_mean_intervals() {
    let mut endpoint = Endpoint::default();
    let period = Duration::from_secs(1);
    endpoint.intervals.extend([period, period * 2, period * 3]);
    let at = |millis: u64| Instant::from_micros(millis * 1_000);
    assert!(endpoint.phi(at(36_840), period) < PHI_MAX);
    assert!(endpoint.phi(at(36_850), period) > PHI_MAX);
}

#[test]
fn a_node_that_is_cut_off_becomes_unreachable_and_live_again() {
    let mut net = net(10);
    net.cut(1);
    net.run_for(Duration::from_secs(60));
    let sees =
        |net: &Net<Cassandra>| net.nodes[5].endpoints.values().filter(|e| e.is_unreachable).count();
    assert_eq!(sees(&net), 1);
    net.heal();
    net.run_for(Duration::from_secs(60));
    assert_eq!(sees(&net), 0);
}

#[test]
fn loss_and_partitions_are_repaired() {
    let mut net = net(25);
    net.lose(0.1);
    let mut ids: Vec<_> = (0..100).map(|i| net.submit(i % 25)).collect();
    net.run_for(Duration::from_secs(20));
    net.cut(10);
    ids.extend([net.submit(0), net.submit(20)]);
    net.run_for(Duration::from_secs(10));
    net.heal();
    net.run_for(Duration::from_secs(20));
    assert!(ids.iter().all(|&id| net.holders(id) == 25));
}

/// Pitfall: CASSANDRA-12653, a late answer after a restart.
#[test]
fn an_answer_to_a_syn_from_before_a_restart_leaves_no_hole() {
    let mut net = net(3);
    net.submit(1);
    let above = net.nodes[1].endpoints[&NodeId(1)].version();
    net.submit(1);
    let late = net.nodes[1].endpoints[&NodeId(1)].update(NodeId(1), above);
    net.restart(2);
    let (mut out, now) = (Effects::default(), net.now);
    net.nodes[2].apply(now, vec![late], &mut out);
    assert_eq!(out.drain_deliveries().count(), 0);
    assert_eq!(net.nodes[2].endpoints[&NodeId(1)].version(), 0);
}

/// The paper's semantics: the newer generation wins, with everything that it does not say.
#[test]
fn what_a_restarted_node_said_before_is_lost_to_those_that_had_not_heard_it() {
    let mut net = net(25);
    net.loses = Box::new(|_, to, _| to.0 >= 10);
    let id = net.submit(3);
    net.run_for(Duration::from_secs(20));
    assert_eq!(net.holders(id), 10);
    net.restart(3);
    net.run_for(Duration::from_secs(20));
    net.heal();
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.holders(id), 9);
    let later = net.submit(3);
    net.run_for(Duration::from_secs(20));
    assert_eq!(net.holders(later), 25);
}
