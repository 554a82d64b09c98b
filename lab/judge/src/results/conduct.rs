//! How nodes behaved beyond their figures: output that Maelstrom would refuse, error replies,
//! refused reads, service times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checker::quantile::{Quantiles, millis};
use crate::checker::{Validity, client_function};
use crate::format::number::number;
use crate::format::text::{printable, quote};
use crate::history::errors::error_code;
use crate::history::{Op, OpError};
use crate::outcome::{NodeReport, Notice, Outcome, OutputErrors};
use crate::settings::Settings;

/// Different error replies that are listed.
const LISTED_ERRORS: usize = 20;
/// Notices that are kept.
const LISTED_NOTICES: usize = 50;
/// Nodes that a sentence names.
const NAMED: usize = 5;
/// Median service time from which a node is worth a word, in ms: an idle process answers in well
/// under one, and what is longer adds to every hop of a value.
const SLOW_MEDIAN_MS: f64 = 10.0;

/// Errors in a node's output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeErrors {
    /// Its id.
    pub node: String,
    /// How many there are of each kind.
    #[serde(flatten)]
    pub counts: OutputErrors,
    /// Its output was ignored from some time on.
    #[serde(rename = "muted?")]
    pub muted: bool,
    /// Since when Maelstrom would have ignored its output, in ms of the history's clock; below 0
    /// if that was during `init`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored_from_ms: Option<f64>,
}

impl NodeErrors {
    /// The errors of a node; `None` if there were none.
    pub(super) fn of(node: &str, report: &NodeReport, outcome: &Outcome) -> Option<Self> {
        let errors = Self {
            node: node.to_owned(),
            counts: report.errors,
            muted: report.muted,
            ignored_from_ms: report.ignored_since.map(|since| outcome.relative_ms(since)),
        };
        let none = Self { node: node.to_owned(), ..Self::default() };
        (errors != none).then_some(errors)
    }

    /// Lines for which Maelstrom would have ignored the node's output from then on.
    #[must_use]
    pub const fn refused_lines(&self) -> u64 {
        self.counts.bad_lines + self.counts.unknown_names + self.counts.late_replies
    }
}

/// An error that nodes answered requests with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ErrorReplies {
    /// The type of the request: `broadcast`, `read`.
    pub f: String,
    /// Maelstrom's name for the code.
    pub name: String,
    /// The code, unless Maelstrom has no name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u64>,
    /// The reply's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How often.
    pub count: u64,
}

impl ErrorReplies {
    /// All error replies of a history, the most frequent first.
    pub(super) fn of(history: &[Op]) -> Vec<Self> {
        let mut counts: BTreeMap<(&str, &str, Option<&str>), u64> = BTreeMap::new();
        for op in history {
            if let Some(OpError::Reply { name, text }) = &op.error {
                let Some(f) = client_function(op) else { continue };
                *counts.entry((f, name, text.as_deref())).or_default() += 1;
            }
        }
        let mut replies: Vec<Self> = counts
            .into_iter()
            .map(|((f, name, text), count)| Self {
                f: f.to_owned(),
                name: name.to_owned(),
                code: error_code(name),
                text: text.map(|text| quote(text.as_bytes())),
                count,
            })
            .collect();
        replies.sort_by_key(|reply| std::cmp::Reverse(reply.count));
        replies.truncate(LISTED_ERRORS);
        replies
    }

    /// Such as `not-supported (10) no handler`.
    #[must_use]
    pub fn words(&self) -> String {
        let code = self.code.map_or_else(String::new, |code| format!(" ({code})"));
        let text = self.text.as_ref().map_or_else(String::new, |text| format!(" {text}"));
        format!("{}{code}{text}", self.name)
    }
}

/// A node that answered its final read, but not with values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RefusedRead {
    /// Its id.
    pub node: String,
    /// The error, or what was wrong with the reply.
    pub why: String,
}

impl RefusedRead {
    pub(super) fn of(node: &str, report: &NodeReport) -> Option<Self> {
        let why = report.final_refusal.as_ref().filter(|_| report.final_read.is_none())?;
        Some(Self { node: node.to_owned(), why: quote(why.as_bytes()) })
    }
}

/// How long nodes took to answer clients, in ms from the delivery of a request to its first
/// reply. Nodes of a simulation take no time.
pub(super) fn service_times(
    settings: &Settings,
    outcome: &Outcome,
) -> BTreeMap<String, Quantiles<f64>> {
    let names = settings.nodes.iter().zip(&outcome.nodes);
    let times = names.filter_map(|(name, report)| {
        let all = report.service.iter().map(|time| millis(*time)).collect();
        Some((name.to_string(), Quantiles::of(all)?))
    });
    times.collect()
}

