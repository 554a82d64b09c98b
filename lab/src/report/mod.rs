//! The report of a run: one HTML file with everything in it, from the files of its store.
//!
//! [`run`] gathers what is on disk; whatever is missing is said, not guessed. [`trace`] tells
//! when each node came to hold each value, and [`causes`] which message is behind which. The figures and charts are drawn here, so that the file can be read without
//! scripting; the script (`assets/report.js`) adds the space-time diagram that can be moved about,
//! from the columns of [`data`].
//!
//! Names, values and errors come from other people's programs. Nothing of them gets into the file
//! but through the templates, [`html::text`] or, for the script, [`html::json`].
//!
//! [`trace`]: rumormill_judge::trace
//! [`html::text`]: crate::html::text
//! [`html::json`]: crate::html::json

mod causes;
mod charts;
mod compared;
mod data;
mod figures;
mod operations;
mod page;
mod plot;
mod run;
mod shade;
mod summary;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use rumormill_judge::trace::ValuesAt;

use crate::store::write_whole;

pub use compared::write as write_comparison;
pub use data::Window;

/// The file's name in its store.
pub const FILE: &str = "report.html";
/// The same of a report about a part of the run, beside that of all of it.
pub const FILE_BETWEEN: &str = "report-between.html";

/// Reads the files of a run and writes its report beside them; answers where it is. `values_at` says
/// where values stand in messages; if it is empty, what the run was told counts.
///
/// # Errors
/// If there is no such directory, nothing of a run in it, or it cannot be written to.
pub fn write(dir: &Path, window: Window, values_at: &[ValuesAt]) -> Result<PathBuf> {
    let page = render(dir, window, values_at)?;
    let name = if window == Window::default() { FILE } else { FILE_BETWEEN };
    write_whole(dir, name, &page)
}

/// The report's text.
///
/// # Errors
/// If there is no such directory, or nothing of a run in it.
pub fn render(dir: &Path, window: Window, values_at: &[ValuesAt]) -> Result<String> {
    ensure!(dir.is_dir(), "{} is not a directory", dir.display());
    let run = run::Run::gather(dir, values_at);
    ensure!(
        !run.is_empty(),
        "{} is no run: none of results.json, history.edn and messages.jsonl can be read. {}",
        dir.display(),
        run.absent.join(" ")
    );
    Ok(page::render(&run, window))
}

#[cfg(test)]
mod tests;
