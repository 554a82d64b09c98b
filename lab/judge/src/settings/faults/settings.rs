//! Settings of faults, and their counts.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use clap::Args;
use rumormill::cluster::Name;
use serde::{Deserialize, Serialize};

/// The lab's additions to Maelstrom's network. None, by default.
///
/// Each field is a flag, its help, its default and a key of `[faults]` in profiles. Lists of a profile
/// and of flags are joined.
#[derive(Clone, Debug, Default, PartialEq, Args, Deserialize, Serialize)]
#[command(next_help_heading = "Faults")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultSettings {
    /// Probability that a message between nodes is lost, such as 0.1
    #[arg(long, value_name = "P", default_value_t)]
    pub loss: f64,
    /// Probability that it arrives twice; the copy has a latency of its own
    #[arg(long, value_name = "P", default_value_t)]
    pub duplicate: f64,
    /// Probability that it is held up, and overtaken
    #[arg(long, value_name = "P", default_value_t)]
    pub reorder: f64,
    /// By how much it is held up, at most [default: 100]
    #[arg(long = "reorder-max", value_name = "MS", default_value_t, hide_default_value = true)]
    pub reorder_max_ms: u64,
    /// Messages from and to a node take longer: 'n3+900' by 900 ms; 'n3>+900' only those from it
    #[arg(long, value_name = "NODE+MS")]
    pub slow: Vec<Slow>,
    /// A cut between two nodes: 'a>b' one way, 'a-b' both ways; with '@5..15' only from second 5
    /// to 15, with '~0.5' on and off every half second; may be repeated
    #[arg(long, value_name = "CUT")]
    pub cut: Vec<Cut>,
    /// The latency changes: '10+300' to 300 ms in second 10
    #[arg(id = "latency_change", long = "latency-change", value_name = "S+MS")]
    pub latency: Vec<LatencyChange>,

    /// Time stands still for a node, then everything arrives: 'n3@5+2' in second 5 for 2 s
    #[arg(long, value_name = "NODE@S+S")]
    pub pause: Vec<Spell>,
    /// Pauses of random nodes: how many per second in the whole cluster, on average
    #[arg(long, value_name = "HZ", default_value_t)]
    pub pause_rate: f64,
    /// How long such a pause is, at most
    #[arg(long = "pause-max", value_name = "MS", default_value_t)]
    pub pause_max_ms: u64,
    /// A node's clock jumps: 'n3@5+2' in second 5 by 2 s, 'n3@5-2' back. Simulation only
    #[arg(long, value_name = "NODE@S±S")]
    pub clock_jump: Vec<ClockJump>,
    /// Jumps of random nodes' clocks: how many per second in the whole cluster, on average
    #[arg(long, value_name = "HZ", default_value_t)]
    pub clock_jump_rate: f64,
    /// By how much such a clock jumps, at most, forward or backward
    #[arg(long = "clock-jump-max", value_name = "MS", default_value_t)]
    pub clock_jump_max_ms: u64,
    /// The disk of a durable node has no space: 'n3@5+2' from second 5 on for 2 s. Simulation only
    #[arg(long, value_name = "NODE@S+S")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disk_full: Vec<Spell>,
    /// A node dies (SIGKILL) and comes back: 'n3@5+2' in second 5 for 2 s, 'n3@5' for good. Without
    /// --durable a simulated node comes back empty; processes need --durable
    #[arg(long, value_name = "NODE@S+S")]
    pub crash: Vec<Crash>,
    /// Crashes of random nodes: how many per second in the whole cluster, on average
    #[arg(long, value_name = "HZ", default_value_t)]
    pub crash_rate: f64,
    /// How long such a node is down, at most
    #[arg(long = "crash-max", value_name = "MS", default_value_t)]
    pub crash_max_ms: u64,
    /// Probability that such a node is not told the topology again
    #[arg(long, value_name = "P", default_value_t)]
    pub crash_forget: f64,
    /// Nodes keep values on disk, and all that they have acknowledged is owed, whatever dies. Processes
    /// get --data-dir, by default a temporary directory for this run; simulated nodes get a simulated
    /// disk, which loses and tears in a crash what was not synced
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub durable: bool,
    /// How long a sync of a simulated disk takes [default: 5]
    #[arg(long = "disk-sync", value_name = "MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_sync_ms: Option<u64>,
}

/// A sync of a simulated disk takes this long unless said otherwise. Disks without moving parts take 1
/// to 10 ms, those of clouds included.
pub const DISK_SYNC_MS: u64 = 5;

/// A slow node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Slow {
    /// Which.
    pub node: Name,
    /// Added to the latency of every message from or to it.
    pub extra_ms: u64,
    /// Only messages from it are slow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_way: bool,
}

