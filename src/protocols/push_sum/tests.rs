use super::*;
use crate::protocols::testing::Net;

fn net(aggregate: Aggregate) -> Net<PushSum> {
    let mut net = Net::new(20, &Config { aggregate, ..Config::default() }, &[]);
    (0..20).for_each(|node| {
        net.submit(node);
    });
    net
}

#[test]
fn estimates_approach_the_aggregate() {
    for (aggregate, expected) in [
        (Aggregate::Average, 9_500_000.0),
        (Aggregate::Sum, 190_000_000.0),
        (Aggregate::Count, 20.0),
    ] {
        let mut net = net(aggregate);
        net.run_for(Duration::from_secs(20));
        for node in &net.nodes {
            let relative = node.share().estimate() / expected - 1.0;
            assert!(relative.abs() < 1e-3, "{aggregate:?} {}", node.share().estimate());
        }
    }
}

#[test]
fn mass_is_conserved_to_the_last_bit_and_lost_with_messages() {
    let mut whole = Share { sum: -7, weight: 5 };
    let half = whole.split();
    assert_eq!((whole.sum + half.sum, whole.weight + half.weight), (-7, 5));
    let mass = |net: &Net<PushSum>| {
        let mut all = Share::default();
        net.nodes.iter().for_each(|node| all.add(node.share()));
        all
    };
    let mut net = net(Aggregate::Average);
    let before = mass(&net);
    // Stop all timers' messages from being in flight: lose what is sent at the very end.
    net.run_for(Duration::from_secs(5));
    let mut in_flight = Share::default();
    for (_, _, Message::Push { sum, weight }) in net.sent.iter().rev().take(40) {
        in_flight.add(Share { sum: *sum, weight: *weight });
    }
    let after = mass(&net);
    assert!(after.weight <= before.weight && before.weight - after.weight <= in_flight.weight);
    net.lose(0.2);
    net.run_for(Duration::from_secs(5));
    assert!(mass(&net).weight < before.weight / 2);
}
