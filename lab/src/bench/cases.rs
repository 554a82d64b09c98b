//! Points of the frontier that are measured, with their limits.

use rumormill::args::Command;
use rumormill::protocols;
use rumormill::protocols::rumormill::config::Config;
use rumormill_judge::figures::figure;
use rumormill_judge::settings::Settings;
use rumormill_judge::topology::Topology;
use rumormill_judge::verdict::{Comparison, Limit};
use rumormill_sim::network::latency::Latency;

use super::theory::Theory;

const NODES: usize = 25;
const LATENCY_MS: u64 = 100;
const RATE: f64 = 100.0;
const TIME_LIMIT_MS: u64 = 20_000;

/// The budget of a node that is not given any.
const DEFAULT_BUDGET_MS: u64 = 300;

/// Of 25 nodes: hops from the centre of their grid to its corners.
const GRID_HEIGHT: f64 = 4.0;

/// The budgets that are swept unless others are asked for.
pub const BUDGETS_MS: [u64; 8] = [100, 200, 250, 300, 400, 600, 1000, 2000];

/// Upper limit of the ack share: messages without a value for each message with one.
const ACK_SHARE_MAX: f64 = 0.15;

/// The cluster that all points are about.
pub const REFERENCE: Theory =
    Theory { nodes: NODES as f64, delay_s: LATENCY_MS as f64 / 1e3, op_rate: RATE };

/// A point: how the nodes are run, and what can be expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// For people.
    pub name: String,
    /// The label in the picture.
    pub label: String,
    /// The bound on the latency that the theory is asked for.
    pub bound_ms: u64,
    /// The nodes' arguments.
    pub node_args: Vec<String>,
    /// The neighbours that they are told.
    pub topology: Topology,
    /// New values go along the topology's links only.
    pub on_links: bool,
    /// The least msgs-per-op of any known design.
    pub theory: Option<f64>,
    /// Limits on the medians over the seeds.
    pub limits: Vec<Limit>,
}

impl Case {
    /// The default route with a latency budget.
    #[must_use]
    pub fn budget(budget_ms: u64) -> Self {
        let is_default = budget_ms == DEFAULT_BUDGET_MS;
        let node_args = if is_default {
            Vec::new()
        } else {
            vec!["--latency-budget".to_owned(), format!("{budget_ms}ms")]
        };
        Self {
            name: format!("{budget_ms} ms{}", if is_default { " (default)" } else { "" }),
            label: format!("{budget_ms} ms"),
            bound_ms: budget_ms,
            node_args,
            topology: Topology::Grid,
            on_links: false,
            theory: REFERENCE.frontier(budget_ms as f64 / 1e3),
            limits: limits(goal(budget_ms)),
        }
    }

    /// The points on the links of a topology.
    #[must_use]
    pub fn on_links() -> [Self; 2] {
        let strings = |args: &[&str]| args.iter().map(ToString::to_string).collect();
        let grid_budget_ms = 1000;
        [
            Self {
                name: "tree4's links, no window".to_owned(),
                label: "tree4's links".to_owned(),
                bound_ms: 500,
                node_args: strings(&["--route", "topology", "--window", "0"]),
                topology: Topology::Tree(4),
                on_links: true,
                theory: Some(REFERENCE.flood()),
                limits: limits(Some([12.6, 390.0, 510.0])),
            },
            Self {
                name: format!("grid's links, {grid_budget_ms} ms"),
                label: "grid's links".to_owned(),
                bound_ms: grid_budget_ms,
                node_args: strings(&["--route", "topology", "--latency-budget", "1000ms"]),
                topology: Topology::Grid,
                on_links: true,
                theory: REFERENCE.tree(grid_budget_ms as f64 / 1e3, GRID_HEIGHT),
                limits: limits(Some([2.9, 900.0, 1040.0])),
            },
        ]
    }

    /// The run.
    #[must_use]
    pub fn settings(&self, seed: u64) -> Settings {
        Settings { topology: self.topology, seed, ..settings(NODES) }
    }

    /// The nodes' arguments, read.
    ///
    /// # Errors
    /// If the nodes would refuse them.
    pub fn config(&self) -> Result<Config, String> {
        config(&self.node_args)
    }
}

/// The workload of all points, on so many nodes.
#[must_use]
pub fn settings(nodes: usize) -> Settings {
    Settings {
        rate: RATE,
        time_limit_ms: TIME_LIMIT_MS,
        latency: Latency { mean_ms: LATENCY_MS, ..Latency::default() },
        ..Settings::with_nodes(nodes)
    }
}

/// The settings of a node with these arguments.
///
/// # Errors
/// If it would refuse them.
pub fn config(node_args: &[String]) -> Result<Config, String> {
    match protocols::family().parse(node_args.iter().map(Into::into))? {
        Command::Run(options) => options.settings(),
        Command::Help(_) | Command::Version => Err("a node is to run".to_owned()),
    }
}

/// Upper limits for a budget: messages per operation, median and maximum of the stable latencies.
const fn goal(budget_ms: u64) -> Option<[f64; 3]> {
    Some(match budget_ms {
        100 => [12.6, 100.0, 115.0],
        200 => [10.8, 190.0, 215.0],
        250 => [4.4, 235.0, 270.0],
        300 => [2.85, 265.0, 325.0],
        400 => [1.85, 315.0, 425.0],
        600 => [1.12, 430.0, 630.0],
        1000 => [0.68, 640.0, 1030.0],
        2000 => [0.36, 1150.0, 2040.0],
        _ => return None,
    })
}

/// The limits of a point: its goal if it has one, and the ack share.
fn limits(goal: Option<[f64; 3]>) -> Vec<Limit> {
    let at_most = |figure, bound| Limit { figure, comparison: Comparison::LessOrEqual, bound };
    let mut limits = vec![at_most(const { figure("ack-share") }, ACK_SHARE_MAX)];
    if let Some([msgs_per_op, median_ms, max_ms]) = goal {
        limits.push(at_most(const { figure("msgs-per-op") }, msgs_per_op));
        limits.push(at_most(const { figure("median") }, median_ms));
        limits.push(at_most(const { figure("max") }, max_ms));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn swept_budget_has_a_limit_above_the_theory() {
        for case in BUDGETS_MS.map(Case::budget).into_iter().chain(Case::on_links()) {
            let is_of = |limit: &&Limit| limit.figure.name == "msgs-per-op";
            let limit = case.limits.iter().find(is_of).unwrap();
            assert!(limit.bound > case.theory.unwrap(), "{}", case.name);
            case.settings(1).check().unwrap();
            case.config().unwrap();
        }
    }

    #[test]
    fn the_default_budget_is_that_of_a_node_without_flags() {
        assert!(Case::budget(DEFAULT_BUDGET_MS).node_args.is_empty());
        let budget = Duration::from_millis(DEFAULT_BUDGET_MS);
        assert_eq!(Config::default().latency_budget, budget);
        assert_eq!(Case::budget(400).config().unwrap().latency_budget, Duration::from_millis(400));
    }
}
