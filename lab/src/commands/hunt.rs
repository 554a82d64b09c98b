//! `lab hunt`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use rumormill::protocols::Name;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::sim::case::command;
use super::sim::protocol_parser;
use crate::commands::shared_args::Jobs;
use crate::commands::shell::{SIGNAL_BASE, arguments_without_shard, parse_again};
#[cfg(feature = "mutations")]
use crate::hunt::bug::Bug;
use crate::hunt::case::Case;
use crate::hunt::draw::draw;
use crate::hunt::family::{self, FamilyFound, FamilyHunt};
use crate::hunt::phases::run;
use crate::hunt::setup::{Setup, Tweak};
use crate::hunt::shrink::shrink;
use crate::hunt::violation::Kind;
use crate::hunt::{Found, Hunt, keep_panics, report};
use crate::shard::{self, Shard};

/// Seeds to run unless told otherwise: a few seconds.
const SEEDS: u64 = 500;

/// `lab hunt`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct HuntArgs {
    /// In place of a hunt.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// Hunt in another protocol, seen from outside: does every value reach all nodes in the end?
    #[arg(long, value_name = "NAME", value_parser = protocol_parser())]
    pub protocol: Option<Name>,
    /// How many seeds to run
    #[arg(long, value_name = "N", default_value_t = SEEDS)]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub start: u64,
    /// Run one of several parts of the seeds, and print its runs for `lab hunt merge`
    #[arg(long, value_name = "PART/OF", conflicts_with_all = ["out", "trace"])]
    pub shard: Option<Shard>,
    /// Threads
    #[command(flatten)]
    pub jobs: Jobs,
    /// Where the small failing case goes, or that of a single seed
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show every event of the first failing seed, once it is small
    #[arg(long)]
    pub trace: bool,
    /// Go on after a failing seed; the report lists them all
    #[arg(long)]
    pub keep_going: bool,
    /// Show a failing case as it was drawn
    #[arg(long)]
    pub no_shrink: bool,
    /// Hunt a bug that was put into the node on purpose
    #[cfg(feature = "mutations")]
    #[arg(long, value_name = "NAME")]
    pub mutation: Option<Bug>,
}

/// In place of a hunt.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Report on the runs of all shards, as one machine would that had run them
    Merge(MergeArgs),
}

/// `lab hunt merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Files with the output of `lab hunt --shard`, one for each shard
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the small failing case goes
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show every event of the first failing seed, once it is small
    #[arg(long)]
    pub trace: bool,
}

/// Executes `lab hunt`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &HuntArgs) -> anyhow::Result<u8> {
    match (&args.action, args.shard) {
        (Some(Action::Merge(merge)), _) => merge_shards(merge),
        (None, Some(shard)) => hunt_shard(args, shard),
        (None, None) => hunt(args),
    }
}

/// Prints the runs of a shard. A failing seed is no failure of the shard: the merge reports it.
fn hunt_shard(args: &HuntArgs, shard: Shard) -> anyhow::Result<u8> {
    let interrupt = Interrupt::register().context("cannot wait for signals")?;
    let words = arguments_without_shard(std::env::args());
    let text = if let Some(hunt) = args.family(&interrupt.stop)? {
        shard::write(&words, shard, hunt.run_shard(shard, &|_, _| {})?)?
    } else {
        let tweak = |nodes: &mut Setup| args.tweak(nodes);
        let hunt = args.hunt(&tweak, &interrupt.stop);
        shard::write(&words, shard, hunt.run_shard(shard, &|_, _| {}))?
    };
    if let Some(code) = interrupt.code() {
        // A part of the runs must not pass for all of them.
        return Ok(code);
    }
    io::stdout().write_all(text.as_bytes()).context("cannot write the runs")?;
    Ok(0)
}

/// Reports on the runs of all shards.
fn merge_shards(merge: &MergeArgs) -> anyhow::Result<u8> {
    let first = merge.files.first().context("there are no files of shards")?;
    let mut args: HuntArgs = parse_again(&shard::arguments(first)?)?;
    args.out.clone_from(&merge.out);
    args.trace = merge.trace;
    let interrupt = Interrupt::register().context("cannot wait for signals")?;
    if let Some(hunt) = args.family(&interrupt.stop)? {
        let (_, runs) = shard::read(&merge.files)?;
        return Ok(tell_family(&hunt, &hunt.sum_up(runs), &interrupt));
    }
    let (_, runs) = shard::read(&merge.files)?;
    let found = args.hunt(&|_| {}, &interrupt.stop).sum_up(runs);
    tell(&args, &found, &interrupt)
}

