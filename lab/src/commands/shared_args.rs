//! Flags that several commands have.

use std::path::{Path, PathBuf};

use clap::Args;

/// Directory of the documents, for `--update`.
const DOCS: &str = "docs";

/// `--jobs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct Jobs {
    /// Threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

impl Jobs {
    /// How many threads.
    pub(super) fn count(self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.jobs.unwrap_or_else(cores).max(1)
    }
}

/// `--out` and `--update` of commands that measure for the documents.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Documents {
    /// Write what was measured into RESULTS.md there (FAMILY.md for protocols), between its markers
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The same as --out docs
    #[arg(long, conflicts_with = "out")]
    pub update: bool,
}

impl Documents {
    /// The directory to write to, if any.
    pub(super) fn dir(&self) -> Option<&Path> {
        self.out.as_deref().or_else(|| self.update.then_some(Path::new(DOCS)))
    }
}
