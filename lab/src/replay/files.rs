//! Where records are: files, and the node logs of a store.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rumormill::maelstrom::record::Records;

/// How the files of records end.
const EXTENSIONS: [&str; 2] = ["log", "record"];

/// Reads the records of a file.
///
/// # Errors
/// If it cannot be read, or there are none in it.
pub fn read(path: &Path) -> Result<Records> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Records::read(BufReader::new(file)).with_context(|| path.display().to_string())
}

/// The files that a path means: itself, or for a directory the files of records in it; for the
/// directory of a run those of its nodes.
///
/// # Errors
/// If there are none.
pub fn find(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let logs = path.join("node-logs");
    let dir = if logs.is_dir() { logs } else { path.to_owned() };
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let is_record = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
    };
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.with_context(|| format!("cannot read {}", dir.display()))?.path());
    }
    files.retain(is_record);
    // `n2` before `n10`.
    files.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    ensure!(!files.is_empty(), "there is no .log and no .record in {}", dir.display());
    Ok(files)
}
