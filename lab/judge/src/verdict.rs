//! The verdict on a run: its results held against limits, and the sentence that says what decided.

mod limit;
mod reason;
#[cfg(any(test, feature = "testing"))]
pub mod sample;

use anyhow::{Result, anyhow};

use crate::outcome::{Notice, Outcome};
use crate::results::{Results, RunInfo};
use crate::settings::Settings;
pub use limit::{Comparison, Limit, check_limits};
pub use reason::{closing_line, verdict_word};

/// Checks a run, and holds it against the limits of its settings.
///
/// # Errors
/// If a limit of the settings is not one.
pub fn judge(
    settings: &Settings,
    outcome: &Outcome,
    notices: &[Notice],
    run: RunInfo,
) -> Result<Results> {
    let limits = settings.limits.iter().map(|limit| limit.parse::<Limit>());
    let limits: Vec<Limit> = limits.collect::<Result<_, _>>().map_err(|why| anyhow!(why))?;
    let mut results = Results::of(settings, outcome, notices, run);
    decide(&mut results, &limits);
    Ok(results)
}

/// Holds limits against a run, instead of those it was held against before.
pub fn decide(results: &mut Results, limits: &[Limit]) {
    let verdicts = limits.iter().map(|limit| limit.check(results)).collect();
    results.set_limits(verdicts);
}
