//! Messages and bytes between nodes, per operation, type and link.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rumormill_sim::network::FaultCounts;
use serde::{Deserialize, Serialize};

use crate::delivery::entries::EntryCounts;
use crate::history::{ADD, Action, BROADCAST, Op, OpKind};
use crate::outcome::Outcome;
use crate::outcome::counts::FlowCount;

/// How many links are listed, busiest first.
const LISTED_LINKS: usize = 10_000;

/// Messages from one node to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Sender.
    pub src: String,
    /// Addressee.
    pub dest: String,
    /// How many.
    #[serde(flatten)]
    pub flow: FlowCount,
}

/// The messages that went over the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Traffic {
    /// Messages between nodes.
    pub server_messages: u64,
    /// Of them per broadcast: free of the ratio of reads to broadcasts.
    pub msgs_per_broadcast: Option<f64>,
    /// Bytes of the bodies between nodes; Maelstrom does not count them.
    pub server_bytes: Option<u64>,
    /// Messages between nodes that bring no value (acks, digests, probes) for each that does.
    #[serde(default, alias = "evidence-share", skip_serializing_if = "Option::is_none")]
    pub ack_share: Option<f64>,
    /// Entries in them, if they can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<EntryCounts>,
    /// Of them per operation.
    pub bytes_per_op: Option<f64>,
    /// Of them per broadcast.
    pub bytes_per_broadcast: Option<f64>,
    /// By type, those of clients too.
    pub types: BTreeMap<String, FlowCount>,
    /// Links between nodes that were used.
    pub link_count: u64,
    /// The busiest of them first.
    pub links: Vec<Link>,
    /// Messages that never arrived, by cause.
    pub dropped: BTreeMap<String, u64>,
    /// Messages that met one of the lab's own faults, by what it did to them.
    pub faulted: BTreeMap<String, u64>,
}

impl Traffic {
    /// The little that Maelstrom's own results tell of a run.
    pub(super) fn of_counts(server_messages: u64, broadcasts: u64) -> Self {
        Self {
            server_messages,
            msgs_per_broadcast: per(server_messages, broadcasts),
            ..Self::default()
        }
    }

    /// The figures of a run.
    pub(super) fn of(outcome: &Outcome, operations: u64, broadcasts: u64) -> Self {
        let counts = &outcome.counts;
        let mut links: Vec<Link> = counts
            .links
            .iter()
            .map(|((src, dest), count)| Link {
                src: src.to_string(),
                dest: dest.to_string(),
                flow: *count,
            })
            .collect();
        links.sort_by_key(|link| Reverse(link.flow.send));
        links.truncate(LISTED_LINKS);
        Self {
            server_messages: counts.servers.msg,
            msgs_per_broadcast: per(counts.servers.msg, broadcasts),
            server_bytes: Some(counts.server_bytes),
            ack_share: per(counts.valueless, counts.servers.msg - counts.valueless)
                .filter(|_| outcome.trace.as_ref().is_none_or(|trace| trace.source.is_own())),
            entries: outcome.entries,
            bytes_per_op: per(counts.server_bytes, operations),
            bytes_per_broadcast: per(counts.server_bytes, broadcasts),
            types: counts.types.clone(),
            link_count: counts.links.len() as u64,
            links,
            dropped: counts
                .dropped
                .iter()
                .map(|(cause, count)| (cause.name().to_owned(), *count))
                .collect(),
            faulted: faulted(&outcome.faults),
        }
    }
}

/// How often each kind of fault happened; those that did not are left out.
fn faulted(counts: &FaultCounts) -> BTreeMap<String, u64> {
    let kinds = [
        ("lost", counts.lost),
        ("duplicated", counts.duplicated),
        ("reordered", counts.reordered),
        ("slowed", counts.slowed),
        ("cut", counts.cut),
        ("unheard", counts.unheard),
        ("latency changed", counts.latency_changed),
        ("paused", counts.paused),
        ("clock jumped", counts.clock_jumped),
        ("disk full", counts.disk_filled),
        ("crashed", counts.crashed),
        ("restarted", counts.restarted),
    ];
    let happened = kinds.into_iter().filter(|(_, count)| *count > 0);
    happened.map(|(kind, count)| (kind.to_owned(), count)).collect()
}

impl Traffic {
    /// Redundancy: entries received by a node that held them, as a share of all entries sent; 0 of
    /// none.
    #[must_use]
    pub fn redundancy(&self) -> Option<f64> {
        self.entries.map(|EntryCounts { sent, repeated }| per(repeated, sent).unwrap_or(0.0))
    }
}

fn per(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

/// Broadcasts, or what takes their place in another workload, that were invoked.
pub(super) fn broadcast_count(history: &[Op]) -> u64 {
    let is_broadcast = |op: &&Op| {
        op.kind == OpKind::Invoke && matches!(op.action, Action::Client { f: BROADCAST | ADD, .. })
    };
    history.iter().filter(is_broadcast).count() as u64
}
