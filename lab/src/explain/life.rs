//! The life of one value: where it was broadcast, every copy of it, and how each node came to it.

use std::collections::BTreeMap;

use rumormill_judge::trace::{Hold, TracedValue, Unreturned, Via};
use rumormill_sim::Nanos;
use serde::Serialize;

use crate::store::journal::{Journal, Message};

/// A way that took this much longer than the shortest of the same value's was not the network's
/// doing alone: the copy waited behind others, or a fault held it up.
const SLOW_FACTOR: f64 = 2.0;

/// The life of a value. Times are in ms of the history's clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Life {
    /// The value, as JSON text.
    pub value: String,
    /// Client that broadcast it.
    pub client: String,
    /// Where.
    pub origin: String,
    /// When the request reached the origin.
    pub broadcast_ms: Option<f64>,
    /// When it was acknowledged.
    pub acked_ms: Option<f64>,
    /// Nodes that came to hold it, in that order; mostly the origin is the first.
    pub holders: Vec<Holder>,
    /// Nodes that lived to the end and never did.
    pub missing: Vec<String>,
    /// Nodes of which it is not known: messages do not show values, and no read of them came later.
    pub unread: Vec<String>,
    /// How those that are missing it were sent it, if they were: reads that began later lack it.
    pub unreturned: Vec<InVain>,
    /// Copies that told their receiver nothing new.
    pub redundant: u64,
    /// Copies that never arrived.
    pub dropped: Vec<Copy>,
    /// From the acknowledgement (or the broadcast) until the last node held it; none if some
    /// never did.
    pub took_ms: Option<f64>,
}

/// How a node came to hold the value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// The node.
    pub node: String,
    /// When it first held it.
    pub held_ms: f64,
    /// The copy that brought it; none for the origin, and if only a read shows it.
    pub by: Option<Copy>,
    /// How long the sender had held it before it sent this copy.
    pub waited_ms: f64,
    /// Copies for this node that were dropped before.
    pub dropped_before: u64,
    /// Why it was not sooner.
    pub cause: Cause,
}

/// A node was sent the value and never returned it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InVain {
    /// The node.
    pub node: String,
    /// Sender of the first copy; the client, if the value was broadcast here.
    pub from: String,
    /// When it came.
    pub at_ms: f64,
    /// The message that brought it.
    pub message: u64,
}

/// A message that carries the value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Copy {
    /// The message's number in the run.
    pub message: u64,
    /// Sender.
    pub from: String,
    /// Addressee.
    pub to: String,
    /// When it was sent.
    pub sent_ms: f64,
    /// When it was handed over.
    pub received_ms: Option<f64>,
    /// Values in the same message.
    pub batch: usize,
    /// The message was a digest: a repair, a retry or a probe.
    pub digest: bool,
    /// Why it was dropped: `partition 2`, `loss`.
    pub dropped_by: Option<String>,
}

/// The longest wait on a node's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It is the origin.
    Origin,
    /// Only a read shows that the node holds it.
    Unseen,
    /// Nothing: the way through the network.
    Network,
    /// The sender waited for company.
    Window,
    /// An earlier copy was dropped by a partition.
    Partition,
    /// An earlier copy was lost otherwise.
    Retry,
    /// It came with a digest, after a comparison.
    Repair,
    /// The message itself came late: it waited behind others, or was held up.
    Queue,
}

impl Cause {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Origin => "broadcast here",
            Self::Unseen => "a read returned it; what brought it is not seen in messages",
            Self::Network => "the way itself",
            Self::Window => "waited for a window",
            Self::Partition => "an earlier copy was dropped by a partition",
            Self::Retry => "an earlier copy was lost",
            Self::Repair => "repaired after a comparison",
            Self::Queue => "the message waited behind others, or was held up",
        }
    }
}

impl Life {
    /// The life of the value of that number, given which messages carry it; `None` if its
    /// broadcast was not sent.
    #[must_use]
    pub fn of(journal: &Journal, number: u32, copies: &[usize]) -> Option<Self> {
        let value = journal.trace.values.get(number as usize)?;
        let messages = || copies.iter().map(|&at| &journal.messages[at]);
        let request = messages().find(|message| message.from.is_none())?;
        let ms = |at: Nanos| journal.millis(at);
        let name = |node: u32| journal.nodes[node as usize].clone();
        let unreturned = |all: &Unreturned| {
            let (from, message) = match all.via {
                Via::Message { from, id } => (name(from), id),
                Via::Client(id) => (request.src.clone(), id),
                Via::Read => (request.src.clone(), request.id),
            };
            InVain { node: name(all.node), from, at_ms: ms(all.at), message }
        };
        let lacking = |is_known: bool| -> Vec<String> {
            let nodes = journal.lacking(value);
            nodes
                .filter(|node| journal.trace.would_know(*node, value) == is_known)
                .map(name)
                .collect()
        };
        let is_owed = |all: &&Unreturned| journal.lives(all.node);
        let mut life = Self {
            value: value.value.to_string(),
            client: request.src.clone(),
            origin: request.dest.clone(),
            broadcast_ms: request.received.first().map(|at| ms(*at)),
            acked_ms: value.acked.map(ms),
            holders: Vec::new(),
            missing: lacking(true),
            unread: lacking(false),
            unreturned: value.unreturned.iter().filter(is_owed).map(unreturned).collect(),
            redundant: 0,
            dropped: Vec::new(),
            took_ms: journal.took_ms(value),
        };
        life.follow(journal, value, messages().filter(|message| message.is_between_nodes()));
        Some(life)
    }

