//! `lab spread`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Subcommand};
use rumormill::cluster::Graph;
use rumormill::config::parse_time;
use rumormill_judge::topology::{self, Topology};
use rumormill_sim::network::latency::{Distribution, Latency};

use crate::commands::bench::publish::{self, Part};
use crate::commands::run_args::fresh_seed;
use crate::commands::shared_args::Jobs;
use crate::commands::shell::{arguments_without_shard, asked, parse_again, print};
use crate::shard::{self, Shard};
use crate::spread::cycles::{Order, World};
use crate::spread::rumour::Run;
use crate::spread::subject::{Conditions, Ending, Found, Subject, is_flag};
use crate::spread::surroundings::{Crash, Partition, Surroundings};
use crate::spread::{chart, output};

/// `lab spread`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SpreadArgs {
    /// In place of runs.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// Protocols, each with flags of its own if quoted: 'rumor --mode push --k 2'
    #[arg(required = true, value_name = "PROTOCOL")]
    pub protocols: Vec<String>,
    /// Number of nodes; several numbers make a table of sizes
    #[arg(long, value_name = "N", default_value = "1000", value_delimiter = ',')]
    pub nodes: Vec<u32>,
    /// Number of runs [default: 200, fewer for more than 1,000 nodes]
    #[arg(long, value_name = "N")]
    pub runs: Option<u64>,
    /// Probability that a message is lost
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub loss: f64,
    /// Peers per cycle, for every protocol that has this flag
    #[arg(long, value_name = "N")]
    pub fanout: Option<u32>,
    /// Meaning of a cycle
    #[arg(long, value_enum, default_value = "snapshot")]
    pub cycles: Order,
    /// The neighbours of a node, for protocols that go by the topology
    #[arg(long, value_name = Topology::NAMES, default_value_t)]
    pub topology: Topology,
    /// Run in asynchronous time, with this latency
    #[arg(long, value_name = "TIME", conflicts_with = "cycles")]
    pub latency: Option<String>,
    /// How the latency is spread [default: constant]
    #[arg(long, value_name = Distribution::NAMES, requires = "latency")]
    pub latency_dist: Option<Distribution>,
    /// Nodes die: 'n3@200ms' at 200 ms after the injection for good, '5@200ms+1s' five random ones
    /// for 1 s. They come back without memory; may be repeated
    #[arg(long, value_name = "NODES@TIME+TIME", requires = "latency")]
    pub crash: Vec<Crash>,
    /// The two halves of the nodes do not reach each other from one time after the injection to
    /// another
    #[arg(long, value_name = "TIME..TIME", requires = "latency")]
    pub partition: Option<Partition>,
    /// End of a run [default: silence for protocols that lose interest, else everywhere]
    #[arg(long, value_enum)]
    pub until: Option<Ending>,
    /// Cycles before the rumour is injected [default: 2; 30 for membership protocols]
    #[arg(long, value_name = "N")]
    pub warm_up: Option<u64>,
    /// Do one of several parts of the runs, and print them for `lab spread merge`; needs --seed
    #[arg(
        long,
        value_name = "PART/OF",
        requires = "seed",
        conflicts_with_all = ["out", "family"],
    )]
    pub shard: Option<Shard>,
    /// Seed of all runs
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Threads
    #[command(flatten)]
    pub jobs: Jobs,
    /// Write the figures to a file: .csv, .json or .svg; may be repeated
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
    /// Write the table of sizes into FAMILY.md there, between its markers
    #[arg(long, value_name = "DIR")]
    pub family: Option<PathBuf>,
    /// Flags for every protocol that has them
    #[arg(last = true, value_name = "FLAG")]
    pub flags: Vec<String>,
}

/// In place of runs.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show the figures of the runs of all shards, as one machine would that had done them
    Merge(MergeArgs),
}

