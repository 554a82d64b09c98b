//! `lab ablate`: from the arguments to the exit status.

use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use rumormill::protocols::rumormill::ablation::Rule;

use crate::bench::ablation::{Effort, table};
use crate::commands::shared_args::Jobs;

/// `lab ablate`.
#[derive(Debug, Args)]
pub struct AblateArgs {
    /// Rules by name [default: all]
    #[arg(value_name = "RULE")]
    pub rules: Vec<String>,
    /// Seeds per scenario
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Seeds of the hunt per rule
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub hunt: u64,
    /// Threads
    #[command(flatten)]
    pub jobs: Jobs,
}

/// Executes `lab ablate`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &AblateArgs) -> Result<u8> {
    let find = |name: &String| {
        let rule = Rule::ALL.iter().find(|rule| rule.name() == name).copied();
        rule.with_context(|| {
            let names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
            format!("there is no rule {name:?}; there are {}", names.join(", "))
        })
    };
    let named: Vec<Rule> = args.rules.iter().map(find).collect::<Result<_>>()?;
    let rules = if named.is_empty() { Rule::ALL } else { &named };
    let started = Instant::now();
    let progress = |name: &str| eprintln!("lab: {:5.0} s: {name}", started.elapsed().as_secs_f64());
    print!("{}", table(rules, effort(args), progress)?);
    Ok(0)
}

fn effort(args: &AblateArgs) -> Effort {
    let jobs = args.jobs.count();
    Effort { seed: args.seed, seeds: args.seeds, hunted: args.hunt, jobs }
}
