//! Takes in what happens in a run, as far as it tells who holds which value.
//!
//! Which places of other nodes' messages hold values is known only when the run is over, so what
//! came at each place is kept apart until then. Of each value, node and place only the first
//! receipt counts, and the first sending.
//!
//! A read that began after a receipt and lacks the value proves that the node did not keep it: the
//! receipt is void, and the next one counts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use roaring::{RoaringBitmap, RoaringTreemap};
use rumormill::cluster::{Name, Nodes};
use rumormill::value::Value;
use rumormill_sim::Nanos;
use serde_json::value::RawValue;

use super::additions::Additions;
use super::own::{self, Facts};
use super::place::{Names, Places, ValuesAt};
use crate::format::envelope::string;
use crate::history::ReadSet;

/// Integers below this are looked up in a list.
const DENSE: usize = 1 << 22;

/// The values in a message between nodes, each with the place where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub(super) found: Vec<(u16, u32)>,
    /// Of a message of our own protocols.
    pub own: Option<Facts>,
}

impl Carried {
    /// True unless it is a message of ours that brings no value: of others' messages it is not
    /// known.
    #[must_use]
    pub fn may_bring_values(&self) -> bool {
        self.own.is_none() || !self.found.is_empty()
    }
}

/// A value that a client broadcast.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    pub(super) value: Value,
    pub(super) invoked: Nanos,
    pub(super) acked: Option<Nanos>,
    pub(super) origin: Option<u32>,
}

/// A node was seen with a value at a place: in a request of a client, in a message, in a read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receipt {
    pub(super) at: Nanos,
    /// The message, and the node that sent it.
    pub(super) by: u64,
    pub(super) from: u32,
    pub(super) node: u32,
    pub(super) value: u32,
    pub(super) place: u16,
    /// A later read lacked the value.
    pub(super) is_void: bool,
}

/// Events beside receipts.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Acked { value: u32, node: u32, at: Nanos },
    Forgot { node: u32 },
    Connected { at: Nanos, components: Vec<u32> },
}

/// A number for each node and value, 0 at first.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid(Vec<Vec<u32>>);

impl Grid {
    pub(super) fn get(&self, node: u32, value: u32) -> u32 {
        let row = self.0.get(node as usize);
        row.and_then(|row| row.get(value as usize)).copied().unwrap_or(0)
    }

    /// Takes out all of a node: value and number.
    pub(super) fn take(&mut self, node: u32) -> impl Iterator<Item = (u32, u32)> + use<> {
        let row = self.0.get_mut(node as usize).map(std::mem::take).unwrap_or_default();
        (0..).zip(row).filter(|(_, number)| *number > 0)
    }

    pub(super) fn slot(&mut self, node: u32, value: u32) -> &mut u32 {
        let (node, value) = (node as usize, value as usize);
        if self.0.len() <= node {
            self.0.resize_with(node + 1, Vec::new);
        }
        let row = &mut self.0[node];
        if row.len() <= value {
            row.resize(value + 1, 0);
        }
        &mut row[value]
    }

    /// All that are set: node, value and number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        (0..).zip(&self.0).flat_map(|(node, row)| {
            let set = (0..).zip(row).filter(|(_, number)| **number > 0);
            set.map(move |(value, number)| (node, value, *number))
        })
    }
}

/// The observations at a place. Times are numbers of receipts, so that they order all events.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    /// By node and value: the number, from 1, of the receipt that counts now.
    current: Grid,
    /// By node and value: the number of the first receipt.
    pub(super) first: Grid,
    /// By node and value: one more than the receipts there were when the node first sent it.
    pub(super) sent: Grid,
    pub(super) sent_count: u64,
    pub(super) received_count: u64,
}

/// Values by number, in the order in which clients handed them in.
#[derive(Clone, Debug, Default)]
struct Numbers {
    /// By integer: its number, plus one.
    ints: Vec<u32>,
    others: HashMap<Value, u32>,
}

impl Numbers {
    fn of_int(&self, int: u64) -> Option<u32> {
        match usize::try_from(int).ok().and_then(|int| self.ints.get(int)) {
            Some(number) => number.checked_sub(1),
            None if self.others.is_empty() => None,
            None => self.others.get(&Value::Int(i64::try_from(int).ok()?)).copied(),
        }
    }

    fn of(&self, value: &Value) -> Option<u32> {
        match value {
            Value::Int(int) if *int >= 0 => self.of_int(int.unsigned_abs()),
            other => self.others.get(other).copied(),
        }
    }

    fn add(&mut self, value: &Value, number: u32) {
        match value {
            Value::Int(int) if usize::try_from(*int).is_ok_and(|int| int < DENSE) => {
                let int = int.unsigned_abs() as usize;
                if self.ints.len() <= int {
                    self.ints.resize(int + 1, 0);
                }
                self.ints[int] = number + 1;
            }
            other => _ = self.others.insert(other.clone(), number),
        }
    }
}

