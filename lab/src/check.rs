//! A finished run, looked at again: its figures are recomputed from its history and held against
//! those it reported, Maelstrom's or ours.

mod comparison;
mod finals;
mod log;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use roaring::RoaringTreemap;
use rumormill_judge::checker::{Validity, availability};
use rumormill_judge::history::{Op, reader};
use rumormill_judge::results::ignored_validity;
use rumormill_judge::results::{MaelstromResults, Results, RunInfo, held};
use rumormill_judge::settings::{Availability, Settings};
use rumormill_judge::verdict::{Limit, decide};
use rumormill_judge::workload::{self, Workload, WorkloadResults};

use crate::profile::Profile;
pub use comparison::{Comparison, Difference};
use finals::Finals;
use log::Log;

/// A run that was looked at again.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its results, with limits held against them.
    pub results: Results,
    /// The recomputed figures.
    pub comparison: Comparison,
}

impl Checked {
    /// The verdict; a figure that does not follow from the history is as bad as a lost value.
    #[must_use]
    pub fn verdict(&self) -> Validity {
        let agrees = Validity::from_bool(self.comparison.differences.is_empty());
        Validity::compose([self.results.verdict(), agrees])
    }
}

/// Reads the files of a run and recomputes its figures.
///
/// `flags` tell what the files do not, or say it better; their limits are decided. Of `profile`
/// the same is taken where neither flags nor files say anything.
///
/// # Errors
/// If there is no history, it cannot be read, or the run came to no end and has no results.
pub fn check(path: &Path, flags: &Profile, profile: Option<&Profile>) -> Result<Checked> {
    let dir = find(path)?;
    let log = read_file(&dir, "jepsen.log")?.map(|text| Log::read(&text)).unwrap_or_default();
    if let Some(why) = &log.bad_value {
        bail!("{}, {why}", dir.join("jepsen.log").display());
    }
    let Some(results) = read_file(&dir, "results.edn")? else {
        let why = log.why_no_end().unwrap_or_else(|| "the run came to no end".to_owned());
        bail!("there is no results.edn in {}: {why}", dir.display());
    };
    let reported = MaelstromResults::from_edn(&results)
        .with_context(|| format!("{} cannot be read", dir.join("results.edn").display()))?;
    let path = dir.join("history.edn");
    let text = read_file(&dir, "history.edn")?.unwrap_or_default();
    let history = reader::read(&text, &workload::functions())
        .with_context(|| format!("{}", path.display()))?;
    let profile = profile.cloned().unwrap_or_default();
    // The store has a directory for each workload.
    let workload = dir.parent().and_then(|parent| parent.file_name()?.to_str());
    let workload = workload.filter(|name| name.parse::<&'static Workload>().is_ok());
    let by_path = Profile::default().with("workload", workload);
    let known = flags.clone().over(log.profile.clone()).over(profile).over(by_path);
    match read_file(&dir, "results.json")? {
        Some(text) => {
            let ours: Results = serde_json::from_str(&text).with_context(|| {
                format!("{} cannot be read", dir.join("results.json").display())
            })?;
            check_ours(ours, reported, &history, known)
        }
        None => check_maelstroms(&dir, reported, &history, &log, known),
    }
}

/// The directory itself, or that of the latest run if it is a store of many.
fn find(path: &Path) -> Result<PathBuf> {
    ensure!(path.exists(), "there is no {}", path.display());
    let candidates = [path.to_owned(), path.join("latest")];
    let found = candidates.into_iter().find(|dir| dir.join("history.edn").is_file());
    if let Some(dir) = found.or_else(|| latest_below(path)) {
        return Ok(dir);
    }
    let log = read_file(path, "jepsen.log").ok().flatten().map(|text| Log::read(&text));
    match log.and_then(|log| log.why_no_end()) {
        Some(why) => bail!("there is no history.edn in {}: {why}", path.display()),
        None => bail!("there is no history.edn in {}: is it a run's directory?", path.display()),
    }
}

/// The latest run below a store that has no link `latest`, or of a workload: their names are times.
fn latest_below(store: &Path) -> Option<PathBuf> {
    let dirs = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        dirs.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let near = dirs(store);
    let far = near.iter().flat_map(|dir| dirs(dir)).collect::<Vec<_>>();
    let runs = near.into_iter().chain(far).filter(|dir| dir.join("history.edn").is_file());
    runs.max_by(|a, b| a.file_name().cmp(&b.file_name()))
}

fn read_file(dir: &Path, name: &str) -> Result<Option<String>> {
    let path = dir.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    // Nodes may have written anything into a log.
    let bytes = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn limits(profile: &Profile) -> Result<Vec<Limit>> {
    let limits = profile.flags()?.limit;
    limits.iter().map(|limit| limit.parse().map_err(|error: String| anyhow!(error))).collect()
}

/// A run of the lab: all figures are in `results.json`.
fn check_ours(
    mut results: Results,
    from_edn: MaelstromResults,
    history: &[Op],
    mut known: Profile,
) -> Result<Checked> {
    let mut reported = results.maelstrom.clone();
    // JSON has no keywords.
    if let WorkloadResults::Other(_) = reported.workload {
        reported.workload = from_edn.workload;
    }
    reported.valid = results.rumormill.maelstrom_valid;
    let workload = results.rumormill.workload.parse().map_err(|error: String| anyhow!(error))?;
    let mut recomputed = recompute(workload, history, &reported, None);
    // How nodes' output was is not in the history.
    let heard = ignored_validity(&results.rumormill.node_errors);
    recomputed.valid = Validity::compose([recomputed.valid, heard]);
    if results.rumormill.crash.is_some() {
        recomputed.valid = reported.valid;
    }
    let mut comparison = Comparison::of(&reported, &recomputed);

    let lab = &results.rumormill;
    let nodes: Vec<&str> = match &lab.counter {
        Some(counter) => counter.nodes.iter().map(|node| &*node.node).collect(),
        None => lab.missing.nodes.iter().map(|node| &*node.node).collect(),
    };
    // Only a workload without a mark on its final reads has to be told how many there are.
    let finals = Finals::of(workload, history, nodes.len());
    // The history does not have values that died with the only nodes that held them.
    let lost = lab.counter.as_ref().map(|counter| counter.lost_with_holders_count);
    let lost = lost.unwrap_or(lab.missing.lost_with_holders_count);
    if finals.invoked >= nodes.len() && lost == 0 {
        let by_node = finals.by_node(&nodes, finals.invoked);
        let (missing, counter) = held(workload, history, by_node, &RoaringTreemap::new());
        comparison.hold("missing", &lab.missing, &missing);
        if let Some(reported) = lab.counter.clone() {
            comparison.hold("counter", &Some(reported.without_lacking()), &counter);
        }
    }
    let decided: Vec<String> = lab.limits.iter().map(|verdict| verdict.limit.clone()).collect();
    known = known.over(Profile::default().with("limit", Some(decided)));
    decide(&mut results, &limits(&known)?);
    Ok(Checked { results, comparison })
}

/// A run of Maelstrom: what it reported, and what the history tells beyond it.
fn check_maelstroms(
    dir: &Path,
    reported: MaelstromResults,
    history: &[Op],
    log: &Log,
    known: Profile,
) -> Result<Checked> {
    let limits = limits(&known)?;
    let names_nodes = known.has("node-count") || known.has("nodes");
    let settings = known.into_settings()?;
    // Maelstrom's log has its settings; other sources may be wrong.
    let availability = if log.is_complete {
        Some(log.profile.flags()?.availability)
    } else {
        settings.availability.map(Some)
    };
    let recomputed = recompute(settings.workload, history, &reported, availability);
    let comparison = Comparison::of(&reported, &recomputed);

    let mut notices = log.muted.clone();
    let nodes: Vec<&str> = settings.nodes.iter().map(|name| &**name).collect();
    let workload = settings.workload;
    let found = Finals::of(workload, history, settings.concurrency);
    let finals = if workload.last.is_none() {
        Vec::new()
    } else if names_nodes && found.invoked == settings.concurrency {
        let unheard = nodes.get(settings.concurrency..).unwrap_or_default();
        if !unheard.is_empty() {
            let unheard = unheard.join(", ");
            notices.push(format!("it is not known what {unheard} held: they have no client"));
        }
        found.by_node(&nodes, settings.concurrency)
    } else {
        notices.push(unknown_nodes(found.invoked, &settings, names_nodes));
        Vec::new()
    };
    let run = RunInfo {
        program: "maelstrom".to_owned(),
        command: log.command.clone().unwrap_or_default(),
        node: log.node.clone().unwrap_or_default(),
        shape: if names_nodes { settings.shape() } else { String::new() },
        faults: if names_nodes { settings.fault_words() } else { String::new() },
        started: String::new(),
        store: Some(dir.display().to_string()),
    };
    let bad_lines = log.is_complete.then_some(log.muted.len() as u64);
    let mut results = Results::of_maelstrom(
        reported,
        settings.workload,
        history,
        finals,
        run,
        notices,
        bad_lines,
    );
    decide(&mut results, &limits);
    Ok(Checked { results, comparison })
}

fn unknown_nodes(reads: usize, settings: &Settings, names_nodes: bool) -> String {
    if !names_nodes {
        return "which node answered which read is not known: give --node-count".to_owned();
    }
    let clients = settings.concurrency;
    format!("the history has {reads} final reads, not one for each of {clients} clients")
}

/// Maelstrom's figures from the history; the counts of messages are taken as reported.
/// `availability` is what was asked for, if that is known.
fn recompute(
    workload: &Workload,
    history: &[Op],
    reported: &MaelstromResults,
    availability: Option<Option<Availability>>,
) -> MaelstromResults {
    let net = &reported.net;
    let counts = [net.all.counts, net.clients, net.servers.counts];
    let mut results = MaelstromResults::check(workload, history, counts, None);
    results.availability.valid = match availability {
        // Maelstrom compares the rounded fraction.
        Some(required) => {
            availability::verdict(f64::from(results.availability.ok_fraction), required)
        }
        None => reported.availability.valid,
    };
    results.others.clone_from(&reported.others);
    results.valid = results.composed();
    results
}

#[cfg(test)]
mod tests;
