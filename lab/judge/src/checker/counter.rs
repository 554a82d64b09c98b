//! Counters: the sums that a final read may have, and each node held against them.
//!
//! Maelstrom judges the final reads that it got. Here every node answers for itself, and one that
//! could not be read leaves the verdict open.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::{Pairing, Validity};
use crate::format::edn::Edn;
use crate::history::{ADD, Action, Op, OpKind, OpValue, Process};

/// Uncertain additions by which sums are told apart. Of more, every sum in the range is taken.
const MAX_SUMS: usize = 1 << 20;

/// Additions that are listed of those that a node lacks.
const LISTED: usize = 48;

/// The sums that a read may have: those of all acknowledged additions and any of the
/// indeterminate ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptable {
    /// Runs of consecutive sums, first and last, ascending.
    runs: Vec<(i128, i128)>,
}

impl Acceptable {
    /// True if a read may have this sum.
    #[must_use]
    pub fn contains(&self, sum: i64) -> bool {
        self.off_by(sum) == 0
    }

    /// The difference between a sum and the nearest acceptable one.
    #[must_use]
    pub fn off_by(&self, sum: i64) -> i128 {
        let sum = i128::from(sum);
        let to_run = |(first, last): &(i128, i128)| sum - sum.clamp(*first, *last);
        self.runs.iter().map(to_run).min_by_key(|off| off.abs()).unwrap_or(0)
    }

    /// Runs of consecutive sums, first and last, ascending.
    pub fn runs(&self) -> impl Iterator<Item = (Edn, Edn)> + '_ {
        // Only sums of a history that was not made by the lab do not fit.
        let edn = |sum: i128| i64::try_from(sum).map_or(Edn::Float(sum as f64), Edn::Int);
        self.runs.iter().map(move |(first, last)| (edn(*first), edn(*last)))
    }

    /// For people: `7`, or `3 to 5 or 9`.
    #[must_use]
    pub fn words(&self) -> String {
        let run = |(first, last): &(i128, i128)| match first == last {
            true => first.to_string(),
            false => format!("{first} to {last}"),
        };
        self.runs.iter().map(run).collect::<Vec<_>>().join(" or ")
    }
}

/// The sums that a read at the end may have.
#[must_use]
pub fn acceptable(history: &[Op]) -> Acceptable {
    let uncertain: Vec<i128> = deltas(history, OpKind::Info).collect();
    sums(deltas(history, OpKind::Ok).sum(), &uncertain)
}

/// A certain sum with any of the uncertain deltas.
fn sums(certain: i128, uncertain: &[i128]) -> Acceptable {
    let mut sums = BTreeSet::from([certain]);
    for delta in uncertain {
        let more: Vec<i128> = sums.iter().map(|sum| sum + delta).collect();
        sums.extend(more);
        if sums.len() > MAX_SUMS {
            let down: i128 = uncertain.iter().filter(|delta| **delta < 0).sum();
            let up: i128 = uncertain.iter().filter(|delta| **delta > 0).sum();
            return Acceptable { runs: vec![(certain + down, certain + up)] };
        }
    }
    let mut runs: Vec<(i128, i128)> = Vec::new();
    for sum in sums {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == sum => *last = sum,
            _ => runs.push((sum, sum)),
        }
    }
    Acceptable { runs }
}

/// The deltas of additions that ended like this.
fn deltas(history: &[Op], kind: OpKind) -> impl Iterator<Item = i128> + '_ {
    history.iter().filter(move |op| op.kind == kind).filter_map(|op| match &op.action {
        Action::Client { f: ADD, value } => value.int().map(i128::from),
        _ => None,
    })
}

/// A node's sum at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeSum {
    /// Its id.
    pub node: String,
    /// Its final read; none if it did not answer one.
    pub sum: Option<i64>,
    /// The difference to the nearest acceptable sum.
    pub off_by: i64,
    /// Acknowledged additions that it lacks, in words, as far as the run can tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// How many there are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks_count: Option<u64>,
}

