//! `lab validate`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;

use crate::commands::shared_args::Jobs;
use crate::commands::shell::{asked, log};
use crate::validate::{self, CHECKS, Check, Effort, Verdict};

/// `lab validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Only these checks
    #[arg(value_name = "CHECK")]
    pub checks: Vec<String>,
    /// Make a fortieth of the runs
    #[arg(long)]
    pub quick: bool,
    /// Seed of all runs
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Threads
    #[command(flatten)]
    pub jobs: Jobs,
    /// Write the document here instead of to the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw the pictures, too, into this directory; the document shows them
    #[arg(long, value_name = "DIR")]
    pub pictures: Option<PathBuf>,
}

/// `--quick` makes one run of so many.
const QUICK_DIVISOR: u64 = 40;

/// Executes `lab validate`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &ValidateArgs) -> Result<u8> {
    let is_known = |name: &&String| CHECKS.iter().any(|(known, _)| known == name);
    if let Some(unknown) = args.checks.iter().find(|name| !is_known(name)) {
        let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        return asked(Err(anyhow!("no check {unknown:?}; there are {}", names.join(", "))));
    }
    let effort = Effort {
        divisor: if args.quick { QUICK_DIVISOR } else { 1 },
        seed: args.seed,
        jobs: args.jobs.count(),
    };
    let checks = validate::run(&effort, &args.checks, report)?;
    write(args, &effort, &checks)?;
    let differs = |check: &Check| check.cells.iter().any(|cell| cell.verdict == Verdict::Differs);
    Ok(u8::from(checks.iter().any(differs)))
}

/// Writes the document, and draws the pictures.
fn write(args: &ValidateArgs, effort: &Effort, checks: &[Check]) -> Result<()> {
    let mut document = validate::markdown(checks, effort);
    if let Some(directory) = &args.pictures {
        let place = |path: &Path| path.display().to_string();
        fs::create_dir_all(directory).with_context(|| place(directory))?;
        let pictures = validate::draw(effort)?;
        for picture in &pictures {
            let path = directory.join(picture.name).with_extension("svg");
            fs::write(&path, &picture.svg).with_context(|| place(&path))?;
        }
        let from = args.out.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new(""));
        let shown = directory.strip_prefix(from).unwrap_or(directory);
        document += &validate::gallery(&pictures, &place(shown));
    }
    match &args.out {
        Some(path) => fs::write(path, document).with_context(|| path.display().to_string()),
        None => Ok(std::io::stdout().write_all(document.as_bytes())?),
    }
}

/// A line per check while they run, and one per figure that differs.
fn report(check: &Check) {
    let judged =
        |cell: &&validate::Cell| matches!(cell.verdict, Verdict::Reproduced | Verdict::Differs);
    let judged = check.cells.iter().filter(judged).count();
    let differing: Vec<_> =
        check.cells.iter().filter(|cell| cell.verdict == Verdict::Differs).collect();
    let (reproduced, seconds) = (judged - differing.len(), check.took.as_secs_f64());
    log(&format!("{}: {reproduced} of {judged} reproduced ({seconds:.1} s)", check.title));
    for cell in differing {
        let published = cell.published.as_deref().unwrap_or("none");
        let model = cell.model.map_or_else(|| "none".to_owned(), |model| model.to_string());
        let (name, ours) = (&cell.name, cell.ours);
        log(&format!("    differs: {name}: published {published}, model {model}, ours {ours}"));
    }
}
