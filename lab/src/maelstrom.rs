//! Runs the real Maelstrom: its command line from a profile, and the store that it made.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use rumormill_judge::settings::flags::Flags;
use rumormill_judge::workload::Workload;

use crate::harness::process::describe;
use crate::profile::Profile;

/// Where Maelstrom is, and where its store goes.
#[derive(Clone, Debug)]
pub struct Maelstrom {
    /// Its program.
    pub command: PathBuf,
    /// It makes `store/` here.
    pub work_dir: PathBuf,
}

/// How a run under Maelstrom ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// The same in words.
    pub how: String,
    /// The run's directory, if it got that far.
    pub dir: Option<PathBuf>,
}

impl Maelstrom {
    /// Runs it to its end. What it prints goes to our stderr.
    ///
    /// # Errors
    /// If it cannot be started, or its store not be looked at.
    pub fn run(&self, arguments: &[String], workload: &Workload) -> Result<Ended> {
        let store = self.work_dir.join("store").join(workload.name);
        let before = runs(&store)?;
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        let status = Command::new(&self.command)
            .args(arguments)
            .current_dir(&self.work_dir)
            .stdin(Stdio::null())
            .stdout(stderr)
            .status()
            .with_context(|| format!("{} cannot be started", self.command.display()))?;
        // Its own links are no help: it moves `latest` only when it gets to the end.
        let made = runs(&store)?.difference(&before).max().cloned();
        Ok(Ended {
            code: status.code(),
            how: describe(status),
            dir: made.map(|name| store.join(name)),
        })
    }
}

/// The names of the runs in a store.
fn runs(store: &Path) -> Result<BTreeSet<String>> {
    let entries = match fs::read_dir(store) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries.with_context(|| format!("{} cannot be read", store.display()))?,
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry?;
        // Links are not followed here: `latest` is not a run of its own.
        if entry.file_type()?.is_dir() {
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// The flags that Maelstrom has as well, but for the workload and the nemesis.
const KNOWN: [&str; 9] = [
    "node-count",
    "nodes",
    "concurrency",
    "time-limit",
    "rate",
    "latency",
    "latency-dist",
    "topology",
    "availability",
];
/// The keys of a profile that are dealt with, or are about the lab.
const OTHERS: [&str; 6] =
    ["description", "workload", "nemesis", "nemesis-interval", "limit", "node-args"];

/// Maelstrom's arguments for a profile; what the profile leaves open has Maelstrom's defaults.
///
/// # Errors
/// If the profile asks for faults that Maelstrom does not have.
pub fn arguments(profile: &Profile, bin: &Path, node_args: &[String]) -> Result<Vec<String>> {
    ensure!(
        !profile.has("faults"),
        "Maelstrom has none of the faults that the profile asks for: use lab test or lab sim"
    );
    let Flags { workload, nemesis, .. } = profile.flags()?;
    ensure!(
        !nemesis.kill && !nemesis.pause,
        "this Maelstrom has no nemesis but partition: use lab test or lab sim for {nemesis}"
    );
    let asked: BTreeMap<&str, String> = profile.texts().collect();
    let bin = bin.to_str().with_context(|| format!("{} is not UTF-8", bin.display()))?;
    let mut words: Vec<String> =
        ["test", "--workload", workload.name, "--bin", bin].map(str::to_owned).to_vec();
    let nemesis: &[&str] = if nemesis.partition { &["nemesis", "nemesis-interval"] } else { &[] };
    for name in KNOWN.iter().chain(nemesis) {
        words.extend(
            asked.get(name).into_iter().flat_map(|value| [format!("--{name}"), value.clone()]),
        );
    }
    if !node_args.is_empty() {
        words.push("--".to_owned());
        words.extend_from_slice(node_args);
    }
    Ok(words)
}

/// The settings of a profile that Maelstrom knows nothing of, by name.
pub fn ignored(profile: &Profile) -> impl Iterator<Item = &str> {
    let names = profile.texts().map(|(name, _)| name);
    names.filter(|name| !KNOWN.contains(name) && !OTHERS.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(profile: &Profile, node_args: &[&str]) -> String {
        let node_args: Vec<String> = node_args.iter().map(ToString::to_string).collect();
        arguments(profile, Path::new("/bin/node"), &node_args).unwrap().join(" ")
    }

    #[test]
    fn profiles_become_maelstroms_flags() {
        let load = |name: &str| Profile::load(name).unwrap();
        assert_eq!(
            words(&load("fly-3e"), &[]),
            "test --workload broadcast --bin /bin/node --node-count 25 --time-limit 20 --rate 100 \
             --latency 100"
        );
        assert_eq!(
            words(&load("partition-25"), &["--route", "hub"]),
            "test --workload broadcast --bin /bin/node --node-count 25 --time-limit 20 --rate 100 \
             --latency 100 --availability total --nemesis partition --nemesis-interval 5 \
             -- --route hub"
        );
        let text = "nodes = ['a', 'b']\nconcurrency = '4n'\nrate = 0.5\nlatency = 7\n\
                    latency-dist = 'uniform'\ntopology = 'tree3'\navailability = 0.9\nseed = 1\n\
                    nemesis = 'none'\nnemesis-interval = 3";
        let profile = Profile::parse(text, "test").unwrap();
        assert_eq!(
            words(&profile, &[]),
            "test --workload broadcast --bin /bin/node --nodes a,b --concurrency 4n --rate 0.5 \
             --latency 7 --latency-dist uniform --topology tree3 --availability 0.9"
        );
        assert_eq!(ignored(&profile).collect::<Vec<_>>(), ["seed"]);
    }

    #[test]
    fn faults_that_maelstrom_does_not_have_are_refused() {
        let profile = Profile::of_faults("").unwrap();
        let error = arguments(&profile, Path::new("/bin/node"), &[]).unwrap_err().to_string();
        assert!(error.contains("lab sim"), "{error}");
    }
}
