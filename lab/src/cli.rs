//! The command line: Maelstrom's flags by their names and defaults, and the lab's own.

mod faults;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::faults::FaultArgs;
#[cfg(feature = "ablation")]
use crate::commands::ablate::{self, AblateArgs};
use crate::commands::bench::BenchCommand;
use crate::commands::bench::faults::FaultsArgs;
use crate::commands::bench::frontier::FrontierArgs;
use crate::commands::check::{self, CheckArgs};
use crate::commands::compare::{self, CompareArgs};
use crate::commands::explain::{self, ExplainArgs};
use crate::commands::hunt::{self, HuntArgs};
use crate::commands::maelstrom::MaelstromArgs;
use crate::commands::replay::{self, ReplayArgs};
use crate::commands::report::{self, ReportArgs};
use crate::commands::serve::{self, ServeArgs};
use crate::commands::sim::{self, SimArgs};
use crate::commands::spread::{self, SpreadArgs};
use crate::commands::validate::{self, ValidateArgs};
use crate::commands::watch::{self, WatchArgs};
use crate::profile::{Concurrency, NemesisKind, Profile};
use crate::settings::{Availability, Distribution, Recovery, Topology, Workload};

/// Runs Maelstrom nodes without a JVM, and judges them.
#[derive(Debug, Parser)]
#[command(name = "lab", version, about, max_term_width = 100, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run node processes under a workload and check what they did
    #[command(after_long_help = TEST_EXAMPLES)]
    Test(Box<TestArgs>),
    /// Feed a node's record to the same state machine again, and compare all it sends
    #[command(after_long_help = replay::EXAMPLES)]
    Replay(Box<ReplayArgs>),
    /// Tell how a value came to each node, and why the last one had it so late
    #[command(after_long_help = explain::EXAMPLES)]
    Explain(Box<ExplainArgs>),
    /// Write a run's report.html again, from its files
    #[command(after_long_help = report::EXAMPLES)]
    Report(ReportArgs),
    /// Put the figures of runs side by side
    #[command(after_long_help = compare::EXAMPLES)]
    Compare(Box<CompareArgs>),
    /// Browse runs in the browser, on this machine only
    #[command(after_long_help = serve::EXAMPLES)]
    Serve(ServeArgs),
    /// Show a run while it goes on: values held, messages in flight, partitions
    #[command(after_long_help = watch::EXAMPLES)]
    Watch(WatchArgs),
    /// Run simulated nodes under the same workload, in virtual time
    #[command(after_long_help = sim::EXAMPLES)]
    Sim(Box<SimArgs>),
    /// Recompute a finished run's figures from its history, and decide limits
    #[command(after_long_help = check::EXAMPLES)]
    Check(CheckArgs),
    /// Run a profile under the real Maelstrom (scripts/maelstrom finds and fetches it)
    Maelstrom(MaelstromArgs),
    /// Run many seeds of random faults in virtual time, and make what fails small
    #[command(after_long_help = hunt::EXAMPLES)]
    Hunt(HuntArgs),
    /// Spread one rumour through bare protocols: S-curve, residue, traffic, up to a million nodes
    #[command(after_long_help = spread::EXAMPLES)]
    Spread(Box<SpreadArgs>),
    /// Hold the protocols of the literature against the figures that their papers published
    #[command(after_long_help = validate::EXAMPLES)]
    Validate(ValidateArgs),
    /// Measure many runs for a table: the frontier of messages against latency, faults, sizes
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Measure what each rule of our protocol buys: the same runs with and without it
    #[cfg(feature = "ablation")]
    #[command(after_long_help = ablate::EXAMPLES)]
    Ablate(AblateArgs),
    /// List the figures that limits can be about
    Figures,
    /// List the profiles of maelstrom/profiles
    Profiles,
    /// The same as `bench frontier`
    #[command(hide = true)]
    Frontier(Box<FrontierArgs>),
    /// The same as `bench faults`
    #[command(hide = true)]
    Faults(FaultsArgs),
}

