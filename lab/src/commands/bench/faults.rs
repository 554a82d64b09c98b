//! `lab bench faults`: from the arguments to the exit status.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::publish::{self, Part, publish};
use crate::bench::faults::{self, judge, profiles};
use crate::commands::shared_args::{Documents, Jobs};

/// Help beyond the flags.
pub const EXAMPLES: &str = "\
Examples:
  lab bench faults
      every profile of maelstrom/profiles but fly.io's, three seeds each, in the simulator
  lab bench faults --profiles hub-isolated,loss-10 --seeds 20
      two of them, more seeds
  lab bench faults --seeds 10 --update
      writes the table into docs/RESULTS.md

Exit status:
  0    every seed of every profile keeps its limits and loses nothing
  1    one does not
  254  bad arguments";

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

const EXPLANATION: &str = "\
The profiles of maelstrom/profiles with faults, in the simulator: 25 nodes, latency 100 ms, rate \
100, 20 s, the default budget unless the profile says otherwise. Each figure is the median of the \
seeds, with the worst in brackets, and stands with its limit if it has one; it is bold if any seed \
misses that. *Delivery time within the component*: from the acknowledgement until the last node of \
the connected component held the value. *Heal time*: from a heal until every node held everything. \
*Redundancy*: entries received by a node that held them, of all entries sent. *Longest false \
suspicion*: how long a node suspected a peer though both were up and messages got through both \
ways. *Quiescent messages*: in the second half of the wait before the final reads; only at-rest \
waits long enough for traffic to die down. One profile by itself: \
`lab sim --profile NAME --seed 1`.";

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
    let text = format!("## Faults, simulated\n\n{EXPLANATION} {seeds}.\n\n{table}");
    let command = publish::command(args.seed);
    publish(args.documents.dir(), &command, vec![Part { name: "faults".into(), text }], None)?;
    Ok(u8::from(!judged.iter().all(faults::Judged::passed)))
}
