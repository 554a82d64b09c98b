//! `lab frontier`: from the arguments to the exit status.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use super::publish::{Part, publish};
use super::{CRASH, repeating_command};
use crate::frontier::cases::{BUDGETS_MS, Case};
use crate::frontier::chart::{self, Points};
use crate::frontier::measure::{self, Measured};
use crate::frontier::peers::{self, Peer};
use crate::frontier::sizes::{self, Row};
use crate::frontier::table;
use crate::harness::own_node;
use crate::harness::process::resolve_bin;

/// Help beyond the flags.
pub const EXAMPLES: &str = "\
Examples:
  lab frontier
      all budgets and routes, ten seeds each, in the simulator
  lab frontier --budgets 350,500 --seeds 3
      other budgets; they have no limits to keep
  lab frontier --real 300,1000
      the same, and two points on real processes, half a minute each
  lab frontier --real 300,1000 --update
      writes docs/frontier.svg, and the tables into docs/RESULTS.md
  lab frontier --sizes 5,25,100,1000
      load and latency of larger clusters instead

Exit status:
  0    every point keeps its limits and loses nothing
  1    one does not
  254  bad arguments
  255  crash";

/// Where `--update` writes.
const DOCS: &str = "docs";
/// The budgets that clusters of several sizes are run with.
const SIZES_BUDGETS_MS: [u64; 2] = [300, 1000];

/// `lab frontier`.
#[derive(Debug, Args)]
pub struct FrontierArgs {
    /// Latency budgets to try, and nothing else [default: 100 to 2000 ms, and two topologies'
    /// links; with --sizes: 300 and 1000 ms]
    #[arg(long, value_name = "MS,…", value_delimiter = ',', help_heading = "Points")]
    pub budgets: Option<Vec<u64>>,
    /// Run these budgets on real processes, too
    #[arg(long, value_name = "MS,…", value_delimiter = ',', help_heading = "Points")]
    pub real: Vec<u64>,
    /// Simulate clusters of these sizes instead, with one seed
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        conflicts_with = "real",
        help_heading = "Points"
    )]
    pub sizes: Vec<usize>,
    /// Simulate one size and write it as the table's row, for the process that makes the table
    #[arg(long, hide = true, requires = "sizes")]
    pub row: bool,
    /// Seeds per simulated point
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "Runs"
    )]
    pub seeds: u64,
    /// Seeds per point on real processes
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "Runs"
    )]
    pub real_seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Runs")]
    pub seed: u64,
    /// Threads for the simulator [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Runs")]
    pub jobs: Option<usize>,
    /// The node's binary for --real; without it the workspace's own node, built if need be
    #[arg(long, value_name = "PATH", help_heading = "Runs")]
    pub bin: Option<PathBuf>,
    /// Where the runs on real processes go
    #[arg(long, value_name = "DIR", default_value = "store", help_heading = "Output")]
    pub store: PathBuf,
    /// Write frontier.svg there, and the tables into RESULTS.md between their markers
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// The same as --out docs
    #[arg(long, conflicts_with = "out", help_heading = "Output")]
    pub update: bool,
}

/// Executes `lab frontier`; returns the exit status.
#[must_use]
pub fn execute(args: &FrontierArgs) -> u8 {
    let done = match args.sizes.as_slice() {
        [] => points(args),
        [nodes] if args.row => row(args, *nodes),
        _ => clusters(args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        CRASH
    })
}

const ON_TIME: &str = "\
Under Maelstrom a node takes one message at a time, and while it waits for that to be due, nothing \
else is delivered to it: requests of clients wait, too, and come in bunches, for which fewer \
messages do. That wait comes before the acknowledgement, so stable latencies do not show it. So the \
figures above are comparable with other solutions under Maelstrom, but may be below what the theory \
allows. Here is the same with every message delivered when it is due (`--no-head-of-line`), to be \
held against the theory: *possible* is the least msgs-per-op of any known design at the budget. The \
last column is how long the clients waited for `broadcast_ok` under Maelstrom's rules.";

fn points(args: &FrontierArgs) -> Result<u8> {
    let peers = peers::load()?;
    let jobs = args.jobs.unwrap_or_else(cores);
    let mut simulated = Vec::new();
    for case in cases(args) {
        let started = Instant::now();
        let name = case.name.clone();
        simulated.push(measure::simulate(case, args.seed, args.seeds, jobs)?);
        eprintln!("lab: {name}: {:.1} s", started.elapsed().as_secs_f64());
    }
    let real = run_real(args)?;
    let seeds = if args.seeds == 1 { "one seed" } else { "medians over the seeds" };
    let mut parts = vec![Part {
        name: "frontier",
        text: format!(
            "## Messages against latency\n\n{}\n\n{}\n### Each message on time\n\n{ON_TIME}\n\n{}",
            explanation(&format!("In the simulator, {seeds}")),
            table::points(&simulated, &peers),
            table::on_time(&simulated)
        ),
    }];
    if !real.is_empty() {
        parts.push(Part {
            name: "frontier-real",
            text: format!("### The same on real processes\n\n{}", table::points(&real, &peers)),
        });
    }
    let picture = picture(&simulated, &real, &peers);
    show(args, parts, Some(&picture))?;
    let passed = simulated.iter().chain(&real).all(Measured::passed);
    Ok(u8::from(!passed))
}

