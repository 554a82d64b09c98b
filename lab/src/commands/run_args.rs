//! The flags that `lab test` and `lab sim` have in common.

mod faults;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use self::faults::FaultArgs;
use crate::profile::{Concurrency, NemesisKinds, Profile};
use crate::results::Results;
use crate::screen::{self, Style};
use crate::services::Services;
use crate::settings::{Availability, Distribution, Recovery, Settings, Topology};
use crate::workload::Workload;

/// The flags that `lab test` and `lab sim` have in common.
#[derive(Debug, Default, PartialEq, Args)]
pub struct RunArgs {
    /// Run this many nodes, n0, n1, …; overrides --nodes
    #[arg(long, value_name = "N", help_heading = "Nodes")]
    pub node_count: Option<usize>,
    /// The names of the nodes [default: n1,n2,n3,n4,n5]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Nodes")]
    pub nodes: Option<Vec<String>>,
    /// How long a node may take to answer init [default: 10000]
    #[arg(long, value_name = "MS", help_heading = "Nodes")]
    pub init_timeout: Option<u64>,
    /// Arguments of the node
    #[arg(last = true, value_name = "ARGS", help_heading = "Nodes")]
    pub args: Vec<String>,

    /// Settings by name (fly-1 to fly-4, partition-25, loss-1, hub-killed and more: a wrong name
    /// lists them all) or from a TOML file whose keys are the flags' names; flags override them
    #[arg(long, value_name = "NAME|FILE", help_heading = "Workload")]
    pub profile: Option<String>,
    /// The workload of the clients: broadcast, echo, unique-ids, g-set, g-counter or pn-counter
    /// [default: broadcast]
    #[arg(short, long, value_name = "NAME", help_heading = "Workload")]
    pub workload: Option<&'static Workload>,
    /// How many clients work at once: a number, or one per node times a number, such as 4n
    /// [default: 1n]
    #[arg(long, value_name = "N|Nn", help_heading = "Workload")]
    pub concurrency: Option<Concurrency>,
    /// Length of the main phase, in seconds [default: 60]
    #[arg(long, value_name = "S", help_heading = "Workload")]
    pub time_limit: Option<u64>,
    /// Operations per second, all clients together [default: 5]
    #[arg(long, value_name = "HZ", help_heading = "Workload")]
    pub rate: Option<f64>,
    /// The neighbours that nodes are told [default: grid]
    #[arg(long, value_name = "line|grid|tree|tree2|tree3|tree4|total", help_heading = "Workload")]
    pub topology: Option<Topology>,
    /// Repeats everything that is in the lab's hand [default: random; the result shows it]
    #[arg(long, value_name = "N", help_heading = "Workload")]
    pub seed: Option<u64>,
    /// How long to wait before the final reads: always 10 s, less once the cluster is quiet,
    /// or so many seconds [default: fixed]
    #[arg(long, value_name = "fixed|auto|S", help_heading = "Workload")]
    pub recovery: Option<Recovery>,
    /// Read every node this often, outside history and counts, to see when the last node holds a
    /// value [default: off]
    #[arg(long, value_name = "MS", help_heading = "Workload")]
    pub probe: Option<u64>,
    /// Where values stand in messages between nodes that are not the workspace's own, such as
    /// body.messages[*]; may be repeated [default: found out]
    #[arg(long, value_name = "PATH", help_heading = "Workload")]
    pub values_at: Vec<String>,

    /// Delay of messages between nodes, in ms [default: 0]
    #[arg(long, value_name = "MS", help_heading = "Network")]
    pub latency: Option<u64>,
    /// How it is spread; measured: the latency and up to 30 ms more, 6 ms on average, as under the
    /// real Maelstrom [default: constant]
    #[arg(long, value_name = "constant|uniform|exponential|measured", help_heading = "Network")]
    pub latency_dist: Option<Distribution>,
    /// Maelstrom's faults: partition, kill (SIGKILL and another start) and pause (SIGSTOP and
    /// SIGCONT), several with commas between, at random nodes [default: none]
    #[arg(long, value_name = "partition,kill,pause|none", help_heading = "Network")]
    pub nemesis: Option<NemesisKinds>,
    /// Mean time between the nemesis' actions, in seconds [default: 10]
    #[arg(long, value_name = "S", help_heading = "Network")]
    pub nemesis_interval: Option<f64>,
    /// lin-kv, seq-kv, lww-kv and lin-tso as Maelstrom has them, or as their names promise
    /// [default: compatible]
    #[arg(long, value_name = "compatible|correct", help_heading = "Network")]
    pub services: Option<Services>,
    /// Deliver each message when it is due. Like Maelstrom, the default takes one message at a
    /// time, and while it is waited for nothing else is delivered to that node
    #[arg(long, help_heading = "Network")]
    pub no_head_of_line: bool,
    /// Give each operation to a random free client. Like Maelstrom, the default takes turns, in
    /// which the first client has two
    #[arg(long, help_heading = "Network")]
    pub no_round_robin: bool,