/// Links that are cut for some time, or on and off.
///
/// Isolation of a node is a cut between it and no one in particular (`b` empty: all others). With
/// nodes that are on neither side, connectivity is not transitive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cut {
    /// One side; empty for all nodes that are not in `b`.
    pub a: Vec<Name>,
    /// The other side; empty for all nodes that are not in `a`.
    pub b: Vec<Name>,
    /// Only messages from `a` to `b` are dropped.
    pub one_way: bool,
    /// Since when, from the start of the main phase.
    pub from_ms: u64,
    /// Until when; without it, until the end of the main phase.
    pub until_ms: Option<u64>,
    /// A flapping link: cut for this long, whole for this long, and so on.
    pub flap_ms: Option<u64>,
}

/// A change of the latency; its distribution stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LatencyChange {
    /// Since when, from the start of the main phase.
    pub at_ms: u64,
    /// The mean from then on, also after the main phase.
    pub mean_ms: u64,
}

/// Time stands still for a node, or its disk has no space.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spell {
    /// Which.
    pub node: Name,
    /// When, from the start of the main phase.
    pub at_ms: u64,
    /// For how long.
    pub for_ms: u64,
}

/// A node's own clock jumps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClockJump {
    /// Which.
    pub node: Name,
    /// When, from the start of the main phase.
    pub at_ms: u64,
    /// By how much; backward if negative.
    pub by_ms: i64,
}

/// A node dies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Crash {
    /// Which.
    pub node: Name,
    /// When, from the start of the main phase.
    pub at_ms: u64,
    /// For how long it is down; without it, for good.
    pub down_ms: Option<u64>,
    /// When it is back, it gets `init`, but no `topology`.
    #[serde(default)]
    pub forget_topology: bool,
}

impl FaultSettings {
    /// Reads them from TOML: the keys are the fields' names with hyphens, tables `[[slow]]` and
    /// `[[cut]]`.
    ///
    /// # Errors
    /// If it is not TOML, or has keys that mean nothing here.
    pub fn from_toml(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Finds what cannot be run.
    ///
    /// # Errors
    /// Says which setting is wrong, and why.
    pub fn check(&self, nodes: &[Name]) -> Result<()> {
        let chances = [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("crash-forget", self.crash_forget),
        ];
        for (what, chance) in chances {
            ensure!((0.0..=1.0).contains(&chance), "{what}: {chance} is not a probability");
        }
        let rates = [
            ("pause-rate", self.pause_rate, self.pause_max_ms),
            ("clock-jump-rate", self.clock_jump_rate, self.clock_jump_max_ms),
            ("crash-rate", self.crash_rate, self.crash_max_ms),
        ];
        for (what, rate, max_ms) in rates {
            ensure!((0.0..=1e3).contains(&rate), "{what}: {rate} per second is senseless");
            let max = what.replace("-rate", "-max-ms");
            ensure!(rate == 0.0 || max_ms > 0, "{what} wants {max} as well, above 0");
        }
        let known: HashSet<&Name> = nodes.iter().collect();
        for name in self.names() {
            ensure!(known.contains(name), "a fault names {name:?}, which is no node of this run");
        }
        ensure!(
            self.durable || self.disk_sync_ms.is_none(),
            "disk-sync-ms: nodes have disks only if they are durable (--durable)"
        );
        ensure!(
            self.durable || self.disk_full.is_empty(),
            "disk-full: nodes have disks only if they are durable (--durable)"
        );
        for cut in &self.cut {
            ensure!(cut.flap_ms != Some(0), "a link cannot flap every 0 ms");
            ensure!(!cut.a.is_empty() || !cut.b.is_empty(), "a cut names no node");
        }
        Ok(())
    }

    /// Every node that is named.
    fn names(&self) -> impl Iterator<Item = &Name> {
        let slow = self.slow.iter().map(|slow| &slow.node);
        let cut = self.cut.iter().flat_map(|cut| cut.a.iter().chain(&cut.b));
        let pause = self.pause.iter().map(|pause| &pause.node);
        let jump = self.clock_jump.iter().map(|jump| &jump.node);
        let disk = self.disk_full.iter().map(|full| &full.node);
        let crash = self.crash.iter().map(|crash| &crash.node);
        slow.chain(cut).chain(pause).chain(jump).chain(disk).chain(crash)
    }

    /// The first kind of fault that only simulated nodes can be given. What the nodes hold that die is
    /// known of simulated ones only, so processes must be durable to be killed.
    #[must_use]
    pub fn simulated_only(&self) -> Option<&'static str> {
        let crashes = !self.crash.is_empty() || self.crash_rate > 0.0;
        let kinds = [
            ("clock jumps", !self.clock_jump.is_empty() || self.clock_jump_rate > 0.0),
            ("crashes without --durable", crashes && !self.durable),
            ("lengths of disk syncs", self.disk_sync_ms.is_some()),
            ("full disks", !self.disk_full.is_empty()),
        ];
        kinds.into_iter().find(|(_, wanted)| *wanted).map(|(kind, _)| kind)
    }

    /// True if they may keep nodes apart for some time.
    #[must_use]
    pub fn may_part(&self) -> bool {
        let pauses = !self.pause.is_empty() || self.pause_rate > 0.0;
        let crashes = !self.crash.is_empty() || self.crash_rate > 0.0;
        !self.cut.is_empty() || pauses || crashes
    }
}
