//! The outcome of tracking: for each value, who came to hold it, when and by what.

use std::collections::{BTreeMap, BTreeSet};

use rumormill::value::Value;
use rumormill_sim::Nanos;

use super::learn::{Learned, Source, learn};
use super::place::Places;
use super::tracer::{Broadcast, Carried, Grid, Mark, Receipt, Tracer};
use crate::delivery::entries::EntryCounts;

/// How a node is known to hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A client broadcast it there: the request.
    Client(u64),
    /// A message of another node brought it.
    Message {
        /// Its number in the run.
        id: u64,
        /// The node that sent it.
        from: u32,
    },
    /// A read returned it; what brought it was not seen.
    Read,
}

/// A node came to hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The node's number.
    pub node: u32,
    /// When it first held it.
    pub at: Nanos,
    /// By what.
    pub via: Via,
}

/// A node was sent a value and does not hold it: a read that began later lacks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreturned {
    /// The node's number.
    pub node: u32,
    /// When it was first sent it in vain.
    pub at: Nanos,
    /// By what.
    pub via: Via,
}

/// A value that a client broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedValue {
    /// It.
    pub value: Value,
    /// The node that it was broadcast at, if the request got there.
    pub origin: Option<u32>,
    /// When its client asked.
    pub invoked: Nanos,
    /// When its client was answered.
    pub acked: Option<Nanos>,
    /// The nodes that hold it at the end, in the order in which they came to hold it.
    pub holds: Vec<Hold>,
    /// The nodes that were sent it and never returned it.
    pub unreturned: Vec<Unreturned>,
}

impl TracedValue {
    /// How a node holds it.
    #[must_use]
    pub fn hold(&self, node: u32) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.node == node)
    }

    /// How a node was sent it in vain.
    #[must_use]
    pub fn unreturned_by(&self, node: u32) -> Option<&Unreturned> {
        self.unreturned.iter().find(|unreturned| unreturned.node == node)
    }

    /// Its acknowledgement, or else the time at which the first node held it.
    #[must_use]
    pub fn start(&self) -> Option<Nanos> {
        self.acked.or_else(|| self.holds.first().map(|hold| hold.at))
    }
}

/// All values of a run.
#[derive(Clone, Debug)]
pub struct ValueTrace {
    /// Where deliveries were seen.
    pub source: Source,
    /// In the order of their broadcasts.
    pub values: Vec<TracedValue>,
    /// Values in messages between nodes.
    pub entries: EntryCounts,
    /// By node: when the latest read that it answered had been handed to it.
    last_read: Vec<Option<Nanos>>,
    is_good: Vec<bool>,
}

/// All events, in order, now that it is known where values stand.
#[derive(Clone, Debug)]
pub(crate) enum Event<'t> {
    Held { node: u32, value: u32, at: Nanos },
    Acked { node: u32, value: u32, at: Nanos },
    Forgot { node: u32 },
    Connected { at: Nanos, components: &'t [u32] },
}

impl Default for ValueTrace {
    fn default() -> Self {
        Tracer::new(&[], &[]).trace()
    }
}

impl ValueTrace {
    /// The first value that a node was sent and never returned, in a sentence that shows nodes and times
    /// in this way; and how many more there are.
    pub fn never_returned<'n>(
        &self,
        name: impl Fn(u32) -> &'n str,
        time: impl Fn(Nanos) -> String,
    ) -> Option<(String, usize)> {
        let values = self.values.iter();
        let mut all =
            values.flat_map(|value| value.unreturned.iter().map(move |sent| (value, sent)));
        let (TracedValue { value, .. }, first) = all.next()?;
        let from = match first.via {
            Via::Message { from, .. } => name(from),
            Via::Client(_) | Via::Read => "a client",
        };
        let (node, at) = (name(first.node), time(first.at));
        let sentence = format!("{node} was sent {value} (by {from} at {at}) and never returned it");
        Some((sentence, all.count()))
    }

    /// True if it would be known that a node holds a value: messages show it, or the node has
    /// answered a read since.
    #[must_use]
    pub fn would_know(&self, node: u32, value: &TracedValue) -> bool {
        let last_read = self.last_read.get(node as usize).copied().flatten();
        self.source.is_messages() || last_read > value.acked.or(Some(value.invoked))
    }

    /// The numbers of the values that a message carries, each once.
    #[must_use]
    pub fn values_of(&self, carried: &Carried) -> Vec<u32> {
        let good = carried.found.iter().filter(|(place, _)| self.is_good[usize::from(*place)]);
        let mut values: Vec<u32> = good.map(|(_, value)| *value).collect();
        let mut seen = BTreeSet::new();
        values.retain(|value| seen.insert(*value));
        values
    }
}

/// The holders of each value, while events are gone through.
struct Replay<'t> {
    tracer: &'t Tracer,
    learned: &'t Learned,
    /// By node and value: the number, from 1, of the receipt by which it is held now.
    held: Grid,
    /// When a node first held a value that it held in an earlier life.
    before: BTreeMap<(u32, u32), Nanos>,
    /// Node and value: how it was first sent in vain.
    in_vain: BTreeMap<(u32, u32), Receipt>,
    /// By node and value: 1 if a message or a client has brought it in this life.
    got: Grid,
    brought: u64,
}

