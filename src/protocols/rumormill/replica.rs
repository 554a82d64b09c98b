//! The replica: the entries that a node holds, by origin, and when they arrived.

mod log;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use super::message::{Entries, EntryList, Gossip, Have};
use crate::id::{EntryId, Origin};
use crate::protocol::Entry;
use crate::set::{OriginId, Origins, Ranges, SharedSet, VersionSet, hash_origin, mix};
use crate::time::Instant;
use crate::value::Value;
use log::Log;

/// Most origins without entries that a replica remembers. Peers name an origin before its entries
/// arrive here, and a node that remembers the claim does not send it what it holds. A faulty peer
/// names any number of them. With a smaller bound, entries are sent twice in clusters whose new nodes
/// are more than this; with a larger one, such a peer takes more memory (some 200 bytes each).
const EMPTY_ORIGINS_MAX: usize = 4096;

/// The first origin of every replica: this node in its present generation.
const OWN: OriginId = OriginId(0);

/// The entries that a peer claims to hold, as far as this node remembers their origins.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The entries.
    pub entries: VersionSet,
    /// True if entries are claimed that are not held here.
    pub exceed_replica: bool,
}

/// The entries held. They are never removed.
#[derive(Clone, Debug)]
pub struct Replica {
    own: Origin,
    origins: Origins,
    log: Log,
    held: VersionSet,
    /// Those of an earlier generation of this node.
    restored: VersionSet,
    /// Entries by arrival, as far back as any grace reaches.
    arrivals: VecDeque<Arrival>,
    /// The longest grace so far.
    longest_grace: Duration,
    /// The entries of the messages that were made at that time, the first of them.
    made: (Instant, Vec<Made>),
}

/// Most messages made at the same time whose entries are kept for the next peer. A long queue is several messages for
/// each peer: with one kept, a process with 24 peers takes 811,000 instead of 903,000 lines per second (`cargo bench
/// --bench throughput`). With more, a hub looks through those that are for one child only.
const MADE_MAX: usize = 8;

/// The entries of a message.
#[derive(Clone, Debug)]
struct Made {
    set: SharedSet,
    list: EntryList,
    /// See [`Replica::bytes`].
    bytes: usize,
}

/// Roughly the bytes that a value takes on the wire.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::Int(_) => 8,
        Value::Json(text) => text.len(),
    }
}

/// Consecutive entries of one origin that arrived at the same time.
#[derive(Clone, Debug)]
struct Arrival {
    at: Instant,
    first: u64,
    origin: OriginId,
    /// As many as are in memory.
    count: u32,
}

impl Arrival {
    const fn range(&self) -> Range<u64> {
        self.first..self.first + self.count as u64
    }
}

impl Replica {
    /// An empty replica of the node and generation `own`.
    #[must_use]
    pub fn new(own: Origin) -> Self {
        let mut replica = Self {
            own,
            origins: Origins::default(),
            log: Log::default(),
            held: VersionSet::new(),
            restored: VersionSet::new(),
            arrivals: VecDeque::new(),
            longest_grace: Duration::ZERO,
            made: Default::default(),
        };
        replica.origin_id(own);
        replica
    }

    /// This node, and its present generation.
    #[must_use]
    pub const fn own(&self) -> Origin {
        self.own
    }

    /// Takes in an entry that was submitted to this node; returns its place in a set.
    pub fn submit(&mut self, now: Instant, entry: Entry) -> (OriginId, Range<u64>) {
        let sequence = entry.id.sequence;
        self.insert(now, OWN, sequence, &[entry.value]);
        (OWN, sequence..sequence + 1)
    }

    /// Takes in an entry that an earlier generation of this node held. It has not arrived now, so it is
    /// on its way to no peer.
    pub fn restore(&mut self, entry: Entry) {
        let Entry { id: EntryId { origin, sequence }, value } = entry;
        let origin = self.origin_id(origin);
        let arrivals = self.arrivals.len();
        self.insert(Instant::ZERO, origin, sequence, &[value]);
        self.arrivals.truncate(arrivals);
        self.restored.insert(origin, sequence..sequence + 1);
    }

    /// True if an earlier generation of this node held entries that came from its journal.
    #[must_use]
    pub fn has_restored(&self) -> bool {
        !self.restored.is_empty()
    }

    /// The entries held that are new in this generation.
    #[must_use]
    pub fn arrived(&self) -> VersionSet {
        self.held.difference(&self.restored)
    }

