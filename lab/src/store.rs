//! The store: where the files of a run are, with Maelstrom's names.
//!
//! `store/<workload>/<time>/` holds `history.edn`, `results.edn` and `node-logs/` as Maelstrom's
//! does, and `results.json` and `messages.jsonl` of our own.

mod background;
pub mod journal;
mod message_line;
pub(crate) mod partition;
mod reader;
mod sink;

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};
use jiff::{ToSpan, Zoned};
use rumormill_judge::results::Results;

pub(crate) use message_line::MessageLine;
pub use reader::{Reader, Sent};
pub use sink::FileSink;

/// How a run's directory is named after its start; milliseconds and the local zone's offset last.
const TIME_FORMAT: &str = "%Y%m%dT%H%M%S%.3f%z";

/// The files of one run.
#[derive(Clone, Debug)]
pub struct Store {
    base: PathBuf,
    /// The directory's path below the base.
    below: PathBuf,
    dir: PathBuf,
}

impl Store {
    /// Makes the directory of a run that starts `now`, and points `current` to it.
    ///
    /// # Errors
    /// If the directory cannot be made; a link that cannot be made is no error.
    pub fn create(base: &Path, workload: &str, now: &Zoned) -> Result<Self> {
        let parent = base.join(workload);
        fs::create_dir_all(&parent)
            .with_context(|| format!("the directory {} cannot be made", parent.display()))?;
        let (dir, name) = create_free(&parent, now)?;
        fs::create_dir_all(dir.join("node-logs"))
            .with_context(|| format!("{} cannot be written to", dir.display()))?;
        let store = Self { base: base.to_owned(), below: Path::new(workload).join(name), dir };
        // The store may be where there are no links; the files are there all the same.
        let _ = point(&store.base.join("current"), &store.below);
        Ok(store)
    }

    /// The run's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file for a node's stderr.
    #[must_use]
    pub fn node_log(&self, node: &str) -> PathBuf {
        let safe = |char: char| match char {
            '/' | '\\' | ':' | '\0' => '_',
            other => other,
        };
        let name: String = node.chars().map(safe).collect();
        self.dir.join("node-logs").join(format!("{name}.log"))
    }

    /// Opens `history.edn` and `messages.jsonl`.
    ///
    /// # Errors
    /// If they cannot be made.
    pub fn sink(&self) -> Result<FileSink> {
        FileSink::create(&self.dir)
            .with_context(|| format!("{} cannot be written to", self.dir.display()))
    }

    /// Writes `results.edn` and `results.json`, each whole or not at all.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_results(&self, results: &Results) -> Result<()> {
        self.write("results.edn", &results.to_edn()?)?;
        self.write("results.json", &results.to_json()?)
    }

    /// Writes a file of the run, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        write_whole(&self.dir, name, text).map(drop)
    }

    /// Points the links `latest`, of the store and of the workload, to this run.
    ///
    /// # Errors
    /// If a link cannot be made.
    pub fn publish(&self) -> Result<()> {
        let latest = self.base.join("latest");
        let of_workload = self.dir.with_file_name("latest");
        let name = self.below.file_name().map(Path::new).unwrap_or(&self.below);
        for (link, target) in [(latest, self.below.as_path()), (of_workload, name)] {
            point(&link, target)
                .with_context(|| format!("the link {} cannot be made", link.display()))?;
        }
        Ok(())
    }
}

/// Writes a file, whole or not at all; answers its path.
pub(crate) fn write_whole(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let (path, unfinished) = (dir.join(name), dir.join(format!(".{name}.unfinished")));
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, &path))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

/// Makes a directory named after the time; a later one if another run began in the same
/// millisecond.
fn create_free(parent: &Path, now: &Zoned) -> Result<(PathBuf, String)> {
    let mut time = now.clone();
    loop {
        let name = time.strftime(TIME_FORMAT).to_string();
        let dir = parent.join(&name);
        match fs::create_dir(&dir) {
            Ok(()) => return Ok((dir, name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                time = time.checked_add(1.millisecond())?;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be made", dir.display()));
            }
        }
    }
}

/// Makes or replaces a symbolic link, without a moment at which there is none.
pub(crate) fn point(link: &Path, target: &Path) -> io::Result<()> {
    let name = link.file_name().and_then(|name| name.to_str()).unwrap_or("link");
    let unfinished = link.with_file_name(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_file(&unfinished);
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, &unfinished)?;
    #[cfg(windows)]
    std::os::windows::fs::symlink_dir(target, &unfinished)?;
    fs::rename(&unfinished, link).inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })
}

#[cfg(test)]
mod tests;
