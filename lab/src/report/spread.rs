//! When each node came to hold each value, and which message brought it: from the messages alone.
//!
//! Values can be seen in our own gossip, and in the messages of nodes that tell each other values
//! as clients do (`{"type": "broadcast", "message": 5}`). The meaning of other messages is unknown.

use std::collections::{BTreeSet, HashMap};

use rumormill::value::Value;

use crate::convergence::set_bit;
use crate::explain::journal::{Content, Journal, Message};
use crate::history::Nanos;

/// Kind of messages in which values were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In our gossip.
    Gossip,
    /// In messages of the type `broadcast` between nodes.
    Broadcasts,
    /// In the messages of nodes that flood.
    Floods,
}

impl Source {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Gossip => "gossip messages",
            Self::Broadcasts => "broadcast messages between nodes",
            Self::Floods => "flood messages",
        }
    }
}

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

/// A node came to hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// The node's place among all.
    pub(super) node: u32,
    /// Time, by the driver's clock.
    pub(super) at: Nanos,
    /// The place of the message that brought it.
    pub(super) by: u32,
}

/// Deliveries of a value that a client broadcast.
#[derive(Clone, Debug, Default)]
pub(super) struct ValueSpread {
    /// Its JSON text.
    pub(super) text: String,
    /// Time of the acknowledgement.
    pub(super) acked: Option<Nanos>,
    /// Deliveries in order of time; the first is at the node where it was broadcast.
    pub(super) holds: Vec<Hold>,
    /// From the acknowledgement, or else from the broadcast, until the last living node held it.
    pub(super) took_ms: Option<f64>,
    /// In ms of the history's clock.
    pub(super) at_ms: f64,
}

/// All values.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// None if messages between nodes do not show values.
    pub(super) source: Option<Source>,
    /// In the order of their broadcasts.
    pub(super) values: Vec<ValueSpread>,
    /// By message: the places of the values that it carries, as far as clients broadcast them.
    pub(super) carried: Vec<Vec<u32>>,
}

impl Spread {
    pub(super) fn of(journal: &Journal, nodes: &[String], dead: &BTreeSet<String>) -> Self {
        let places: HashMap<&str, u32> = nodes.iter().map(String::as_str).zip(0..).collect();
        let node = |name: &str| places.get(name).copied();
        let between =
            |message: &Message| node(&message.src).is_some() && node(&message.dest).is_some();
        let mut spread = Self::default();
        let mut known: HashMap<&Value, u32> = HashMap::new();
        let acks = acknowledgements(journal);
        for message in journal.messages.iter().filter(|message| !between(message)) {
            let (Content::Broadcast(value), Some(_)) = (&message.content, node(&message.dest))
            else {
                continue;
            };
            known.entry(value).or_insert_with(|| {
                let key = (&*message.dest, &*message.src, message.msg_id);
                let acked = acks.get(&key).copied();
                spread.values.push(ValueSpread {
                    text: value.to_string(),
                    acked,
                    ..Default::default()
                });
                spread.values.len() as u32 - 1
            });
        }
        let carries = |message: &Message| {
            let values = message.content.values().iter();
            values.filter_map(|value| known.get(value).copied()).collect::<Vec<u32>>()
        };
        spread.carried = journal.messages.iter().map(carries).collect();
        spread.source =
            journal.messages.iter().filter(|message| between(message)).find_map(|message| {
                match message.content {
                    Content::Gossip(_) => Some(Source::Gossip),
                    Content::Broadcast(_) => Some(Source::Broadcasts),
                    Content::Push(_) => Some(Source::Floods),
                    _ => None,
                }
            });
        spread.follow(journal, node);
        let living = nodes.len() - dead.len();
        let is_dead: Vec<bool> = nodes.iter().map(|node| dead.contains(node)).collect();
        spread.measure(journal, living, &is_dead);
        spread
    }

    /// Goes through all arrivals in order of time.
    fn follow(&mut self, journal: &Journal, node: impl Fn(&str) -> Option<u32>) {
        let mut arrivals: Vec<(Nanos, u32, u32)> = Vec::new();
        for ((message, carried), place) in journal.messages.iter().zip(&self.carried).zip(0..) {
            let (false, Some(at)) = (carried.is_empty(), message.received.first()) else {
                continue;
            };
            if let Some(dest) = node(&message.dest) {
                arrivals.push((*at, place, dest));
            }
        }
        arrivals.sort_unstable();
        let mut held: Vec<Vec<u64>> = vec![Vec::new(); self.values.len()];
        for (at, by, node) in arrivals {
            for &value in &self.carried[by as usize] {
                if set_bit(&mut held[value as usize], node as usize) {
                    self.values[value as usize].holds.push(Hold { node, at, by });
                }
            }
        }
    }

    fn measure(&mut self, journal: &Journal, living: usize, is_dead: &[bool]) {
        for value in &mut self.values {
            let Some(first) = value.holds.first() else { continue };
            let start = value.acked.unwrap_or(first.at);
            value.at_ms = journal.millis(start);
            let lives = |hold: &&Hold| !is_dead.get(hold.node as usize).copied().unwrap_or(false);
            let living_holds = value.holds.iter().filter(lives);
            if let (count, Some(last)) =
                living_holds.fold((0, None), |(n, _), hold| (n + 1, Some(hold)))
                && count == living
            {
                value.took_ms = Some(last.at.saturating_sub(start) as f64 / 1e6);
            }
        }
    }

    /// The values that are owed to all: those that were acknowledged.
    pub(super) fn owed(&self) -> impl Iterator<Item = &ValueSpread> {
        self.values.iter().filter(|value| value.acked.is_some())
    }

    /// The latency of each of them.
    pub(super) fn points(&self) -> Vec<Point> {
        let point = |value: &ValueSpread| Point {
            value: value.text.clone(),
            at_ms: value.at_ms,
            took_ms: value.took_ms,
        };
        self.owed().map(point).collect()
    }

    /// By value: its holders, in order of nodes.
    pub(super) fn bringers(&self) -> Bringers {
        let holds = self.values.iter().map(|value| {
            let mut holds = value.holds.clone();
            holds.sort_unstable_by_key(|hold| hold.node);
            holds
        });
        Bringers { holds: holds.collect() }
    }
}

/// Finds which message brought a value to a node.
#[derive(Debug)]
pub(super) struct Bringers {
    holds: Vec<Vec<Hold>>,
}

impl Bringers {
    pub(super) fn find(&self, value: u32, node: u32) -> Option<&Hold> {
        let holds = self.holds.get(value as usize)?;
        holds.get(holds.binary_search_by_key(&node, |hold| hold.node).ok()?)
    }
}

/// When each reply to a broadcast reached its client, by node, client and the request's number.
fn acknowledgements(journal: &Journal) -> HashMap<(&str, &str, Option<i64>), Nanos> {
    let mut acks = HashMap::new();
    for message in journal.messages.iter().filter(|message| message.content == Content::BroadcastOk)
    {
        if let Some(at) = message.received.first() {
            acks.entry((&*message.src, &*message.dest, message.in_reply_to)).or_insert(*at);
        }
    }
    acks
}
