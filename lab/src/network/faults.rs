//! Faults beyond Maelstrom's partitions: what may happen to messages between nodes.
//!
//! They act from the start of the main phase to its end, when everything heals; only slow nodes
//! stay slow. Clients are never affected.

use anyhow::{Result, ensure};
use rumormill::message::Name;
use serde::Deserialize;

/// What the lab adds to Maelstrom's network. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultSettings {
    /// Probability that a message is lost.
    pub loss: f64,
    /// Probability that a message arrives twice; the copy has a latency of its own.
    pub duplicate: f64,
    /// Probability that a message is held up, and so overtaken by later ones.
    pub reorder: f64,
    /// By how much it is held up, at most.
    pub reorder_max_ms: u64,
    /// Nodes whose messages, in and out, take longer.
    pub slow: Vec<Slow>,
    /// Links that are cut for some time.
    pub cut: Vec<Cut>,
}

/// A slow node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Slow {
    /// Which.
    pub node: Name,
    /// Added to the latency of every message from or to it.
    pub extra_ms: u64,
}

/// Links that are cut for some time, or on and off.
///
/// Isolation of a node is a cut between it and no one in particular (`b` empty: all others). With
/// nodes that are on neither side, connectivity is not transitive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cut {
    /// One side.
    pub a: Vec<Name>,
    /// The other side; empty for all nodes that are not in `a`.
    #[serde(default)]
    pub b: Vec<Name>,
    /// Only messages from `a` to `b` are dropped.
    #[serde(default)]
    pub one_way: bool,
    /// Since when, from the start of the main phase.
    #[serde(default)]
    pub from_ms: u64,
    /// Until when; without it, until the end of the main phase.
    pub until_ms: Option<u64>,
    /// A flapping link: cut for this long, whole for this long, and so on.
    pub flap_ms: Option<u64>,
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
        let chances =
            [("loss", self.loss), ("duplicate", self.duplicate), ("reorder", self.reorder)];
        for (what, chance) in chances {
            ensure!((0.0..=1.0).contains(&chance), "{what}: {chance} is not a probability");
        }
        let slow = self.slow.iter().map(|slow| &slow.node);
        let cut = self.cut.iter().flat_map(|cut| cut.a.iter().chain(&cut.b));
        for name in slow.chain(cut) {
            ensure!(nodes.contains(name), "a fault names {name:?}, which is no node of this run");
        }
        for cut in &self.cut {
            ensure!(cut.flap_ms != Some(0), "a link cannot flap every 0 ms");
        }
        Ok(())
    }
}
