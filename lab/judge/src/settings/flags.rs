//! Flags: what a run can be asked for.
//!
//! A flag is a field of [`Flags`], or of [`FaultSettings`] in it. The field's comment is the help, its
//! name is the flag's and that of the key in profiles, and its default stands beside it. The command
//! line, profiles, completions and man pages follow from that; [`Flags::into_settings`] says what it
//! means for a run.

pub mod values;

use std::sync::LazyLock;

use anyhow::{Result, anyhow, ensure};
use clap::{ArgAction, Parser};
use rumormill_sim::network::latency::{Distribution, Latency};
use serde::{Deserialize, Serialize};

use crate::services::Services;
use crate::settings::bounds::check_counts;
use crate::settings::faults::FaultSettings;
use crate::settings::{Availability, Compat, Nemesis, NodeNemesis, Recovery, Settings};
use crate::topology::Topology;
use crate::workload::{BROADCAST, Workload};
use values::{Concurrency, NemesisKinds, as_flag};

/// Nodes that run if neither `--node-count` nor `--nodes` is given: `n1` to `n5`, as in Maelstrom.
const DEFAULT_NODES: std::ops::RangeInclusive<usize> = 1..=5;
/// By how much `--reorder` holds a message up, at most, if nothing says more.
const REORDER_MAX_MS: u64 = 100;

/// The flags that describe a run, for processes and simulated nodes alike. The defaults are
/// Maelstrom's.
#[derive(Clone, Debug, PartialEq, Parser, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flags {
    /// One line for people: a key of profiles only
    #[arg(skip)]
    pub description: Option<String>,

    /// Run this many nodes, n0, n1, …; overrides --nodes
    #[arg(long, value_name = "N", help_heading = "Nodes")]
    pub node_count: Option<usize>,
    /// The names of the nodes [default: n1,n2,n3,n4,n5]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Nodes")]
    pub nodes: Vec<String>,
    /// How long a node may take to answer init
    #[arg(long, value_name = "MS", default_value_t = 10_000, help_heading = "Nodes")]
    pub init_timeout: u64,
    /// How long a node may take to answer any other request
    #[arg(long, value_name = "MS", default_value_t = 5_000, help_heading = "Nodes")]
    pub rpc_timeout: u64,
    /// Arguments of the node
    #[arg(last = true, value_name = "ARGS", help_heading = "Nodes")]
    pub node_args: Vec<String>,

    /// The workload of the clients: broadcast, echo, unique-ids, g-set, g-counter or pn-counter
    #[arg(short, long, value_name = "NAME", default_value_t = &BROADCAST, help_heading = "Workload")]
    #[serde(with = "as_flag")]
    pub workload: &'static Workload,
    /// How many clients work at once: a number, or one per node times a number, such as 4n
    #[arg(long, value_name = "N|Nn", default_value = "1n", help_heading = "Workload")]
    #[serde(with = "as_flag")]
    pub concurrency: Concurrency,
    /// Length of the main phase, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, help_heading = "Workload")]
    pub time_limit: u64,
    /// Operations per second, all clients together
    #[arg(long, value_name = "HZ", default_value_t = 5.0, help_heading = "Workload")]
    pub rate: f64,
    /// The neighbours that nodes are told
    #[arg(long, value_name = Topology::NAMES, default_value_t, help_heading = "Workload")]
    #[serde(with = "as_flag")]
    pub topology: Topology,
    /// Repeats everything that is in the lab's hand [default: random; the result shows it]
    #[arg(long, value_name = "N", help_heading = "Workload")]
    #[serde(with = "as_flag::option", skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How long to wait before the final reads: always 10 s, less once the cluster is quiet,
    /// or so many seconds
    #[arg(long, value_name = "fixed|auto|S", default_value = "fixed", help_heading = "Workload")]
    #[serde(with = "as_flag")]
    pub recovery: Recovery,
    /// Read every node this often, outside history and counts, to see when the last node holds a
    /// value [default: off]
    #[arg(long, value_name = "MS", help_heading = "Workload")]
    pub probe: Option<u64>,
    /// Where values stand in messages between nodes that are not the workspace's own, such as
    /// body.messages[*]; may be repeated [default: found out]
    #[arg(long, value_name = "PATH", help_heading = "Workload")]
    pub values_at: Vec<String>,

    /// Delay of messages between nodes, in ms
    #[arg(long, value_name = "MS", default_value_t, help_heading = "Network")]
    pub latency: u64,
    /// How it is spread; measured: the latency and up to 30 ms more, 6 ms on average, as under the
    /// real Maelstrom
    #[arg(long, value_name = Distribution::NAMES, default_value_t, help_heading = "Network")]
    #[serde(with = "as_flag")]
    pub latency_dist: Distribution,
    /// Maelstrom's faults: partition, kill (SIGKILL and another start) and pause (SIGSTOP and
    /// SIGCONT), several with commas between, at random nodes
    #[arg(long, value_name = NemesisKinds::NAMES, default_value_t, help_heading = "Network")]
    #[serde(with = "as_flag")]
    pub nemesis: NemesisKinds,
    /// Mean time between the nemesis' actions, in seconds
    #[arg(long, value_name = "S", default_value_t = 10.0, help_heading = "Network")]
    pub nemesis_interval: f64,
    /// lin-kv, seq-kv, lww-kv and lin-tso as Maelstrom has them, or as their names promise
    #[arg(long, value_name = Services::NAMES, default_value_t, help_heading = "Network")]
    #[serde(with = "as_flag")]
    pub services: Services,
    /// Deliver each message when it is due. Like Maelstrom, the default takes one message at a
    /// time, and while it is waited for nothing else is delivered to that node
    #[arg(long = "no-head-of-line", action = ArgAction::SetFalse, help_heading = "Network")]
    pub head_of_line: bool,
    /// Give each operation to a random free client. Like Maelstrom, the default takes turns, in
    /// which the first client has two
    #[arg(long = "no-round-robin", action = ArgAction::SetFalse, help_heading = "Network")]
    pub round_robin: bool,

    /// Faults of the lab's own: the keys below `[faults]` in a profile
    #[command(flatten)]
    pub faults: FaultSettings,

    /// The share of operations that must succeed, of those that were not open at a node when it
    /// died: total, or a number up to 1 [default: none]
    #[arg(long, value_name = "SHARE", help_heading = "Verdict")]
    #[serde(with = "as_flag::option", skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// A limit for a figure, such as 'msgs-per-op<20' or 'median<400ms'; may be repeated
    #[arg(long, value_name = "EXPR", help_heading = "Verdict")]
    pub limit: Vec<String>,
    /// A line that is not a message, or has an unknown destination, ends the run
    #[arg(long, help_heading = "Verdict")]
    pub strict: bool,
    /// Like Maelstrom, ignore a node's output for good after such a line
    #[arg(long, conflicts_with = "strict", help_heading = "Verdict")]
    pub mute: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self::parse_from(["lab"])
    }
}

