//! The simulator on its own: what happens when, and to which node.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rumormill::cluster::Graph;
use rumormill::id::{Generation, NodeId};
use rumormill::protocol::Entry;
use rumormill::protocols::flood::{Config, Flood};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill_sim::network::NetworkConfig;
use rumormill_sim::network::latency::Latency;
use rumormill_sim::network::partition::Partition;
use rumormill_sim::{
    Bare, Input, MS, NodeFault, NodeFaultKind, Observer, Outbox, Plain, Process, Sim,
};

/// A process that wakes every 10 ms of its clock, and tells its right neighbour.
#[derive(Debug)]
struct Ticker {
    next: Instant,
    peer: NodeId,
}

impl Process for Ticker {
    type Message = ();
    type Request = ();
    type Reply = Instant;

    fn on_message(&mut self, _: Instant, _: NodeId, (): (), _: &mut Outbox<Self>) {}

    fn on_request(&mut self, now: Instant, (): (), out: &mut Outbox<Self>) {
        out.reply(now);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<Self>) {
        self.next = now.after(Duration::from_millis(10));
        out.effects.send(self.peer, ());
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn restart(&mut self, now: Instant, _: Generation, _: bool, _: &mut Outbox<Self>) {
        self.next = now.after(Duration::from_millis(1));
    }
}

/// Writes down what happens, as `what node@ms`.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    events_max: Option<u64>,
}

impl Log {
    fn add(&mut self, what: &str, now: u64, node: NodeId) {
        self.lines.push(format!("{what} {}@{}", node.0, now / MS));
    }

    fn take(&mut self) -> String {
        std::mem::take(&mut self.lines).join(", ")
    }
}

impl Observer<Ticker> for Log {
    fn receiving(&mut self, sim: &Sim<Ticker>, node: NodeId, input: &Input<Ticker>) {
        let what = match input {
            Input::Message { .. } => "message",
            Input::Request(_) => "request",
        };
        self.add(what, sim.now(), node);
    }

    fn waking(&mut self, sim: &Sim<Ticker>, node: NodeId) {
        self.add("wake", sim.now(), node);
    }

    fn replied(&mut self, sim: &Sim<Ticker>, node: NodeId, clock: &Instant) {
        let ms = clock.as_micros() / 1_000;
        self.add(&format!("clock {ms} of"), sim.now(), node);
    }

    fn fault(&mut self, sim: &Sim<Ticker>, fault: &NodeFault) {
        let kind = format!("{:?}", fault.kind);
        let kind = kind.split([' ', '(']).next().unwrap_or_default();
        self.add(kind, sim.now(), fault.node);
    }

