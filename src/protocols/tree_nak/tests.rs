use super::*;
use crate::protocols::testing::{DELAY, Net, grid, line, star};

fn net(nodes: u32, config: &Config, edges: &[(u32, u32)], seed: u64) -> Net<TreeNak> {
    let mut net = Net::seeded(nodes, config, edges, seed);
    // Distances are measured.
    net.run_for(Duration::from_secs(4));
    net.sent.clear();
    net
}

fn is_nak(message: &Message) -> bool {
    matches!(message, Message::Nak { .. })
}

fn is_repair(message: &Message) -> bool {
    matches!(message, Message::Repair { .. })
}

/// LITERATURE, section 9: G equally distant losers make about 1 + (G - 1) / C2 requests. Node 1
/// is the source; the leaves other than it lose the first entry, and see the gap with the next.
#[test]
fn requests_in_a_star_are_those_of_the_formula() {
    for (losers, c2, expected) in [(100, 2, 50.5), (100, 10, 10.9), (100, 100, 2.0), (10, 2, 5.5)] {
        let (mut requests, runs) = (0, 20);
        for seed in 0..runs {
            let config = Config { c2, ..Config::default() };
            let mut net = net(losers + 2, &config, &star(losers + 2), seed);
            let first = EntryId {
                origin: Origin { node: NodeId(1), generation: Generation(1) },
                sequence: 0,
            };
            net.loses = Box::new(move |from, _, message| {
                let Message::Data { entries } = message else { return false };
                from == NodeId(0) && entries[0].id == first
            });
            net.submit(1);
            net.run_for(DELAY * 3);
            net.submit(1);
            net.run_for(Duration::from_secs(8));
            assert_eq!(net.holders(first), losers as usize + 2);
            // The naks that a leaf sent itself.
            requests += net.sent.iter().filter(|(from, _, message)| {
                matches!(message, Message::Nak { requester, .. } if requester == from)
            }).count();
        }
        let mean = requests as f64 / runs as f64;
        let range = expected * 0.75..=expected * 1.25;
        assert!(range.contains(&mean), "{losers} losers, C2 {c2}: {mean}, not {expected}");
    }
}

/// Pitfall: without session messages no node misses the last entry.
#[test]
fn the_loss_of_the_last_entry_is_seen_by_session_messages() {
    let mut net = net(25, &Config::default(), &grid(5), 1);
    net.loses =
        Box::new(|_, to, message| to == NodeId(24) && matches!(message, Message::Data { .. }));
    let id = net.submit(0);
    net.run_for(DELAY * 20);
    assert!(!net.holds(24, id) && net.count(is_nak) == 0);
    net.run_for(Duration::from_secs(3));
    assert_eq!((net.holders(id), net.count(is_nak)), (25, 24));
}

/// Pitfall: without a hold-down several holders answer, and one holder several times.
#[test]
fn a_request_makes_few_repairs_and_without_loss_there_is_neither() {
    let mut net = net(25, &Config::default(), &grid(5), 1);
    net.submit(0);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.count(|message| is_nak(message) || is_repair(message)), 0);
    net.loses =
        Box::new(|_, to, message| to == NodeId(24) && matches!(message, Message::Data { .. }));
    net.submit(0);
    net.run_for(Duration::from_secs(5));
    let own = net.sent.iter().filter(|(from, to, message)| {
        // The first node on the way sends to all its neighbours.
        is_repair(message) && (from.0, to.0) == (19, 24)
    });
    assert_eq!(own.count(), 1);
}

/// Found by `lab hunt --protocol tree-nak --start 82 --seeds 1`.
#[test]
fn a_measured_distance_of_zero_does_not_stop_time() {
    let mut net = net(3, &Config::default(), &line(3), 1);
    for link in net.nodes[1].links.values_mut() {
        link.distance = Some(Duration::ZERO);
    }
    net.loses = Box::new(|_, to, _| to == NodeId(1));
    let id = net.submit(0);
    net.nodes[1].learn_end(net.now, id);
    net.run_for(Duration::from_millis(100));
    let naks = net.count(is_nak);
    assert!((2..40).contains(&naks), "{naks}");
}

#[test]
fn loss_partitions_and_lost_memory_are_repaired() {
    net(9, &Config::default(), &line(9), 1).assert_repairs(Duration::from_secs(30));
}
