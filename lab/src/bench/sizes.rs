//! Load and latency as the cluster grows, at the same workload, and the simulator's cost.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rumormill::cluster::Tree;
use rumormill::protocols::rumormill::{Plan, Rumormill};
use rumormill_judge::figures::{Figure, Sample, Unit, select};
use rumormill_judge::format::number::number;
use rumormill_judge::format::table::markdown;
use rumormill_judge::results::Results;
use rumormill_sim::Host;
use serde::{Deserialize, Serialize};

use super::cases::{Case, settings};
use super::load::Load;
use super::table::{Judged, cell};
use crate::cost::{cpu_time, peak_mib};
use crate::sim;

/// A cluster of one size. It is measured in a process of its own, so that the memory is its own, too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Size {
    /// Number of nodes.
    pub nodes: usize,
    /// The latency budget.
    pub budget_ms: u64,
    /// Route of the values, in words.
    pub plan: String,
    /// The results of the run.
    pub results: Results,
    /// Messages to other nodes that the mean node sent per second of load. It received as many.
    pub mean_load: f64,
    /// Of the node that sent and received most: how many it sent, and how many it received.
    pub busiest: (f64, f64),
    /// The share of all messages that it had part in.
    pub busiest_share: f64,
    /// Events of the simulation.
    pub events: u64,
    /// Duration of the simulation.
    pub wall: Duration,
    /// Its processor time: on a busy machine the truer figure.
    pub cpu: Duration,
    /// The most memory the process had until then, in MiB, where the system tells.
    pub peak_mib: Option<f64>,
}

/// Simulates a cluster of so many nodes with a latency budget.
///
/// # Errors
/// If the run comes to no end.
pub fn simulate(nodes: usize, budget_ms: u64, seed: u64) -> Result<Size> {
    let config = Case::budget(budget_ms).config().map_err(|why| anyhow!(why))?;
    let settings = rumormill_judge::settings::Settings { seed, ..settings(nodes) };
    let (started, cpu_before) = (Instant::now(), cpu_time());
    let simulated = sim::simulate_observed(&settings, &config, Load::new(&settings), &mut ())?;
    let (wall, cpu) = (started.elapsed(), cpu_time().saturating_sub(cpu_before));
    let results = simulated.results(&settings)?.map_err(|why| anyhow!("{nodes} nodes: {why}"))?;
    let load = &simulated.sink;
    Ok(Size {
        nodes,
        budget_ms,
        plan: plan(&simulated.nodes),
        results,
        mean_load: load.mean(),
        busiest: load.busiest(),
        busiest_share: load.busiest_share(),
        events: simulated.events,
        wall,
        cpu,
        peak_mib: peak_mib(),
    })
}

/// Route by which the last node sent values in the end, in words.
fn plan(nodes: &[Host<sim::Node>]) -> String {
    let node = nodes.last().and_then(|host| host.process().server().protocol());
    match node.and_then(Rumormill::plan) {
        None => "none".to_owned(),
        Some(Plan::Flood { .. }) => "along the topology".to_owned(),
        Some(Plan::Direct { .. }) => "direct".to_owned(),
        Some(Plan::Tree { pulse, .. }) => {
            let nodes = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
            let shape = if Tree::hubs(nodes).height > 1 { "tree of hubs" } else { "hub" };
            format!("{shape}, {}", if pulse { "pulse" } else { "window" })
        }
    }
}

/// Figures of the run that stand in the table.
const COLUMNS: [&Figure; 5] =
    select(["msgs-per-op", "convergence-median", "convergence-max", "ack-share", "missing"]);

/// Columns before and after those.
const HEAD: [&str; 7] = [
    "nodes",
    "latency budget",
    "route chosen",
    "a node sends, msgs/s",
    "busiest node sends",
    "and receives",
    "has part in",
];
const COSTS: [&str; 4] = ["simulated in", "processor time", "events/s", "peak memory"];

impl Size {
    /// True if every node had every value in the end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.results.rumormill.missing.missing_count == 0
    }

    fn cells(&self) -> Vec<String> {
        let (wall_s, cpu_s) = (self.wall.as_secs_f64(), self.cpu.as_secs_f64());
        let mut cells = vec![
            self.nodes.to_string(),
            format!("{} ms", self.budget_ms),
            self.plan.clone(),
            number(self.mean_load),
            number(self.busiest.0),
            number(self.busiest.1),
            Unit::Share.show(self.busiest_share),
        ];
        cells.extend(
            COLUMNS.iter().map(|figure| {
                cell(figure, &Sample::of(figure, [&self.results]), &[], Judged::Median)
            }),
        );
        cells.extend([
            format!("{wall_s:.2} s"),
            format!("{cpu_s:.2} s"),
            number(self.events as f64 / cpu_s.max(1e-6)),
            self.peak_mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib:.0} MiB")),
        ]);
        cells
    }
}

/// The table in Markdown.
#[must_use]
pub fn table(sizes: &[Size]) -> String {
    let mut head: Vec<String> = HEAD.map(ToOwned::to_owned).into();
    head.extend(COLUMNS.iter().map(|figure| figure.head()));
    head.extend(COSTS.map(ToOwned::to_owned));
    markdown(head, sizes.iter().map(Size::cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_has_part_in_every_message() {
        let size = simulate(25, 1000, 1).unwrap();
        assert_eq!(size.plan, "hub, pulse");
        assert!(size.busiest_share > 0.9 && size.busiest_share <= 1.0, "{}", size.busiest_share);
        let (sent, received) = size.busiest;
        let ratio = (sent + received) / size.mean_load;
        assert!((20.0..=25.2).contains(&ratio) && sent > 0.0 && received > 0.0, "{ratio}");
        assert!(size.is_complete());
        let text = table(&[size]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("| hub, pulse"));
    }
}
