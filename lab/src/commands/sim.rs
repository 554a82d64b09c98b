//! `lab sim`: from the arguments to the exit status.

pub(super) mod case;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use rumormill::args;
use rumormill::protocols::{self, Name};
use rumormill_judge::format::text::shell_word;

use super::report;
use crate::commands::run_args::RunArgs;
use crate::commands::shared_args::Jobs;
use crate::commands::shell::{CRASH, asked, log, print, repeating_command};
use crate::cost::{cpu_time, peak_mib};
#[cfg(feature = "mutations")]
use crate::hunt::bug::Bug;
use rumormill_judge::message::events::EventSink;
use rumormill_judge::results::{CrashReport, RunInfo};
use rumormill_judge::settings::Settings;
use rumormill_judge::verdict::judge;

use crate::hunt::setup::Tweak;
use crate::screen;
use crate::sim::sweep::{self, Row};
use crate::sim::{NodeKind, Records, Simulated, simulate, simulate_observed};
use crate::store::Store;

/// `lab sim`.
#[derive(Debug, Default, Args)]
pub struct SimArgs {
    /// The protocol of the nodes; the same as --protocol after the dashes
    #[arg(
        long,
        value_name = "NAME",
        alias = "node",
        help_heading = "Nodes",
        value_parser = protocol_parser(),
    )]
    pub protocol: Option<Name>,
    /// The run, and how it is judged
    #[command(flatten)]
    pub run: RunArgs,
    /// Run this many seeds from --seed on, and show a table instead; nothing is stored
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Output")]
    pub seeds: u64,
    /// Threads
    #[command(flatten, next_help_heading = "Output")]
    pub jobs: Jobs,
    /// Record what happens to each of our nodes, for `lab replay`: DIR/NODE.record
    #[arg(long, value_name = "DIR", conflicts_with = "seeds", help_heading = "Output")]
    pub record: Option<PathBuf>,
    /// Run a case that `lab hunt --out FILE` wrote. It says all of the run
    #[arg(long, value_name = "FILE", help_heading = "Case")]
    pub case: Option<PathBuf>,
    /// Show every event of the case
    #[arg(long, requires = "case", help_heading = "Case")]
    pub trace: bool,
    /// Put this bug into the nodes, on purpose
    #[cfg(feature = "mutations")]
    #[arg(long, value_name = "NAME", requires = "case", help_heading = "Case")]
    pub mutation: Option<Bug>,
    /// Write no files
    #[arg(long, help_heading = "Output")]
    pub no_store: bool,
}

/// Reads the name of a protocol; the help lists all.
pub(super) fn protocol_parser() -> impl TypedValueParser<Value = Name> {
    let names = Name::ALL.map(|name| PossibleValue::new(name.as_str()).help(name.summary()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Name>())
}

/// Executes `lab sim`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &SimArgs) -> Result<u8> {
    if let Some(path) = &args.case {
        return run_case(path, args);
    }
    let started = Instant::now();
    let (settings, node_args) = asked(args.run.resolve())?;
    let kind = asked(node_kind(args.protocol, &node_args))?;
    if args.run.json && args.seeds > 1 {
        return asked(Err(anyhow!("--json is for one run, not for --seeds")));
    }
    if args.seeds == 1 {
        run_one(args, &settings, &kind, &node_args, started)
    } else {
        run_many(args, &settings, &kind)
    }
}