/// Names as a body has them.
struct Known<'t> {
    numbers: &'t Numbers,
    nodes: &'t Nodes,
}

impl Names for Known<'_> {
    fn int(&self, int: u64) -> Option<u32> {
        self.numbers.of_int(int)
    }

    fn scalar(&self, json: &str) -> Option<u32> {
        let text = string(json).unwrap_or(Cow::Borrowed(json));
        if let Some(number) = text.parse().ok().and_then(|int| self.int(int)) {
            return Some(number);
        }
        if self.numbers.others.is_empty() {
            return None;
        }
        let raw: &RawValue = serde_json::from_str(json).ok()?;
        self.numbers.of(&Value::from_raw(raw).ok()?)
    }

    fn is_node(&self, key: &str) -> bool {
        self.nodes.id(key).is_some()
    }
}

/// Tracks values through a run. Times are the driver's.
#[derive(Clone, Debug)]
pub struct Tracer {
    nodes: Arc<Nodes>,
    pub(super) places: Places,
    /// By place.
    pub(super) uses: Vec<Use>,
    numbers: Numbers,
    /// Present if additions are traced, and not values.
    additions: Option<Additions>,
    pub(super) values: Vec<Broadcast>,
    pub(super) receipts: Vec<Receipt>,
    /// Other events, each with the number of receipts before it.
    pub(super) marks: Vec<(usize, Mark)>,
    /// By node: the values that a receipt of now says it has, and those that reads returned.
    told: Vec<RoaringBitmap>,
    returned: Vec<RoaringBitmap>,
    /// By node: when the latest read that it answered had been handed to it.
    pub(super) last_read: Vec<Option<Nanos>>,
    /// Messages between nodes.
    pub(super) messages: u64,
}

impl Tracer {
    /// A tracker for a run of these nodes. `values_at` says where values stand in messages that
    /// are not of our protocols; if it is empty, it is found out.
    #[must_use]
    pub fn new(nodes: &[Name], values_at: &[ValuesAt]) -> Self {
        Self {
            nodes: Arc::new(nodes.to_vec().into()),
            places: Places::new(values_at),
            uses: Vec::new(),
            numbers: Numbers::default(),
            additions: None,
            values: Vec::new(),
            receipts: Vec::new(),
            marks: Vec::new(),
            told: vec![RoaringBitmap::new(); nodes.len()],
            returned: vec![RoaringBitmap::new(); nodes.len()],
            last_read: vec![None; nodes.len()],
            messages: 0,
        }
    }

