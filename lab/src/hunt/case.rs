//! A case: everything that decides what happens in one hunted run, written out.
//!
//! Unlike a profile, a case names every single operation and every single fault of a node, so
//! that any of them can be taken out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rumormill::cluster::Name;
use rumormill::journal::OpenOptions;
use rumormill::protocols::rumormill::config::Config;
use rumormill::service::Workload;
use rumormill::value::Value;
use rumormill_judge::format::toml_file;
use rumormill_judge::settings::faults::{DISK_SYNC_MS, FaultSettings};
use rumormill_judge::settings::flags::values::as_flag;
use rumormill_judge::settings::{Compat, Settings};
use rumormill_judge::topology::Topology;
use rumormill_sim::network::latency::{Distribution, Latency};
use serde::{Deserialize, Serialize};

use super::in_ms;

/// The version of the file format that this program writes and reads.
const VERSION: u32 = 1;

/// A digest interval that no run is long enough for: retransmissions alone have to do.
pub(super) const NEVER: Duration = Duration::from_secs(3_600);

/// One run of the hunter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// Version of the format.
    pub version: u32,
    /// The subject, for people: what once failed.
    #[serde(default)]
    pub about: String,
    /// From which the dice of the network and of the nodes are derived.
    pub seed: u64,
    /// The workload that the nodes serve. The values of operations are what it takes for them: deltas
    /// of a counter are made of them.
    #[serde(default, with = "as_flag", skip_serializing_if = "is_broadcast")]
    pub workload: Workload,
    /// The nodes' ids.
    pub nodes: Vec<Name>,
    /// The neighbours in the `topology` message.
    #[serde(with = "as_flag")]
    pub topology: Topology,
    /// Delay of messages between nodes.
    pub latency_ms: u64,
    /// How it is spread.
    #[serde(with = "as_flag")]
    pub latency_dist: Distribution,
    /// Maelstrom's delivery (see [`Compat::head_of_line`]).
    #[serde(default)]
    pub head_of_line: bool,
    /// How long operations are made and faults act.
    pub main_ms: u64,
    /// Nodes that stay disconnected from the rest after that, until each component agrees; then all
    /// heals.
    #[serde(default, alias = "torn")]
    pub partitioned: Vec<Name>,
    /// The nodes' settings.
    #[serde(with = "in_ms")]
    pub config: Config,
    /// Nodes with settings of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherNodes>,
    /// The length at which durable nodes leave a segment of their journals; the journal's own if
    /// nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_bytes: Option<u64>,
    /// Faults of messages and nodes. Faults by rate only act on messages here: those of
    /// nodes are listed one by one.
    #[serde(default)]
    pub faults: FaultSettings,
    /// The operations of clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub op: Vec<Op>,
}

/// Nodes with other settings than the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OtherNodes {
    /// Which.
    pub nodes: Vec<Name>,
    /// Their settings; the route is that of all.
    #[serde(with = "in_ms")]
    pub config: Config,
}

/// An operation of a client.
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

