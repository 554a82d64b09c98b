//! `lab bench faults`: from the arguments to the exit status.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::publish::{self, Part, publish};
use crate::bench::faults::{self, judge, profiles};
use crate::bench::sections::paragraph;
use crate::commands::shared_args::{Documents, Jobs};

/// `lab bench faults`.
#[derive(Debug, Args)]
pub struct FaultsArgs {
    /// Profiles by name, or files [default: all but fly.io's]
    #[arg(long, value_name = "NAME|FILE,…", value_delimiter = ',', help_heading = "Runs")]
    pub profiles: Vec<String>,
    /// Seeds per profile
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "Runs"
    )]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Runs")]
    pub seed: u64,
    /// Threads
    #[command(flatten, next_help_heading = "Runs")]
    pub jobs: Jobs,
    /// Where it is written
    #[command(flatten)]
    pub documents: Documents,
}

const EXPLANATION: &str = include_str!("texts/faults.md");

/// Executes `lab bench faults`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &FaultsArgs) -> Result<u8> {
    let jobs = args.jobs.count();
    let builtin = || profiles().map(ToOwned::to_owned).collect();
    let names = if args.profiles.is_empty() { builtin() } else { args.profiles.clone() };
    let mut judged = Vec::new();
    for name in names {
        let started = Instant::now();
        judged.push(judge(&name, args.seed, args.seeds, jobs)?);
        eprintln!("lab: {name}: {:.1} s", started.elapsed().as_secs_f64());
    }
    let seeds =
        if args.seeds == 1 { "One seed".to_owned() } else { format!("{} seeds", args.seeds) };
    let table = faults::table(&judged);
    let text = format!("## Faults, simulated\n\n{} {seeds}.\n\n{table}", paragraph(EXPLANATION));
    let command = publish::command(args.seed);
    publish(args.documents.dir(), &command, vec![Part { name: "faults".into(), text }], None)?;
    Ok(u8::from(!judged.iter().all(faults::Judged::passed)))
}
