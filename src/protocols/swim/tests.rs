use super::*;
use crate::gossip::Switch;
use crate::protocols::testing::Net;

const SECOND: Duration = Duration::from_secs(1);

type SwimNet = Net<Swim>;

fn config() -> Config {
    Config { suspicion_mult: 3, ..Config::default() }
}

fn liveness(net: &SwimNet, at: usize, of: u32) -> Option<Liveness> {
    net.nodes[at].status(NodeId(of)).map(|status| status.liveness)
}

fn count(net: &SwimNet, of: u32, expected: Liveness) -> usize {
    (0..net.nodes.len()).filter(|at| liveness(net, *at, of) == Some(expected)).count()
}

fn status(incarnation: u64, liveness: Liveness) -> Status {
    Status { generation: Generation(1), incarnation, liveness }
}

#[test]
fn the_later_word_overrides_the_earlier() {
    use Liveness::{Alive, Dead, Suspect};
    let mut node = Net::<Swim>::new(3, &config(), &[]).nodes.swap_remove(0);
    let mut hear = |incarnation, liveness| {
        node.hear(Instant::ZERO, (NodeId(1), status(incarnation, liveness), NodeId(2)));
        node.status(NodeId(1)).map(|status| (status.incarnation, status.liveness))
    };
    assert_eq!(hear(0, Alive), Some((0, Alive)));
    assert_eq!(hear(0, Suspect), Some((0, Suspect)));
    assert_eq!(hear(0, Alive), Some((0, Suspect)));
    assert_eq!(hear(1, Alive), Some((1, Alive)));
    assert_eq!(hear(0, Dead), Some((1, Alive)));
    assert_eq!(hear(1, Dead), Some((1, Dead)));
    assert_eq!(hear(1, Suspect), Some((1, Dead)));
    assert_eq!(hear(2, Alive), Some((2, Alive)));
}

#[test]
fn a_node_refutes_what_is_said_of_it() {
    let mut node = Net::<Swim>::new(3, &config(), &[]).nodes.swap_remove(0);
    node.hear(Instant::ZERO, (NodeId(0), status(0, Liveness::Suspect), NodeId(2)));
    assert_eq!(node.members.own, status(1, Liveness::Alive));
    node.hear(Instant::ZERO, (NodeId(0), status(0, Liveness::Dead), NodeId(2)));
    assert_eq!(node.members.own.incarnation, 1);
    node.hear(Instant::ZERO, (NodeId(0), status(7, Liveness::Dead), NodeId(2)));
    assert_eq!(node.members.own.incarnation, 8);
}

#[test]
fn nodes_meet_through_a_seed_and_probe_each_other() {
    let mut net: SwimNet = Net::new(20, &Config { seeds: 1, ..config() }, &[]);
    net.run_for(SECOND * 20);
    assert!((0..20).all(|node| count(&net, node, Liveness::Alive) == 19));
    assert!(net.nodes.iter().all(|node| node.members.own.incarnation == 0));
    assert_eq!(net.count(|message| message.kind == Kind::PingReq), 0);
}

#[test]
fn a_silent_member_is_suspect_then_dead_and_refutes_when_it_is_heard_again() {
    let mut net: SwimNet = Net::new(10, &config(), &[]);
    net.run_for(SECOND * 20);
    net.silence(9);
    net.run_for(SECOND * 3);
    assert!(count(&net, 9, Liveness::Suspect) > 0);
    assert_eq!(count(&net, 9, Liveness::Dead), 0);
    net.run_for(SECOND * 15);
    assert_eq!(count(&net, 9, Liveness::Dead), 9);
    net.heal();
    net.run_for(SECOND * 60);
    assert_eq!(count(&net, 9, Liveness::Alive), 9);
}