fn cases(args: &FrontierArgs) -> Vec<Case> {
    match &args.budgets {
        Some(budgets) => budgets.iter().copied().map(Case::budget).collect(),
        None => BUDGETS_MS.map(Case::budget).into_iter().chain(Case::on_links()).collect(),
    }
}

fn explanation(how: &str) -> String {
    format!(
        "25 nodes, 100 ms between nodes, 100 operations per second for 20 s, the default grid \
         unless another topology is named, no faults. {how}. Each figure stands with its limit. \
         *Median* and *max* are Maelstrom's stable latencies, which reads sample; *last \
         node* is the time from the acknowledgement until the last node held the value. *Evidence* \
         is how many messages without a value there were for each that brought one."
    )
}

fn run_real(args: &FrontierArgs) -> Result<Vec<Measured>> {
    if args.real.is_empty() {
        return Ok(Vec::new());
    }
    let bin = match &args.bin {
        Some(bin) => resolve_bin(bin)?,
        None => own_node::locate(|what| eprintln!("lab: {what}"))?,
    };
    let run = |budget_ms: &u64| {
        let case = Case::budget(*budget_ms);
        eprintln!("lab: {} on real processes", case.name);
        measure::run_processes(case, &bin, &args.store, args.seed, args.real_seeds)
    };
    args.real.iter().map(run).collect()
}

fn picture(simulated: &[Measured], real: &[Measured], peers: &[Peer]) -> String {
    chart::draw(Points { simulated, real, peers })
}

/// One row of the table of sizes, as JSON on stdout.
fn row(args: &FrontierArgs, nodes: usize) -> Result<u8> {
    let budget_ms = args.budgets.as_deref().and_then(|budgets| budgets.first()).copied();
    let size = sizes::simulate(nodes, budget_ms.unwrap_or(SIZES_BUDGETS_MS[0]), args.seed)?;
    println!("{}", serde_json::to_string(&Row::of(&size))?);
    Ok(0)
}

/// A row of the table of sizes, from a process of its own.
fn measure_row(nodes: usize, budget_ms: u64, seed: u64) -> Result<Row> {
    let lab = std::env::current_exe().context("cannot tell where the lab itself is")?;
    let numbers = [nodes.to_string(), budget_ms.to_string(), seed.to_string()];
    let output = Command::new(lab)
        .args(["frontier", "--row", "--sizes", &numbers[0]])
        .args(["--budgets", &numbers[1], "--seed", &numbers[2]])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run the lab for one size")?;
    ensure!(output.status.success(), "{nodes} nodes, {budget_ms} ms: {}", output.status);
    serde_json::from_slice(&output.stdout).context("what the lab wrote for one size is no row")
}

fn clusters(args: &FrontierArgs) -> Result<u8> {
    let budgets = args.budgets.as_deref().unwrap_or(&SIZES_BUDGETS_MS);
    let mut rows: Vec<Row> = Vec::new();
    for &nodes in &args.sizes {
        for &budget_ms in budgets {
            let started = Instant::now();
            rows.push(measure_row(nodes, budget_ms, args.seed)?);
            eprintln!(
                "lab: {nodes} nodes, {budget_ms} ms: {:.1} s",
                started.elapsed().as_secs_f64()
            );
        }
    }
    let complete = rows.iter().all(|row| row.complete);
    let text = format!(
        "## Larger clusters\n\n\
         The same workload on clusters of several sizes, in the simulator, one seed: 100 ms \
         between nodes, 100 operations per second in all for 20 s, a grid, the default route. *A \
         node sends* counts messages to other nodes per second of load, and is the mean over all \
         nodes; the mean node receives as many. *Has part in* is the share of all messages that the \
         busiest node sent or received. *Simulated in*, *processor time* and *peak memory* are those \
         of a process that did nothing else, events per second those of its processor time.\n\n{}",
        sizes::table(rows)
    );
    show(args, vec![Part { name: "sizes", text }], None)?;
    Ok(u8::from(!complete))
}

/// To stdout, and to files if asked for.
fn show(args: &FrontierArgs, parts: Vec<Part>, picture: Option<&str>) -> Result<()> {
    // The page is for all machines, on which the lab may be called anything.
    let words = ["lab".to_owned()].into_iter().chain(std::env::args().skip(1));
    let command = repeating_command(words, args.seed);
    let dir = args.out.as_deref().or_else(|| args.update.then_some(Path::new(DOCS)));
    publish(dir, &command, parts, picture)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
