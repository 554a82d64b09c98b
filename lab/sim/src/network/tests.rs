mod stopped;

use super::cut::{Cut, Cuts};
use super::latency::Distribution;
use super::partition::Partition;
use super::slow::Slow;
use super::*;

struct Bench {
    network: Network<Numbered>,
    now: Nanos,
    id: u64,
    /// `id@ms`, `!` before those that were dropped.
    log: Vec<String>,
}

/// A message that is a number.
#[derive(Clone)]
struct Numbered(Way, u64);

impl Routed for Numbered {
    fn way(&self) -> Way {
        self.0
    }
}

/// A sender.
#[derive(Clone, Copy)]
enum Peer {
    Node(u32),
    Client,
}

impl Bench {
    fn new(config: &NetworkConfig) -> Self {
        Self { network: Network::new(config.clone()), now: 0, id: 0, log: Vec::new() }
    }

    fn send(&mut self, src: Peer, dest: u32) {
        let way = match src {
            Peer::Node(from) => Way::between(from, dest),
            Peer::Client => Way::from_client(dest),
        };
        self.network.send(self.now, Numbered(way, self.id));
        self.id += 1;
        self.drain();
    }

    fn drain(&mut self) {
        let ms = self.now as f64 / MS as f64;
        while let Some(Arrival { message: Numbered(_, message), dropped }) =
            self.network.poll_arrival()
        {
            let mark = if dropped.is_some() { "!" } else { "" };
            self.log.push(format!("{mark}{message}@{ms}"));
        }
    }

    fn run_until(&mut self, ms: f64) {
        let end = (ms * MS as f64) as Nanos;
        while let Some(due) = self.network.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            assert_eq!(self.network.handle_due(due), Some((due, Due::Messages)));
            self.drain();
        }
        self.now = end;
    }

    fn log(&mut self) -> String {
        std::mem::take(&mut self.log).join(" ")
    }
}

fn config(head_of_line: bool) -> NetworkConfig {
    let latency = Latency { mean_ms: 100, distribution: Distribution::Constant };
    NetworkConfig { nodes: 4, latency, head_of_line, ..NetworkConfig::default() }
}

const N1: Peer = Peer::Node(1);
const C0: Peer = Peer::Client;

#[test]
fn a_client_waits_behind_the_message_in_hand_but_not_behind_others() {
    let mut bench = Bench::new(&config(true));
    bench.send(C0, 0);
    bench.send(N1, 0);
    bench.send(N1, 0);
    bench.run_until(30.0);
    bench.send(C0, 0);
    bench.run_until(1_000.0);
    // When the first is delivered, the request is the earliest, then the other one.
    assert_eq!(bench.log(), "0@0 1@99 3@99 2@99");
    assert_eq!(bench.network.queued(), 0);
}

#[test]
fn without_head_of_line_a_client_never_waits() {
    let mut bench = Bench::new(&config(false));
    bench.send(N1, 0);
    bench.run_until(30.0);
    bench.send(C0, 0);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "1@30 0@100");
}

#[test]
fn the_rest_of_the_sleep_is_cut_to_whole_milliseconds() {
    let mut bench = Bench::new(&config(true));
    bench.send(N1, 0);
    bench.run_until(0.25);
    bench.send(N1, 0);
    bench.run_until(1_000.0);
    // The first sleeps a little less than 100 ms. The second is taken at 99 and due at 100.25.
    assert_eq!(bench.log(), "0@99 1@100");
}

#[test]
fn a_shorter_latency_waits_behind_a_longer_one_in_hand() {
    let latency = Latency { mean_ms: 100, distribution: Distribution::Exponential };
    let mut bench = Bench::new(&NetworkConfig { latency, ..config(true) });
    let mut rule = LatencyRule::new(latency, Dice::new(0, "latency"));
    let draws: Vec<u64> = (0..50).map(|_| rule.draw_ms()).collect();
    for _ in &draws {
        bench.send(N1, 0);
    }
    bench.run_until(10_000.0);
    let log = bench.log();
    // The first message is in hand at once; those due before it come with it, in order of due.
    let first = draws.iter().position(|ms| *ms > 0).unwrap();
    let at = format!("@{}", draws[first] - 1);
    assert!(log.split(' ').any(|entry| *entry == format!("{first}{at}")));
    let early = draws.iter().skip(first).filter(|ms| **ms < draws[first]).count();
    let together = log.split(' ').filter(|entry| entry.ends_with(&at)).count();
    assert!(early > 0 && together > early, "{log}");
}

#[test]
fn a_partition_acts_when_a_message_is_taken() {
    let mut bench = Bench::new(&config(true));
    bench.send(N1, 0); // taken at once, so it gets through
    bench.send(N1, 0);
    bench
        .network
        .conditions_mut()
        .set_partition(Some(Partition::Groups(vec![true, false, true, true])));
    bench.send(C0, 0);
    bench.send(Peer::Node(2), 0);
    bench.run_until(150.0);
    // After the first the request, then the second: dropped, although due only later.
    assert_eq!(bench.log(), "0@99 2@99 !1@99 3@99");
    bench.send(N1, 0);
    assert_eq!(bench.log(), "!4@150");
}

