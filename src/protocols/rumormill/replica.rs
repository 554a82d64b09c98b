//! The replica: the entries that a node holds, by origin, and when they arrived.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::message::{Entries, Gossip, Have};
use crate::id::{EntryId, Origin};
use crate::protocol::Entry;
use crate::set::{OriginId, Ranges, VersionSet};
use crate::time::Instant;
use crate::value::Value;

/// Most origins without entries that a replica remembers. Peers name an origin before its entries
/// arrive here, and a node that remembers the claim does not send it what it holds. A faulty peer
/// names any number of them. With a smaller bound, entries are sent twice in clusters whose new nodes
/// are more than this; with a larger one, such a peer takes more memory (some 200 bytes each).
const EMPTY_ORIGINS_MAX: usize = 4096;

/// The entries that a peer claims to hold, as far as this node remembers their origins.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The entries.
    pub entries: VersionSet,
    /// True if entries are claimed that are not held here.
    pub exceed_replica: bool,
}

/// The entries held. They are never removed.
#[derive(Clone)]
pub struct Replica {
    own: Origin,
    /// Entries submitted to this node in its present generation.
    submitted: u64,
    origins: Vec<Origin>,
    logs: Vec<Log>,
    held: VersionSet,
    /// Those of an earlier generation of this node.
    restored: VersionSet,
    /// Only ever asked for a key: its iteration order is never seen.
    origin_ids: HashMap<Origin, OriginId>,
    /// Entries by arrival, as far back as any grace reaches.
    arrivals: VecDeque<(Instant, OriginId, Range<u64>)>,
    /// The version at which each origin last grew, and the reverse.
    version: u64,
    changed_at: Vec<u64>,
    by_change: BTreeMap<u64, OriginId>,
}

/// The values of one origin: runs of consecutive entries.
///
/// There is one run as a rule, and it is kept in place.
#[derive(Clone, Debug, Default)]
struct Log {
    /// The first run: its first sequence number, and its values.
    first: u64,
    values: Vec<Value>,
    /// Those beyond a gap, by their first sequence numbers.
    later: BTreeMap<u64, Vec<Value>>,
}

/// Without the hash table: its order differs from run to run, and follows from the origins.
impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("origins", &self.origins)
            .field("logs", &self.logs)
            .field("held", &self.held)
            .field("arrivals", &self.arrivals)
            .field("version", &self.version)
            .field("changed_at", &self.changed_at)
            .finish_non_exhaustive()
    }
}

impl Replica {
    /// An empty replica of the node and generation `own`.
    #[must_use]
    pub fn new(own: Origin) -> Self {
        let mut replica = Self {
            own,
            submitted: 0,
            origins: Vec::new(),
            logs: Vec::new(),
            held: VersionSet::new(),
            restored: VersionSet::new(),
            origin_ids: HashMap::new(),
            arrivals: VecDeque::new(),
            version: 0,
            changed_at: Vec::new(),
            by_change: BTreeMap::new(),
        };
        replica.origin_id(own);
        replica
    }

    /// Takes in an entry that was submitted to this node; returns its place in a set.
    pub fn submit(&mut self, now: Instant, entry: Entry) -> (OriginId, Range<u64>) {
        // The first origin of every replica.
        let origin = OriginId(0);
        let sequence = entry.id.sequence;
        self.submitted = sequence + 1;
        self.insert(now, origin, sequence, &[entry.value]);
        (origin, sequence..sequence + 1)
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
        let end = ends.chain(have.filter_map(last)).find(|&end| end > self.submitted)?;
        let submitted = self.submitted;
        Some(format!("names entry {} of this node, which has made {submitted}", end - 1))
    }

    /// The set of entries held.
    #[must_use]
    pub const fn held(&self) -> &VersionSet {
        &self.held
    }

    /// The number of `origin`, given at first sight.
    pub fn origin_id(&mut self, origin: Origin) -> OriginId {
        if let Some(&id) = self.origin_ids.get(&origin) {
            return id;
        }
        let id = OriginId(u32::try_from(self.origins.len()).unwrap_or(u32::MAX));
        self.origins.push(origin);
        self.origin_ids.insert(origin, id);
        self.logs.push(Log::default());
        self.changed_at.push(0);
        id
    }

