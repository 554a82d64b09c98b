//! `lab sim --case`: a case that `lab hunt` kept, run and told.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rumormill::protocols::rumormill::config::Config;
#[cfg(feature = "mutations")]
use rumormill::protocols::rumormill::mutation::Mutation;

use super::SimArgs;
use crate::cli::RunArgs;
use crate::commands::{BAD_ARGUMENTS, CRASH, quote};
use crate::hunt::case::Case;
use crate::hunt::phases::{Tweak, run_kept};
use crate::hunt::recorder::Recorder;
use crate::hunt::{keep_panics, report};
use crate::store::Store;

/// The directory of the store for runs of cases, where other runs have their workload's.
const STORED_AS: &str = "case";

/// Runs the case of a file; returns the exit status.
pub(super) fn execute(path: &Path, args: &SimArgs) -> u8 {
    let case = match check(args).and_then(|()| Case::load(path)) {
        Ok(case) => case,
        Err(error) => {
            eprintln!("lab: {error:#}");
            return BAD_ARGUMENTS;
        }
    };
    run(path, &case, args).unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        CRASH
    })
}

/// A case says all of the run: flags that would be ignored are refused.
fn check(args: &SimArgs) -> Result<()> {
    let nothing = RunArgs { store: args.run.store.clone(), ..RunArgs::default() };
    let is_plain = args.run == nothing && args.seeds == 1 && args.jobs.is_none();
    if !is_plain || args.record.is_some() || args.protocol.is_some() {
        bail!(
            "a case says all of the run: only --trace, --store DIR and --no-store go with --case"
        );
    }
    Ok(())
}

fn run(path: &Path, case: &Case, args: &SimArgs) -> Result<u8> {
    let recorder = if args.no_store { None } else { Some(recorder(path, case, &args.run.store)?) };
    let tweak: Tweak<'_> = &|config| args.tweak(config);
    keep_panics();
    let (outcome, recorder) = run_kept(case, tweak, args.trace, recorder);
    let _ = std::panic::take_hook();
    let mut text = String::new();
    for line in &outcome.trace {
        text += line;
        text.push('\n');
    }
    let mut told = report::render_one(case, &outcome);
    told += &format!("seed    {}\nagain   {}\n", case.seed, args.command_for(path));
    let store = recorder.map(Recorder::finish).transpose()?;
    if let Some(store) = &store {
        told += &format!("files   {}\n", store.dir().display());
        store.write("report.txt", &told)?;
        store.publish()?;
    }
    // A closed stdout is no error: the files have it, too.
    let _ = std::io::stdout().write_all((text + &told).as_bytes());
    Ok(u8::from(outcome.violation.is_some()))
}

/// Keeps the run in the store, with a copy of the case.
fn recorder(path: &Path, case: &Case, base: &Path) -> Result<Recorder> {
    let store = Store::create(base, STORED_AS, &jiff::Zoned::now())
        .with_context(|| format!("cannot write to {}", base.display()))?;
    let copy = store.dir().join("case.toml");
    std::fs::copy(path, &copy).with_context(|| format!("cannot write {}", copy.display()))?;
    Recorder::create(store, &case.nodes)
}

/// The command that runs the case of a file again, with the bug on purpose that it is about.
pub(in crate::commands) fn command(path: &Path, bug: Option<&str>) -> String {
    let mut command = format!("lab sim --case {}", quote(&path.display().to_string()));
    if let Some(bug) = bug {
        command += " --mutation ";
        command += bug;
    }
    command
}

impl SimArgs {
    /// What is changed in the nodes' settings: nothing but a bug on purpose.
    #[cfg(feature = "mutations")]
    const fn tweak(&self, config: &mut Config) {
        config.mutation = self.mutation;
    }

    #[cfg(not(feature = "mutations"))]
    const fn tweak(&self, _config: &mut Config) {}

    #[cfg(feature = "mutations")]
    fn command_for(&self, path: &Path) -> String {
        command(path, self.mutation.map(Mutation::name))
    }

    #[cfg(not(feature = "mutations"))]
    fn command_for(&self, path: &Path) -> String {
        command(path, None)
    }
}