/// A case says all of the run: flags that would be ignored are refused.
fn run_case(path: &Path, args: &SimArgs) -> Result<u8> {
    let nothing = RunArgs { store: args.run.store.clone(), ..RunArgs::default() };
    let is_plain = args.run == nothing && args.seeds == 1 && args.jobs == Jobs::default();
    if !is_plain || args.record.is_some() || args.protocol.is_some() {
        return asked(Err(anyhow!(
            "a case says all of the run: only --trace, --store DIR and --no-store go with --case"
        )));
    }
    #[cfg(feature = "mutations")]
    let (tweak, bug): (Tweak<'_>, _) = (
        &|nodes| args.mutation.into_iter().for_each(|bug| bug.put(nodes)),
        args.mutation.map(Bug::name),
    );
    #[cfg(not(feature = "mutations"))]
    let (tweak, bug): (Tweak<'_>, _) = (&|_| {}, None);
    let store = (!args.no_store).then_some(&*args.run.store);
    case::run(path, &case::Options { store, trace: args.trace, tweak, bug })
}

fn node_kind(protocol: Option<Name>, node_args: &[String]) -> Result<NodeKind> {
    let protocol = protocol.map(|name| format!("--protocol={name}"));
    let node_args = protocol.iter().chain(node_args);
    match protocols::family().parse(node_args.map(Into::into)) {
        Ok(args::Command::Run(options)) if options.seed.is_some() => {
            bail!("simulated nodes draw their seeds from the lab's --seed, before the dashes")
        }
        Ok(args::Command::Run(options)) if options.record.is_some() => {
            bail!("simulated nodes are recorded with the lab's own --record, before the dashes")
        }
        Ok(args::Command::Run(options)) if options.workload != Default::default() => {
            bail!("simulated nodes serve the lab's own --workload, before the dashes")
        }
        Ok(args::Command::Run(options)) => NodeKind::of(*options).map_err(anyhow::Error::msg),
        Ok(_) => bail!("a simulated node only takes arguments to run with"),
        Err(why) => bail!("the node's arguments: {why}"),
    }
}

fn run_one(
    args: &SimArgs,
    settings: &Settings,
    kind: &NodeKind,
    node_args: &[String],
    started: Instant,
) -> Result<u8> {
    let begun = jiff::Zoned::now();
    let create = || {
        Store::create(&args.run.store, settings.workload.name, &begun)
            .with_context(|| format!("cannot write to {}", args.run.store.display()))
    };
    let store = (!args.no_store).then(create).transpose()?;
    let name = kind.protocol();
    let node = node_args.iter().fold(name.to_string(), |line, arg| line + " " + &shell_word(arg));
    let info = RunInfo {
        program: "sim".to_owned(),
        command: repeating_command(std::env::args(), settings.seed),
        store: store.as_ref().map(|store| store.dir().display().to_string()),
        node,
        shape: settings.shape(),
        faults: settings.fault_words(),
        started: begun.to_string(),
    };
    let record = |dir: &PathBuf| {
        Records::create(dir, &settings.nodes)
            .with_context(|| format!("cannot record to {}", dir.display()))
    };
    let mut records = args.record.as_ref().map(record).transpose()?;
    let sink = store.as_ref().map(Store::sink).transpose()?;
    let mut simulated = match kind {
        NodeKind::Rumormill(config) => {
            simulate_observed(settings, config, sink, &mut records)?.without_nodes()
        }
        NodeKind::Other(_) => simulate(settings, kind, sink)?,
    };
    records.map_or(Ok(()), Records::finish).context("cannot record")?;
    if let Some(sink) = simulated.sink.take() {
        sink.finish().context("cannot write the history")?;
    }
    let code = finish(&args.run, settings, &simulated, info, store.as_ref(), started)?;
    let Some(store) = store else { return Ok(code) };
    if !args.run.no_report {
        args.run.tell(&report::after_run(store.dir()));
    }
    store.publish()?;
    Ok(code)
}

fn finish<S: EventSink>(
    args: &RunArgs,
    settings: &Settings,
    simulated: &Simulated<S>,
    info: RunInfo,
    store: Option<&Store>,
    started: Instant,
) -> Result<u8> {
    let outcome = &simulated.outcome;
    let crash = CrashReport::of(outcome, None, false);
    let results = judge(settings, outcome, &simulated.notices, info)?.crashed(crash.as_ref());
    // Results in memory are shown even if the disk is full.
    let written = store.map_or(Ok(()), |store| store.write_results(&results));
    print(&args.show(&results)?);
    args.tell(&speed(outcome.end, simulated.events, started.elapsed()));
    written?;
    if let Some(crash) = crash {
        log(&format!("the test crashed: {} (seed {})", crash.why, settings.seed));
        return Ok(CRASH);
    }
    Ok(results.exit_code())
}

/// How fast the simulation was, in a line.
fn speed(virtual_ns: u64, events: u64, wall: Duration) -> String {
    let wall_s = wall.as_secs_f64().max(1e-9);
    let virtual_s = virtual_ns as f64 / 1e9;
    let memory = peak_mib().map_or_else(String::new, |mib| format!(", {mib:.0} MiB at most"));
    let cpu_s = cpu_time().as_secs_f64();
    format!(
        "speed   {virtual_s:.1} s in {wall_s:.3} s ({cpu_s:.3} s of processor time), {events} events, \
         {:.0} events/s{memory}\n",
        events as f64 / wall_s
    )
}

fn run_many(args: &SimArgs, settings: &Settings, kind: &NodeKind) -> Result<u8> {
    if args.seeds == 0 {
        bail!("no seeds are no runs");
    }
    let started = Instant::now();
    let rows = sweep::run(settings, kind, args.seeds, args.jobs.count())?;
    let mut text = format!("{}, {} seeds from {}\n\n", settings.shape(), args.seeds, settings.seed);
    text += &screen::render_seeds(&rows);
    if let Some(row) = sweep::worst(&rows) {
        let verdict = row.verdict();
        text += &format!(
            "\nworst   seed {} {verdict}\n        again with --seed {0}, without --seeds\n",
            row.seed
        );
    }
    let events = rows.iter().map(|row| row.events).sum();
    let virtual_ns = rows.iter().map(|row| row.end).sum();
    text.push('\n');
    text += &speed(virtual_ns, events, started.elapsed());
    print(&text);
    for row in &rows {
        if let Err(why) = &row.results {
            log(&format!("seed {} crashed: {why}", row.seed));
        }
    }
    let codes = rows.iter().map(Row::exit_code);
    // A crash is worse than a failure, and that than not knowing.
    let rank = |code: &u8| [0, 2, 1, CRASH].iter().position(|known| known == code);
    Ok(codes.max_by_key(rank).unwrap_or(0))
}
