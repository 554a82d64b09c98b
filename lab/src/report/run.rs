//! The files of a run, read once for all parts of the report.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, thread};

use anyhow::{Context as _, Result, anyhow, ensure};
use rumormill_judge::checker::set_full::{self, Outcome};
use rumormill_judge::history::{Op, reader};
use rumormill_judge::results::{Outage, Results};
use rumormill_judge::trace::{Source, TracedValue, ValuesAt};
use rumormill_judge::workload;

use super::operations::{self, Operation};
use crate::store::journal::{Journal, Partition};

/// A value's latency, for charts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// The value, as JSON text.
    pub(super) value: String,
    /// When it was acknowledged, or else broadcast, in ms of the history's clock.
    pub(super) at_ms: f64,
    /// Length; none if it came to no end.
    pub(super) took_ms: Option<f64>,
}

/// A run, as far as it left files.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The directory's own name.
    pub(super) name: String,
    /// Figures and verdict.
    pub(super) results: Option<Results>,
    /// All messages.
    pub(super) journal: Option<Journal>,
    /// Operations of the clients; none if there is no history.
    pub(super) operations: Option<Vec<Operation>>,
    /// Why operations did not succeed, and how often.
    pub(super) errors: Vec<(String, u64)>,
    /// Maelstrom's stable latency of each value, as reads show it.
    pub(super) stable: Vec<Point>,
    /// All nodes.
    pub(super) nodes: Vec<String>,
    /// Nodes that did not live to the end: nothing is owed to them.
    pub(super) dead: BTreeSet<String>,
    /// Files that could not be read, and why.
    pub(super) absent: Vec<String>,
    /// The logs of the nodes, by file name.
    pub(super) logs: Vec<String>,
    /// Other files of the run.
    pub(super) files: Vec<String>,
}

impl Run {
    /// Reads what there is.
    pub(super) fn gather(dir: &Path, values_at: &[ValuesAt]) -> Self {
        // The two large files at once: there are mostly two cores.
        let (journal, history) = thread::scope(|scope| {
            let history = scope.spawn(|| read_history(dir));
            let journal = if dir.join("messages.jsonl").exists() {
                Journal::load(dir, values_at)
            } else {
                Err(anyhow!("there is no messages.jsonl"))
            };
            let history = history.join();
            (journal, history.unwrap_or_else(|_| Err(anyhow!("history.edn broke the reader"))))
        });
        let mut run = Self { name: name_of(dir), ..Self::default() };
        run.results = run.note("No figures and no verdict", read_results(dir));
        run.journal = run.note("No messages", journal);
        if let Some(history) = run.note("No operations", history) {
            run.operations = Some(operations::of(&history));
            run.errors = operations::errors(&history);
            run.stable = stable_latencies(&history);
        }
        run.name_nodes();
        run.files = files(dir);
        run.logs = files(&dir.join("node-logs"));
        run
    }

    /// True if there was nothing to be read.
    pub(super) const fn is_empty(&self) -> bool {
        self.results.is_none() && self.journal.is_none() && self.operations.is_none()
    }