    /// The entries that a peer claims to hold.
    ///
    /// Origins are numbered at first sight, but only so many of which no entry is held: claims about
    /// others are forgotten, so that entries of theirs are sent to the peer once they are held here.
    pub fn claims(&mut self, have: &[Have]) -> Claims {
        let mut unknown = 0_usize;
        let mut id = |have: &Have| {
            let empty_origins = self.origins.len() - self.held.origin_count();
            let is_taken =
                empty_origins < EMPTY_ORIGINS_MAX || self.origin_ids.contains_key(&have.origin);
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
        self.origins[id.0 as usize]
    }

    /// The origins heard of, by number.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
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
            Some(held) => whole.difference(held),
            None => whole,
        };
        for range in new.iter() {
            let from = (range.start - first) as usize;
            let fresh = &values[from..from + (range.end - range.start) as usize];
            self.logs[origin.0 as usize].insert(range.start, fresh);
            self.on_arrival(now, origin, &range);
        }
        if !new.is_empty() {
            self.held.insert_all(origin, &new);
            self.on_growth(origin);
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
        let mut origins: Vec<OriginId> = rows.iter().map(|(id, _)| *id).collect();
        origins.dedup();
        if origins.len() > all.origin_count() {
            let mut seen = HashSet::new();
            origins.retain(|id| seen.insert(*id));
        }
        rows.sort_by_key(|(id, row)| (*id, row.first));
        for id in origins {
            let Some(fresh) = new.get(id) else { continue };
            let from = rows.partition_point(|(other, _)| *other < id);
            let mut next = 0; // All entries before it have been taken in.
            for (_, row) in rows[from..].iter().take_while(|(other, _)| *other == id) {
                let all = range(row);
                for part in fresh.within(next.max(all.start)..all.end) {
                    let index = |sequence| (sequence - all.start) as usize;
                    let values = &row.values[index(part.start)..index(part.end)];
                    self.logs[id.0 as usize].insert(part.start, values);
                    self.on_arrival(now, id, &part);
                    for (sequence, value) in part.zip(values) {
                        let id = EntryId { origin: row.origin, sequence };
                        deliver(Entry { id, value: value.clone() });
                    }
                }
                next = next.max(all.end);
            }
            self.on_growth(id);
        }
        self.held.union_with(&new);
        (all, new)
    }

    fn on_growth(&mut self, origin: OriginId) {
        self.by_change.remove(&self.changed_at[origin.0 as usize]);
        self.version += 1;
        self.changed_at[origin.0 as usize] = self.version;
        self.by_change.insert(self.version, origin);
    }

    fn on_arrival(&mut self, now: Instant, origin: OriginId, range: &Range<u64>) {
        match self.arrivals.back_mut() {
            Some((at, last_origin, last))
                if *at == now && *last_origin == origin && last.end == range.start =>
            {
                last.end = range.end;
            }
            _ => self.arrivals.push_back((now, origin, range.clone())),
        }
    }

    /// Forgets the arrival of entries that arrived more than `grace` ago.
    pub fn forget_arrivals(&mut self, now: Instant, grace: Duration) {
        while self.arrivals.front().is_some_and(|(at, ..)| now.since(*at) > grace) {
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
        let young = self.arrivals.iter().rev().take_while(|(at, ..)| now.since(*at) < grace);
        let young =
            young.map(|(_, origin, range)| (*origin, std::iter::once(range.clone()).collect()));
        missing.subtract(&young.collect());
        missing
    }

    /// The version: it grows with every new entry.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The origins that have grown since `version`, oldest change first.
    pub fn changed_since(&self, version: u64) -> impl Iterator<Item = OriginId> + '_ {
        self.changed_between(version, self.version)
    }

    /// The origins that grew last after the one version, and not after the other; oldest change first.
    pub(crate) fn changed_between(
        &self,
        after: u64,
        until: u64,
    ) -> impl DoubleEndedIterator<Item = OriginId> + '_ {
        // No range may end before it begins.
        let versions = after.saturating_add(1)..until.max(after).saturating_add(1);
        self.by_change.range(versions).map(|(_, &origin)| origin)
    }

    /// Everything held of `origin`, for an ack or a digest.
    #[must_use]
    pub fn have(&self, origin: OriginId) -> Have {
        Have {
            origin: self.origin(origin),
            ranges: self.held.get(origin).cloned().unwrap_or_default(),
        }
    }

    /// The values of the entries in `range`, which must be held: those up to the first gap.
    #[must_use]
    pub fn values(&self, origin: OriginId, range: &Range<u64>) -> &[Value] {
        self.logs[origin.0 as usize].values(range)
    }

    /// The entries of `range`, as far as they are held, ready to be sent.
    #[must_use]
    pub fn entries(&self, origin: OriginId, range: &Range<u64>) -> Entries {
        let values = self.values(origin, range).to_vec();
        Entries { origin: self.origin(origin), first: range.start, values }
    }
}

impl Log {
    /// Puts entries in of which none is there.
    fn insert(&mut self, first: u64, values: &[Value]) {
        let end = first + values.len() as u64;
        if self.values.is_empty() {
            // Exactly as long as it has to be: most origins of a large cluster have few values.
            (self.first, self.values) = (first, values.to_vec());
        } else if first < self.first {
            let run = std::mem::replace(&mut self.values, values.to_vec());
            let start = std::mem::replace(&mut self.first, first);
            self.later.insert(start, run);
        } else {
            let run = match self.later.range_mut(..first).next_back() {
                Some((start, run)) if *start + run.len() as u64 == first => run,
                None if self.first + self.values.len() as u64 == first => &mut self.values,
                _ => self.later.entry(first).or_default(),
            };
            run.extend_from_slice(values);
        }
        if let Some(next) = self.later.remove(&end) {
            let run = match self.later.range_mut(..end).next_back() {
                Some((_, run)) => run,
                None => &mut self.values,
            };
            run.extend(next);
        }
    }

    /// The entries in `range`, up to the first gap.
    fn values(&self, range: &Range<u64>) -> &[Value] {
        let (start, run) = match self.later.range(..=range.start).next_back() {
            Some((start, run)) => (*start, run),
            None if self.first <= range.start => (self.first, &self.values),
            None => return &[],
        };
        let from = ((range.start - start) as usize).min(run.len());
        let to = ((range.end - start) as usize).min(run.len());
        &run[from..to]
    }
}

#[cfg(test)]
mod tests;