    /// Number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.told.len()
    }

    /// The number of the node of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<u32> {
        self.nodes.id(name).map(|id| id.0)
    }

    /// A client hands in a value; returns its number, from 0. The same value again is the same.
    pub fn invoked(&mut self, value: &Value, at: Nanos) -> u32 {
        if let Some(number) = self.numbers.of(value) {
            return number;
        }
        // More than 2^32 values do not fit into memory.
        let number = self.values.len() as u32;
        self.numbers.add(value, number);
        let value = value.clone();
        self.values.push(Broadcast { value, invoked: at, acked: None, origin: None });
        number
    }

    /// True if additions to a counter are traced, and not values.
    pub(super) const fn is_of_additions(&self) -> bool {
        self.additions.is_some()
    }

    /// A client adds something to a counter; returns the addition's number, from 0. From now on additions
    /// are traced, which only our own nodes' messages show.
    pub fn added(&mut self, at: Nanos) -> u32 {
        self.additions.get_or_insert_with(|| Additions::new(self.told.len()));
        // A name that no value has.
        let name = format!("\"addition {}\"", self.values.len());
        self.invoked(&Value::Json(name.into()), at)
    }

    /// A node is handed a client's value, or its addition.
    pub fn taken(&mut self, node: u32, value: u32, at: Nanos, by: u64) {
        if let Some(additions) = &mut self.additions {
            additions.handed(node, value);
        }
        if let Some(broadcast) = self.values.get_mut(value as usize) {
            broadcast.origin.get_or_insert(node);
            self.note(Places::CLIENT, (node, node), value, at, by);
        }
    }

    /// A client is told that the value is taken.
    pub fn acked(&mut self, node: u32, value: u32, at: Nanos) {
        if let Some(broadcast) = self.values.get_mut(value as usize) {
            broadcast.acked.get_or_insert(at);
            self.marks.push((self.receipts.len(), Mark::Acked { value, node, at }));
        }
    }

    /// A node sends another one a message; returns what is found in it.
    pub fn sent(&mut self, from: u32, kind: &str, body: &str) -> Carried {
        self.messages += 1;
        let mut found = Vec::new();
        let own = own::read(kind, body, &self.nodes);
        match &own {
            Some(own) => {
                if let Some(place) = self.places.own(kind) {
                    let numbers: Vec<u32> = match &mut self.additions {
                        None => own.values.iter().filter_map(|v| self.numbers.of(v)).collect(),
                        Some(additions) => {
                            own.entries.iter().filter_map(|entry| additions.of(*entry)).collect()
                        }
                    };
                    found.extend(numbers.into_iter().map(|number| (place, number)));
                }
            }
            None => {
                let known = Known { numbers: &self.numbers, nodes: &self.nodes };
                self.places.scan(kind, body, &known, &mut found);
            }
        }
        if self.uses.len() < self.places.len() {
            self.uses.resize_with(self.places.len(), Use::default);
        }
        // Receipts are fewer than 2^32, or they would not fit into memory.
        let before = self.receipts.len() as u32 + 1;
        for &(place, value) in &found {
            let at = &mut self.uses[usize::from(place)];
            at.sent_count += 1;
            let sent = at.sent.slot(from, value);
            if *sent == 0 {
                *sent = before;
            }
        }
        Carried { found, own: own.map(|own| own.facts) }
    }

    /// A node is handed a message of another one.
    pub fn received(&mut self, (from, to): (u32, u32), carried: &Carried, at: Nanos, by: u64) {
        for &(place, value) in &carried.found {
            self.uses[usize::from(place)].received_count += 1;
            self.note(place, (from, to), value, at, by);
        }
    }

    /// A node has answered a read that it was handed at `begun`.
    pub fn read(&mut self, node: u32, begun: Nanos, at: Nanos, set: &ReadSet) {
        let numbers = self.numbers_of(&set.ints);
        let Some(told) = self.told.get(node as usize) else { return };
        for value in told - &numbers {
            self.contradict(node, value, begun);
        }
        let last = &mut self.last_read[node as usize];
        *last = Some(begun).max(*last);
        let known = &self.returned[node as usize];
        for value in &numbers - known {
            self.returned[node as usize].insert(value);
            self.note(Places::READ, (node, node), value, at, 0);
        }
    }

    /// A node was seen to lack this integer when the run was over.
    pub fn lacks(&mut self, node: u32, int: u64) {
        if let Some(value) = self.numbers.of_int(int) {
            self.contradict(node, value, Nanos::MAX);
        }
    }

    /// Receipts of the value before this time were in vain.
    fn contradict(&mut self, node: u32, value: u32, begun: Nanos) {
        let mut is_left = false;
        for at in &mut self.uses {
            let receipt = at.current.get(node, value) as usize;
            let Some(receipt) = receipt.checked_sub(1).map(|at| &mut self.receipts[at]) else {
                continue;
            };
            if receipt.at < begun {
                receipt.is_void = true;
                *at.current.slot(node, value) = 0;
            } else {
                is_left = true;
            }
        }
        if !is_left {
            self.told[node as usize].remove(value);
        }
        // A value that a read returned once and a later one lacks is lost again.
        self.returned[node as usize].remove(value);
    }

    fn numbers_of(&self, ints: &RoaringTreemap) -> RoaringBitmap {
        let mut numbers = RoaringBitmap::new();
        for (high, ints) in ints.bitmaps() {
            let int = |low: u32| u64::from(high) << 32 | u64::from(low);
            numbers.extend(ints.iter().filter_map(|low| self.numbers.of_int(int(low))));
        }
        numbers
    }

    /// A node begins another generation.
    pub fn restarted(&mut self, node: u32) {
        if let Some(additions) = &mut self.additions {
            additions.begin(node);
        }
    }

    /// A node has lost its memory.
    pub fn forgot(&mut self, node: u32) {
        self.restarted(node);
        for at in &mut self.uses {
            at.current.take(node).for_each(drop);
        }
        if let Some(told) = self.told.get_mut(node as usize) {
            told.clear();
            self.returned[node as usize].clear();
        }
        self.marks.push((self.receipts.len(), Mark::Forgot { node }));
    }

    /// From now on these components are connected: one number for each node.
    pub(crate) fn connected(&mut self, at: Nanos, components: Vec<u32>) {
        self.marks.push((self.receipts.len(), Mark::Connected { at, components }));
    }

    fn note(&mut self, place: u16, (from, node): (u32, u32), value: u32, at: Nanos, by: u64) {
        if node as usize >= self.told.len() {
            return;
        }
        if self.uses.len() <= usize::from(place) {
            self.uses.resize_with(self.places.len(), Use::default);
        }
        let seen = &mut self.uses[usize::from(place)];
        let current = seen.current.slot(node, value);
        if *current > 0 {
            return;
        }
        self.receipts.push(Receipt { at, by, from, node, value, place, is_void: false });
        let number = self.receipts.len() as u32;
        *current = number;
        let first = seen.first.slot(node, value);
        if *first == 0 {
            *first = number;
        }
        // Only integers can be missed in a read.
        if matches!(self.values[value as usize].value, Value::Int(0..)) {
            self.told[node as usize].insert(value);
        }
    }
}