    fn handled(&mut self, sim: &Sim<Ticker>, _: NodeId) -> ControlFlow<String> {
        match self.events_max {
            Some(max) if sim.events() >= max => ControlFlow::Break("enough".to_owned()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Two tickers with 5 ms between them; the second begins late.
fn tickers() -> (Sim<Ticker>, Log) {
    let ticker = |node: u64| Ticker {
        next: Instant::from_micros(10_000 + node * 1_000_000),
        peer: NodeId(1 - node as u32),
    };
    let latency = Latency { mean_ms: 5, ..Latency::default() };
    let network = NetworkConfig { nodes: 2, latency, ..NetworkConfig::default() };
    (Sim::new(vec![ticker(0), ticker(1)], Plain::new(network)), Log::default())
}

const N0: NodeId = NodeId(0);

fn fault(kind: NodeFaultKind) -> NodeFault {
    NodeFault { node: N0, kind }
}

#[test]
fn timers_and_messages_come_in_the_order_of_time() {
    let (mut sim, mut log) = tickers();
    sim.start(&mut log);
    sim.medium_mut().request(10 * MS, N0, ());
    assert!(sim.run_until(20 * MS, &mut log));
    // At one instant the medium comes before the timers.
    let expected = "request 0@10, clock 10 of 0@10, wake 0@10, message 1@15, wake 0@20";
    assert_eq!(log.take(), expected);
    assert_eq!((sim.now(), sim.events(), sim.medium().sent()), (20 * MS, 4, 2));
}

#[test]
fn time_stands_still_for_a_paused_node_and_everything_comes_at_its_end() {
    let (mut sim, mut log) = tickers();
    sim.start(&mut log);
    sim.plan(15 * MS, fault(NodeFaultKind::Pause(30 * MS)));
    sim.medium_mut().request(17 * MS, N0, ());
    sim.run_until(44 * MS, &mut log);
    assert_eq!(log.take(), "wake 0@10, Pause 0@15, message 1@15");
    assert!(sim.hosts()[0].is_paused());
    sim.run_until(45 * MS, &mut log);
    assert_eq!(log.take(), "Resume 0@45, request 0@45, clock 45 of 0@45, wake 0@45");
    assert_eq!(sim.medium().network().conditions().counts().paused, 1);
}

#[test]
fn a_node_whose_disk_is_full_does_not_start_before_there_is_space() {
    let (mut sim, mut log) = tickers();
    sim.start(&mut log);
    let crash = NodeFaultKind::Crash { down: Some(2 * MS), forget_topology: false };
    sim.plan(11 * MS, fault(NodeFaultKind::FillDisk(20 * MS)));
    sim.plan(12 * MS, fault(crash));
    sim.plan(13 * MS, fault(NodeFaultKind::FillDisk(5 * MS)));
    sim.run_until(32 * MS, &mut log);
    let expected = "wake 0@10, FillDisk 0@11, Crash 0@12, FillDisk 0@13, message 1@15, FreeDisk 0@31, \
                    Restart 0@31, wake 0@32";
    assert_eq!(log.take(), expected);
    // The end of the faults brings space, and the node with it.
    sim.plan(33 * MS, fault(NodeFaultKind::FillDisk(1_000 * MS)));
    sim.plan(34 * MS, fault(crash));
    sim.run_until(35 * MS, &mut log);
    sim.end_faults(&mut log);
    assert!(sim.hosts()[0].is_up(), "{}", log.take());
}

#[test]
fn a_clock_that_is_set_back_makes_a_timer_late() {
    let (mut sim, mut log) = tickers();
    sim.start(&mut log);
    sim.plan(15 * MS, fault(NodeFaultKind::ClockJump(-8 * MS.cast_signed())));
    sim.medium_mut().request(18 * MS, N0, ());
    sim.run_until(30 * MS, &mut log);
    let expected = "wake 0@10, ClockJump 0@15, message 1@15, request 0@18, clock 10 of 0@18, \
                    wake 0@28";
    assert_eq!(log.take(), expected);
}

#[test]
fn a_crashed_node_gets_nothing_and_comes_back_in_its_next_generation() {
    let (mut sim, mut log) = tickers();
    sim.start(&mut log);
    let crash = NodeFaultKind::Crash { down: Some(20 * MS), forget_topology: false };
    sim.plan(12 * MS, fault(crash));
    sim.medium_mut().request(13 * MS, N0, ());
    sim.run_until(40 * MS, &mut log);
    let expected = "wake 0@10, Crash 0@12, message 1@15, Restart 0@32, wake 0@33, message 1@38";
    assert_eq!(log.take(), expected);
    assert_eq!(sim.hosts()[0].generation(), Generation(2));
}

#[test]
fn the_end_of_the_faults_brings_every_node_back() {
    let (mut sim, mut log) = tickers();
    sim.start(&mut log);
    sim.plan(MS, fault(NodeFaultKind::Pause(1_000 * MS)));
    sim.plan(500 * MS, fault(NodeFaultKind::Crash { down: None, forget_topology: false }));
    sim.run_until(5 * MS, &mut log);
    sim.end_faults(&mut log);
    sim.run_until(12 * MS, &mut log);
    assert_eq!(log.take(), "Pause 0@1, Resume 0@5, wake 0@10");
}

#[test]
fn an_observer_can_end_the_simulation() {
    let (mut sim, mut log) = tickers();
    log.events_max = Some(3);
    sim.start(&mut log);
    assert!(!sim.run_until(1_000 * MS, &mut log));
    assert_eq!((sim.broken_off(), sim.events()), (Some("enough"), 3));
}

/// The nodes at which a value arrived, by time.
#[derive(Default)]
struct Spread(Vec<(u32, u64)>);

impl Observer<Bare<Flood>> for Spread {
    fn delivered(&mut self, sim: &Sim<Bare<Flood>>, node: NodeId, entry: &Entry) {
        assert_eq!(entry.value, Value::Int(7));
        self.0.push((node.0, sim.now() / MS));
    }
}

fn flood_on_a_line() -> Sim<Bare<Flood>> {
    let graph = Graph::new(4, (0..3).map(|i| (NodeId(i), NodeId(i + 1))));
    let latency = Latency { mean_ms: 10, ..Latency::default() };
    let network = NetworkConfig { nodes: 4, latency, ..NetworkConfig::default() };
    let nodes = Bare::cluster(&Arc::new(graph), &Config {}, 1);
    let mut sim = Sim::new(nodes, Plain::new(network));
    sim.medium_mut().request(0, NodeId(1), Value::Int(7));
    sim
}

#[test]
fn a_bare_flood_takes_a_latency_per_hop() {
    let (mut sim, mut spread) = (flood_on_a_line(), Spread::default());
    sim.start(&mut spread);
    while sim.step(&mut spread) {}
    assert_eq!(spread.0, [(1, 0), (0, 10), (2, 10), (3, 20)]);
    assert_eq!((sim.medium().sent(), sim.events()), (3, 4));
}

#[test]
fn a_bare_flood_does_not_cross_a_partition() {
    let (mut sim, mut spread) = (flood_on_a_line(), Spread::default());
    let partition = Partition::Groups(vec![true, true, false, false]);
    sim.medium_mut().network_mut().conditions_mut().set_partition(Some(partition));
    sim.start(&mut spread);
    while sim.step(&mut spread) {}
    assert_eq!(spread.0, [(1, 0), (0, 10)]);
    assert_eq!(sim.medium().dropped(), 1);
}

#[test]
fn a_bare_node_that_restarts_has_forgotten_everything() {
    let (mut sim, mut spread) = (flood_on_a_line(), Spread::default());
    let crash = NodeFaultKind::Crash { down: Some(5 * MS), forget_topology: false };
    sim.plan(50 * MS, NodeFault { node: NodeId(3), kind: crash });
    sim.medium_mut().request(60 * MS, NodeId(2), Value::Int(7));
    sim.start(&mut spread);
    while sim.step(&mut spread) {}
    let last: Vec<_> = spread.0.iter().filter(|(node, _)| *node == 3).collect();
    assert_eq!(last, [&(3, 20), &(3, 70)]);
}