    fn note<T>(&mut self, what: &str, read: Result<T>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                self.absent.push(format!("{what}: {error:#}."));
                None
            }
        }
    }

    fn name_nodes(&mut self) {
        if let Some(journal) = &self.journal {
            self.nodes.clone_from(&journal.nodes);
            self.dead.clone_from(&journal.dead);
            return;
        }
        let finals = self.results.iter().flat_map(|results| &results.rumormill.missing.nodes);
        self.nodes = finals.map(|node| node.node.clone()).collect();
    }

    /// Begin and end of the partitions, in ms of the history's clock.
    pub(super) fn partitions(&self) -> Vec<(f64, f64)> {
        let Some(journal) = &self.journal else { return Vec::new() };
        let span = |partition: &Partition| {
            let end = partition.end.unwrap_or(journal.end);
            (journal.millis(partition.start), journal.millis(end))
        };
        journal.partitions.iter().map(span).collect()
    }

    /// Times in which nodes were down or paused, in order.
    pub(super) fn outages(&self) -> &[Outage] {
        self.results.as_ref().map_or(&[], |results| &results.rumormill.outages)
    }

    /// The end of the run in ms of the history's clock.
    pub(super) fn end_ms(&self) -> f64 {
        let operations = self.operations.iter().flatten();
        let last_op = operations.map(Operation::end_ms).fold(0.0, f64::max);
        self.journal.as_ref().map_or(last_op, |journal| journal.millis(journal.end).max(last_op))
    }

    /// Where deliveries were seen, if there are messages.
    pub(super) fn source(&self) -> Option<&Source> {
        self.journal.as_ref().map(|journal| &journal.trace.source)
    }

    /// True if messages show when nodes came to hold values.
    pub(super) fn shows_deliveries(&self) -> bool {
        self.source().is_some_and(Source::is_messages)
    }

    /// The values that are owed to all: those that were acknowledged.
    pub(super) fn owed(&self) -> impl Iterator<Item = (&Journal, &TracedValue)> {
        let journal = self.journal.iter();
        let values =
            journal.flat_map(|journal| journal.trace.values.iter().map(move |v| (journal, v)));
        values.filter(|(_, value)| value.acked.is_some())
    }

    /// Latency of each value, from the best source there is.
    pub(super) fn latencies(&self) -> Vec<Point> {
        if !self.shows_deliveries() {
            return self.stable.clone();
        }
        let point = |(journal, value): (&Journal, &TracedValue)| Point {
            value: value.value.to_string(),
            at_ms: journal.millis(value.start().unwrap_or(value.invoked)),
            took_ms: journal.took_ms(value),
        };
        self.owed().map(point).collect()
    }

    /// Words for [`latencies`](Self::latencies).
    pub(super) fn latency_words(&self) -> String {
        let stable = "Maelstrom's stable latency, seen in the reads of clients: from the \
                      acknowledgement to the last read that lacks the value.";
        match self.source() {
            Some(source) if source.is_messages() => format!(
                "From the acknowledgement until the last node held the value, seen in {}",
                source.words()
            ),
            Some(source) => {
                let why = source.why_not().unwrap_or_default();
                format!("{stable} When nodes held it is not seen in messages: {why}")
            }
            None => stable.to_owned(),
        }
    }
}

fn name_of(dir: &Path) -> String {
    // `latest` is a link; the run's own name is its time.
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    real.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn read_results(dir: &Path) -> Result<Results> {
    let path = dir.join("results.json");
    ensure!(path.exists(), "there is no results.json, the run came to no end (or is not over)");
    let text = fs::read_to_string(&path).context("results.json cannot be read")?;
    serde_json::from_str(&text).context("results.json is damaged")
}

fn read_history(dir: &Path) -> Result<Vec<Op>> {
    let path = dir.join("history.edn");
    ensure!(path.exists(), "there is no history.edn");
    let text = fs::read_to_string(path).context("history.edn cannot be read")?;
    // A run that was killed may have left half a line.
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    reader::read(whole, &workload::functions()).context("history.edn is damaged")
}

/// Of each value that stayed, when it was acknowledged and how long it was not seen everywhere.
fn stable_latencies(history: &[Op]) -> Vec<Point> {
    let elements = set_full::elements(history);
    let point = |element: &set_full::Element| {
        let took_ms = match element.outcome() {
            Outcome::Stable => Some(element.latency_ms(history, element.last_absent) as f64),
            Outcome::Lost => None,
            Outcome::NeverRead => return None,
        };
        let known = history.get(element.known.unwrap_or(element.created))?;
        Some(Point { value: element.value.to_string(), at_ms: known.time as f64 / 1e6, took_ms })
    };
    elements.iter().filter_map(point).collect()
}

/// The names of the files in a directory, in order.
fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_shown = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    let mut names: Vec<String> = entries.filter(is_shown).filter_map(name).collect();
    names.retain(|name| !name.starts_with('.') && name != super::FILE);
    names.sort_unstable();
    names
}