    fn follow<'j>(
        &mut self,
        journal: &Journal,
        value: &TracedValue,
        messages: impl Iterator<Item = &'j Message>,
    ) {
        let mut arrivals: BTreeMap<u64, (&Message, Copy)> = BTreeMap::new();
        let mut shortest = Nanos::MAX;
        let mut arrived = 0;
        for message in messages {
            let copy = Copy::of(journal, message);
            if copy.dropped_by.is_some() {
                self.dropped.push(copy);
                continue;
            }
            for at in &message.received {
                arrived += 1;
                shortest = shortest.min(at.saturating_sub(message.sent));
            }
            arrivals.insert(message.id, (message, copy));
        }
        for hold in &value.holds {
            let brought = match hold.via {
                Via::Message { id, .. } => arrivals.get(&id),
                Via::Client(_) | Via::Read => None,
            };
            let holder = match brought {
                Some((message, copy)) => {
                    let had = value.hold(message.from.unwrap_or(u32::MAX)).map(|hold| hold.at);
                    let waited = message.sent.saturating_sub(had.unwrap_or(message.sent));
                    let mut copy = copy.clone();
                    copy.received_ms = Some(journal.millis(hold.at));
                    self.holder(journal, hold, waited, shortest, copy)
                }
                None => Holder::alone(journal, hold),
            };
            self.holders.push(holder);
        }
        let brought = self.holders.iter().filter(|holder| holder.by.is_some()).count();
        self.redundant = u64::try_from(arrived - brought).unwrap_or(0);
    }

    fn holder(
        &self,
        journal: &Journal,
        hold: &Hold,
        waited: Nanos,
        shortest: Nanos,
        by: Copy,
    ) -> Holder {
        let before = |copy: &&Copy| copy.to == by.to && copy.sent_ms < by.sent_ms;
        let earlier: Vec<&Copy> = self.dropped.iter().filter(before).collect();
        let is_cut = |copy: &&Copy| copy.dropped_by.as_ref().is_some_and(|c| c != "loss");
        let held_ms = journal.millis(hold.at);
        let (way_ms, shortest_ms) = (held_ms - by.sent_ms, shortest as f64 / 1e6);
        let waited_ms = waited as f64 / 1e6;
        let cause = if earlier.iter().any(is_cut) {
            Cause::Partition
        } else if !earlier.is_empty() {
            Cause::Retry
        } else if by.digest {
            Cause::Repair
        } else if way_ms - shortest_ms > waited_ms && way_ms > SLOW_FACTOR * shortest_ms {
            Cause::Queue
        } else if waited_ms > way_ms {
            Cause::Window
        } else {
            Cause::Network
        };
        let dropped_before = earlier.len() as u64;
        Holder { node: by.to.clone(), held_ms, by: Some(by), waited_ms, dropped_before, cause }
    }

    /// The way from the origin to the node that came to hold it last, the origin first.
    #[must_use]
    pub fn way_to_last(&self) -> Vec<&Holder> {
        let mut way: Vec<&Holder> = Vec::new();
        let mut next = self.holders.last();
        while let Some(holder) = next {
            way.push(holder);
            // Time only goes back on this way, so it has an end.
            next = holder.by.as_ref().and_then(|copy| self.holder_of(&copy.from));
            next = next.filter(|earlier| earlier.held_ms < holder.held_ms);
        }
        way.reverse();
        way
    }

    /// The hop on the way to the last node that cost most: the wait at its sender, and its way.
    #[must_use]
    pub fn costliest_hop(&self) -> Option<&Holder> {
        let way = self.way_to_last();
        way.into_iter()
            .filter(|holder| holder.by.is_some())
            .max_by(|a, b| a.cost_ms().total_cmp(&b.cost_ms()))
    }

    /// How a node came to it, if it did.
    #[must_use]
    pub fn holder_of(&self, node: &str) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.node == node)
    }
}

impl Copy {
    fn of(journal: &Journal, message: &Message) -> Self {
        let cause = message.dropped.as_ref().map(|(at, cause)| match journal.partition_at(*at) {
            Some((number, _)) if cause == "partition" => format!("{cause} {number}"),
            _ => cause.clone(),
        });
        Self {
            message: message.id,
            from: message.src.clone(),
            to: message.dest.clone(),
            sent_ms: journal.millis(message.sent),
            received_ms: None,
            batch: message.values.len(),
            digest: message.own.is_some_and(|own| own.is_digest),
            // A copy of a message may have arrived all the same.
            dropped_by: cause.filter(|_| message.received.is_empty()),
        }
    }
}

impl Holder {
    /// A node that no message of another one brought the value, as far as is seen.
    fn alone(journal: &Journal, hold: &Hold) -> Self {
        Self {
            node: journal.nodes[hold.node as usize].clone(),
            held_ms: journal.millis(hold.at),
            by: None,
            waited_ms: 0.0,
            dropped_before: 0,
            cause: if hold.via == Via::Read { Cause::Unseen } else { Cause::Origin },
        }
    }

    /// From when the sender held the value until this node did, in ms.
    #[must_use]
    pub fn cost_ms(&self) -> f64 {
        let way_ms = self.by.as_ref().map_or(0.0, |copy| self.held_ms - copy.sent_ms);
        self.waited_ms + way_ms
    }

    /// Why this hop was not quicker, where it was, and what it cost.
    #[must_use]
    pub fn reason(&self) -> String {
        let from = self.by.as_ref().map_or("", |copy| copy.from.as_str());
        format!("{}: {from} to {}, {:.1} ms", self.cause.words(), self.node, self.cost_ms())
    }
}