fn is_broadcast(workload: &Workload) -> bool {
    *workload == Workload::Broadcast
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
            workload: Workload::default(),
            nodes: Settings::numbered_nodes(nodes),
            topology: Topology::Grid,
            latency_ms: 10,
            latency_dist: Distribution::Constant,
            head_of_line: false,
            main_ms: 1_000,
            partitioned: Vec::new(),
            config: Config::default(),
            other: None,
            segment_bytes: None,
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
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a case from TOML; `origin` is what errors call it.
    ///
    /// # Errors
    /// If it is not a case that can be run: with the line, what is wrong and what would be right.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let case: Self = toml_file::read(text, origin)?;
        match case.flaw() {
            None => Ok(case),
            Some((place, why)) => Err(toml_file::error_at(text, origin, place.line_in(text), &why)),
        }
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

    /// The first thing in it that cannot be run, and where it is.
    fn flaw(&self) -> Option<(Place, String)> {
        let version = self.version;
        if version != VERSION {
            let why = format!("version {version}; this program reads version {VERSION}");
            return Some((Place::Key("version"), why));
        }
        let others = self.other.iter().flat_map(|other| &other.nodes);
        let numbered = || (0..).zip(&self.op);
        let mut named = (self.partitioned.iter().map(|name| (Place::Key("partitioned"), name)))
            .chain(others.map(|name| (Place::Key("other"), name)))
            .chain(numbered().map(|(number, op)| (Place::Op(number, "node"), &op.node)));
        if let Some((place, name)) = named.find(|(_, name)| !self.nodes.contains(name)) {
            let nodes: Vec<&str> = self.nodes.iter().map(|name| &**name).collect();
            let nodes = nodes.join(", ");
            return Some((
                place,
                format!("{name:?} is none of the case's nodes, which are {nodes}"),
            ));
        }
        for (number, op) in numbered() {
            if let (Some(json), None) = (&op.broadcast, op.value()) {
                let why = format!("{json:?} is no JSON value, such as 7 or \"text\" in quotes");
                return Some((Place::Op(number, "broadcast"), why));
            }
        }
        let why = format!("{:#}", self.settings().check().err()?);
        // It quotes the name that is wrong, if it is one.
        let name = why.split('"').nth(1).map(|name| format!("\"{name}\""));
        Some((name.map_or(Place::Key("nodes"), Place::Word), why))
    }

    /// Retransmissions do not suffice: what a node has forgotten, and its peers take it to hold, is
    /// found by digests only.
    pub(super) fn need_digests(&mut self) {
        let Config { sync_interval, sync_interval_max, .. } = &mut self.config;
        if *sync_interval == NEVER {
            *sync_interval = Duration::from_millis(500);
            *sync_interval_max = Duration::from_secs(2);
        }
    }

    /// How long a sync takes, if the nodes are durable.
    pub(super) fn disk_sync(&self) -> Option<Duration> {
        let FaultSettings { durable, disk_sync_ms, .. } = self.faults;
        durable.then(|| Duration::from_millis(disk_sync_ms.unwrap_or(DISK_SYNC_MS)))
    }

    /// The settings of the nodes' journals.
    pub(super) fn journal_options(&self) -> OpenOptions {
        let default = OpenOptions::default();
        let segment_bytes = self.segment_bytes.unwrap_or(default.segment_bytes);
        OpenOptions { segment_bytes, ..default }
    }

    /// The settings of the network.
    pub(super) fn settings(&self) -> Settings {
        let default = Settings::default();
        Settings {
            nodes: self.nodes.clone(),
            concurrency: self.nodes.len(),
            latency: Latency { mean_ms: self.latency_ms, distribution: self.latency_dist },
            topology: self.topology,
            faults: self.faults.clone(),
            seed: self.seed,
            compat: Compat { head_of_line: self.head_of_line, ..default.compat },
            ..default
        }
    }
}

/// A place in a case's file.
enum Place {
    /// A key at the top.
    Key(&'static str),
    /// A key of an operation, by its number from 0.
    Op(usize, &'static str),
    /// The first line that has it.
    Word(String),
}

impl Place {
    /// The line, from 1, where it is most likely; the first if it is not found.
    fn line_in(&self, text: &str) -> usize {
        let starts = |line: &str, key: &str| {
            line.trim_start()
                .strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let mut lines = (1..).zip(text.lines());
        let found = match self {
            Self::Word(word) => lines.find(|(_, line)| line.contains(word.as_str())),
            Self::Key(key) => lines.find(|(_, line)| starts(line, key)),
            Self::Op(number, key) => {
                let heads = lines.by_ref().filter(|(_, line)| line.trim() == "[[op]]");
                let _ = heads.take(number + 1).last();
                lines.find(|(_, line)| starts(line, key))
            }
        };
        found.map_or(1, |(line, _)| line)
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
            assert_eq!(Case::parse(&text, "case").unwrap(), case, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_its_line() {
        let mut case = Case::new(1, 2);
        let op = |node: &str| Op { at_ms: 1, node: node.into(), broadcast: Some("3".into()) };
        case.op = vec![op("n0"), op("n7")];
        let refusal = |text: &str| Case::parse(text, "my.toml").unwrap_err().to_string();
        let of = |case: &Case| refusal(&case.to_toml().unwrap());
        let line = |text: &str, wanted: &str| 1 + text.lines().position(|l| l == wanted).unwrap();
        let text = case.to_toml().unwrap();
        let expected = format!(
            "my.toml, line {}: \"n7\" is none of the case's nodes, which are n0, n1\n    node = \"n7\"",
            line(&text, "node = \"n7\"")
        );
        assert_eq!(refusal(&text), expected);
        case.op = vec![Op { broadcast: Some("{".into()), ..op("n1") }];
        assert!(of(&case).contains("\"{\" is no JSON value"));
        case.partitioned = vec!["x".into()];
        assert!(of(&case).contains("partitioned = [\"x\"]"));
        case.partitioned.clear();
        case.op.clear();
        case.faults = FaultSettings::from_toml("[[slow]]\nnode = 'n9'\nextra-ms = 1").unwrap();
        let error = of(&case);
        assert!(error.contains("a fault names") && error.ends_with("node = \"n9\""), "{error}");
        case.version = 2;
        assert!(of(&case).contains(": version 2; this program reads version 1\n    version = 2"));
        let text = Case::new(1, 2).to_toml().unwrap();
        let cube = text.replace("topology = \"grid\"", "topology = \"cube\"");
        let error = refusal(&cube);
        let place = format!("my.toml, line {}: ", line(&cube, "topology = \"cube\""));
        assert!(error.starts_with(&place) && error.contains("grid"), "{error}");
        assert!(refusal("").starts_with("my.toml, line 1: missing field `version`"));
    }
}