    /// Faults of the lab's own
    #[command(flatten)]
    pub faults: FaultArgs,

    /// The share of operations that must succeed, of those that were not open at a node when it
    /// died: total, or a number up to 1 [default: none]
    #[arg(long, value_name = "SHARE", help_heading = "Verdict")]
    pub availability: Option<Availability>,
    /// A limit for a figure, such as 'msgs-per-op<20' or 'median<400ms'; may be repeated
    #[arg(long = "limit", value_name = "EXPR", help_heading = "Verdict")]
    pub limits: Vec<String>,
    /// A line that is not a message, or has an unknown destination, ends the run
    #[arg(long, help_heading = "Verdict")]
    pub strict: bool,
    /// Like Maelstrom, ignore a node's output for good after such a line
    #[arg(long, conflicts_with = "strict", help_heading = "Verdict")]
    pub mute: bool,

    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "store", help_heading = "Output")]
    pub store: PathBuf,
    /// Write no report.html; `lab report` can do it later
    #[arg(long, help_heading = "Output")]
    pub no_report: bool,
    /// Print results.json in place of the screen
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

impl RunArgs {
    /// The results for stdout: the screen, or JSON.
    pub(super) fn show(&self, results: &Results) -> Result<String> {
        if self.json { results.to_json() } else { Ok(screen::render(results, Style::for_stdout())) }
    }

    /// Writes a line for people below the results: to stderr if stdout has JSON.
    pub(super) fn tell(&self, line: &str) {
        // A closed terminal is no error.
        let _ = if self.json {
            io::stderr().write_all(line.as_bytes())
        } else {
            io::stdout().write_all(line.as_bytes())
        };
    }
}

impl RunArgs {
    /// The settings asked for: the flags over the profile, if one is named.
    ///
    /// # Errors
    /// When there is no such profile, or it is not one.
    pub fn profile(&self) -> Result<Profile> {
        let mut profile = match &self.profile {
            Some(name) => self.flags().over(Profile::load(name)?),
            None => self.flags(),
        };
        profile.faults = self.faults.over(profile.faults.take())?;
        Ok(profile)
    }

    /// The settings, and the node's arguments. Without a seed, one is drawn.
    ///
    /// # Errors
    /// As for [`RunArgs::profile`], and if the settings make no sense.
    pub fn resolve(&self) -> Result<(Settings, Vec<String>)> {
        let mut profile = self.profile()?;
        profile.seed.get_or_insert_with(fresh_seed);
        let node_args = profile.node_args.take().unwrap_or_default();
        let mut settings = profile.into_settings()?;
        if let Some(millis) = self.init_timeout {
            settings.init_timeout_ms = millis;
        }
        Ok((settings, node_args))
    }

    fn flags(&self) -> Profile {
        let given = |switch: bool, value: bool| switch.then_some(value);
        let list = |items: &Vec<String>| (!items.is_empty()).then(|| items.clone());
        Profile {
            description: None,
            workload: self.workload,
            node_count: self.node_count,
            nodes: self.nodes.clone(),
            concurrency: self.concurrency,
            time_limit: self.time_limit,
            rate: self.rate,
            latency: self.latency,
            latency_dist: self.latency_dist,
            topology: self.topology,
            nemesis: self.nemesis,
            nemesis_interval: self.nemesis_interval,
            availability: self.availability,
            seed: self.seed,
            recovery: self.recovery,
            probe: self.probe,
            values_at: list(&self.values_at),
            services: self.services,
            strict: given(self.strict, true),
            mute: given(self.mute, true),
            head_of_line: given(self.no_head_of_line, false),
            round_robin: given(self.no_round_robin, false),
            limit: list(&self.limits),
            node_args: list(&self.args),
            faults: None,
        }
    }
}

/// Draws a seed that is short enough to be typed.
pub(super) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
