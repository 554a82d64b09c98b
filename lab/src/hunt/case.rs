//! A case: everything that decides what happens in one hunted run, written out.
//!
//! Unlike a profile, a case names every single operation and every single fault of a node, so
//! that any of them can be taken out.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rumormill::config::Config;
use rumormill::message::Name;
use rumormill::route::Route;
use rumormill::value::Value;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::network::faults::FaultSettings;
use crate::settings::{Compat, Distribution, Latency, Settings, Topology};

/// The version of the file format that this program writes and reads.
const VERSION: u32 = 1;

/// One run of the hunter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// Version of the format.
    pub version: u32,
    /// What it is about, for people: what once failed.
    #[serde(default)]
    pub about: String,
    /// From which the dice of the network and of the nodes are derived.
    pub seed: u64,
    /// The nodes' ids.
    pub nodes: Vec<Name>,
    /// What the `topology` message says.
    #[serde(with = "as_text")]
    pub topology: Topology,
    /// Delay of messages between nodes.
    pub latency_ms: u64,
    /// How it is spread.
    #[serde(with = "as_text")]
    pub latency_dist: Distribution,
    /// Maelstrom's delivery (see [`Compat::head_of_line`]).
    #[serde(default)]
    pub head_of_line: bool,
    /// How long operations are made and faults act.
    pub main_ms: u64,
    /// Nodes that stay cut off from the rest after that, until each part agrees; then all heals.
    #[serde(default)]
    pub torn: Vec<Name>,
    /// The nodes' settings.
    pub config: NodeConfig,
    /// What happens to messages and to nodes. Faults by rate only act on messages here: those of
    /// nodes are listed one by one.
    #[serde(default)]
    pub faults: FaultSettings,
    /// What clients do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub op: Vec<Op>,
}

/// [`Config`] as a file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodeConfig {
    /// [`Config::route`].
    #[serde(with = "as_text")]
    pub route: Route,
    /// [`Config::latency_budget`].
    pub latency_budget_ms: u64,
    /// [`Config::window`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
    /// [`Config::rtt_initial`].
    pub rtt_initial_ms: u64,
    /// [`Config::ack_delay`].
    pub ack_delay_ms: u64,
    /// [`Config::sync_interval`].
    pub sync_interval_ms: u64,
    /// [`Config::sync_interval_max`].
    pub sync_interval_max_ms: u64,
    /// [`Config::retry_initial`].
    pub retry_initial_ms: u64,
    /// [`Config::probe_min`].
    pub probe_min_ms: u64,
    /// [`Config::probe_max`].
    pub probe_max_ms: u64,
    /// [`Config::batch_entries_max`].
    pub batch_entries_max: usize,
    /// [`Config::batch_bytes_max`].
    pub batch_bytes_max: usize,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Op {
    /// When.
    pub at_ms: u64,
    /// Whom it asks.
    pub node: Name,
    /// The value, as JSON text; without it, a read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
}

impl Op {
    /// The value to be broadcast, unless it is a read.
    pub(super) fn value(&self) -> Option<Value> {
        self.broadcast.as_ref().and_then(|json| serde_json::from_str(json).ok())
    }
}