impl Tracer {
    /// The knowledge so far.
    #[must_use]
    pub fn trace(&self) -> ValueTrace {
        self.replay(|_| ())
    }

    /// The knowledge so far, with all events in order.
    pub(crate) fn replay(&self, mut each: impl FnMut(Event<'_>)) -> ValueTrace {
        let learned = learn(self);
        let mut replay = Replay {
            tracer: self,
            learned: &learned,
            held: Grid::default(),
            before: BTreeMap::new(),
            in_vain: BTreeMap::new(),
            got: Grid::default(),
            brought: 0,
        };
        replay.run(&mut each);
        // An addition that no message shows is not lost: a sum tells nothing of one of them.
        let is_unseen = self.is_of_additions() && !learned.source.is_messages();
        let values = if is_unseen { Vec::new() } else { replay.values() };
        let entries = replay.entries();
        let last_read = self.last_read.clone();
        ValueTrace { source: learned.source, values, entries, last_read, is_good: learned.is_good }
    }
}

impl Replay<'_> {
    fn run(&mut self, each: &mut impl FnMut(Event<'_>)) {
        let mut marks = self.tracer.marks.iter().peekable();
        for (before, receipt) in self.tracer.receipts.iter().enumerate() {
            while let Some((_, mark)) = marks.next_if(|(at, _)| *at <= before) {
                self.mark(mark, each);
            }
            self.receipt(before as u32 + 1, receipt, each);
        }
        marks.for_each(|(_, mark)| self.mark(mark, each));
    }

    fn receipt(&mut self, number: u32, receipt: &Receipt, each: &mut impl FnMut(Event<'_>)) {
        let Receipt { at, node, value, place, is_void, .. } = *receipt;
        if !self.learned.is_good.get(usize::from(place)).is_some_and(|good| *good) {
            return;
        }
        if place != Places::READ {
            let got = std::mem::replace(self.got.slot(node, value), 1);
            self.brought += u64::from(got == 0 && place != Places::CLIENT);
        }
        if is_void {
            if place != Places::READ {
                self.in_vain.entry((node, value)).or_insert(*receipt);
            }
        } else if self.held.get(node, value) == 0 {
            *self.held.slot(node, value) = number;
            each(Event::Held { node, value, at });
        }
    }

    fn mark(&mut self, mark: &Mark, each: &mut impl FnMut(Event<'_>)) {
        match mark {
            Mark::Acked { value, node, at } => {
                each(Event::Acked { node: *node, value: *value, at: *at });
            }
            Mark::Connected { at, components } => each(Event::Connected { at: *at, components }),
            Mark::Forgot { node } => {
                for (value, number) in self.held.take(*node) {
                    let receipt = self.tracer.receipts[number as usize - 1];
                    self.before.entry((*node, value)).or_insert(receipt.at);
                }
                self.got.take(*node).for_each(drop);
                each(Event::Forgot { node: *node });
            }
        }
    }

    fn values(&self) -> Vec<TracedValue> {
        let value = |broadcast: &Broadcast| TracedValue {
            value: broadcast.value.clone(),
            origin: broadcast.origin,
            invoked: broadcast.invoked,
            acked: broadcast.acked,
            holds: Vec::new(),
            unreturned: Vec::new(),
        };
        let mut values: Vec<TracedValue> = self.tracer.values.iter().map(value).collect();
        let hold = |(node, value, number): (u32, u32, u32)| {
            let receipt = &self.tracer.receipts[number as usize - 1];
            let at = self.before.get(&(node, value)).copied().unwrap_or(receipt.at);
            (value, number, Hold { node, at, via: via(receipt) })
        };
        let mut holds: Vec<(u32, u32, Hold)> = self.held.iter().map(hold).collect();
        // Events of the same moment stay in the order in which they came.
        holds.sort_by_key(|(_, number, hold)| (hold.at, *number));
        for (value, _, hold) in holds {
            values[value as usize].holds.push(hold);
        }
        for ((node, value), receipt) in &self.in_vain {
            if self.held.get(*node, *value) == 0 {
                let unreturned = Unreturned { node: *node, at: receipt.at, via: via(receipt) };
                values[*value as usize].unreturned.push(unreturned);
            }
        }
        values
    }

    fn entries(&self) -> EntryCounts {
        let good =
            self.tracer.places.iter().filter(|(at, _)| self.learned.is_good[usize::from(*at)]);
        let mut counts = EntryCounts::default();
        let mut received = 0;
        for seen in good.filter_map(|(at, _)| self.tracer.uses.get(usize::from(at))) {
            counts.sent += seen.sent_count;
            received += seen.received_count;
        }
        counts.repeated = received - self.brought;
        counts
    }
}

const fn via(receipt: &Receipt) -> Via {
    match receipt.place {
        Places::CLIENT => Via::Client(receipt.by),
        Places::READ => Via::Read,
        _ => Via::Message { id: receipt.by, from: receipt.from },
    }
}
