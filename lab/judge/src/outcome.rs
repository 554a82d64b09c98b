//! The notices of a run while it goes on, and its outcome.

pub mod counts;

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use roaring::RoaringTreemap;
use rumormill_sim::Nanos;
use rumormill_sim::network::FaultCounts;
use serde::{Deserialize, Serialize};

use crate::delivery::components::ComponentConvergence;
use crate::delivery::convergence::Convergence;
use crate::delivery::entries::EntryCounts;
use crate::history::{Op, OpValue};
use crate::trace::ValueTrace;
use counts::Counts;

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    Running,
    /// All phases are through; the history can be checked.
    Finished,
    /// It cannot go on. The history so far is worth keeping, not checking.
    Crashed(String),
}

/// The life of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nodes are told who they are.
    Init,
    /// Nodes are told their neighbours.
    Topology,
    /// Operations, and faults.
    Main,
    /// The wait for the cluster to become quiescent.
    Recovery,
    /// Every worker reads once.
    FinalReads,
    /// Over.
    Done,
}

impl Phase {
    /// For screens and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Topology => "topology",
            Self::Main => "main",
            Self::Recovery => "recovery",
            Self::FinalReads => "final reads",
            Self::Done => "done",
        }
    }
}

/// For the progress line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where the run is.
    pub phase: Phase,
    /// Operations invoked.
    pub invoked: u64,
    /// Operations completed as `ok`.
    pub ok: u64,
    /// Operations completed otherwise.
    pub not_ok: u64,
    /// Operations waiting for a reply.
    pub in_flight: u64,
    /// Messages sent, all parties.
    pub messages: u64,
    /// Messages sent between nodes.
    pub server_messages: u64,
    /// Messages waiting in the network.
    pub queued: u64,
}

/// Something a person should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When, by the driver's clock.
    pub time: Nanos,
    /// About which node.
    pub node: Option<usize>,
    /// The kind.
    pub kind: NoticeKind,
    /// A whole sentence, naming the node and quoting what it wrote.
    pub text: String,
}

/// The kind of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// A line that is not a message; it was ignored.
    BadLine,
    /// A line with something after the message, which was ignored.
    TrailingText,
    /// A message from or to an unknown id; it was ignored.
    UnknownName,
    /// A reply to a client that has given up and gone; it was ignored.
    LateReply,
    /// From now on nothing the node writes counts (the `mute` switch).
    Muted,
    /// A reply of the wrong shape: the operation became indeterminate.
    MalformedReply,
    /// A request that a service does not know, to which it did not reply.
    Service,
    /// A node used a name that is not its own; the message was sent all the same.
    FalseName,
    /// A message to a client that answers none of its requests; the client ignored it.
    StrayReply,
    /// A second answer to a request of a client that is still open; the client ignored it.
    SecondAnswer,
    /// An operation timed out while the last line of its node had no newline.
    UnfinishedLine,
}

/// How often a warning was true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeated {
    /// Times.
    pub count: u64,
    /// The nodes it was true of.
    pub nodes: BTreeSet<usize>,
}

impl Repeated {
    /// It was true once more.
    pub fn add(&mut self, node: Option<usize>) {
        self.count += 1;
        self.nodes.extend(node);
    }
}

/// How long the wait for the cluster to become quiescent was, and why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// How long.
    pub waited: Nanos,
    /// It ended early, because the cluster was quiet.
    pub quiet: bool,
    /// Messages sent between nodes in the second half of the whole wait, and how long that was.
    pub quiescent: Option<(u64, Nanos)>,
}

/// Scheduling delay: how much later than planned the driver woke the run up. Good to three digits.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulingDelay(pub Histogram<u64>);

impl Default for SchedulingDelay {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are within its bounds"))
    }
}

impl SchedulingDelay {
    /// Notes that something due at `due` is done at `now`.
    pub fn note(&mut self, due: Nanos, now: Nanos) {
        self.0.saturating_record(now.saturating_sub(due));
    }
}

/// Errors in a node's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct OutputErrors {
    /// Lines that are no messages.
    pub bad_lines: u64,
    /// Messages from or to unknown ids.
    pub unknown_names: u64,
    /// Replies to clients that have given up and gone.
    pub late_replies: u64,
    /// Messages with a name that is not the node's own.
    pub false_names: u64,
    /// Messages to clients that answer none of their requests.
    pub stray_replies: u64,
    /// Second answers to requests of clients that were still open.
    pub second_answers: u64,
}

/// An act of a node that a person should know of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeReport {
    /// The result of its last final read; from a read outside the history if no worker talks to
    /// it (fewer workers than nodes). `None` if it did not answer.
    pub final_read: Option<OpValue>,
    /// The acknowledged additions to a counter that it does not hold, counting those of more than 0
    /// from 0 in order of their invocation. `None` if that was not seen.
    pub lacking: Option<Vec<u64>>,
    /// Errors in its output.
    pub errors: OutputErrors,
    /// The first message to a client that answers none of its requests, in a sentence.
    pub stray_reply: Option<String>,
    /// Since when Maelstrom would have ignored its output, by the driver's clock.
    pub ignored_since: Option<Nanos>,
    /// The first line of it that Maelstrom would have refused, in a sentence.
    pub refused: Option<String>,
    /// Why its last final read was refused. `None` if it was not, or had no answer at all.
    pub final_refusal: Option<String>,
    /// Times from the delivery of a client's request to its first reply.
    pub service: Vec<Nanos>,
    /// It was muted.
    pub muted: bool,
    /// It died and was not brought back, on purpose.
    pub is_dead: bool,
    /// Times in which it was down or paused, in order.
    pub outages: Vec<Outage>,
}

