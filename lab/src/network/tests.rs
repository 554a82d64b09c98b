use std::sync::Arc;

use rumormill::service::Request;

use super::packet::{Address, Payload};
use super::*;
use crate::node::Body;
use crate::settings::{Compat, Distribution, Latency};

struct Bench {
    network: Network,
    timer_queue: TimerQueue,
    now: Nanos,
    id: u64,
    /// `id@ms`, `!` before those that were dropped.
    log: Vec<String>,
}

impl Bench {
    fn new(settings: &Settings) -> Self {
        let (network, timer_queue) = (Network::new(settings), TimerQueue::default());
        Self { network, timer_queue, now: 0, id: 0, log: Vec::new() }
    }

    fn send(&mut self, src: Peer, dest: u32) {
        let address = |peer: Peer| Address {
            name: "x".into(),
            peer,
            is_client: matches!(peer, Peer::Client(_)),
        };
        let packet = Packet {
            id: self.id,
            src: address(src),
            dest: address(Peer::Node(dest)),
            body: Payload::Typed(Arc::new(Body::Request { request: Request::Read, msg_id: 1 })),
            kind: 0,
            bytes: 0,
            carries_values: true,
        };
        self.id += 1;
        self.network.send(self.now, dest, packet, &mut self.timer_queue);
        self.drain();
    }

    fn drain(&mut self) {
        let ms = self.now as f64 / MS as f64;
        while let Some(arrival) = self.network.poll() {
            self.log.push(match arrival {
                Arrival::Received(packet) => format!("{}@{ms}", packet.id),
                Arrival::Dropped(packet, _) => format!("!{}@{ms}", packet.id),
            });
        }
    }

    fn run_until(&mut self, ms: f64) {
        let end = (ms * MS as f64) as Nanos;
        while let Some((due, timer)) = self.timer_queue.pop_due(end) {
            self.now = due;
            match timer {
                Timer::Queue(node) => self.network.wake(due, node, &mut self.timer_queue),
                Timer::HeldUp => self.network.let_go(due, &mut self.timer_queue),
                other => panic!("{other:?} is not the network's"),
            }
            self.drain();
        }
        self.now = end;
    }

    fn log(&mut self) -> String {
        std::mem::take(&mut self.log).join(" ")
    }
}

fn settings(head_of_line: bool) -> Settings {
    Settings {
        latency: Latency { mean_ms: 100, distribution: Distribution::Constant },
        compat: Compat { head_of_line, ..Compat::default() },
        ..Settings::with_nodes(4)
    }
}

const N1: Peer = Peer::Node(1);
const C0: Peer = Peer::Client(0);

#[test]
fn a_client_waits_behind_the_message_in_hand_but_not_behind_others() {
    let mut bench = Bench::new(&settings(true));
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
    let mut bench = Bench::new(&settings(false));
    bench.send(N1, 0);
    bench.run_until(30.0);
    bench.send(C0, 0);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "1@30 0@100");
}

#[test]
fn the_rest_of_the_sleep_is_cut_to_whole_milliseconds() {
    let mut bench = Bench::new(&settings(true));
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
    let mut bench = Bench::new(&Settings { latency, ..settings(true) });
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
    let mut bench = Bench::new(&settings(true));
    bench.send(N1, 0); // taken at once, so it gets through
    bench.send(N1, 0);
    bench.network.set_partition(Some(Partition::Groups(vec![true, false, true, true])));
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
    let mut bench = Bench::new(&settings(true));
    bench.network.set_partition(Some(Partition::Groups(vec![true, false, true, true])));
    bench.send(Peer::Node(2), 0);
    bench.run_until(10.0);
    bench.send(N1, 0);
    bench.run_until(50.0);
    bench.network.set_partition(None);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "0@99 1@109");
}

#[test]
fn without_head_of_line_a_partition_acts_when_a_message_is_due() {
    let mut bench = Bench::new(&settings(false));
    bench.send(N1, 0);
    bench.run_until(50.0);
    bench.send(N1, 0);
    bench.network.set_partition(Some(Partition::Groups(vec![true, false, true, true])));
    bench.run_until(120.0);
    bench.network.set_partition(None);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "!0@100 1@150");
}

#[test]
fn faults_happen_at_their_rates_and_only_while_they_act() {
    let faults = faults::FaultSettings {
        loss: 0.1,
        duplicate: 0.2,
        reorder: 0.5,
        reorder_max_ms: 50,
        ..Default::default()
    };
    let mut bench = Bench::new(&Settings { faults, ..settings(false) });
    for _ in 0..100 {
        bench.send(N1, 0);
    }
    assert_eq!(bench.network.fault_counts(), FaultCounts::default());
    bench.network.start_faults(0);
    for _ in 0..10_000 {
        bench.send(N1, 0);
    }
    bench.run_until(1_000.0);
    let counts = bench.network.fault_counts();
    assert!((900..1_100).contains(&counts.lost), "{counts:?}");
    assert!((1_700..1_900).contains(&counts.duplicated), "{counts:?}");
    assert!((4_300..4_700).contains(&counts.reordered), "{counts:?}");
    let log = std::mem::take(&mut bench.log);
    assert_eq!(log.len() as u64, 10_100 + counts.duplicated);
    let late = log.iter().filter(|entry| entry.ends_with("@150")).count();
    assert!(late > 0 && !log.iter().any(|entry| entry.ends_with("@151")));
    bench.network.stop_faults();
    bench.send(N1, 0);
    bench.run_until(2_000.0);
    assert_eq!(bench.log(), "10100@1100");
}

#[test]
fn masking_a_fault_leaves_the_dice_of_the_others() {
    let lost = |reorder: f64| {
        let faults =
            faults::FaultSettings { loss: 0.3, reorder, reorder_max_ms: 50, ..Default::default() };
        let mut bench = Bench::new(&Settings { faults, ..settings(false) });
        bench.network.start_faults(0);
        for _ in 0..100 {
            bench.send(N1, 0);
        }
        bench.log()
    };
    assert_eq!(lost(0.0), lost(0.5));
}

#[test]
fn a_slow_node_is_slow_in_both_directions() {
    let slow = vec![faults::Slow { node: "n1".into(), extra_ms: 7 }];
    let faults = faults::FaultSettings { slow, ..Default::default() };
    let mut bench = Bench::new(&Settings { faults, ..settings(false) });
    bench.send(N1, 0);
    bench.send(Peer::Node(0), 1);
    bench.send(Peer::Node(2), 3);
    bench.send(C0, 1);
    bench.run_until(1_000.0);
    assert_eq!(bench.log(), "3@0 2@100 0@107 1@107");
    assert_eq!(bench.network.fault_counts().slowed, 2);
}

#[test]
fn nobody_waits_behind_what_is_held_up_at_a_slow_node() {
    let slow = vec![faults::Slow { node: "n1".into(), extra_ms: 900 }];
    let faults = faults::FaultSettings { slow, ..Default::default() };
    let mut bench = Bench::new(&Settings { faults, ..settings(true) });
    bench.send(N1, 0);
    bench.run_until(30.0);
    bench.send(Peer::Node(2), 0);
    bench.run_until(2_000.0);
    assert_eq!(bench.log(), "1@129 0@999");
}