impl Case {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64, nodes: usize) -> Self {
        Self {
            version: VERSION,
            about: String::new(),
            seed,
            nodes: Settings::numbered_nodes(nodes),
            topology: Topology::Grid,
            latency_ms: 10,
            latency_dist: Distribution::Constant,
            head_of_line: false,
            main_ms: 1_000,
            torn: Vec::new(),
            config: NodeConfig::default(),
            faults: FaultSettings::default(),
            op: Vec::new(),
        }
    }

    /// Reads a case from a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not a case that can be run.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::from_toml(&text).with_context(|| format!("{} is not a case", path.display()))
    }

    /// Reads a case from TOML.
    ///
    /// # Errors
    /// If it is not a case that can be run.
    pub fn from_toml(text: &str) -> Result<Self> {
        let case: Self = toml::from_str(text)?;
        case.check()?;
        Ok(case)
    }

    /// The case as TOML.
    ///
    /// # Errors
    /// None that is known of.
    pub fn to_toml(&self) -> Result<String> {
        let mut table = toml::Table::try_from(self)?;
        // A fault that is off is not worth a line.
        let off = toml::Table::try_from(FaultSettings::default())?;
        if let Some(toml::Value::Table(faults)) = table.get_mut("faults") {
            faults.retain(|key, value| off.get(key) != Some(value));
        }
        Ok(toml::to_string(&table)?)
    }

    fn check(&self) -> Result<()> {
        let version = self.version;
        ensure!(version == VERSION, "version {version}: this program reads version {VERSION}");
        self.settings().check()?;
        for name in self.torn.iter().chain(self.op.iter().map(|op| &op.node)) {
            ensure!(self.nodes.contains(name), "{name:?} is no node of this case");
        }
        for op in &self.op {
            let json = op.broadcast.as_deref().unwrap_or("0");
            ensure!(op.broadcast.is_none() || op.value().is_some(), "{json:?} is not JSON");
        }
        Ok(())
    }

    /// What the network wants to know.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            nodes: self.nodes.clone(),
            concurrency: self.nodes.len(),
            latency: Latency { mean_ms: self.latency_ms, distribution: self.latency_dist },
            topology: self.topology,
            faults: self.faults.clone(),
            seed: self.seed,
            compat: Compat { head_of_line: self.head_of_line, ..Compat::default() },
            ..Settings::default()
        }
    }
}

impl NodeConfig {
    /// What a node is started with.
    pub(super) fn to_config(&self) -> Config {
        let mut config = Config {
            route: self.route,
            latency_budget: Duration::from_millis(self.latency_budget_ms),
            rtt_initial: Duration::from_millis(self.rtt_initial_ms),
            ack_delay: Duration::from_millis(self.ack_delay_ms),
            sync_interval: Duration::from_millis(self.sync_interval_ms),
            sync_interval_max: Duration::from_millis(self.sync_interval_max_ms),
            retry_initial: Duration::from_millis(self.retry_initial_ms),
            probe_min: Duration::from_millis(self.probe_min_ms),
            probe_max: Duration::from_millis(self.probe_max_ms),
            batch_entries_max: self.batch_entries_max,
            batch_bytes_max: self.batch_bytes_max,
            ..Config::default()
        };
        config.window = self.window_ms.map(Duration::from_millis);
        config
    }
}

impl Default for NodeConfig {
    fn default() -> Self {
        let config = Config::default();
        let ms = |duration: Duration| duration.as_millis() as u64;
        Self {
            route: config.route,
            latency_budget_ms: ms(config.latency_budget),
            window_ms: config.window.map(ms),
            rtt_initial_ms: ms(config.rtt_initial),
            ack_delay_ms: ms(config.ack_delay),
            sync_interval_ms: ms(config.sync_interval),
            sync_interval_max_ms: ms(config.sync_interval_max),
            retry_initial_ms: ms(config.retry_initial),
            probe_min_ms: ms(config.probe_min),
            probe_max_ms: ms(config.probe_max),
            batch_entries_max: config.batch_entries_max,
            batch_bytes_max: config.batch_bytes_max,
        }
    }
}

/// Settings that are written as on the command line.
mod as_text {
    use super::{Deserialize, Deserializer, FromStr, Serializer, de, fmt};

    pub(super) fn serialize<S: Serializer, T: fmt::Display>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err = String>,
    {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_comes_back_from_its_file() {
        for seed in 0..50 {
            let case = super::super::draw::draw(seed);
            let text = case.to_toml().unwrap();
            assert_eq!(Case::from_toml(&text).unwrap(), case, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_name() {
        let mut case = Case::new(1, 2);
        case.op.push(Op { at_ms: 1, node: "n7".into(), broadcast: None });
        let refusal =
            |case: &Case| format!("{:#}", Case::from_toml(&case.to_toml().unwrap()).unwrap_err());
        assert!(refusal(&case).contains("\"n7\""));
        case.op[0] = Op { at_ms: 1, node: "n1".into(), broadcast: Some("{".into()) };
        assert!(refusal(&case).contains("not JSON"));
        case.version = 2;
        assert!(refusal(&case).contains("version 2"));
    }
}
