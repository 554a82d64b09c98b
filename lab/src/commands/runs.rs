//! `lab runs`: the runs of a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::serve::{Runs, SHOWN, Summary};
use crate::store::point;

/// Links that the lab makes itself.
const OWN_LINKS: [&str; 2] = ["latest", "current"];

/// `lab runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// The store
    #[arg(value_name = "DIR", default_value = "store")]
    pub dir: PathBuf,
    /// Give the latest run a name, which is a link in the store
    #[arg(long, value_name = "NAME", conflicts_with = "keep")]
    pub name: Option<String>,
    /// Remove all runs but the newest, and those with a name
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// Print the list as JSON
    #[arg(long, conflicts_with_all = ["name", "keep"])]
    pub json: bool,
}

/// Executes `lab runs`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &RunsArgs) -> Result<u8> {
    let dir = &args.dir;
    let root = dir.canonicalize().with_context(|| format!("there is no {}", dir.display()))?;
    let runs = Runs::new(root.clone()).list();
    let text = match (&args.name, args.keep) {
        (Some(name), _) => name_latest(&root, name)?,
        (None, Some(keep)) => remove_old(&root, &runs, keep)?,
        (None, None) if args.json => json(&runs)?,
        (None, None) => table(&runs),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(0)
}

/// Makes the link; returns a line for people.
fn name_latest(root: &Path, name: &str) -> Result<String> {
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    ensure!(is_plain && !OWN_LINKS.contains(&name), "{name:?} cannot be the name of a run");
    let link = root.join(name);
    let is_free = link.symlink_metadata().is_err() || link.is_symlink();
    ensure!(is_free, "{} is there, and is no link", link.display());
    let latest = root.join(OWN_LINKS[0]);
    let run = latest.canonicalize().with_context(|| format!("no {}", latest.display()))?;
    let below = run.strip_prefix(root).unwrap_or(&run);
    point(&link, below).with_context(|| format!("cannot make {}", link.display()))?;
    Ok(format!("{name} is {}\n", below.display()))
}

/// Removes runs; returns a line for people.
fn remove_old(root: &Path, runs: &[Summary], keep: usize) -> Result<String> {
    let named = named(root)?;
    let mut removed = 0;
    for run in runs.iter().skip(keep).filter(|run| !run.path.is_empty()) {
        let dir = root.join(&run.path);
        if !named.contains(&dir) {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
            removed += 1;
        }
    }
    Ok(format!("{removed} of {} runs removed\n", runs.len()))
}

/// The runs that have a name in the store, as directories.
fn named(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))?;
    let mut named = BTreeSet::new();
    for entry in entries {
        let entry = entry?;
        let is_own = OWN_LINKS.iter().any(|link| entry.file_name() == *link);
        if !is_own && entry.path().is_symlink() {
            named.extend(entry.path().canonicalize());
        }
    }
    Ok(named)
}

fn table(runs: &[Summary]) -> String {
    let mut text = String::new();
    for run in runs {
        text += &format!("{:<10} {}\n", run.verdict, run.path);
        text += &format!("           {}\n", run.shape);
        let figures = SHOWN.iter().zip(&run.figures).filter_map(|(figure, shown)| {
            shown.as_ref().map(|shown| format!("{} {shown}", figure.name))
        });
        let figures: Vec<String> = figures.collect();
        if !figures.is_empty() {
            text += &format!("           {}\n", figures.join(", "));
        }
    }
    text + &format!("{} runs\n", runs.len())
}

fn json(runs: &[Summary]) -> Result<String> {
    let row = |Summary { path, verdict, program, shape, seed, figures }: &Summary| {
        let figures: BTreeMap<_, _> = SHOWN.iter().map(|figure| figure.name).zip(figures).collect();
        serde_json::json!({ "run": path, "verdict": verdict, "program": program,
                            "shape": shape, "seed": seed, "figures": figures })
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store with three runs, of which the second is the latest.
    fn store() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("dir");
        for name in
            ["20260101T000000.000+0000", "20260102T000000.000+0000", "20260103T000000.000+0000"]
        {
            let run = dir.path().join("broadcast").join(name);
            fs::create_dir_all(&run).expect("run");
            fs::write(run.join("results.json"), "{}").expect("results");
        }
        let second = Path::new("broadcast/20260102T000000.000+0000");
        point(&dir.path().join("latest"), second).expect("link");
        dir
    }

    fn args(dir: &Path) -> RunsArgs {
        RunsArgs { dir: dir.to_owned(), name: None, keep: None, json: false }
    }

    #[test]
    fn runs_with_a_name_and_the_newest_are_kept() {
        let dir = store();
        let named = RunsArgs { name: Some("before".to_owned()), ..args(dir.path()) };
        execute(&named).unwrap();
        execute(&RunsArgs { keep: Some(1), ..args(dir.path()) }).unwrap();
        let left =
            |day| dir.path().join(format!("broadcast/2026010{day}T000000.000+0000")).exists();
        assert_eq!([1, 2, 3].map(left), [false, true, true]);
        assert!(dir.path().join("before/results.json").is_file());
    }

    #[test]
    fn a_name_is_a_plain_one() {
        let dir = store();
        for name in ["", "../x", "latest", ".x", "broadcast"] {
            let named = RunsArgs { name: Some(name.to_owned()), ..args(dir.path()) };
            assert!(execute(&named).is_err(), "{name:?}");
        }
    }
}
