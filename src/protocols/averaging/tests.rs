use super::*;
use crate::protocols::testing::Net;

/// 20 nodes; node i has the sum of the values i·1,000,000 and i·1,000,000 + 1 if i is even.
fn net() -> (Net<Averaging>, i64) {
    let mut net: Net<Averaging> = Net::new(20, &Config::default(), &[]);
    for node in (0..20).step_by(2) {
        net.submit(node);
        net.submit(node);
    }
    let sum = sum(&net);
    assert_eq!(sum, (2 * 90_000_000 + 10) * UNITS);
    (net, sum)
}

fn sum(net: &Net<Averaging>) -> i64 {
    net.nodes.iter().map(Averaging::number).sum()
}

#[test]
fn all_numbers_approach_the_mean_and_the_sum_is_conserved_to_the_last_bit() {
    let (mut net, before) = net();
    net.run_for(Duration::from_secs(20));
    // Between the call and its answer the amount is on its way.
    net.run_for(Duration::from_millis(1));
    let mean = before / 20;
    let worst = net.nodes.iter().map(|node| node.number().abs_diff(mean)).max();
    assert!(worst.unwrap() < 1_000, "{worst:?}");
    assert!(sum(&net).abs_diff(before) < 1_000, "{} {before}", sum(&net));
}

#[test]
fn a_lost_answer_loses_mass_and_a_lost_call_does_not() {
    for (loses_calls, is_conserved) in [(true, true), (false, false)] {
        let (mut net, before) = net();
        let mut count = 0;
        net.loses = Box::new(move |_, _, message| {
            count += 1;
            matches!(message, Message::Call { .. }) == loses_calls && count % 3 == 0
        });
        net.run_for(Duration::from_secs(20));
        net.heal();
        net.run_for(Duration::from_secs(10));
        let drift = sum(&net).abs_diff(before);
        assert_eq!(drift < 1_000, is_conserved, "{drift}");
    }
}

#[test]
fn a_node_that_awaits_an_answer_refuses_calls() {
    let mut net: Net<Averaging> = Net::new(3, &Config::default(), &[]);
    net.submit(0);
    net.submit(1);
    let (now, mut out) = (net.nodes[0].next_timeout().unwrap(), Effects::default());
    net.nodes[0].on_timeout(now, &mut out);
    let call = Message::Call { call: 9, number: 5 * UNITS };
    net.nodes[0].on_message(now, NodeId(2), call, &mut out);
    let sent: Vec<_> = out.drain_sends().collect();
    assert_eq!(sent[1], (NodeId(2), Message::Answer { call: 9, by: 0 }));
}

#[test]
fn both_move_by_half_the_difference() {
    assert_eq!(half_difference(10, 4), -3);
    assert_eq!(half_difference(4, 11), 3);
}
