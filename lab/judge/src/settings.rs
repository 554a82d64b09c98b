//! Settings: the fully resolved description of a run.
//!
//! Flags and profiles are merged into one of these; everything else only reads it. The defaults
//! are Maelstrom's.

mod bounds;
pub mod faults;
pub mod flags;
mod network;

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use rumormill::cluster::Name;
use rumormill_sim::network::latency::{Distribution, Latency};

pub use crate::checker::availability::Required as Availability;
use crate::services::{NAMES, Services};
use crate::topology::Topology;
use crate::trace::ValuesAt;
use crate::workload::{BROADCAST, Spreads, Workload};
use faults::FaultSettings;

/// Everything that decides what happens in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The workload of the clients.
    pub workload: &'static Workload,
    /// The ids of the nodes, in order.
    pub nodes: Vec<Name>,
    /// Number of workers. Worker `i` talks only to node `i mod nodes`.
    pub concurrency: usize,
    /// Operations per second, all workers together; 0 for none.
    pub rate: f64,
    /// Length of the main phase.
    pub time_limit_ms: u64,
    /// Delay of messages between nodes.
    pub latency: Latency,
    /// The neighbours in the `topology` message.
    pub topology: Topology,
    /// The partitions of `--nemesis partition`, if any.
    pub nemesis: Option<Nemesis>,
    /// The kills and pauses of `--nemesis kill,pause`, if any.
    pub node_nemesis: Option<NodeNemesis>,
    /// The lab's additions to Maelstrom's network.
    pub faults: FaultSettings,
    /// From which all dice are derived.
    pub seed: u64,
    /// The wait between the main phase and the final reads.
    pub recovery: Recovery,
    /// Read every node this often, outside the history and its counts.
    pub probe_ms: Option<u64>,
    /// Where values stand in messages between nodes; if empty, it is found out.
    pub values_at: Vec<ValuesAt>,
    /// Which of Maelstrom's oddities to reproduce.
    pub compat: Compat,
    /// Crash the run where Maelstrom would mute a node (see [`Compat::mute`]).
    pub strict: bool,
    /// The share of the operations that must be `ok`, but for those that were open at a node when it
    /// died.
    pub availability: Option<Availability>,
    /// `--limit` expressions as given, such as `msgs-per-op<20`.
    pub limits: Vec<String>,
    /// Whether Maelstrom's services have its oddities.
    pub services: Services,
    /// How long a node may take to answer `init`.
    pub init_timeout_ms: u64,
    /// How long a node may take to answer any other request.
    pub rpc_timeout_ms: u64,
}

/// Maelstrom's partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nemesis {
    /// Mean time between its actions.
    pub interval_ms: u64,
}

/// Maelstrom's kills and pauses of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeNemesis {
    /// Mean time between its actions.
    pub interval_ms: u64,
    /// Nodes are killed, and started anew.
    pub kill: bool,
    /// Nodes are stopped, and go on.
    pub pause: bool,
}

impl NodeNemesis {
    /// The faults, for people.
    const fn words(self) -> &'static str {
        match (self.kill, self.pause) {
            (true, true) => "kills and pauses",
            (true, false) => "kills",
            _ => "pauses",
        }
    }
}

/// The wait between the main phase and the final reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How long, at most.
    pub wait_ms: u64,
    /// End it once no message that may carry a value was sent, or was on its way, for this long.
    pub quiet_ms: Option<u64>,
}

impl Recovery {
    /// Maelstrom's: always 10 s.
    pub const FIXED: Self = Self { wait_ms: 10_000, quiet_ms: None };
    /// At most 10 s, less once the cluster has been quiet for a second.
    pub const AUTO: Self = Self { wait_ms: 10_000, quiet_ms: Some(1_000) };
}

impl FromStr for Recovery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<u64>()) {
            ("fixed", _) => Ok(Self::FIXED),
            ("auto", _) => Ok(Self::AUTO),
            (_, Ok(s)) => Ok(Self { wait_ms: s.saturating_mul(1_000), quiet_ms: None }),
            _ => Err(format!("`{text}` is neither fixed, auto nor a whole number of seconds")),
        }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FIXED => f.write_str("fixed"),
            Self::AUTO => f.write_str("auto"),
            Self { wait_ms, .. } => write!(f, "{}", wait_ms / 1_000),
        }
    }
}

/// Which of Maelstrom's oddities to reproduce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compat {
    /// A node's queue has one consumer, which takes the earliest message at once and sleeps until
    /// it is due (in whole milliseconds, so up to one too early); whatever arrives meanwhile
    /// waits, client requests too. Off: every message is delivered when it is due.
    pub head_of_line: bool,
    /// The next operation goes to the next free worker in turn, where worker 0 has two turns in
    /// `concurrency + 1`. Off: to a random free one.
    pub round_robin: bool,
    /// After one bad line, or one message to an unknown id (a closed client's, too), a node's
    /// output is ignored for good.
    pub mute: bool,
}