/// The result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counter {
    /// False if any node has a wrong sum; unknown if none is seen to but some did not answer.
    #[serde(rename = "valid?")]
    pub valid: Validity,
    /// Additions acknowledged to a client.
    pub acknowledged_count: u64,
    /// Additions whose outcome is unknown.
    pub indeterminate_count: u64,
    /// Those lost with their holders, which died before they could pass them on: they are not owed.
    #[serde(default)]
    pub lost_with_holders_count: u64,
    /// The sums that are right, for people.
    pub acceptable: String,
    /// Nodes with another sum.
    pub wrong_count: u64,
    /// The greatest difference.
    pub worst_off_by: u64,
    /// Nodes without a successful final read.
    pub unread: Vec<String>,
    /// Every node, in order; none at all if it is not known which node answered which read.
    pub nodes: Vec<NodeSum>,
}

/// An acknowledged addition of something.
struct Addition<'h> {
    /// Its number: of the additions that change the sum, counted by their invocation.
    number: u64,
    delta: i64,
    /// Its acknowledgement.
    acked: &'h Op,
}

/// The acknowledged additions that change the sum.
fn additions(history: &[Op]) -> Vec<Addition<'_>> {
    let mut pairing = Pairing::default();
    let mut numbers = BTreeMap::new();
    let mut additions = Vec::new();
    for (position, op) in history.iter().enumerate() {
        let Action::Client { f, value } = &op.action else { continue };
        let invoked = pairing.step(position, op);
        let delta = value.int().filter(|delta| *f == ADD && *delta != 0);
        let Some(delta) = delta else { continue };
        match (op.kind, invoked) {
            (OpKind::Invoke, _) => _ = numbers.insert(position, numbers.len() as u64),
            (OpKind::Ok, Some(invoked)) => {
                let number = numbers.get(&invoked).copied();
                additions.extend(number.map(|number| Addition { number, delta, acked: op }));
            }
            _ => {}
        }
    }
    additions
}

impl Counter {
    /// The same without what nodes lack, which is not in the history.
    #[must_use]
    pub fn without_lacking(mut self) -> Self {
        for node in &mut self.nodes {
            node.lacks.clear();
            node.lacks_count = None;
        }
        self
    }

    /// Adds which acknowledged additions each wrong node lacks, by their numbers.
    pub fn record_lacking<'l>(
        &mut self,
        history: &[Op],
        lacking: impl Fn(&str) -> Option<&'l [u64]>,
    ) {
        if self.wrong_count == 0 {
            return;
        }
        let additions = additions(history);
        for node in self.nodes.iter_mut().filter(|node| node.off_by != 0) {
            let Some(numbers) = lacking(&node.node) else { continue };
            let lacked = additions.iter().filter(|addition| numbers.contains(&addition.number));
            node.lacks_count = Some(numbers.len() as u64);
            node.lacks = lacked.take(LISTED).map(Addition::words).collect();
        }
    }
}

impl Addition<'_> {
    /// Such as `+3 (acknowledged to process 4 at 812 ms)`.
    fn words(&self) -> String {
        let Process::Client(process) = self.acked.process else { return self.delta.to_string() };
        let ms = self.acked.time / 1_000_000;
        format!("{:+} (acknowledged to process {process} at {ms} ms)", self.delta)
    }
}