const TEST_EXAMPLES: &str = "\
Examples:
  lab test --node-count 5 --time-limit 10 --rate 10
      five of the workspace's own nodes
  lab test --bin ./my-node --node-count 25 --latency 100 --rate 100 --time-limit 20
      a binary of your own, in any language
  lab test --profile fly-3d --limit 'msgs-per-op<30' --limit 'median<400ms'
      a profile from maelstrom/profiles, and limits that decide the exit status
  lab test --profile partition-25 --bin /usr/bin/python3 -- node.py --verbose
      the node's arguments after two dashes; --bin is a path, PATH is not searched

Exit status:
  0    valid, all limits kept
  1    invalid, or a limit failed
  2    unknown: nothing could be judged, or Maelstrom would have ignored a node's output
  254  bad arguments
  255  crash: a node died, did not answer init, or could not be started
  130  interrupted (SIGINT; 143 for SIGTERM)";

/// `lab test`.
#[derive(Debug, Default, Args)]
pub struct TestArgs {
    /// The node's binary, a path; without it the workspace's own node, built if need be
    #[arg(long, value_name = "PATH", help_heading = "Nodes")]
    pub bin: Option<PathBuf>,
    /// How long nodes may take to end by themselves when their stdin is closed; then SIGKILL
    #[arg(long, value_name = "MS", default_value_t = 500, help_heading = "Nodes")]
    pub grace: u64,
    /// Do not have our own nodes record what happens to them (to node-logs, for `lab replay`)
    #[arg(long, help_heading = "Nodes")]
    pub no_record: bool,
    /// What is run, and how it is judged
    #[command(flatten)]
    pub run: RunArgs,
    /// Show what the nodes write to stderr, too
    #[arg(long, help_heading = "Output")]
    pub log_stderr: bool,
    /// Show every message as it is sent
    #[arg(long, help_heading = "Output")]
    pub log_net_send: bool,
    /// Show every message as it arrives
    #[arg(long, help_heading = "Output")]
    pub log_net_recv: bool,
}

/// What `lab test` and `lab sim` have in common.
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

    /// Settings by name (fly-3a to fly-3e, partition-25, loss-1, hub-killed and more: a wrong name
    /// lists them all) or from a TOML file whose keys are the flags' names; flags override them
    #[arg(long, value_name = "NAME|FILE", help_heading = "Workload")]
    pub profile: Option<String>,
    /// What the clients do [default: broadcast]
    #[arg(short, long, value_name = "broadcast", help_heading = "Workload")]
    pub workload: Option<Workload>,
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
    /// Faults to inject [default: none]
    #[arg(long, value_name = "partition|none", help_heading = "Network")]
    pub nemesis: Option<NemesisKind>,
    /// Mean time between the nemesis' actions, in seconds [default: 10]
    #[arg(long, value_name = "S", help_heading = "Network")]
    pub nemesis_interval: Option<f64>,
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
    /// What a figure must keep to, such as 'msgs-per-op<20' or 'median<400ms'; may be repeated
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
}

impl RunArgs {
    /// What was asked for: the flags over the profile, if one is named.
    ///
    /// # Errors
    /// When there is no such profile, or it is not one.
    pub fn profile(&self) -> anyhow::Result<Profile> {
        let mut profile = match &self.profile {
            Some(name) => self.flags().over(Profile::load(name)?),
            None => self.flags(),
        };
        profile.faults = self.faults.over(profile.faults.take())?;
        Ok(profile)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bench_commands_of_the_first_version_are_still_known_but_hidden() {
        let parses = |line: &str| Cli::try_parse_from(line.split_whitespace()).is_ok();
        for line in [
            "lab bench frontier --budgets 300 --seeds 2",
            "lab frontier --budgets 300 --seeds 2",
            "lab bench sizes 5,25 --budgets 300",
            "lab frontier --sizes 5,25 --budgets 300",
            "lab bench faults --profiles loss-1",
            "lab faults --profiles loss-1",
        ] {
            assert!(parses(line), "{line}");
        }
        assert!(!parses("lab bench sizes"), "sizes must be given");
        let help = <Cli as clap::CommandFactory>::command().render_help().to_string();
        let lists = |name: &str| help.lines().any(|line| line.trim_start().starts_with(name));
        assert!(lists("bench ") && !lists("frontier ") && !lists("faults "), "{help}");
    }
}
