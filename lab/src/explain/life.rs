//! The life of one value: where it was broadcast, every copy of it, and how each node came to it.

use std::collections::BTreeMap;

use rumormill::value::Value;
use serde::Serialize;

use super::journal::{Content, Journal, Message};
use crate::history::Nanos;

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
    /// Nodes that came to hold it, in that order; the origin is the first.
    pub holders: Vec<Holder>,
    /// Nodes that never did.
    pub missing: Vec<String>,
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
    /// The copy that brought it; none for the origin.
    pub by: Option<Copy>,
    /// How long the sender had held it before it sent this copy.
    pub waited_ms: f64,
    /// Copies for this node that were dropped before.
    pub dropped_before: u64,
    /// Why it was not sooner.
    pub cause: Cause,
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

/// What a node waited for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It is the origin.
    Origin,
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
    /// The life of a value, given which messages carry it; `None` if it was never broadcast.
    #[must_use]
    pub fn of(journal: &Journal, value: &Value, copies: &[usize]) -> Option<Self> {
        let messages = || copies.iter().map(|&at| &journal.messages[at]);
        let request =
            messages().find(|message| matches!(message.content, Content::Broadcast(..)))?;
        let broadcast = request.received.first().copied();
        let acked = acknowledged(journal, request);
        let mut text = String::new();
        value.write_to(&mut text);
        let mut life = Self {
            value: text,
            client: request.src.clone(),
            origin: request.dest.clone(),
            broadcast_ms: broadcast.map(|at| journal.millis(at)),
            acked_ms: acked.map(|at| journal.millis(at)),
            holders: Vec::new(),
            missing: Vec::new(),
            redundant: 0,
            dropped: Vec::new(),
            took_ms: None,
        };
        if let Some(at) = broadcast {
            life.follow(journal, at, messages());
        }
        let holds = |node: &&String| life.holders.iter().any(|holder| holder.node == **node);
        life.missing = journal.nodes.iter().filter(|node| !holds(node)).cloned().collect();
        let start = life.acked_ms.or(life.broadcast_ms);
        life.took_ms = match (life.holders.last(), start) {
            (Some(last), Some(start)) if life.missing.is_empty() => {
                Some((last.held_ms - start).max(0.0))
            }
            _ => None,
        };
        Some(life)
    }

    fn follow<'j>(
        &mut self,
        journal: &Journal,
        broadcast: Nanos,
        messages: impl Iterator<Item = &'j Message>,
    ) {
        let mut held: BTreeMap<String, Nanos> = BTreeMap::new();
        held.insert(self.origin.clone(), broadcast);
        self.holders.push(Holder {
            node: self.origin.clone(),
            held_ms: journal.millis(broadcast),
            by: None,
            waited_ms: 0.0,
            dropped_before: 0,
            cause: Cause::Origin,
        });
        let mut arrivals = Vec::new();
        for message in messages {
            let Content::Gossip(gossip) = &message.content else { continue };
            let mut copy = Copy {
                message: message.id,
                from: message.src.clone(),
                to: message.dest.clone(),
                sent_ms: journal.millis(message.sent),
                received_ms: None,
                batch: gossip.values.len(),
                digest: gossip.is_digest,
                dropped_by: None,
            };
            if let Some((at, cause)) = &message.dropped {
                copy.dropped_by = Some(match journal.partition_at(*at) {
                    Some((number, _)) if cause == "partition" => format!("{cause} {number}"),
                    _ => cause.clone(),
                });
                self.dropped.push(copy);
            } else {
                arrivals.extend(message.received.iter().map(|&at| (at, message, copy.clone())));
            }
        }
        arrivals.sort_by_key(|(at, message, _)| (*at, message.id));
        let way = |(at, message, _): &(Nanos, &Message, Copy)| at.saturating_sub(message.sent);
        let shortest = arrivals.iter().map(way).min().unwrap_or_default();
        for (at, message, mut copy) in arrivals {
            copy.received_ms = Some(journal.millis(at));
            if held.contains_key(&message.dest) {
                self.redundant += 1;
                continue;
            }
            let had = held.get(&message.src).copied().unwrap_or(message.sent);
            let waited = message.sent.saturating_sub(had);
            held.insert(message.dest.clone(), at);
            let holder = self.holder(journal, at, waited, shortest, copy);
            self.holders.push(holder);
        }
    }

    fn holder(
        &self,
        journal: &Journal,
        at: Nanos,
        waited: Nanos,
        shortest: Nanos,
        by: Copy,
    ) -> Holder {
        let before = |copy: &&Copy| copy.to == by.to && copy.sent_ms < by.sent_ms;
        let earlier: Vec<&Copy> = self.dropped.iter().filter(before).collect();
        let is_cut = |copy: &&Copy| copy.dropped_by.as_ref().is_some_and(|c| c != "loss");
        let held_ms = journal.millis(at);
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

impl Holder {
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

/// When the origin's acknowledgement was handed to the client.
fn acknowledged(journal: &Journal, request: &Message) -> Option<Nanos> {
    let is_reply = |message: &&Message| {
        message.content == Content::BroadcastOk
            && message.in_reply_to == request.msg_id
            && message.src == request.dest
            && message.dest == request.src
    };
    let after = journal.messages.partition_point(|message| message.sent < request.sent);
    journal.messages[after..].iter().find(is_reply)?.received.first().copied()
}