impl Settings {
    /// The names that `--node-count` stands for: `n0`, `n1`, …
    #[must_use]
    pub fn numbered_nodes(count: usize) -> Vec<Name> {
        (0..count).map(|i| format!("n{i}").into()).collect()
    }

    /// Defaults with `count` numbered nodes and one worker each.
    #[must_use]
    pub fn with_nodes(count: usize) -> Self {
        Self { nodes: Self::numbered_nodes(count), concurrency: count, ..Self::default() }
    }

    /// The run in a few words: workload, then faults.
    #[must_use]
    pub fn shape(&self) -> String {
        let faults = self.fault_words();
        let parts = [self.workload_words(), faults];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }

    fn workload_words(&self) -> String {
        let nodes = self.nodes.len();
        let Latency { mean_ms, distribution } = self.latency;
        let seconds = self.time_limit_ms as f64 / 1e3;
        let workload = Some(self.workload.to_string()).filter(|_| *self.workload != BROADCAST);
        let mut words: Vec<String> = workload.into_iter().collect();
        words.push(format!("{nodes} nodes"));
        words.extend(self.workload.has_topology.then(|| self.topology.to_string()));
        words.push(format!("latency {mean_ms} ms"));
        if distribution != Distribution::Constant {
            words.push(distribution.to_string());
        }
        words.push(format!("rate {}/s", self.rate));
        words.push(format!("{seconds} s"));
        words.join(", ")
    }

    /// The faults of the run in a few words; empty if there are none.
    #[must_use]
    pub fn fault_words(&self) -> String {
        let mut words = Vec::new();
        if let Some(nemesis) = self.nemesis {
            words.push(format!("partitions every {} s", nemesis.interval_ms as f64 / 1e3));
        }
        if let Some(nemesis) = self.node_nemesis {
            words.push(format!("{} every {} s", nemesis.words(), nemesis.interval_ms as f64 / 1e3));
        }
        words.extend(self.faults.words());
        words.join(", ")
    }

    /// True if nodes are killed by the nemesis.
    #[must_use]
    pub fn has_kills(&self) -> bool {
        self.node_nemesis.is_some_and(|nemesis| nemesis.kill)
    }

    /// True if nodes are stopped by the nemesis.
    #[must_use]
    pub fn has_stops(&self) -> bool {
        self.node_nemesis.is_some_and(|nemesis| nemesis.pause)
    }

    /// Finds what cannot be run.
    ///
    /// # Errors
    /// Says which setting is wrong, and why.
    pub fn check(&self) -> Result<()> {
        let count = self.nodes.len();
        ensure!(count > 0, "there must be at least one node");
        ensure!(self.concurrency > 0, "there must be at least one worker");
        bounds::check(self)?;
        ensure!(self.probe_ms != Some(0), "a probe every 0 ms would never end");
        ensure!(
            self.probe_ms.is_none() || self.workload.spreads == Spreads::Elements,
            "probe: {} has no reads that return a set, so there is nothing to see",
            self.workload
        );
        if self.latency.mean_ms == 0 && self.latency.distribution != Distribution::Constant {
            bail!("a latency of 0 ms can only be constant");
        }
        self.topology.check(count)?;
        let mut sorted: Vec<&Name> = self.nodes.iter().collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("two nodes are named {:?}", pair[0]);
        }
        for name in &self.nodes {
            ensure!(!name.is_empty(), "a node's name is empty");
            ensure!(
                !NAMES.contains(&&**name),
                "{name:?} is a service's name and cannot be a node's"
            );
            let mut chars = name.chars();
            let reserved = matches!(chars.next(), Some('c' | 'p'));
            let digits = chars.as_str();
            if reserved && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
                bail!("{name:?} is a client's id and cannot be a node's");
            }
        }
        let FaultSettings { crash, crash_rate, pause, pause_rate, .. } = &self.faults;
        ensure!(
            !self.has_kills() || (crash.is_empty() && *crash_rate == 0.0),
            "--nemesis kill and crashes of the lab's own do not go together"
        );
        ensure!(
            !self.has_stops() || (pause.is_empty() && *pause_rate == 0.0),
            "--nemesis pause and pauses of the lab's own do not go together"
        );
        self.faults.check(&self.nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_is_shown_as_given() {
        for name in ["fixed", "auto", "120"] {
            assert_eq!(name.parse::<Recovery>().unwrap().to_string(), name);
        }
    }
}
