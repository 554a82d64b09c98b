//! `set-full`, Jepsen's checker of a set that is added to and read, as Maelstrom uses it.
//!
//! An element is *stable* if the last-invoked read that decides about it shows it, *lost* if that
//! read lacks it although it was known before. "Known" is the acknowledgement of the add or the
//! first read that showed it, whichever completed first. See `missing` for what this rule misses.
//!
//! The rule speaks of every element at every read. Here reads are visited once from the last
//! invoked to the first, with the sets of elements whose last presence and last absence are still
//! open: set operations on whole reads, and per element only the one event that decides.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;
use rumormill_sim::Nanos;
use serde::{Deserialize, Deserializer, Serialize};

use super::quantile::Quantiles;
use super::{Pairing, Validity, client_function};
use crate::history::{ADD, BROADCAST, Op, OpKind, Process, READ};

/// Number of stale elements that are listed, the stalest first.
const WORST_STALE_COUNT: usize = 8;

/// Outcome of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The last read that decides showed it.
    Stable,
    /// It was known, and the last read lacks it.
    Lost,
    /// No read was invoked after it was known: unknown.
    NeverRead,
}

/// One element and the operations that decide about it, as positions in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The value added.
    pub value: u64,
    /// The invocation of its add.
    pub created: usize,
    /// The completion since which it is known to be in the set.
    pub known: Option<usize>,
    /// The last invocation of a read that showed it.
    pub last_present: Option<usize>,
    /// The last invocation of a read that lacked it.
    pub last_absent: Option<usize>,
}

impl Element {
    fn new(value: u64, created: usize) -> Self {
        Self { value, created, known: None, last_present: None, last_absent: None }
    }

    /// Its outcome.
    pub fn outcome(&self) -> Outcome {
        if self.last_present.is_some() && self.last_absent < self.last_present {
            Outcome::Stable
        } else if self.known.is_some()
            && self.last_present < self.last_absent
            && self.known < self.last_absent
        {
            Outcome::Lost
        } else {
            Outcome::NeverRead
        }
    }

    /// Milliseconds from `known` to the last read that contradicts the outcome.
    pub fn latency_ms(&self, history: &[Op], last_contrary: Option<usize>) -> u64 {
        let until = last_contrary.map_or(0, |position| history[position].time + 1);
        let known: Nanos = self.known.map_or(0, |position| history[position].time);
        until.saturating_sub(known) / 1_000_000
    }
}

/// A line of the history, as far as a result quotes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpSummary {
    /// Position in the history.
    pub index: usize,
    /// Nanoseconds since the run's time zero.
    pub time: Nanos,
    /// `invoke`, `ok`…
    #[serde(rename = "type")]
    pub kind: String,
    /// The client process.
    pub process: u64,
    /// `add` or `read`.
    pub f: String,
    /// The element; none if it is of a read, whose value is a list.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "element")]
    pub value: Option<u64>,
}

fn element<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_u64())
}

impl OpSummary {
    /// The parts of an operation that the results have.
    pub fn of(op: &Op) -> Self {
        let f = match client_function(op) {
            Some(BROADCAST) => ADD,
            f => f.unwrap_or(READ),
        };
        let value = op.action.value().int().and_then(|value| u64::try_from(value).ok());
        let process = match op.process {
            Process::Client(process) => process,
            Process::Nemesis => 0,
        };
        let kind = op.kind.name().to_owned();
        Self { index: op.index, time: op.time, kind, process, f: f.to_owned(), value }
    }
}

/// One of the stalest elements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stale {
    /// The value.
    pub element: u64,
    /// Always stable: only stable elements can be stale.
    pub outcome: Outcome,
    /// From `known` to the last read that missed it.
    pub stable_latency: u64,
    /// When it was known.
    pub known: Option<OpSummary>,
    /// The last read that missed it.
    pub last_absent: Option<OpSummary>,
}

/// The result, with Maelstrom's names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct SetFull {
    /// False if anything is lost, unknown if nothing is stable.
    #[serde(rename = "valid?")]
    pub valid: Validity,
    /// Elements whose add was tried.
    pub attempt_count: u64,
    /// Elements the last deciding read showed.
    pub stable_count: u64,
    /// Stable elements that some read missed at least 1 ms after they were known.
    pub stale_count: u64,
    /// Known elements the last read lacks.
    pub lost_count: u64,
    /// Elements whose outcome is unknown.
    pub never_read_count: u64,
    /// Always 0: Jepsen's test for duplicates is inverted. See `reads` for the true count.
    pub duplicated_count: u64,
    /// The lost ones, ascending.
    pub lost: Vec<u64>,
    /// Those never read, ascending.
    pub never_read: Vec<u64>,
    /// The stale ones, ascending.
    pub stale: Vec<u64>,
    /// The stalest, worst first.
    pub worst_stale: Vec<Stale>,
    /// Milliseconds, over all stable elements; none if there is no stable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_latencies: Option<Quantiles<u64>>,
    /// Milliseconds, over the lost ones; none if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_latencies: Option<Quantiles<u64>>,
}

/// Checks a history.
pub fn check(history: &[Op]) -> SetFull {
    summarise(history, &elements(history))
}

/// Every element of the history, in order of value.
pub fn elements(history: &[Op]) -> Vec<Element> {
    let (mut elements, mut reads) = walk_forward(history);
    reads.sort_by_key(|read| read.invoked);
    find_last_reads(&mut elements, &reads);
    elements.into_values().collect()
}