/// The slowest of the nodes that are slow enough to be named, with its times.
#[must_use]
pub fn slowest(times: &BTreeMap<String, Quantiles<f64>>) -> Option<(&str, Quantiles<f64>)> {
    let slow = times.iter().filter(|(_, all)| all.p50 >= SLOW_MEDIAN_MS);
    let slowest = slow.max_by(|(_, a), (_, b)| a.p50.total_cmp(&b.p50));
    slowest.map(|(node, all)| (node.as_str(), *all))
}

/// The notices as lines of text: when, what, and how often it was true.
pub(super) fn notice_lines(outcome: &Outcome, notices: &[Notice]) -> Vec<String> {
    let line = |notice: &Notice| {
        let when = match outcome.relative_ms(notice.time) {
            ms if ms < 0.0 => "init".to_owned(),
            ms => format!("{} ms", number(ms)),
        };
        let often = outcome.repeated.get(&notice.text).map_or_else(String::new, |repeated| {
            let nodes = match repeated.nodes.len() {
                0 | 1 => String::new(),
                nodes => format!(", on {nodes} nodes"),
            };
            format!(" ({} times{nodes})", repeated.count)
        });
        format!("{when}: {}{often}", printable(&notice.text))
    };
    notices.iter().take(LISTED_NOTICES).map(line).collect()
}

/// The output that Maelstrom would have ignored, in words: which nodes, and since when. `None` if nothing.
#[must_use]
pub fn ignored_words(node_errors: &[NodeErrors]) -> Option<String> {
    // A node that was muted was ignored here as well: the figures are Maelstrom's.
    let ignored = node_errors.iter().filter(|errors| !errors.muted);
    let ignored: Vec<(&str, f64)> =
        ignored.filter_map(|t| Some((t.node.as_str(), t.ignored_from_ms?))).collect();
    let first = ignored.iter().map(|(_, ms)| *ms).min_by(f64::total_cmp)?;
    let names: Vec<&str> = ignored.iter().take(NAMED).map(|(node, _)| *node).collect();
    let more = match ignored.len() - names.len() {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    let since = if first < 0.0 { "init".to_owned() } else { format!("{:.1} s", first / 1e3) };
    Some(format!("Maelstrom would have ignored {}{more} from {since} on", names.join(", ")))
}

/// Maelstrom's verdict as far as its nodes' output is concerned: nothing is known of a run in
/// which it would have ignored a node.
pub fn ignored_validity(node_errors: &[NodeErrors]) -> Validity {
    Validity::of(true, ignored_words(node_errors).is_none())
}

#[cfg(test)]
mod tests {
    use crate::checker::script::history;

    use super::*;

    fn errors(node: &str, ignored_from_ms: Option<f64>, muted: bool) -> NodeErrors {
        NodeErrors { node: node.to_owned(), muted, ignored_from_ms, ..NodeErrors::default() }
    }

    #[test]
    fn nodes_that_maelstrom_would_have_ignored_are_named() {
        let list = [errors("n0", Some(350.0), false), errors("n2", Some(210.0), false)];
        let words = ignored_words(&list).unwrap();
        assert_eq!(words, "Maelstrom would have ignored n0, n2 from 0.2 s on");
        assert_eq!(ignored_validity(&list), Validity::Unknown);
        let early = ignored_words(&[errors("n1", Some(-3.0), false)]).unwrap();
        assert!(early.ends_with("n1 from init on"), "{early}");
        let harmless = [errors("n0", None, false), errors("n1", Some(5.0), true)];
        assert_eq!(ignored_validity(&harmless), Validity::Valid);
    }

    #[test]
    fn error_replies_are_counted_by_what_they_say() {
        let mut ops = history(
            "i0 add0@0, fail0 add0@1, i0 add1@2, fail0 add1@3, i1 read@4, \
                               fail1 read@5, i1 read@6, fail1 read@7",
        );
        for (at, name, text) in [
            (1, "not-supported", Some("no\u{1b}[2J handler")),
            (3, "not-supported", Some("no\u{1b}[2J handler")),
            (5, "unknown", None),
        ] {
            let (name, text) = (name.to_owned(), text.map(str::to_owned));
            ops[at].error = Some(OpError::Reply { name, text });
        }
        let replies = ErrorReplies::of(&ops);
        let words: Vec<String> = replies.iter().map(ErrorReplies::words).collect();
        assert_eq!(words, ["not-supported (10) no\\u{1b}[2J handler", "unknown"]);
        assert_eq!((replies[0].count, &*replies[0].f), (2, "broadcast"));
    }
}
