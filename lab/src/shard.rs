//! Shards: a part of the work of one command for each of many machines, and the files that bring their
//! results together.
//!
//! A shard's file has a head, a line for each run, and an end. The head has the command's arguments, so
//! that merging needs nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One of several parts of numbered work: every so many numbers, one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, from 1.
    pub part: u64,
    /// How many parts there are.
    pub of: u64,
}

impl Shard {
    /// All of the work.
    pub const WHOLE: Self = Self { part: 1, of: 1 };

    /// True if this part has the work of that number, which counts from 0.
    #[must_use]
    pub const fn has(self, number: u64) -> bool {
        number % self.of == self.part - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (part, of) = text.split_once('/')?;
            let (part, of) = (part.parse().ok()?, of.parse().ok()?);
            (1..=of).contains(&part).then_some(Self { part, of })
        };
        read().ok_or_else(|| "expected a part and how many there are, such as 3/16".to_owned())
    }
}

/// The head of a shard's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// The command's arguments, without the shard.
    args: Vec<String>,
    /// The version of the lab: another may run the same seed differently.
    version: String,
    shard: Shard,
}

/// A run in a shard's file.
#[derive(Debug, Serialize, Deserialize)]
struct Line<T> {
    number: u64,
    run: T,
}

/// The end of a shard's file: a file without it is not all there.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    runs: usize,
}

/// A shard's file, as text.
///
/// # Errors
/// If a run cannot be written as JSON.
pub fn write<T: Serialize>(
    args: &[String],
    shard: Shard,
    runs: impl IntoIterator<Item = (u64, T)>,
) -> Result<String> {
    let head = Head { args: args.to_vec(), version: version(), shard };
    let mut text = serde_json::to_string(&head)? + "\n";
    let mut count = 0;
    for (number, run) in runs {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", serde_json::to_string(&Line { number, run })?);
        count += 1;
    }
    let _ = writeln!(text, "{}", serde_json::to_string(&End { runs: count })?);
    Ok(text)
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The arguments of the command that a shard's file is of.
///
/// # Errors
/// If the file cannot be read, or has no head of a shard.
pub fn arguments(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).context("cannot be read");
    let head = text.and_then(|text| head_of(text.lines().next()));
    Ok(head.with_context(|| path.display().to_string())?.args)
}

fn head_of(line: Option<&str>) -> Result<Head> {
    let head: Head =
        serde_json::from_str(line.unwrap_or_default()).context("line 1 is no head of a shard")?;
    ensure!(
        head.version == version(),
        "is of version {} of the lab, and this one is {}",
        head.version,
        version()
    );
    Ok(head)
}

/// Reads the files of all shards: the arguments of their command, and the runs by number.
///
/// # Errors
/// A file that cannot be read, is not all there, or belongs to another command; a shard that is missing
/// or there twice.
pub fn read<T: DeserializeOwned>(files: &[PathBuf]) -> Result<(Vec<String>, BTreeMap<u64, T>)> {
    let mut first: Option<(&Path, Head)> = None;
    let mut parts: BTreeMap<u64, &Path> = BTreeMap::new();
    let mut runs = BTreeMap::new();
    for path in files {
        let (head, part) = read_one(path).with_context(|| path.display().to_string())?;
        if let Some((other, known)) = &first {
            let is_same = known.args == head.args && known.shard.of == head.shard.of;
            ensure!(is_same, "{} and {} are not of one command", other.display(), path.display());
        }
        if let Some(other) = parts.insert(head.shard.part, path) {
            let (part, of) = (head.shard.part, head.shard.of);
            bail!("shard {part}/{of} is there twice: {} and {}", other.display(), path.display());
        }
        runs.extend(part);
        first.get_or_insert((path, head));
    }
    let (_, head) = first.context("there are no files of shards")?;
    let missing: Vec<String> = (1..=head.shard.of)
        .filter(|part| !parts.contains_key(part))
        .map(|part| format!("{part}/{}", head.shard.of))
        .collect();
    ensure!(missing.is_empty(), "shards are missing: {}", missing.join(", "));
    Ok((head.args, runs))
}

fn read_one<T: DeserializeOwned>(path: &Path) -> Result<(Head, Vec<(u64, T)>)> {
    let text = fs::read_to_string(path).context("cannot be read")?;
    let mut lines: Vec<&str> = text.lines().collect();
    let end = lines.pop().and_then(|line| serde_json::from_str::<End>(line).ok());
    let end = end.context("is not all there: its last line is no end of a shard")?;
    let mut lines = lines.into_iter();
    let head = head_of(lines.next())?;
    let mut runs = Vec::new();
    for (at, line) in (2..).zip(lines) {
        let line: Line<T> =
            serde_json::from_str(line).with_context(|| format!("line {at} is no run"))?;
        ensure!(head.shard.has(line.number), "line {at}: run {} is not this shard's", line.number);
        runs.push((line.number, line.run));
    }
    ensure!(runs.len() == end.runs, "has {} runs, and was to have {}", runs.len(), end.runs);
    Ok((head, runs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, name: &str, shard: Shard, args: &str) -> PathBuf {
        let runs = (0..10).filter(|number| shard.has(*number)).map(|number| (number, number * 2));
        let path = dir.join(name);
        fs::write(&path, write(&[args.to_owned()], shard, runs).unwrap()).unwrap();
        path
    }

    #[test]
    fn a_shard_is_read_and_has_every_so_many_numbers() {
        let shard: Shard = "2/3".parse().unwrap();
        let has: Vec<u64> = (0..9).filter(|number| shard.has(*number)).collect();
        assert_eq!(has, [1, 4, 7]);
        for wrong in ["0/3", "4/3", "3", "a/b", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shards_come_together_only_if_all_are_there_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let shard = |part| Shard { part, of: 3 };
        let paths: Vec<PathBuf> =
            (1..=3).map(|part| file(dir.path(), &part.to_string(), shard(part), "x")).collect();
        let (args, runs) = read::<u64>(&paths).unwrap();
        assert_eq!(args, ["x"]);
        assert_eq!(
            runs.into_values().collect::<Vec<_>>(),
            (0..10).map(|n| n * 2).collect::<Vec<_>>()
        );
        let problem = |paths: &[PathBuf]| format!("{:#}", read::<u64>(paths).unwrap_err());
        assert_eq!(problem(&paths[..2]), "shards are missing: 3/3");
        assert!(
            problem(&[paths[0].clone(), paths[0].clone()]).contains("shard 1/3 is there twice")
        );
        let other = file(dir.path(), "other", shard(2), "y");
        assert!(problem(&[paths[0].clone(), other]).contains("not of one command"));
        let text = fs::read_to_string(&paths[1]).unwrap();
        let cut = text.lines().take(2).collect::<Vec<_>>().join("\n");
        fs::write(&paths[1], cut).unwrap();
        assert!(problem(&paths).contains("is not all there"), "{}", problem(&paths));
        assert_eq!(problem(&[]), "there are no files of shards");
    }
}
