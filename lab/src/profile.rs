//! Profiles: named sets of flags, as TOML files.
//!
//! A profile's keys are the flags' names without the dashes. What is given on the command line is
//! a [`Profile`] too, laid over the chosen one.

mod values;

pub use values::{Concurrency, NemesisKinds};

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use crate::limit::Limit;
use crate::network::faults::FaultSettings;
use crate::services::Services;
use crate::settings::bounds::check_counts;
use crate::settings::{
    Availability, Distribution, Latency, Nemesis, NodeNemesis, Recovery, Settings, Topology,
};
use crate::workload::Workload;
use values::as_flag;

/// Seconds between actions of the nemesis, on average, unless said otherwise.
const DEFAULT_NEMESIS_INTERVAL_S: f64 = 10.0;

/// A profile that is part of the program, by its name.
macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../maelstrom/profiles/", $name, ".toml")))),+]
    };
}

/// The profiles that are part of the program.
const BUILTIN: [(&str, &str); 27] = builtin![
    "at-rest",
    "cut-from-hub",
    "cut-to-hub",
    "exponential",
    "flapping-hub",
    "fly-1",
    "fly-2",
    "fly-3a",
    "fly-3b",
    "fly-3c",
    "fly-3d",
    "fly-3e",
    "fly-4",
    "g-set",
    "hub-isolated",
    "hub-killed",
    "hubs-crash",
    "latency-change",
    "loss-1",
    "loss-10",
    "non-transitive",
    "partition-25",
    "partition-parts",
    "pauses",
    "pn-counter",
    "restarts",
    "slow-node",
];

/// Settings asked for; `None` for those that were not.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// One line for people.
    pub description: Option<String>,
    /// Workload of the clients.
    #[serde(deserialize_with = "as_flag")]
    pub workload: Option<&'static Workload>,
    /// Number of nodes, named `n0`, `n1`, …
    pub node_count: Option<usize>,
    /// Names of the nodes, unless they are counted.
    pub nodes: Option<Vec<String>>,
    /// Number of workers.
    #[serde(deserialize_with = "as_flag")]
    pub concurrency: Option<Concurrency>,
    /// Seconds of the main phase.
    pub time_limit: Option<u64>,
    /// Operations per second, all workers together.
    pub rate: Option<f64>,
    /// Milliseconds between nodes.
    pub latency: Option<u64>,
    /// Distribution of the latency.
    #[serde(deserialize_with = "as_flag")]
    pub latency_dist: Option<Distribution>,
    /// Topology that the nodes are given.
    #[serde(deserialize_with = "as_flag")]
    pub topology: Option<Topology>,
    /// Partitions, kills and pauses, or none.
    #[serde(deserialize_with = "as_flag")]
    pub nemesis: Option<NemesisKinds>,
    /// Seconds between its actions, on average.
    pub nemesis_interval: Option<f64>,
    /// Share of the operations that must succeed.
    #[serde(deserialize_with = "as_flag")]
    pub availability: Option<Availability>,
    /// From which all dice are derived.
    pub seed: Option<u64>,
    /// The wait before the final reads.
    #[serde(deserialize_with = "as_flag")]
    pub recovery: Option<Recovery>,
    /// Milliseconds between probe reads of every node.
    pub probe: Option<u64>,
    /// Where values stand in messages between nodes.
    pub values_at: Option<Vec<String>>,
    /// Whether Maelstrom's services have its oddities.
    #[serde(deserialize_with = "as_flag")]
    pub services: Option<Services>,
    /// End the run at the first bad line of a node.
    pub strict: Option<bool>,
    /// Mute a node after a bad line, as Maelstrom does.
    pub mute: Option<bool>,
    /// One consumer per node that waits for the message it took, as Maelstrom's.
    pub head_of_line: Option<bool>,
    /// Operations go round the workers, as in Maelstrom.
    pub round_robin: Option<bool>,
    /// Limits that decide the exit status.
    pub limit: Option<Vec<String>>,
    /// Arguments of the node's process.
    pub node_args: Option<Vec<String>>,
    /// Faults beyond Maelstrom's.
    pub faults: Option<FaultSettings>,
}

impl Profile {
    /// The names of the profiles that are part of the program, each with its description.
    pub fn builtin() -> impl Iterator<Item = (&'static str, String)> {
        BUILTIN.into_iter().map(|(name, text)| {
            let description = Self::parse(text, name).ok().and_then(|profile| profile.description);
            (name, description.unwrap_or_default())
        })
    }