    /// The reason to reject a message: it names an entry of this node's generation that was never
    /// submitted here.
    #[must_use]
    pub fn contradiction(&self, gossip: &Gossip) -> Option<String> {
        let values = gossip.entries.iter().filter(|entries| entries.origin == self.own);
        let have = gossip.have.iter().filter(|have| have.origin == self.own);
        let ends = values.map(|entries| entries.first.saturating_add(entries.values.len() as u64));
        let last = |have: &Have| have.ranges.iter().last().map(|range| range.end);
        let submitted = self.held.get(OWN).map_or(0, |submitted| submitted.end());
        let end = ends.chain(have.filter_map(last)).find(|&end| end > submitted)?;
        Some(format!("names entry {} of this node, which has made {submitted}", end - 1))
    }

    /// The set of entries held.
    #[must_use]
    pub const fn held(&self) -> &VersionSet {
        &self.held
    }

    /// The number of entries held, and a hash of their names: 53 bits, which are exact in any reader of JSON. The
    /// names are those of the cluster's nodes and their generations, so equal sets have equal checksums at every node.
    #[must_use]
    pub fn checksum(&self) -> (u64, u64) {
        let hash = |(id, range): (OriginId, Range<u64>)| {
            mix(mix(hash_origin(self.origin(id)) ^ range.start) ^ range.end)
        };
        (self.held.count(), self.held.ranges().map(hash).fold(0, u64::wrapping_add) >> 11)
    }

    /// True if nothing has arrived for the longest grace.
    #[must_use]
    pub fn is_quiescent(&self, now: Instant) -> bool {
        let last = self.arrivals.back();
        last.is_none_or(|last| now.since(last.at) > self.longest_grace)
    }

    /// The number of `origin`, given at first sight.
    pub fn origin_id(&mut self, origin: Origin) -> OriginId {
        let id = self.origins.number(origin);
        self.log.begin(id);
        id
    }

    /// The entries that a peer claims to hold.
    ///
    /// Origins are numbered at first sight, but only so many of which no entry is held: claims about
    /// others are forgotten, so that entries of theirs are sent to the peer once they are held here.
    pub fn claims(&mut self, have: &[Have]) -> Claims {
        let mut unknown = 0_usize;
        let mut id = |have: &Have| {
            let empty_origins = self.origins.count() - self.held.origin_count();
            let is_taken =
                empty_origins < EMPTY_ORIGINS_MAX || self.origins.get(have.origin).is_some();
            unknown += usize::from(!is_taken);
            is_taken.then(|| (self.origin_id(have.origin), have.ranges.clone()))
        };
        let named = have.iter().filter(|have| !have.ranges.is_empty());
        let entries: VersionSet = named.filter_map(&mut id).collect();
        let exceed_replica = unknown > 0 || !entries.is_subset(&self.held);
        Claims { entries, exceed_replica }
    }

    /// The origin behind a number.
    #[must_use]
    pub fn origin(&self, id: OriginId) -> Origin {
        self.origins.name(id)
    }

    /// The origins heard of, by number.
    #[must_use]
    pub const fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Takes in consecutive entries of one origin; those held already change nothing. Returns the
    /// ranges that are new.
    pub fn insert(
        &mut self,
        now: Instant,
        origin: OriginId,
        first: u64,
        values: &[Value],
    ) -> Ranges {
        let whole: Ranges = std::iter::once(first..first + values.len() as u64).collect();
        let new = match self.held.get(origin) {
            Some(held) => whole.difference(&held),
            None => whole,
        };
        for range in new.iter() {
            let from = (range.start - first) as usize;
            let fresh = &values[from..from + (range.end - range.start) as usize];
            self.log.insert(origin, range.start, fresh);
            self.on_arrival(now, origin, &range);
        }
        if !new.is_empty() {
            self.held.insert_all(origin, &new);
        }
        new
    }

    /// Takes in the entries of a message. Returns all of them, and those that are new; the latter are
    /// also passed to `deliver`, each once.
    ///
    /// A message of a sound node names each origin's entries together and in order, and they are
    /// delivered in that order. The cost of any other message is linear, too: all sets are made from
    /// the whole message, and each origin's entries are gone through in order.
    pub fn insert_all(
        &mut self,
        now: Instant,
        message: &[Entries],
        mut deliver: impl FnMut(Entry),
    ) -> (VersionSet, VersionSet) {
        let range = |row: &Entries| row.first..row.first + row.values.len() as u64;
        let mut rows: Vec<(OriginId, &Entries)> =
            message.iter().map(|row| (self.origin_id(row.origin), row)).collect();
        let ranges = rows.iter().map(|(id, row)| (*id, std::iter::once(range(row)).collect()));
        let all: VersionSet = ranges.collect();
        let new = all.difference(&self.held);
        if rows.len() > all.origin_count() {
            let mut first_rows = BTreeMap::new();
            for (at, (id, _)) in rows.iter().enumerate() {
                first_rows.entry(*id).or_insert(at);
            }
            rows.sort_by_key(|(id, row)| (first_rows[id], row.first));
        }
        // All entries of this origin before this number have been taken in.
        let (mut origin, mut next) = (OriginId(u32::MAX), 0);
        for (id, row) in rows {
            if id != origin {
                (origin, next) = (id, 0);
            }
            let Some(fresh) = new.get(id) else { continue };
            let all = range(row);
            for part in fresh.within(next.max(all.start)..all.end) {
                let index = |sequence| (sequence - all.start) as usize;
                let values = &row.values[index(part.start)..index(part.end)];
                self.log.insert(id, part.start, values);
                self.on_arrival(now, id, &part);
                for (sequence, value) in part.zip(values) {
                    let id = EntryId { origin: row.origin, sequence };
                    deliver(Entry { id, value: value.clone() });
                }
            }
            next = next.max(all.end);
        }
        self.held.union_with(&new);
        (all, new)
    }

