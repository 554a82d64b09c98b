//! `lab report`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use rumormill_judge::trace::ValuesAt;

use crate::commands::shell::print;
use crate::report::{self, Window};

/// `lab report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The directory of a run of the lab
    #[arg(value_name = "STORE", default_value = "store/latest")]
    pub store: PathBuf,
    /// Only the messages of this time of the history's clock, in the space-time diagram
    #[arg(long, value_name = "FROM,TO")]
    pub between: Option<Window>,
    /// Where values stand in messages that are not of the workspace's own node, such as
    /// body.messages[*]; may be repeated [default: as the run was told, or found out]
    #[arg(long, value_name = "PATH")]
    pub values_at: Vec<ValuesAt>,
}

/// Executes `lab report`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &ReportArgs) -> Result<u8> {
    let path = report::write(&args.store, args.between.unwrap_or_default(), &args.values_at)?;
    print(&format!("{}\n", line(&path)));
    Ok(0)
}

/// Writes the report of a run that is just over; says where it is, or why there is none. A run's
/// verdict does not depend on it.
pub(super) fn after_run(dir: &Path) -> String {
    match report::write(dir, Window::default(), &[]) {
        Ok(path) => line(&path) + "\n",
        Err(error) => format!("report  none: {error:#}\n"),
    }
}

fn line(path: &Path) -> String {
    format!("report  {}", path.display())
}