/// `lab spread merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Files with the output of `lab spread --shard`, one for each shard
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write the figures to a file: .csv, .json or .svg; may be repeated
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
}

/// Executes `lab spread`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &SpreadArgs) -> Result<u8> {
    match (&args.action, args.shard) {
        (Some(Action::Merge(merge)), _) => {
            let (args, found, seed) = asked(merge_shards(merge))?;
            show(&args, &found, seed)
        }
        (None, Some(shard)) => asked(run_shard(args, shard)),
        (None, None) => {
            let (found, seed) = asked(prepare(args).and_then(|cases| run(&cases)))?;
            show(args, &found, seed)
        }
    }
}

/// Prints the runs of a shard: for each number those of all protocols.
fn run_shard(args: &SpreadArgs, shard: Shard) -> Result<u8> {
    if args.nodes.len() > 1 {
        bail!("--shard: a table of sizes has the times of one machine");
    }
    let mut all: BTreeMap<u64, Vec<Run>> = BTreeMap::new();
    for (subject, conditions) in prepare(args)? {
        for (number, run) in subject.runs(&conditions, shard)? {
            all.entry(number).or_default().push(run);
        }
    }
    let text = shard::write(&arguments_without_shard(std::env::args()), shard, all)?;
    std::io::stdout().write_all(text.as_bytes()).context("cannot write the runs")?;
    Ok(0)
}

/// The figures of the runs of all shards.
fn merge_shards(merge: &MergeArgs) -> Result<(SpreadArgs, Vec<Found>, u64)> {
    let (words, runs) = shard::read::<Vec<Run>>(&merge.files)?;
    let mut args: SpreadArgs = parse_again(&words)?;
    args.out.clone_from(&merge.out);
    let cases = prepare(&args)?;
    let mut found = Vec::new();
    for (place, (subject, conditions)) in cases.iter().enumerate() {
        let of = |run: &Vec<Run>| run.get(place).cloned().context("a run of a protocol is missing");
        let runs = runs.values().map(of).collect::<Result<_>>()?;
        found.push(subject.sum_up(conditions, runs, Duration::ZERO)?);
    }
    let seed = cases.first().map_or(0, |(_, conditions)| conditions.world.seed);
    Ok((args, found, seed))
}

/// Shows what was found, and writes the files; returns the exit status.
fn show(args: &SpreadArgs, found: &[Found], seed: u64) -> Result<u8> {
    let text = if args.nodes.len() > 1 {
        output::sizes(found)
    } else {
        chart::terminal(found) + "\n" + &output::table(found)
    };
    let loss = if args.loss > 0.0 { format!(", loss {}", args.loss) } else { String::new() };
    let nodes: Vec<String> = args.nodes.iter().map(ToString::to_string).collect();
    let head = format!("{} nodes{loss}, seed {seed}\n\n", nodes.join(", "));
    print(&(head + &text));
    args.out.iter().try_for_each(|path| write(path, found, seed, args.loss))?;
    if let Some(dir) = &args.family {
        publish(&dir.join("FAMILY.md"), found, seed)?;
    }
    Ok(0)
}

fn prepare(args: &SpreadArgs) -> Result<Vec<(Subject, Conditions)>> {
    if !(0.0..1.0).contains(&args.loss) {
        bail!("--loss: expected a probability below 1, got {}", args.loss);
    }
    if let Some(nodes) = args.nodes.iter().find(|nodes| **nodes < 2) {
        bail!("--nodes: expected at least 2, got {nodes}");
    }
    for nodes in &args.nodes {
        args.topology.check(*nodes as usize).context("--topology")?;
    }
    for path in &args.out {
        kind(path)?;
    }
    let mut flags = flags(&args.flags)?;
    flags.extend(args.fanout.map(|fanout| ("--fanout".to_owned(), fanout.to_string())));
    let surroundings = surroundings(args)?;
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let mut cases = Vec::new();
    for &nodes in &args.nodes {
        let graph = Arc::new(topology::graph(args.topology, nodes));
        for words in &args.protocols {
            let conditions = conditions(args, &graph, surroundings.as_ref(), seed, &flags);
            cases.push((Subject::parse(words, &conditions)?, conditions));
        }
    }
    Ok(cases)
}

