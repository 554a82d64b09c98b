//! `lab bench sizes`: from the arguments to the exit status.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use super::publish::{self, Part, publish};
use crate::bench::sections::paragraph;
use crate::bench::sizes::{self, Size};
use crate::commands::shared_args::Documents;

/// Budgets of the clusters unless others are asked for, in ms.
const BUDGETS_MS: [u64; 2] = [300, 1000];

/// `lab bench sizes`.
#[derive(Debug, Args)]
pub struct SizesArgs {
    /// Numbers of nodes
    #[arg(value_name = "N,…", value_delimiter = ',', required = true)]
    pub sizes: Vec<usize>,
    /// Latency budgets [default: 300 and 1000 ms]
    #[arg(long, value_name = "MS,…", value_delimiter = ',', help_heading = "Runs")]
    pub budgets: Option<Vec<u64>>,
    /// Simulate one size and write it as the table's row, for the process that makes the table
    #[arg(long, hide = true)]
    pub row: bool,
    /// The seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Runs")]
    pub seed: u64,
    /// Where it is written
    #[command(flatten)]
    pub documents: Documents,
}

/// Executes `lab bench sizes`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &SizesArgs) -> Result<u8> {
    let budgets = args.budgets.as_deref().unwrap_or(&BUDGETS_MS);
    match (args.sizes.as_slice(), budgets) {
        ([nodes], [budget_ms]) if args.row => row(*nodes, *budget_ms, args.seed),
        _ => clusters(args, budgets),
    }
}

/// One size, as JSON on stdout.
fn row(nodes: usize, budget_ms: u64, seed: u64) -> Result<u8> {
    let size = sizes::simulate(nodes, budget_ms, seed)?;
    println!("{}", serde_json::to_string(&size)?);
    Ok(0)
}

/// A row of the table, from a process of its own: so its memory is its own, too.
fn measure_row(nodes: usize, budget_ms: u64, seed: u64) -> Result<Size> {
    let lab = std::env::current_exe().context("cannot find the lab's own binary")?;
    let output = Command::new(lab)
        .args(["bench", "sizes", "--row", &nodes.to_string()])
        .args(["--budgets", &budget_ms.to_string(), "--seed", &seed.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run the lab for one size")?;
    ensure!(output.status.success(), "{nodes} nodes, {budget_ms} ms: {}", output.status);
    serde_json::from_slice(&output.stdout).context("what the lab wrote of one size cannot be read")
}

fn clusters(args: &SizesArgs, budgets: &[u64]) -> Result<u8> {
    let mut rows: Vec<Size> = Vec::new();
    for &nodes in &args.sizes {
        for &budget_ms in budgets {
            let started = Instant::now();
            rows.push(measure_row(nodes, budget_ms, args.seed)?);
            let seconds = started.elapsed().as_secs_f64();
            eprintln!("lab: {nodes} nodes, {budget_ms} ms: {seconds:.1} s");
        }
    }
    let complete = rows.iter().all(Size::is_complete);
    let text = format!(
        "## Larger clusters\n\n{}\n\n{}",
        paragraph(include_str!("texts/sizes.md")),
        sizes::table(&rows)
    );
    let command = publish::command(args.seed);
    publish(args.documents.dir(), &command, vec![Part { name: "sizes".into(), text }], None)?;
    Ok(u8::from(!complete))
}
