//! Floods values through a grid of bare nodes, and shows what the simulator costs.
//!
//!     cargo run --release -p rumormill-sim --example spread -- [NODES [VALUES]]
//!
//! 1,000 nodes and 100 values without arguments. Values are submitted every 10 ms, each at another
//! node; messages take 100 ms.

use std::sync::Arc;
use std::time::Instant;

use rumormill::cluster::Graph;
use rumormill::id::NodeId;
use rumormill::protocol::Entry;
use rumormill::protocols::flood::{Config, Flood};
use rumormill::value::Value;
use rumormill_sim::network::NetworkConfig;
use rumormill_sim::network::latency::Latency;
use rumormill_sim::{Bare, MS, Nanos, Observer, Plain, Sim};

/// Deliveries, and the time of the last.
#[derive(Default)]
struct Spread {
    delivered: u64,
    last: Nanos,
}

impl Observer<Bare<Flood>> for Spread {
    fn delivered(&mut self, sim: &Sim<Bare<Flood>>, _: NodeId, _: &Entry) {
        self.delivered += 1;
        self.last = sim.now();
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u32>());
    let mut next = |default| numbers.next().map_or(Ok(default), |number| number);
    let (Ok(nodes @ 1..), Ok(values)) = (next(1_000), next(100)) else {
        eprintln!("spread: expected the number of nodes, above 0, and of values");
        std::process::exit(2);
    };
    let graph = Arc::new(grid(nodes));
    let latency = Latency { mean_ms: 100, ..Latency::default() };
    let network = NetworkConfig { nodes, seed: 1, latency, ..NetworkConfig::default() };
    let mut sim = Sim::new(Bare::cluster(&graph, &Config {}, 1), Plain::new(network));
    for value in 0..values {
        // A stride that is no divisor of usual sizes.
        let node = NodeId((u64::from(value) * 7_919 % u64::from(nodes)) as u32);
        let at = u64::from(value) * 10 * MS;
        sim.medium_mut().request(at, node, Value::Int(value.into()));
    }
    let mut spread = Spread::default();
    let (started, cpu_before) = (Instant::now(), cpu_ns());
    sim.start(&mut spread);
    while sim.step(&mut spread) {}
    let wall_s = started.elapsed().as_secs_f64();
    let cpu_s = cpu_ns().zip(cpu_before).map(|(now, before)| (now - before) as f64 / 1e9);
    let events = sim.events();
    println!("{nodes} nodes, {values} values, {} deliveries", spread.delivered);
    println!("{:.1} s of virtual time until the last delivery", spread.last as f64 / 1e9);
    println!("{events} events, {} messages in {wall_s:.3} s", sim.medium().sent());
    if let Some(cpu_s) = cpu_s {
        let rate = events as f64 / cpu_s / 1e6;
        println!("{cpu_s:.3} s of processor time, {rate:.2} million events per second of it");
    }
    if let Some(kib) = peak_kib() {
        println!("{} MiB at most, {} bytes per node", kib >> 10, kib * 1024 / u64::from(nodes));
    }
}

/// A square grid, row by row.
fn grid(nodes: u32) -> Graph {
    let side = nodes.isqrt().max(1);
    let links = (0..nodes).flat_map(|node| {
        let right = ((node + 1) % side > 0).then_some(node + 1);
        let below = node.checked_add(side);
        let ends = right.into_iter().chain(below).filter(move |end| *end < nodes);
        ends.map(move |end| (NodeId(node), NodeId(end)))
    });
    Graph::new(nodes, links)
}

/// Processor time of this thread, where the system tells it.
fn cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Peak memory of this process, where the system tells it.
fn peak_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