    fn on_arrival(&mut self, now: Instant, origin: OriginId, range: &Range<u64>) {
        let count = (range.end - range.start) as u32;
        match self.arrivals.back_mut() {
            Some(last)
                if last.at == now && last.origin == origin && last.range().end == range.start =>
            {
                last.count += count;
            }
            _ => {
                if self.arrivals.len() == self.arrivals.capacity() {
                    self.arrivals.reserve_exact(self.arrivals.len() / 4 + 4);
                }
                self.arrivals.push_back(Arrival { at: now, first: range.start, origin, count });
            }
        }
    }

    /// Forgets the arrival of entries that arrived more than twice the longest `grace` ago: the next one
    /// may be longer.
    pub fn forget_arrivals(&mut self, now: Instant, grace: Duration) {
        self.longest_grace = self.longest_grace.max(grace);
        let kept = self.longest_grace * 2;
        while self.arrivals.front().is_some_and(|arrival| now.since(arrival.at) > kept) {
            self.arrivals.pop_front();
        }
    }

    /// The entries that are held, not in `theirs`, and arrived at least `grace` ago.
    ///
    /// Younger entries are left out: they are on their way already.
    #[must_use]
    pub fn missing_from(&self, theirs: &VersionSet, now: Instant, grace: Duration) -> VersionSet {
        let mut missing = self.held.difference(theirs);
        if missing.is_empty() {
            return missing;
        }
        let young = self.arrivals.iter().rev().take_while(|arrival| now.since(arrival.at) < grace);
        let young = young.map(|arrival| (arrival.origin, [arrival.range()].into_iter().collect()));
        missing.subtract(&young.collect());
        missing
    }

    /// Everything held of `origin`, for an ack or a digest.
    #[must_use]
    pub fn have(&self, origin: OriginId) -> Have {
        Have {
            origin: self.origin(origin),
            ranges: self.held.get(origin).unwrap_or_default().into_owned(),
        }
    }

    /// The values of the entries in `range`, which must be held: those up to the first gap.
    #[must_use]
    pub fn values(&self, origin: OriginId, range: &Range<u64>) -> &[Value] {
        self.log.values(origin, range)
    }

    /// `entries`, which must be held, and their values, ready to be sent: by name, so that each origin is
    /// near the one before it. Those made at the same time are kept, since a hub sends many children the same.
    pub fn entries(
        &mut self,
        now: Instant,
        entries: impl Into<SharedSet>,
    ) -> (SharedSet, EntryList) {
        let entries = entries.into();
        if self.made.0 != now {
            self.made = (now, Vec::new());
        }
        if let Some(made) = self.made.1.iter().find(|made| made.set == entries) {
            return (made.set.clone(), made.list.clone());
        }
        let mut rows = Vec::with_capacity(entries.range_count());
        rows.extend(entries.ranges().map(|(origin, range)| self.row(origin, &range)));
        rows.sort_by_key(|row| row.origin);
        let (set, list) = (entries, EntryList::from(rows));
        if self.made.1.len() < MADE_MAX && !set.is_empty() {
            let (set, list, bytes) = (set.clone(), list.clone(), self.bytes(&set));
            self.made.1.push(Made { set, list, bytes });
        }
        (set, list)
    }

    /// Roughly the bytes that the values of `entries`, which must be held, take on the wire.
    #[must_use]
    pub fn bytes(&self, entries: &VersionSet) -> usize {
        if let Some(made) = self.made.1.iter().find(|made| std::ptr::eq(&*made.set, entries)) {
            return made.bytes;
        }
        let values = entries.ranges().flat_map(|(origin, range)| self.values(origin, &range));
        values.map(weight).sum()
    }

    /// The entries of `range`, up to the first gap.
    fn row(&self, origin: OriginId, range: &Range<u64>) -> Entries {
        let values = self.values(origin, range).into();
        Entries { origin: self.origin(origin), first: range.start, values }
    }
}

#[cfg(test)]
mod tests;