#[test]
fn a_message_still_queued_when_the_partition_ends_is_delivered() {
    let mut bench = Bench::new(&config(true));
    bench
        .network
        .conditions_mut()
        .set_partition(Some(Partition::Groups(vec![true, false, true, true])));
    bench.send(Peer::Node(2), 0);
    bench.run_until(10.0);
    bench.send(N1, 0);
    bench.run_until(50.0);
    bench.network.conditions_mut().set_partition(None);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "0@99 1@109");
}

#[test]
fn without_head_of_line_a_partition_acts_when_a_message_is_due() {
    let mut bench = Bench::new(&config(false));
    bench.send(N1, 0);
    bench.run_until(50.0);
    bench.send(N1, 0);
    bench
        .network
        .conditions_mut()
        .set_partition(Some(Partition::Groups(vec![true, false, true, true])));
    bench.run_until(120.0);
    bench.network.conditions_mut().set_partition(None);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "!0@100 1@150");
}

#[test]
fn faults_happen_at_their_rates_and_only_while_they_act() {
    let rules =
        Rules { loss: 0.1, duplicate: 0.2, reorder: 0.5, reorder_max_ms: 50, ..Rules::default() };
    let mut bench = Bench::new(&NetworkConfig { rules, ..config(false) });
    for _ in 0..100 {
        bench.send(N1, 0);
    }
    assert_eq!(bench.network.conditions().counts(), FaultCounts::default());
    bench.network.conditions_mut().start_faults(0);
    for _ in 0..10_000 {
        bench.send(N1, 0);
    }
    bench.run_until(1_000.0);
    let counts = bench.network.conditions().counts();
    assert!((900..1_100).contains(&counts.lost), "{counts:?}");
    assert!((1_700..1_900).contains(&counts.duplicated), "{counts:?}");
    assert!((4_300..4_700).contains(&counts.reordered), "{counts:?}");
    let log = std::mem::take(&mut bench.log);
    assert_eq!(log.len() as u64, 10_100 + counts.duplicated);
    let late = log.iter().filter(|entry| entry.ends_with("@150")).count();
    assert!(late > 0 && !log.iter().any(|entry| entry.ends_with("@151")));
    bench.network.conditions_mut().stop_faults();
    bench.send(N1, 0);
    bench.run_until(2_000.0);
    assert_eq!(bench.log(), "10100@1100");
}

#[test]
fn masking_a_fault_leaves_the_dice_of_the_others() {
    let lost = |reorder: f64| {
        let rules = Rules { loss: 0.3, reorder, reorder_max_ms: 50, ..Rules::default() };
        let mut bench = Bench::new(&NetworkConfig { rules, ..config(false) });
        bench.network.conditions_mut().start_faults(0);
        for _ in 0..100 {
            bench.send(N1, 0);
        }
        bench.log()
    };
    assert_eq!(lost(0.0), lost(0.5));
}

#[test]
fn a_slow_node_is_slow_in_both_directions() {
    let extra_ms = BTreeMap::from([(1, 7)]);
    let slow = Slow { from_ms: extra_ms.clone(), to_ms: extra_ms };
    let rules = Rules { slow, ..Rules::default() };
    let mut bench = Bench::new(&NetworkConfig { rules, ..config(false) });
    bench.send(N1, 0);
    bench.send(Peer::Node(0), 1);
    bench.send(Peer::Node(2), 3);
    bench.send(C0, 1);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "3@0 2@100 0@107 1@107");
    assert_eq!(bench.network.conditions().counts().slowed, 2);
}

#[test]
fn no_message_waits_behind_those_held_up_at_a_slow_node() {
    let extra_ms = BTreeMap::from([(1, 900)]);
    let slow = Slow { from_ms: extra_ms.clone(), to_ms: extra_ms };
    let rules = Rules { slow, ..Rules::default() };
    let mut bench = Bench::new(&NetworkConfig { rules, ..config(true) });
    bench.send(N1, 0);
    bench.run_until(30.0);
    bench.send(Peer::Node(2), 0);
    bench.run_until(2_000.0);
    assert_eq!(bench.log(), "1@129 0@999");
}

#[test]
fn a_cut_acts_while_faults_act_and_between_its_times() {
    let sides = vec![(true, false), (false, true), (false, false), (false, false)];
    let cut = Cut { sides, is_one_way: true, from: 0, until: 300 * MS, flap: None };
    let rules = Rules { cuts: Cuts(vec![cut]), ..Rules::default() };
    let mut bench = Bench::new(&NetworkConfig { rules, ..config(false) });
    bench.send(Peer::Node(0), 1);
    bench.run_until(100.0);
    bench.network.conditions_mut().start_faults(bench.now);
    bench.send(Peer::Node(0), 1);
    bench.send(N1, 0);
    bench.send(Peer::Node(2), 1);
    bench.run_until(300.0);
    assert_eq!(bench.network.conditions().next_change(bench.now), Some(400 * MS));
    bench.send(Peer::Node(0), 1);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "0@100 !1@200 2@200 3@200 4@400");
    assert_eq!(bench.network.conditions().counts().cut, 1);
}

#[test]
fn without_head_of_line_messages_of_one_instant_arrive_in_the_order_of_sending() {
    let mut bench = Bench::new(&config(false));
    bench.send(N1, 0);
    bench.send(N1, 2);
    bench.send(Peer::Node(3), 0);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "0@100 1@100 2@100");
    assert_eq!(bench.network.queued(), 0);
}
