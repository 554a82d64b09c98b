//! `lab bench protocols`: from the arguments to the exit status.

use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum as _};
use rumormill::protocols::Name;

use super::publish::{self, Part};
use crate::bench::protocols::{Fault, Row, Workload, measure, short_table, spreading, table};
use crate::bench::sections::paragraph;
use crate::commands::shared_args::{Documents, Jobs};
use crate::parallel::in_parallel;

const EXPLANATION: &str = include_str!("texts/protocols.md");

/// `lab bench protocols`.
#[derive(Debug, Args)]
pub struct ProtocolsArgs {
    /// Numbers of nodes
    #[arg(value_name = "N,…", value_delimiter = ',', default_values_t = [25])]
    pub sizes: Vec<usize>,
    /// Protocols [default: all that spread values]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Runs")]
    pub protocols: Vec<Name>,
    /// Operations per second
    #[arg(long, value_name = "N", default_value_t = 100.0, help_heading = "Runs")]
    pub rate: f64,
    /// Seconds of load
    #[arg(long, value_name = "S", default_value_t = 20, help_heading = "Runs")]
    pub time_limit: u64,
    /// Seconds after that to repair in
    #[arg(long, value_name = "S", default_value_t = 60, help_heading = "Runs")]
    pub recovery: u64,
    /// Kinds of faults, a run of each [default: all]
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', help_heading = "Runs")]
    pub faults: Vec<Fault>,
    /// Leave the runs with faults out
    #[arg(long, conflicts_with = "faults", help_heading = "Runs")]
    pub no_faults: bool,
    /// The seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Runs")]
    pub seed: u64,
    /// Threads
    #[command(flatten, next_help_heading = "Runs")]
    pub jobs: Jobs,
    /// Where it is written
    #[command(flatten)]
    pub documents: Documents,
}

/// Nodes of the README's table.
const README_NODES: usize = 25;

/// Executes `lab bench protocols`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &ProtocolsArgs) -> Result<u8> {
    let faults: &[Fault] = match &*args.faults {
        _ if args.no_faults => &[],
        [] => Fault::value_variants(),
        faults => faults,
    };
    let mut parts = Vec::new();
    let (mut is_kept, mut short) = (true, None);
    for &nodes in &args.sizes {
        let workload = Workload {
            nodes,
            rate: args.rate,
            time_limit_ms: args.time_limit.saturating_mul(1_000),
            recovery_ms: args.recovery.saturating_mul(1_000),
            seed: args.seed,
        };
        let rows = rows(args, &workload, faults)?;
        is_kept &= rows.iter().all(Row::keeps_promise);
        let text = format!(
            "## {nodes} nodes, {} operations per second for {} s, then {} s to repair in\n\n\
             {}\n\n{}",
            args.rate,
            args.time_limit,
            args.recovery,
            paragraph(EXPLANATION),
            table(&rows, faults)
        );
        if nodes == README_NODES {
            short = short_table(&rows, faults);
        }
        parts.push(Part { name: format!("protocols-{nodes}").into(), text });
    }
    let command = publish::command(args.seed);
    if let Some(dir) = args.documents.dir() {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        publish::replace(&dir.join("FAMILY.md"), "# The family\n", &command, &parts)?;
    }
    if let Some(table) = short.filter(|_| args.documents.update) {
        publish::put("README.md", "family", &table)?;
    }
    publish::show(&command, parts);
    Ok(u8::from(!is_kept))
}

/// A row per protocol, in their order, on so many threads.
fn rows(args: &ProtocolsArgs, workload: &Workload, faults: &[Fault]) -> Result<Vec<Row>> {
    let names: Vec<Name> =
        if args.protocols.is_empty() { spreading().collect() } else { args.protocols.clone() };
    let rows = in_parallel(names.len() as u64, args.jobs.count(), |at| {
        let (name, started) = (names[at as usize], Instant::now());
        measure(name, workload, faults, &|done| {
            let seconds = started.elapsed().as_secs_f64();
            eprintln!("lab: {name}, {} nodes, {done}: {seconds:.1} s", workload.nodes);
        })
    });
    rows.into_iter().collect()
}