#[test]
fn without_suspicion_a_failed_probe_is_death() {
    let config = Config { suspicion: Switch::Off, ..config() };
    let mut net: SwimNet = Net::new(10, &config, &[]);
    net.run_for(SECOND * 20);
    net.silence(9);
    net.run_for(SECOND * 5);
    assert!(count(&net, 9, Liveness::Dead) > 0);
    assert_eq!(count(&net, 9, Liveness::Suspect), 0);
}

#[test]
fn an_indirect_probe_saves_a_member_that_one_link_cuts_off() {
    let mut net: SwimNet = Net::new(5, &config(), &[]);
    net.run_for(SECOND * 20);
    net.loses = Box::new(|from, to, _| from.0 + to.0 == 1);
    net.run_for(SECOND * 60);
    // No member ever suspected it, so it never had to refute.
    assert_eq!(net.nodes[0].status(NodeId(1)), Some(status(0, Liveness::Alive)));
    let asked = net.count(|message| message.kind == Kind::PingReq);
    assert!(asked > 10, "{asked}");
}

#[test]
fn a_member_that_leaves_is_not_suspected() {
    let mut net: SwimNet = Net::new(10, &config(), &[]);
    net.run_for(SECOND * 20);
    let (now, mut out) = (net.now, Effects::default());
    net.nodes[9].on_end(now, &mut out);
    for (to, message) in out.drain_sends().collect::<Vec<_>>() {
        net.nodes[to.0 as usize].on_message(now, NodeId(9), message, &mut out);
    }
    net.silence(9);
    net.run_for(SECOND * 20);
    assert_eq!(count(&net, 9, Liveness::Left), 9);
}

#[test]
fn lifeguard_lowers_the_health_of_a_node_that_hears_nothing() {
    let config = Config { lifeguard: Switch::On, ..config() };
    let mut net: SwimNet = Net::new(10, &config, &[]);
    net.run_for(SECOND * 20);
    assert_eq!(net.nodes[9].health.score(), 0);
    net.silence(9);
    net.run_for(SECOND * 30);
    assert!(net.nodes[9].health.score() >= 3, "{:?}", net.nodes[9].health);
    // A healthy node loses one probe of nine: its health recovers.
    assert!(net.nodes[1].health.score() <= 2, "{:?}", net.nodes[1].health);
}

/// memberlist's own tests of its timers.
#[test]
fn timers_have_the_values_of_memberlist() {
    for (nodes, millis) in
        [(5, 1000), (10, 1000), (50, 1698), (100, 2000), (500, 2698), (1000, 3000)]
    {
        let timeout = suspicion_timeout(3, nodes, SECOND) / 3;
        assert_eq!(timeout, Duration::from_millis(millis), "{nodes}");
    }
    for (mult, nodes, limit) in [(3, 0, 0), (3, 1, 3), (3, 99, 6), (4, 10, 8), (4, 1000, 16)] {
        assert_eq!(retransmit_limit(mult, nodes), limit, "{nodes}");
    }
    for (nodes, scale) in [(0, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128, 3)] {
        assert_eq!(push_pull_scale(nodes), scale, "{nodes}");
    }
    for (confirmations, millis) in [(0, 30_000), (1, 16_000), (2, 7_810), (3, 2_000), (4, 2_000)] {
        let timeout = suspicion_timeout_of(confirmations, 3, SECOND * 2, SECOND * 30);
        assert_eq!(timeout.as_millis() / 10 * 10, millis, "{confirmations}");
    }
}

#[test]
fn values_spread_through_loss_and_a_partition() {
    let mut net: SwimNet = Net::new(25, &config(), &[]);
    net.run_for(SECOND * 20);
    net.lose(0.1);
    let lossy = net.submit(4);
    net.run_for(SECOND * 60);
    assert_eq!(net.holders(lossy), 25);
    net.cut(12);
    let (here, there) = (net.submit(1), net.submit(20));
    net.run_for(SECOND * 60);
    assert_eq!((net.holders(here), net.holders(there)), (12, 13));
    net.heal();
    net.run_for(SECOND * 60);
    assert_eq!((net.holders(here), net.holders(there)), (25, 25));
}