impl Flags {
    /// The settings of a run.
    ///
    /// # Errors
    /// If they cannot be run. Limits are not looked at.
    pub fn into_settings(self) -> Result<Settings> {
        let named = if self.nodes.is_empty() { DEFAULT_NODES.count() } else { self.nodes.len() };
        let count = self.node_count.unwrap_or(named);
        let concurrency = self.concurrency.workers(count);
        // Before any of them is made.
        check_counts(count, concurrency)?;
        let nodes = match (self.node_count, &*self.nodes) {
            (Some(count), _) => Settings::numbered_nodes(count),
            (None, []) => DEFAULT_NODES.map(|i| format!("n{i}").into()).collect(),
            (None, names) => names.iter().map(|name| name.as_str().into()).collect(),
        };
        let NemesisKinds { partition, kill, pause } = self.nemesis;
        let has_nemesis = partition || kill || pause;
        let interval_ms = if has_nemesis { interval_ms(self.nemesis_interval)? } else { 0 };
        let mut faults = self.faults;
        if faults.reorder > 0.0 && faults.reorder_max_ms == 0 {
            faults.reorder_max_ms = REORDER_MAX_MS;
        }
        let values_at = self.values_at.iter().map(|path| path.parse());
        let settings = Settings {
            workload: self.workload,
            nodes,
            concurrency,
            rate: self.rate,
            time_limit_ms: self.time_limit.saturating_mul(1_000),
            latency: Latency { mean_ms: self.latency, distribution: self.latency_dist },
            topology: self.topology,
            nemesis: partition.then_some(Nemesis { interval_ms }),
            node_nemesis: (kill || pause).then_some(NodeNemesis { interval_ms, kill, pause }),
            faults,
            seed: self.seed.unwrap_or_default(),
            recovery: self.recovery,
            probe_ms: self.probe,
            values_at: values_at
                .collect::<Result<_, _>>()
                .map_err(|error| anyhow!("values-at: {error}"))?,
            compat: Compat {
                head_of_line: self.head_of_line,
                round_robin: self.round_robin,
                mute: self.mute,
            },
            strict: self.strict,
            availability: self.availability,
            limits: self.limit,
            services: self.services,
            init_timeout_ms: self.init_timeout,
            rpc_timeout_ms: self.rpc_timeout,
        };
        settings.check()?;
        Ok(settings)
    }
}

impl Default for Settings {
    fn default() -> Self {
        static NOTHING_ASKED: LazyLock<Settings> =
            LazyLock::new(|| Flags::default().into_settings().expect("the defaults can be run"));
        NOTHING_ASKED.clone()
    }
}

fn interval_ms(interval_s: f64) -> Result<u64> {
    let interval_ms = (interval_s * 1_000.0).round();
    ensure!(
        (1.0..=1e12).contains(&interval_ms),
        "a nemesis cannot act every {interval_s} s: an interval is at least 0.001 s"
    );
    Ok(interval_ms as u64)
}
