//! `lab check`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use rumormill_judge::settings::Availability;
use rumormill_judge::settings::flags::values::Concurrency;

use crate::check::{self, Checked};
use crate::commands::shell::{CRASH, asked, print};
use crate::profile::Profile;
use crate::screen::{self, Style};

/// `lab check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The directory of a run, or a store: then its latest run
    #[arg(value_name = "STORE", default_value = "store")]
    pub run: PathBuf,
    /// A profile whose limits are decided, too
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// A limit for a figure, such as 'msgs-per-op<20' or 'median<400ms'; may be repeated
    #[arg(long = "limit", value_name = "EXPR")]
    pub limits: Vec<String>,
    /// How many nodes there were, where the run's log does not tell
    #[arg(long, value_name = "N")]
    pub node_count: Option<usize>,
    /// How many clients worked at once, where the run's log does not tell [default: 1n]
    #[arg(long, value_name = "N|Nn")]
    pub concurrency: Option<Concurrency>,
    /// The share of operations that had to succeed, where the run's log does not tell
    #[arg(long, value_name = "SHARE")]
    pub availability: Option<Availability>,
}

impl CheckArgs {
    /// The flags, as a profile to be laid over what is known of the run.
    #[must_use]
    pub fn flags(&self) -> Profile {
        let node_count = self.node_count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        Profile::default()
            .with("node-count", node_count)
            .with("concurrency", self.concurrency.map(|workers| workers.to_string()))
            .with("availability", self.availability.map(|share| share.to_string()))
            .with("limit", (!self.limits.is_empty()).then(|| self.limits.clone()))
    }
}

/// Executes `lab check`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &CheckArgs) -> Result<u8> {
    let profile = asked(args.profile.as_deref().map(Profile::load).transpose())?;
    let flags = args.flags();
    asked(flags.clone().over(profile.clone().unwrap_or_default()).into_settings())?;
    Ok(show(&check::check(&args.run, &flags, profile.as_ref())?))
}

/// Prints the result screen and what was recomputed; returns the exit status.
pub(super) fn show(checked: &Checked) -> u8 {
    let style = Style::for_stdout();
    let screen = screen::render(&checked.results, style);
    let recomputed = screen::render_comparison(&checked.comparison, style);
    print(&format!("{screen}\n{}\n", recomputed.trim_end()));
    let has_crashed = checked.results.rumormill.crash.is_some();
    if has_crashed { CRASH } else { checked.verdict().exit_code() }
}