/// Runs a case and tells how it went.
fn show(case: &Case, args: &HuntArgs) {
    let outcome = run(case, &|nodes| args.tweak(nodes), args.trace);
    for line in &outcome.trace {
        println!("{line}");
    }
    print!("{}", report::render_one(case, &outcome));
}

/// Set by the first signal; the second one ends the process.
struct Interrupt {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    fn register() -> io::Result<Self> {
        let (stop, signal) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for kind in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(kind, SIGNAL_BASE + kind, Arc::clone(&stop))?;
            flag::register(kind, Arc::clone(&stop))?;
            flag::register_usize(kind, Arc::clone(&signal), kind.unsigned_abs() as usize)?;
        }
        Ok(Self { stop, signal })
    }

    /// The exit status of a process that this signal ended, if there was one.
    fn code(&self) -> Option<u8> {
        let signal = u8::try_from(self.signal.load(Ordering::Relaxed)).ok()?;
        (signal > 0).then(|| signal.saturating_add(SIGNAL_BASE as u8))
    }
}

/// Says on a terminal how far a hunt is.
struct Progress {
    seeds: u64,
    started: Instant,
    shown: Mutex<Instant>,
    is_watched: bool,
}

impl Progress {
    fn new(seeds: u64) -> Self {
        let started = Instant::now();
        let is_watched = io::stderr().is_terminal();
        Self { seeds, started, shown: Mutex::new(started), is_watched }
    }

    fn show(&self, done: u64, failed: usize) {
        let mut shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.is_watched && shown.elapsed().as_millis() >= 200 {
            *shown = Instant::now();
            let seconds = self.started.elapsed().as_secs();
            eprint!("\r{done} of {} seeds, {failed} failed, {seconds} s ", self.seeds);
            let _ = io::stderr().flush();
        }
    }

    fn end(&self, done: u64) {
        if self.is_watched {
            eprintln!("\r{:60}\r{done} seeds in {:.1?}", "", self.started.elapsed());
        }
    }
}

fn hunt(args: &HuntArgs) -> anyhow::Result<u8> {
    let interrupt = Interrupt::register().context("cannot wait for signals")?;
    let progress = Progress::new(args.seeds);
    let show = |done, failed| progress.show(done, failed);
    if let Some(hunt) = args.family(&interrupt.stop)? {
        let found = hunt.sum_up(hunt.run_shard(Shard::WHOLE, &show)?);
        progress.end(found.seeds);
        return Ok(tell_family(&hunt, &found, &interrupt));
    }
    let tweak = |nodes: &mut Setup| args.tweak(nodes);
    let found = args.hunt(&tweak, &interrupt.stop).run(&show);
    progress.end(found.seeds);
    tell(args, &found, &interrupt)
}

/// Prints what was found in another protocol; returns the exit status.
fn tell_family(hunt: &FamilyHunt<'_>, found: &FamilyFound, interrupt: &Interrupt) -> u8 {
    let FamilyHunt { protocol, start, seeds, .. } = *hunt;
    let left = seeds.saturating_sub(found.seeds);
    if left > 0 {
        let next = start.saturating_add(found.seeds);
        println!("Interrupted, {left} seeds are left.");
        println!("To go on: lab hunt --protocol {protocol} --start {next} --seeds {left}");
    }
    println!("{protocol}: {} seeds, {} failed", found.seeds, found.failures.len());
    for (seed, why) in &found.failures {
        println!("  seed {seed}: {why}");
    }
    if let Some(seed) = found.failures.keys().next() {
        println!("\n{:#?}", family::draw(protocol, *seed));
        println!("Again: lab hunt --protocol {protocol} --start {seed} --seeds 1");
        return 1;
    }
    interrupt.code().unwrap_or(0)
}