/// A successful read.
struct Read<'h> {
    invoked: usize,
    completed: usize,
    values: &'h RoaringTreemap,
}

/// Creates the elements, finds when each became known, and collects the successful reads.
fn walk_forward(history: &[Op]) -> (BTreeMap<u64, Element>, Vec<Read<'_>>) {
    let mut elements = BTreeMap::new();
    let mut unknown = RoaringTreemap::new();
    let mut reads = Vec::new();
    let mut pairing = Pairing::default();
    for (position, op) in history.iter().enumerate() {
        if client_function(op).is_none() {
            continue;
        }
        let invoked = pairing.step(position, op);
        match (op.action.added(), op.action.read_set(), op.kind) {
            (Some(value), _, OpKind::Invoke) => {
                elements.insert(value, Element::new(value, position));
                unknown.insert(value);
            }
            (Some(value), _, OpKind::Ok) if unknown.remove(value) => {
                set_known(&mut elements, value, position);
            }
            (_, Some(set), OpKind::Ok) => {
                let Some(invoked) = invoked else { continue };
                let shown = &unknown & &set.ints;
                for value in &shown {
                    set_known(&mut elements, value, position);
                }
                unknown -= shown;
                reads.push(Read { invoked, completed: position, values: &set.ints });
            }
            _ => {}
        }
    }
    (elements, reads)
}

fn set_known(elements: &mut BTreeMap<u64, Element>, value: u64, position: usize) {
    if let Some(element) = elements.get_mut(&value) {
        element.known = Some(position);
    }
}

/// Fills in `last_present` and `last_absent`; the reads are in order of invocation.
fn find_last_reads(elements: &mut BTreeMap<u64, Element>, reads: &[Read<'_>]) {
    let mut by_creation: Vec<(usize, u64)> =
        elements.values().map(|element| (element.created, element.value)).collect();
    by_creation.sort_unstable();
    let all: RoaringTreemap = elements.keys().copied().collect();
    let mut open_present = all.clone();
    let mut open_absent = all;
    for (read, horizon) in reads.iter().zip(horizons(reads)).rev() {
        // Elements created after all the remaining reads had completed: they never saw them.
        while let Some(&(created, value)) = by_creation.last()
            && created > horizon
        {
            by_creation.pop();
            open_present.remove(value);
            open_absent.remove(value);
        }
        let shown = &open_present & read.values;
        close(elements, &mut open_present, shown, read, |element| &mut element.last_present);
        if !open_absent.is_subset(read.values) {
            let missed = &open_absent - read.values;
            close(elements, &mut open_absent, missed, read, |element| &mut element.last_absent);
        }
    }
}

/// For each read, the last completion among it and the reads invoked before it.
fn horizons(reads: &[Read<'_>]) -> Vec<usize> {
    let mut horizon = 0;
    reads
        .iter()
        .map(|read| {
            horizon = horizon.max(read.completed);
            horizon
        })
        .collect()
}

/// Settles one field of the elements in `decided` that existed when the read completed.
fn close(
    elements: &mut BTreeMap<u64, Element>,
    open: &mut RoaringTreemap,
    decided: RoaringTreemap,
    read: &Read<'_>,
    field: impl Fn(&mut Element) -> &mut Option<usize>,
) {
    for value in decided {
        if let Some(element) = elements.get_mut(&value)
            && element.created < read.completed
        {
            *field(element) = Some(read.invoked);
            open.remove(value);
        }
    }
}

fn summarise(history: &[Op], elements: &[Element]) -> SetFull {
    let mut result = SetFull { attempt_count: elements.len() as u64, ..SetFull::default() };
    let mut stable_latencies = Vec::new();
    let mut lost_latencies = Vec::new();
    let mut stale: Vec<(u64, &Element)> = Vec::new();
    for element in elements {
        match element.outcome() {
            Outcome::Stable => {
                let latency_ms = element.latency_ms(history, element.last_absent);
                stable_latencies.push(latency_ms);
                if latency_ms > 0 {
                    stale.push((latency_ms, element));
                }
            }
            Outcome::Lost => {
                lost_latencies.push(element.latency_ms(history, element.last_present));
                result.lost.push(element.value);
            }
            Outcome::NeverRead => result.never_read.push(element.value),
        }
    }
    result.stable_count = stable_latencies.len() as u64;
    result.lost_count = result.lost.len() as u64;
    result.never_read_count = result.never_read.len() as u64;
    result.stale = stale.iter().map(|(_, element)| element.value).collect();
    result.stale_count = result.stale.len() as u64;
    result.worst_stale = worst_stale(history, stale);
    result.valid = Validity::of(result.lost_count == 0, result.stable_count > 0);
    result.stable_latencies = Quantiles::of(stable_latencies);
    result.lost_latencies = Quantiles::of(lost_latencies);
    result
}

fn worst_stale(history: &[Op], mut stale: Vec<(u64, &Element)>) -> Vec<Stale> {
    stale.sort_by_key(|&(latency_ms, element)| std::cmp::Reverse((latency_ms, element.value)));
    let summary = |position: Option<usize>| position.map(|at| OpSummary::of(&history[at]));
    stale
        .into_iter()
        .take(WORST_STALE_COUNT)
        .map(|(stable_latency, element)| Stale {
            element: element.value,
            outcome: Outcome::Stable,
            stable_latency,
            known: summary(element.known),
            last_absent: summary(element.last_absent),
        })
        .collect()
}

#[cfg(test)]
mod tests;