/// Holds every node's final read against the history. Additions that were lost with the only nodes
/// that held them, by their numbers, may be missing.
pub fn check<'a>(
    history: &[Op],
    final_reads: impl IntoIterator<Item = (&'a str, Option<&'a OpValue>)>,
    lost: &RoaringTreemap,
) -> Counter {
    let mut uncertain: Vec<i128> = deltas(history, OpKind::Info).collect();
    let mut certain: i128 = deltas(history, OpKind::Ok).sum();
    if !lost.is_empty() {
        for addition in additions(history) {
            if lost.contains(addition.number) {
                certain -= i128::from(addition.delta);
                uncertain.push(addition.delta.into());
            }
        }
    }
    let acceptable = sums(certain, &uncertain);
    let mut result = Counter {
        acknowledged_count: deltas(history, OpKind::Ok).count() as u64,
        indeterminate_count: deltas(history, OpKind::Info).count() as u64,
        lost_with_holders_count: lost.len(),
        acceptable: acceptable.words(),
        ..Counter::default()
    };
    for (node, read) in final_reads {
        let sum = read.and_then(OpValue::int);
        let off_by = sum.map_or(0, |sum| acceptable.off_by(sum));
        let off_by = i64::try_from(off_by).unwrap_or(i64::MAX);
        if sum.is_none() {
            result.unread.push(node.to_owned());
        }
        result.wrong_count += u64::from(off_by != 0);
        result.worst_off_by = result.worst_off_by.max(off_by.unsigned_abs());
        result.nodes.push(NodeSum { node: node.to_owned(), sum, off_by, ..NodeSum::default() });
    }
    result.valid = Validity::of(result.wrong_count == 0, result.unread.is_empty());
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::testing::history;

    const ADDS: &str = "0 invoke add 3, 0 ok add 3, 1 invoke add 10, 1 info add 10";

    #[test]
    fn every_node_answers_for_itself() {
        let sums = [OpValue::Int(3), OpValue::Int(13), OpValue::Int(8), OpValue::Int(-1)];
        let reads = ["n0", "n1", "n2", "n3"].into_iter().zip(sums.iter().map(Some));
        let result = check(&history(ADDS), reads, &RoaringTreemap::new());
        assert_eq!((result.valid, result.wrong_count), (Validity::Invalid, 2));
        let off: Vec<i64> = result.nodes.iter().map(|node| node.off_by).collect();
        assert_eq!(off, [0, 0, 5, -4]);
        assert_eq!((result.worst_off_by, &*result.acceptable), (5, "3 or 13"));
        assert_eq!((result.acknowledged_count, result.indeterminate_count), (1, 1));
    }

    #[test]
    fn a_node_that_does_not_answer_leaves_the_verdict_open() {
        let three = OpValue::Int(3);
        let result =
            check(&history(ADDS), [("n0", Some(&three)), ("n1", None)], &RoaringTreemap::new());
        assert_eq!((result.valid, result.unread), (Validity::Unknown, vec!["n1".to_owned()]));
    }

    #[test]
    fn what_a_node_lacks_is_told_and_what_died_with_its_holders_is_not_owed() {
        let script = "0 invoke add 0, 0 ok add 0, 0 invoke add 3, 0 ok add 3, 1 invoke add -2, \
                      1 ok add -2";
        let history = history(script);
        let (one, three) = (OpValue::Int(1), OpValue::Int(3));
        let reads = || [("n0", Some(&one)), ("n1", Some(&three))];
        let mut result = check(&history, reads(), &RoaringTreemap::new());
        result.record_lacking(&history, |node| Some(if node == "n1" { &[1][..] } else { &[] }));
        let n1 = &result.nodes[1];
        assert_eq!((n1.off_by, n1.lacks_count), (2, Some(1)));
        assert_eq!(n1.lacks, ["-2 (acknowledged to process 1 at 5 ms)"]);
        let result = check(&history, reads(), &RoaringTreemap::from_iter([1]));
        assert_eq!((result.valid, &*result.acceptable), (Validity::Valid, "1 or 3"));
    }

    #[test]
    fn many_uncertain_additions_become_one_range() {
        let adds: Vec<String> =
            (0..40).map(|bit| format!("0 invoke add {0}, 0 info add {0}", 1_i64 << bit)).collect();
        let acceptable = acceptable(&history(&adds.join(", ")));
        assert_eq!(acceptable.words(), format!("0 to {}", (1_i64 << 40) - 1));
    }
}