fn surroundings(args: &SpreadArgs) -> Result<Option<Surroundings>> {
    let Some(latency) = &args.latency else { return Ok(None) };
    let distribution = args.latency_dist.unwrap_or_default();
    let surroundings = Surroundings {
        latency: Latency { mean_ms: latency_ms(latency)?, distribution },
        partition: args.partition,
        crashes: args.crash.clone(),
    };
    for nodes in &args.nodes {
        surroundings.check(*nodes).map_err(|problem| anyhow!("--crash: {problem}"))?;
    }
    Ok(Some(surroundings))
}

/// A latency of whole milliseconds, as the simulated network has it.
fn latency_ms(text: &str) -> Result<u64> {
    let ms = parse_time(text).and_then(|time| {
        let ms = u64::try_from(time.as_millis()).ok()?;
        (ms > 0 && Duration::from_millis(ms) == time).then_some(ms)
    });
    ms.with_context(|| {
        format!("--latency: expected whole milliseconds above 0 such as 20ms, got {text:?}")
    })
}

fn conditions(
    args: &SpreadArgs,
    graph: &Arc<Graph>,
    surroundings: Option<&Surroundings>,
    seed: u64,
    flags: &[(String, String)],
) -> Conditions {
    Conditions {
        world: World {
            graph: Arc::clone(graph),
            order: args.cycles,
            loss: args.loss,
            seed,
            run: 0,
        },
        surroundings: surroundings.cloned(),
        runs: args.runs.unwrap_or_else(|| (200_000 / u64::from(graph.len())).clamp(1, 200)).max(1),
        jobs: args.jobs.count(),
        until: args.until,
        warm_up: args.warm_up,
        flags: flags.to_vec(),
    }
}

/// `--name value` and `--name=value`.
fn flags(words: &[String]) -> Result<Vec<(String, String)>> {
    let mut flags = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if !is_flag(name) {
            bail!("no protocol has the flag {name:?}");
        }
        let value = value.or_else(|| words.next().cloned());
        flags.push((name.to_owned(), value.with_context(|| format!("{name} needs a value"))?));
    }
    Ok(flags)
}

fn run(cases: &[(Subject, Conditions)]) -> Result<(Vec<Found>, u64)> {
    let seed = cases.first().map_or(0, |(_, conditions)| conditions.world.seed);
    let found: Result<Vec<Found>> =
        cases.iter().map(|(subject, conditions)| subject.run(conditions)).collect();
    Ok((found?, seed))
}

/// Puts the table of sizes into the page of the family.
fn publish(page: &Path, found: &[Found], seed: u64) -> Result<()> {
    const EXPLANATION: &str = "\
One rumour from injection to silence, without names and JSON, one run each in one thread: `lab spread` \
drives the same state machines as a process. Cycles are synchronous. Memory is that of the whole process.";
    let table = output::sizes_markdown(found);
    let text = format!("## Scale: one rumour\n\n{EXPLANATION}\n\n{table}");
    let part = Part { name: "spread-sizes".into(), text };
    publish::replace(page, "# The family\n", &publish::command(seed), &[part])
}

fn kind(path: &Path) -> Result<&str> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.filter(|kind| ["csv", "json", "svg"].contains(kind)).with_context(|| {
        format!("--out: expected a file that ends in .csv, .json or .svg, got {}", path.display())
    })
}

fn write(path: &Path, found: &[Found], seed: u64, loss: f64) -> Result<()> {
    let text = match kind(path)? {
        "csv" => output::csv(found),
        "json" => output::json(found, seed, loss),
        _ => chart::svg(found),
    };
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