    /// Finds a profile by its name or, if there is none of that name, by the path of a file.
    ///
    /// # Errors
    /// If there is neither, or the file is not a profile: then with file and line.
    pub fn load(name_or_path: &str) -> Result<Self> {
        if let Some((name, text)) = BUILTIN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(text, name);
        }
        let is_path = Path::new(name_or_path).is_file();
        ensure!(
            is_path || name_or_path.contains(['/', '\\', '.']),
            "there is no profile `{name_or_path}`: it is neither a file nor one of {}",
            BUILTIN.map(|(name, _)| name).join(", ")
        );
        let text = fs::read_to_string(name_or_path)
            .with_context(|| format!("the profile {name_or_path} cannot be read"))?;
        Self::parse(&text, name_or_path)
    }

    /// Reads a profile from TOML; `origin` is what errors call it.
    ///
    /// # Errors
    /// Names the line, what is wrong there and what would be right.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let profile: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
            anyhow!("{origin}, line {line}: {}\n    {shown}", error.message())
        })?;
        for limit in profile.limit.iter().flatten() {
            limit.parse::<Limit>().map_err(|error| anyhow!("{origin}: {error}"))?;
        }
        Ok(profile)
    }

    /// This one's settings where it has any, the other's elsewhere.
    ///
    /// Limits are per figure: those of `base` stay, except on figures that this one limits too.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        let counts_nodes = self.node_count.is_some() || self.nodes.is_some();
        let base_count = base.node_count.filter(|_| !counts_nodes);
        let base_nodes = base.nodes.filter(|_| !counts_nodes);
        Self {
            description: self.description.or(base.description),
            workload: self.workload.or(base.workload),
            node_count: self.node_count.or(base_count),
            nodes: self.nodes.or(base_nodes),
            concurrency: self.concurrency.or(base.concurrency),
            time_limit: self.time_limit.or(base.time_limit),
            rate: self.rate.or(base.rate),
            latency: self.latency.or(base.latency),
            latency_dist: self.latency_dist.or(base.latency_dist),
            topology: self.topology.or(base.topology),
            nemesis: self.nemesis.or(base.nemesis),
            nemesis_interval: self.nemesis_interval.or(base.nemesis_interval),
            availability: self.availability.or(base.availability),
            seed: self.seed.or(base.seed),
            recovery: self.recovery.or(base.recovery),
            probe: self.probe.or(base.probe),
            values_at: self.values_at.or(base.values_at),
            services: self.services.or(base.services),
            strict: self.strict.or(base.strict),
            mute: self.mute.or(base.mute),
            head_of_line: self.head_of_line.or(base.head_of_line),
            round_robin: self.round_robin.or(base.round_robin),
            limit: merge_limits(self.limit, base.limit),
            node_args: self.node_args.or(base.node_args),
            faults: self.faults.or(base.faults),
        }
    }

    /// The settings of a run, with Maelstrom's defaults where nothing was asked for.
    ///
    /// # Errors
    /// If they cannot be run, or a limit means nothing.
    pub fn into_settings(self) -> Result<Settings> {
        let mut settings = Settings::default();
        let concurrency = self.concurrency.unwrap_or(Concurrency::PerNode(1));
        // Before any of them is made.
        let names = self.nodes.as_ref().map_or(settings.nodes.len(), Vec::len);
        let count = self.node_count.unwrap_or(names);
        check_counts(count, concurrency.workers(count))?;
        settings.nodes = match (self.node_count, self.nodes) {
            (Some(count), _) => Settings::numbered_nodes(count),
            (None, Some(names)) => names.into_iter().map(Into::into).collect(),
            (None, None) => settings.nodes,
        };
        settings.concurrency = concurrency.workers(settings.nodes.len());
        let NemesisKinds { partition, kill, pause } = self.nemesis.unwrap_or_default();
        if partition || kill || pause {
            let interval_ms = interval_ms(self.nemesis_interval)?;
            settings.nemesis = partition.then_some(Nemesis { interval_ms });
            settings.node_nemesis =
                (kill || pause).then_some(NodeNemesis { interval_ms, kill, pause });
        }
        settings.latency = Latency {
            mean_ms: self.latency.unwrap_or_default(),
            distribution: self.latency_dist.unwrap_or_default(),
        };
        set(&mut settings.workload, self.workload);
        set(&mut settings.time_limit_ms, self.time_limit.map(|s| s.saturating_mul(1_000)));
        set(&mut settings.rate, self.rate);
        set(&mut settings.topology, self.topology);
        set(&mut settings.seed, self.seed);
        set(&mut settings.recovery, self.recovery);
        set(&mut settings.services, self.services);
        set(&mut settings.strict, self.strict);
        set(&mut settings.compat.mute, self.mute);
        set(&mut settings.compat.head_of_line, self.head_of_line);
        set(&mut settings.compat.round_robin, self.round_robin);
        set(&mut settings.limits, self.limit);
        set(&mut settings.faults, self.faults);
        settings.availability = self.availability;
        settings.probe_ms = self.probe;
        for path in self.values_at.iter().flatten() {
            settings.values_at.push(path.parse().map_err(|error| anyhow!("values-at: {error}"))?);
        }
        for limit in &settings.limits {
            limit.parse::<Limit>().map_err(|error| anyhow!(error))?;
        }
        settings.check()?;
        Ok(settings)
    }
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}

fn interval_ms(interval_s: Option<f64>) -> Result<u64> {
    let interval_s = interval_s.unwrap_or(DEFAULT_NEMESIS_INTERVAL_S);
    let interval_ms = (interval_s * 1_000.0).round();
    ensure!(
        (1.0..=1e12).contains(&interval_ms),
        "a nemesis cannot act every {interval_s} s: an interval is at least 0.001 s"
    );
    Ok(interval_ms as u64)
}

fn merge_limits(over: Option<Vec<String>>, base: Option<Vec<String>>) -> Option<Vec<String>> {
    let (Some(over), Some(base)) = (&over, &base) else {
        return over.or(base);
    };
    let figure = |limit: &String| limit.parse::<Limit>().ok().map(|limit| limit.figure.name);
    let limited: Vec<_> = over.iter().filter_map(figure).collect();
    let kept =
        base.iter().filter(|limit| figure(limit).is_none_or(|name| !limited.contains(&name)));
    Some(kept.chain(over).cloned().collect())
}

#[cfg(test)]
mod tests;
