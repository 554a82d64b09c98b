//! `lab compare`.

use std::path::PathBuf;

use anyhow::{Error, Result, bail};
use clap::Args;
use rumormill_judge::verdict::Limit;

use crate::commands::shell::{asked, print};
use crate::compare::{self, Run};
use crate::report::write_comparison;

/// `lab compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Directories of runs, or their results.json or results.edn; also the real Maelstrom's
    #[arg(required = true, num_args = 2.., value_name = "STORE")]
    pub stores: Vec<PathBuf>,
    /// A limit for a figure of every run, such as 'msgs-per-op<20'; may be repeated
    #[arg(long = "limit", value_name = "EXPR")]
    pub limits: Vec<String>,
    /// Write a page with the curves on one axis, and 8 figures of each run
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Executes `lab compare`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &CompareArgs) -> Result<u8> {
    let limits = args.limits.iter().map(|text| text.parse::<Limit>().map_err(Error::msg));
    let limits: Vec<Limit> = asked(limits.collect())?;
    let (mut runs, mut left_out) = (Vec::new(), Vec::new());
    for path in &args.stores {
        // A link such as `latest` beside the runs would show one of them twice.
        if args.stores.len() > 2 && path.is_symlink() {
            continue;
        }
        match Run::load(path).map(|run| (run.why_left_out(), run)) {
            Ok((None, run)) => runs.push((path.clone(), run)),
            Ok((Some(why), _)) => left_out.push(format!("{}: {why}", path.display())),
            Err(error) => left_out.push(format!("{error:#}")),
        }
    }
    let mut words: String = left_out.iter().map(|why| format!("left out  {why}\n")).collect();
    if runs.len() < 2 {
        eprint!("{words}");
        bail!("there are not two runs with results");
    }
    if !words.is_empty() {
        words.push('\n');
    }
    if let Some(path) = &args.html {
        write_comparison(path, &runs)?;
    }
    let runs: Vec<Run> = runs.into_iter().map(|(_, run)| run).collect();
    let mut text = words + &compare::table(&runs);
    let mut passed = true;
    for limit in &limits {
        for (letter, run) in ('A'..).zip(&runs) {
            let verdict = run.check(limit);
            passed &= verdict.passed;
            let word = if verdict.passed { "ok    " } else { "FAILED" };
            text += &format!("{word}  {letter}  {}: {}\n", verdict.limit, verdict.found);
        }
    }
    if let Some(path) = &args.html {
        text += &format!("\npage  {}\n", path.display());
    }
    print(&text);
    Ok(u8::from(!passed))
}