/// Prints what was found, and makes the first failing case small; returns the exit status.
fn tell(args: &HuntArgs, found: &Found, interrupt: &Interrupt) -> anyhow::Result<u8> {
    print!("{}", report::render(found));
    if found.left > 0 {
        println!("\nTo go on: {}", args.rest(found.seeds));
    }
    if let Some((&seed, violation)) = found.failures.first_key_value() {
        show_failure(args, seed, violation.kind, &interrupt.stop)?;
    } else if args.seeds == 1 && found.left == 0 {
        println!("\nSeed {}:\n", args.start);
        let case = draw(args.start);
        show(&case, args);
        args.keep(&case)?;
    }
    if found.failures.is_empty()
        && let Some(code) = interrupt.code()
    {
        return Ok(code);
    }
    let is_vacuous = found.vacuous().next().is_some();
    Ok(u8::from(!found.failures.is_empty() || is_vacuous))
}

/// Makes the failing case small, shows it, and keeps it.
fn show_failure(args: &HuntArgs, seed: u64, kind: Kind, stop: &AtomicBool) -> anyhow::Result<()> {
    let bug = args.bug().map_or_else(String::new, |bug| format!(" --mutation {bug}"));
    println!("\nSeed {seed} again: lab hunt --start {seed} --seeds 1{bug}");
    keep_panics();
    let mut case = draw(seed);
    if !args.no_shrink && kind != Kind::Determinism {
        eprintln!("lab: making seed {seed} small ...");
        case = shrink(&case, kind, &|nodes| args.tweak(nodes), stop);
    }
    case.about = format!("seed {seed}: {}", kind.words());
    let how = if stop.load(Ordering::Relaxed) {
        "as far as it was made small"
    } else {
        "with as little as it takes"
    };
    println!("\nThe same {how}:\n");
    show(&case, args);
    let _ = std::panic::take_hook();
    args.keep(&case)
}

impl HuntArgs {
    /// The hunt in another protocol that is asked for; `None` if it is one in our node.
    fn family<'a>(&self, stop: &'a AtomicBool) -> anyhow::Result<Option<FamilyHunt<'a>>> {
        let Some(protocol) = self.protocol.filter(|protocol| *protocol != Name::Rumormill) else {
            return Ok(None);
        };
        let is_plain = self.out.is_none() && !self.trace;
        ensure!(is_plain, "--out and --trace need a case, which a hunt of {protocol} has not");
        let jobs = self.jobs.count();
        let (start, seeds) = (self.start, self.seeds);
        Ok(Some(FamilyHunt { protocol, start, seeds, jobs, stop }))
    }

    /// The hunt that is asked for.
    fn hunt<'a>(&self, tweak: Tweak<'a>, stop: &'a AtomicBool) -> Hunt<'a> {
        Hunt {
            start: self.start,
            seeds: self.seeds,
            jobs: self.jobs.count(),
            tweak,
            stop_at_first: !self.keep_going,
            stop,
        }
    }

    /// Writes a case to the file that was asked for, or to the screen.
    fn keep(&self, case: &Case) -> anyhow::Result<()> {
        match &self.out {
            Some(path) => {
                std::fs::write(path, case.to_toml()?)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                println!("The case is in {}. Again:\n", path.display());
                println!("    {}", command(path, self.bug()));
            }
            None => {
                let text = case.to_toml()?;
                println!("The case (--out FILE keeps it for `lab sim --case`):\n\n{text}");
            }
        }
        Ok(())
    }

    /// The command for the seeds that are left once so many are done.
    fn rest(&self, done: u64) -> String {
        let (start, seeds) = (self.start.saturating_add(done), self.seeds.saturating_sub(done));
        let mut command = format!("lab hunt --start {start} --seeds {seeds}");
        if let Some(jobs) = self.jobs.jobs {
            command += &format!(" --jobs {jobs}");
        }
        if self.keep_going {
            command += " --keep-going";
        }
        if let Some(bug) = self.bug() {
            command += &format!(" --mutation {bug}");
        }
        command
    }

    /// The change to the nodes' settings: nothing but a bug on purpose.
    #[cfg(feature = "mutations")]
    const fn tweak(&self, nodes: &mut Setup) {
        if let Some(bug) = self.mutation {
            bug.put(nodes);
        }
    }

    #[cfg(not(feature = "mutations"))]
    const fn tweak(&self, _nodes: &mut Setup) {}

    /// The bug on purpose that is hunted.
    #[cfg(feature = "mutations")]
    fn bug(&self) -> Option<&'static str> {
        self.mutation.map(Bug::name)
    }

    #[cfg(not(feature = "mutations"))]
    const fn bug(&self) -> Option<&'static str> {
        None
    }
}
