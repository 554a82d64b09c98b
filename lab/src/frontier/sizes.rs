//! What becomes of load and latency as the cluster grows, at the same workload.

use anyhow::{Result, anyhow, bail};
use rumormill::plan::Plan;
use rumormill::route::Layout;

use super::cases::{Case, settings};
use super::measure::Figures;
use super::table::{markdown, significant, whole};
use crate::generator::MS;
use crate::history::Nanos;
use crate::journal::EventSink;
use crate::network::packet::{Packet, Peer};
use crate::outcome::State;
use crate::results::{Results, RunInfo};
use crate::sim::{Nobody, NodeKind, Simulated, simulate_observed};

/// A cluster of one size.
#[derive(Clone, Debug)]
pub struct Size {
    /// Number of nodes.
    pub nodes: usize,
    /// The latency budget.
    pub budget_ms: u64,
    /// How values travelled, in words.
    pub plan: String,
    /// The figures of the run.
    pub figures: Figures,
    /// Messages between nodes that the mean node sent and received per second of load.
    pub mean_load: f64,
    /// The same of the busiest node.
    pub max_load: f64,
    /// The share of all messages that had the busiest node at one end.
    pub busiest_share: f64,
    /// Events of the simulation.
    pub events: u64,
}

/// Counts each node's messages while there is load.
#[derive(Debug)]
struct LoadSink {
    zero: Option<Nanos>,
    length: Nanos,
    per_node: Vec<u64>,
    messages: u64,
}

impl LoadSink {
    fn note(&mut self, now: Nanos, peer: Peer) -> bool {
        let in_time = self.zero.is_some_and(|zero| now.saturating_sub(zero) <= self.length);
        if let Peer::Node(node) = peer
            && in_time
        {
            self.per_node[node as usize] += 1;
        }
        in_time
    }
}

impl EventSink for LoadSink {
    fn zero(&mut self, now: Nanos) {
        self.zero = Some(now);
    }

    fn sent(&mut self, now: Nanos, packet: &Packet) {
        if !packet.is_client() && self.note(now, packet.src.peer) {
            self.messages += 1;
        }
    }

    fn received(&mut self, now: Nanos, packet: &Packet) {
        if !packet.is_client() {
            self.note(now, packet.dest.peer);
        }
    }
}

/// Simulates a cluster of so many nodes with a latency budget.
///
/// # Errors
/// If the run comes to no end.
pub fn simulate(nodes: usize, budget_ms: u64, seed: u64) -> Result<Size> {
    let config = Case::budget(budget_ms).config().map_err(|why| anyhow!(why))?;
    let settings = crate::settings::Settings { seed, ..settings(nodes) };
    let length = settings.time_limit_ms * MS;
    let sink = LoadSink { zero: None, length, per_node: vec![0; nodes], messages: 0 };
    let kind = NodeKind::Rumormill(config);
    let simulated = simulate_observed(&settings, &kind, sink, &mut Nobody)?;
    if let State::Crashed(why) = &simulated.outcome.state {
        bail!("{nodes} nodes: {why}");
    }
    let results =
        Results::of(&settings, &simulated.outcome, &simulated.notices, RunInfo::default())?;
    let seconds = settings.time_limit_ms as f64 / 1e3;
    let sink = &simulated.sink;
    let all: u64 = sink.per_node.iter().sum();
    let busiest = sink.per_node.iter().copied().max().unwrap_or(0) as f64;
    Ok(Size {
        nodes,
        budget_ms,
        plan: plan(&simulated),
        figures: Figures::of(&results)?,
        mean_load: all as f64 / nodes as f64 / seconds,
        max_load: busiest / seconds,
        busiest_share: busiest / sink.messages.max(1) as f64,
        events: simulated.events,
    })
}

/// How the last node sent values in the end.
fn plan<S>(simulated: &Simulated<S>) -> String {
    let node = simulated.nodes.last().and_then(|node| node.node());
    match node.and_then(rumormill::node::Node::plan) {
        None => "none".to_owned(),
        Some(Plan::Flood { .. }) => "along the topology".to_owned(),
        Some(Plan::Direct { .. }) => "direct".to_owned(),
        Some(Plan::Tree { pulse, .. }) => {
            let nodes = u32::try_from(simulated.nodes.len()).unwrap_or(u32::MAX);
            let shape = if Layout::hubs(nodes).height > 1 { "tree of hubs" } else { "hub" };
            format!("{shape}, {}", if pulse { "pulse" } else { "window" })
        }
    }
}

const HEAD: [&str; 11] = [
    "nodes",
    "latency budget",
    "route chosen",
    "msgs per op",
    "mean node, msgs/s",
    "busiest node, msgs/s",
    "messages it has part in",
    "last node, median ms",
    "last node, max ms",
    "evidence",
    "lost",
];

/// The table in Markdown.
#[must_use]
pub fn table(sizes: &[Size]) -> String {
    let rows = sizes.iter().map(|size| {
        let figures = &size.figures;
        vec![
            size.nodes.to_string(),
            format!("{} ms", size.budget_ms),
            size.plan.clone(),
            significant(figures.msgs_per_op),
            significant(size.mean_load),
            significant(size.max_load),
            format!("{:.1} %", size.busiest_share * 100.0),
            whole(figures.last_median_ms),
            whole(figures.last_max_ms),
            format!("{:.1} %", figures.evidence_share * 100.0),
            if figures.missing == 0.0 { "nothing".to_owned() } else { figures.missing.to_string() },
        ]
    });
    markdown(&HEAD, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_has_part_in_every_message() {
        let size = simulate(25, 1000, 1).unwrap();
        assert_eq!(size.plan, "hub, pulse");
        assert!(size.busiest_share > 0.9 && size.busiest_share <= 1.0, "{}", size.busiest_share);
        // Each message is sent and received once.
        let ratio = size.max_load / size.mean_load;
        assert!((10.0..=12.6).contains(&ratio), "{ratio}");
        let text = table(&[size]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("| hub, pulse"));
    }
}
