//! `lab bench frontier`: from the arguments to the exit status.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use rumormill_judge::figures::{Figure, figure};

use super::publish::{self, Part, publish};
use crate::bench::cases::{BUDGETS_MS, Case};
use crate::bench::chart::{self, Mine, Points};
use crate::bench::measure::{self, Measured};
use crate::bench::peers::{self, Place};
use crate::bench::sections::paragraph;
use crate::bench::table;
use crate::commands::shared_args::{Documents, Jobs};
use crate::commands::shell::log;
use crate::compare::Run;
use crate::harness::own_node::Program;

/// `lab bench frontier`.
#[derive(Debug, Args)]
pub struct FrontierArgs {
    /// Latency budgets to try, and nothing else [default: 100 to 2000 ms, and two topologies'
    /// links]
    #[arg(long, value_name = "MS,…", value_delimiter = ',', help_heading = "Points")]
    pub budgets: Option<Vec<u64>>,
    /// Run these budgets on real processes, too
    #[arg(long, value_name = "MS,…", value_delimiter = ',', help_heading = "Points")]
    pub real: Vec<u64>,
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
    /// Threads
    #[command(flatten, next_help_heading = "Runs")]
    pub jobs: Jobs,
    /// Put this run, or its results.json, into the picture, too; may be repeated
    #[arg(long, value_name = "STORE", help_heading = "Points", conflicts_with_all = ["out", "update"])]
    pub mine: Vec<PathBuf>,
    /// Where the picture with one's own runs goes
    #[arg(
        long,
        value_name = "FILE",
        default_value = "frontier-mine.svg",
        requires = "mine",
        help_heading = "Output"
    )]
    pub picture: PathBuf,
    /// The node's binary for --real; without it the workspace's own node, built if need be
    #[arg(long, value_name = "PATH", help_heading = "Runs")]
    pub bin: Option<PathBuf>,
    /// Where the runs on real processes go
    #[arg(long, value_name = "DIR", default_value = "store", help_heading = "Output")]
    pub store: PathBuf,
    /// Where it is written
    #[command(flatten)]
    pub documents: Documents,
}

const ON_TIME: &str = include_str!("texts/on-time.md");

/// Executes `lab bench frontier`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &FrontierArgs) -> Result<u8> {
    let peers = peers::load()?;
    let mine = args.mine.iter().map(|path| load(path)).collect::<Result<Vec<Mine>>>()?;
    let jobs = args.jobs.count();
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
        name: "frontier".into(),
        text: format!(
            "## Messages against latency\n\n{}\n\n{}\n### Each message on time\n\n{}\n\n{}",
            explanation(&format!("In the simulator, {seeds}")),
            table::points(&simulated, &peers),
            paragraph(ON_TIME),
            table::on_time(&simulated)
        ),
    }];
    if !real.is_empty() {
        parts.push(Part {
            name: "frontier-real".into(),
            text: format!("### The same on real processes\n\n{}", table::points(&real, &peers)),
        });
    }
    let points = Points { simulated: &simulated, real: &real, peers: &peers, mine: &mine };
    let picture = chart::draw(points);
    let command = publish::command(args.seed);
    publish(args.documents.dir(), &command, parts, Some(&picture))?;
    if !mine.is_empty() {
        let path = &args.picture;
        std::fs::write(path, &picture)
            .with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("lab: the picture with your runs is in {}", path.display());
    }
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
         *Stable latency* is Maelstrom's, which reads sample; the *delivery time at the last \
         node* is from the acknowledgement until the last node held the value. The *ack share* \
         is how many messages without a value there were for each that brought one."
    )
}

fn run_real(args: &FrontierArgs) -> Result<Vec<Measured>> {
    if args.real.is_empty() {
        return Ok(Vec::new());
    }
    let program = Program::find(args.bin.as_deref(), log)?;
    let run = |budget_ms: &u64| {
        let case = Case::budget(*budget_ms);
        eprintln!("lab: {} on real processes", case.name);
        measure::run_processes(case, &program, &args.store, args.seed, args.real_seeds)
    };
    args.real.iter().map(run).collect()
}

/// The settings of all points in the picture, as a run's own words have them.
const COMPARABLE: [&str; 3] = ["25 nodes", "latency 100 ms", "rate 100/s"];

/// A run of the reader's own, for the picture. One that was run otherwise is said to be.
fn load(path: &Path) -> Result<Mine> {
    let run = Run::load(path)?;
    let read = |figure: &'static Figure| {
        let value = run.figure(figure);
        value.with_context(|| format!("{} has no figure {}", path.display(), figure.name))
    };
    let shape = &run.results.rumormill.run.shape;
    let differs: Vec<&str> = COMPARABLE
        .into_iter()
        .filter(|word| !shape.split(", ").any(|part| part == *word))
        .collect();
    if !differs.is_empty() && !run.is_maelstroms {
        eprintln!(
            "lab: {} cannot be held against the others: all points have {} ({shape})",
            path.display(),
            differs.join(", ")
        );
    }
    let name =
        path.file_stem().map_or_else(|| run.name.clone(), |name| name.to_string_lossy().into());
    let max_ms = read(const { figure("max") })?;
    let msgs_per_op = read(const { figure("msgs-per-op") })?;
    Ok(Mine { name, place: Place { max_ms, msgs_per_op } })
}