/// A time in which a node did nothing, by the driver's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Down or paused.
    pub kind: OutageKind,
    /// Begin.
    pub since: Nanos,
    /// End; `None` if it lasted to that of the run.
    pub until: Option<Nanos>,
}

/// The reason why a node did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageKind {
    /// It had died.
    Down,
    /// It was paused.
    Paused,
}

impl NodeReport {
    /// The node is down or paused from now on. A pause of a node that dies is over.
    pub(crate) fn begin_outage(&mut self, now: Nanos, kind: OutageKind) {
        match self.outages.last_mut().filter(|last| last.until.is_none()) {
            Some(open) if open.kind == kind => return,
            Some(open) => open.until = Some(now),
            None => {}
        }
        self.outages.push(Outage { kind, since: now, until: None });
    }

    /// The node is up, or goes on.
    pub(crate) fn end_outage(&mut self, now: Nanos, kind: OutageKind) {
        if let Some(open) = self.outages.last_mut().filter(|last| last.kind == kind) {
            open.until.get_or_insert(now);
        }
    }
}

/// Suspicions of peers that were up and reachable in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuspicionReport {
    /// Number of them.
    pub count: u64,
    /// The longest of them.
    pub longest: Option<FalseSuspicion>,
}

/// A node suspected a peer that it could have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FalseSuspicion {
    /// The node.
    pub node: usize,
    /// The suspected peer.
    pub peer: usize,
    /// Begin, by the driver's clock.
    pub at: Nanos,
    /// Length.
    pub lasted: Nanos,
}

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub state: State,
    /// Everything clients and nemesis did.
    pub history: Vec<Op>,
    /// All message counts.
    pub counts: Counts,
    /// Counts of what the lab's own faults really did.
    pub faults: FaultCounts,
    /// When each phase began, by the driver's clock, in order.
    pub phases: Vec<(Phase, Nanos)>,
    /// The history's relative time 0, by the driver's clock.
    pub zero: Nanos,
    /// By the driver's clock.
    pub end: Nanos,
    /// Per node, in order.
    pub nodes: Vec<NodeReport>,
    /// Value spread as seen by the probes (`None` without `--probe`).
    pub probed: Option<Convergence>,
    /// Value spread as seen in messages (`None` if they do not show values), or inside of simulated
    /// nodes.
    pub gossiped: Option<Convergence>,
    /// It was seen inside of simulated nodes.
    pub exact: bool,
    /// Spread within connected components, from the same source (`None` if no fault disconnects
    /// nodes).
    pub components: Option<ComponentConvergence>,
    /// Entries between nodes (`None` if messages do not show values).
    pub entries: Option<EntryCounts>,
    /// The nodes that were sent each value, and those that hold it (`None` of simulated nodes).
    pub trace: Option<ValueTrace>,
    /// False suspicions (`None` unless the driver sees into nodes of ours).
    pub suspicions: Option<SuspicionReport>,
    /// Acknowledged values that no node holds at the end, because their holders died.
    pub lost_with_holders: RoaringTreemap,
    /// Operations that were open at a node when it died: they cannot be answered.
    pub indeterminate: u64,
    /// `None` if the run did not get that far.
    pub recovery: Option<RecoveryReport>,
    /// Warnings that were true more than once, by their text.
    pub repeated: BTreeMap<String, Repeated>,
    /// Scheduling delay of the driver.
    pub scheduling_delay: SchedulingDelay,
    /// A hash of all events: the same for the same run.
    pub fingerprint: u64,
}

impl Outcome {
    /// A time of the driver's in ms of the history's clock; negative before its start, which a run
    /// that did not get beyond `init` never came to.
    #[must_use]
    pub fn relative_ms(&self, time: Nanos) -> f64 {
        let is_after_init =
            |(phase, _): &(Phase, Nanos)| (Phase::Topology..Phase::Done).contains(phase);
        let zero = if self.phases.iter().any(is_after_init) { self.zero } else { self.end };
        if time >= zero { (time - zero) as f64 / 1e6 } else { (zero - time) as f64 / -1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_a_node_that_dies_is_over() {
        let mut node = NodeReport::default();
        node.begin_outage(1, OutageKind::Paused);
        node.begin_outage(2, OutageKind::Paused);
        node.begin_outage(3, OutageKind::Down);
        node.end_outage(4, OutageKind::Paused);
        node.end_outage(5, OutageKind::Down);
        node.end_outage(6, OutageKind::Down);
        node.begin_outage(7, OutageKind::Down);
        let outage = |kind, since, until| Outage { kind, since, until };
        assert_eq!(
            node.outages,
            [
                outage(OutageKind::Paused, 1, Some(3)),
                outage(OutageKind::Down, 3, Some(5)),
                outage(OutageKind::Down, 7, None)
            ]
        );
    }
}
