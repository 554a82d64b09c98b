//! `lab sim --case`: a case that `lab hunt` kept, run and told.

use std::path::Path;

use anyhow::{Context as _, Result};
use rumormill_judge::format::text::shell_word;

use crate::commands::shell::{asked, print};
use crate::hunt::case::Case;
use crate::hunt::phases::run_kept;
use crate::hunt::recorder::Recorder;
use crate::hunt::setup::Tweak;
use crate::hunt::{keep_panics, report};
use crate::store::Store;

/// The directory of the store for runs of cases, where other runs have their workload's.
const STORED_AS: &str = "case";

/// How a case is run and told.
pub(super) struct Options<'a> {
    /// The directory of the store, if files are to be written.
    pub(super) store: Option<&'a Path>,
    /// Tell every event.
    pub(super) trace: bool,
    /// Changes the nodes' settings: a bug on purpose.
    pub(super) tweak: Tweak<'a>,
    /// The name of that bug.
    pub(super) bug: Option<&'static str>,
}

/// Runs the case of a file; returns the exit status.
pub(super) fn run(path: &Path, options: &Options<'_>) -> Result<u8> {
    let case = &asked(Case::load(path))?;
    let recorder = options.store.map(|store| recorder(path, case, store)).transpose()?;
    keep_panics();
    let (outcome, recorder) = run_kept(case, options.tweak, options.trace, recorder);
    let _ = std::panic::take_hook();
    let mut text = String::new();
    for line in &outcome.trace {
        text += line;
        text.push('\n');
    }
    let mut told = report::render_one(case, &outcome);
    told += &format!("seed    {}\nagain   {}\n", case.seed, command(path, options.bug));
    let store = recorder.map(Recorder::finish).transpose()?;
    if let Some(store) = &store {
        told += &format!("files   {}\n", store.dir().display());
        store.write("report.txt", &told)?;
        store.publish()?;
    }
    print(&(text + &told));
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
    let mut command = format!("lab sim --case {}", shell_word(&path.display().to_string()));
    if let Some(bug) = bug {
        command += " --mutation ";
        command += bug;
    }
    command
}
