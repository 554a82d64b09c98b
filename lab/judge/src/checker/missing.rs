//! The values that each node lacks at the end: its final read against every acknowledged value.
//!
//! Maelstrom's `set-full` lets one read decide for the whole cluster, so that a value missing on
//! k of n nodes is found with probability k/n. Here each node answers for itself.

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::Validity;
use crate::history::{Op, OpKind, ReadSet};

/// How many values are listed one by one.
const LISTED_VALUES: usize = 48;

/// The values that one node lacks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeMissing {
    /// Its id.
    pub node: String,
    /// Acknowledged values not in its final read; none if it did not answer one.
    pub missing_count: Option<u64>,
    /// The least of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<u64>,
    /// Those of them that it was sent all the same, as far as messages show values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<SentInVain>,
}

/// A value that a node was sent, and that it does not return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SentInVain {
    /// The value.
    pub value: u64,
    /// The node that sent it first; none if a client did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it came, in ms of the history's clock.
    pub at_ms: f64,
}

impl NodeMissing {
    /// The first value that the node was sent in vain, in a sentence; `None` if there is none.
    #[must_use]
    pub fn diagnosis(&self) -> Option<String> {
        let SentInVain { value, from, at_ms } = self.sent.first()?;
        let from = from.as_deref().unwrap_or("a client");
        let more = match self.sent.len() - 1 {
            0 => String::new(),
            1 => ", nor 1 more value".to_owned(),
            more => format!(", nor {more} more values"),
        };
        let node = &self.node;
        Some(format!(
            "{node} was sent {value} (by {from} at {at_ms:.0} ms) and never returned it{more}"
        ))
    }
}

/// The result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Missing {
    /// False if any node lacks a value; unknown if none is seen to but some did not answer.
    #[serde(rename = "valid?")]
    pub valid: Validity,
    /// Values acknowledged to a client.
    pub acknowledged_count: u64,
    /// Those lost with their holders, which died before they could pass them on: they are not owed.
    #[serde(default, alias = "perished-count")]
    pub lost_with_holders_count: u64,
    /// Acknowledged values that at least one node lacks.
    pub missing_count: u64,
    /// The least of them.
    pub missing: Vec<u64>,
    /// Nodes without a successful final read.
    pub unread: Vec<String>,
    /// Values never acknowledged that some nodes have and others lack.
    pub divergent_count: u64,
    /// Every node, in order; none at all if it is not known which node answered which read.
    pub nodes: Vec<NodeMissing>,
}

impl Missing {
    /// Acknowledged values that at least one node lacks; `None` if no node could be read.
    #[must_use]
    pub fn known_missing(&self) -> Option<u64> {
        (self.unread.len() < self.nodes.len()).then_some(self.missing_count)
    }
}

/// Compares the nodes' final reads with what the history says was acknowledged, but for the values
/// that were lost with their holders.
pub fn check<'a>(
    history: &[Op],
    final_reads: impl IntoIterator<Item = (&'a str, Option<&'a ReadSet>)>,
    lost_with_holders: &RoaringTreemap,
) -> Missing {
    let acknowledged: RoaringTreemap = history
        .iter()
        .filter(|op| op.kind == OpKind::Ok)
        .filter_map(|op| op.action.added())
        .collect();
    let mut result = Missing {
        acknowledged_count: acknowledged.len(),
        lost_with_holders_count: acknowledged.intersection_len(lost_with_holders),
        ..Missing::default()
    };
    let acknowledged = acknowledged - lost_with_holders;
    let mut missing = RoaringTreemap::new();
    let mut on_some = RoaringTreemap::new();
    let mut on_all: Option<RoaringTreemap> = None;
    for (node, read) in final_reads {
        let Some(read) = read else {
            result.unread.push(node.to_owned());
            result.nodes.push(NodeMissing { node: node.to_owned(), ..NodeMissing::default() });
            continue;
        };
        let lacking = &acknowledged - &read.ints;
        result.nodes.push(NodeMissing {
            node: node.to_owned(),
            missing_count: Some(lacking.len()),
            missing: first_of(&lacking),
            ..NodeMissing::default()
        });
        missing |= lacking;
        on_some |= &read.ints;
        on_all = Some(on_all.map_or_else(|| read.ints.clone(), |all| all & &read.ints));
    }
    result.valid = Validity::of(missing.is_empty(), result.unread.is_empty());
    result.missing_count = missing.len();
    result.missing = first_of(&missing);
    result.divergent_count = (on_some - on_all.unwrap_or_default() - &acknowledged).len();
    result
}

fn first_of(values: &RoaringTreemap) -> Vec<u64> {
    values.iter().take(LISTED_VALUES).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{script::history, set_full};
    use super::*;

    fn read(values: impl IntoIterator<Item = u64>) -> ReadSet {
        let ints: RoaringTreemap = values.into_iter().collect();
        ReadSet { len: ints.len() as usize, ints, ..ReadSet::default() }
    }

    /// `n0` lacks value 1, but `n1`'s read was invoked last: Maelstrom's rule does not see it.
    #[test]
    fn a_value_missing_on_one_node_fails_though_set_full_is_content() {
        let history = history(
            "i0 add0@0, ok0 add0@1, i1 add1@2, ok1 add1@3, i0 read!@9000, i1 read!@9000.1, \
             ok0 read[0]!@9001, ok1 read[0 1]!@9001",
        );
        assert_eq!(set_full::check(&history).valid, Validity::Valid);
        let (n0, n1) = (read([0]), read([0, 1]));
        let result =
            check(&history, [("n0", Some(&n0)), ("n1", Some(&n1))], &RoaringTreemap::new());
        assert_eq!(result.valid, Validity::Invalid);
        assert_eq!((result.acknowledged_count, result.missing_count), (2, 1));
        assert_eq!(result.missing, [1]);
        assert_eq!(result.nodes[0].missing, [1]);
        assert_eq!(result.nodes[1].missing_count, Some(0));
    }

    #[test]
    fn only_acknowledged_values_are_owed() {
        let history =
            history("i0 add0@0, ok0 add0@1, i1 add1@2, info1 add1@5002, i0 add2@3, fail0 add2@4");
        let (n0, n1) = (read([0]), read([0, 1, 77]));
        let result =
            check(&history, [("n0", Some(&n0)), ("n1", Some(&n1))], &RoaringTreemap::new());
        assert_eq!(result.valid, Validity::Valid);
        assert_eq!((result.missing_count, result.divergent_count), (0, 2));
    }

    #[test]
    fn a_node_that_does_not_answer_leaves_the_verdict_open() {
        let history = history("i0 add0@0, ok0 add0@1");
        let (full, empty) = (read([0]), read([]));
        let result = check(&history, [("n0", Some(&full)), ("n1", None)], &RoaringTreemap::new());
        assert_eq!((result.valid, result.unread), (Validity::Unknown, vec!["n1".to_owned()]));
        assert_eq!(result.nodes[1].missing_count, None);
        let result = check(&history, [("n0", Some(&empty)), ("n1", None)], &RoaringTreemap::new());
        assert_eq!(result.valid, Validity::Invalid);
    }

    #[test]
    fn long_lists_are_cut_but_counted() {
        let script: Vec<String> = (0..100).map(|v| format!("i0 add{v}@1, ok0 add{v}@1")).collect();
        let nothing = read([]);
        let result =
            check(&history(&script.join(", ")), [("n0", Some(&nothing))], &RoaringTreemap::new());
        assert_eq!((result.missing_count, result.missing.len()), (100, 48));
        assert_eq!(result.nodes[0].missing_count, Some(100));
    }
}
