//! A version vector with exceptions: ranges of sequence numbers per origin.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use super::{Ranges, make_room};

/// A node's short number for an origin (see `Replica` of the protocol); never on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub u32);

/// Most exceptions of a set that is changed origin by origin, whatever the number of origins: each
/// change may move all exceptions. With more, two large sets are merged in one pass.
const SMALL: usize = 64;

/// A set of entries: for each origin, ranges of sequence numbers. Origins without any are absent.
///
/// Large sets have nearly all entries of nearly all origins: of each one range from 0 on, which is
/// one number of two bytes. The nodes of a simulated cluster have millions of them. What is otherwise,
/// longer ranges too, and all of a small set, stands in a list of exceptions.
#[derive(Clone, Default)]
pub struct VersionSet {
    /// By origin: the number of its entries if they are one range from 0 on, otherwise 0.
    prefixes: Vec<u16>,
    /// The other origins that have entries, ascending.
    exceptions: Vec<(OriginId, Ranges)>,
    /// Origins with entries.
    origin_count: usize,
}

impl VersionSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { prefixes: Vec::new(), exceptions: Vec::new(), origin_count: 0 }
    }

    /// True if no entry is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.origin_count == 0
    }

    /// Number of entries in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        let prefixes: u64 = self.prefixes.iter().map(|&end| u64::from(end)).sum();
        prefixes + self.exceptions.iter().map(|(_, ranges)| ranges.count()).sum::<u64>()
    }

    /// Number of origins with entries in the set.
    #[must_use]
    pub const fn origin_count(&self) -> usize {
        self.origin_count
    }

    /// Number of ranges in the set: the measure of its memory.
    #[must_use]
    pub fn range_count(&self) -> usize {
        let exceptions = self.exceptions.iter().map(|(_, ranges)| ranges.as_slice().len());
        self.origin_count - self.exceptions.len() + exceptions.sum::<usize>()
    }

    /// Origins and what is held of each, in the order of the origins' numbers.
    pub fn iter(&self) -> impl Iterator<Item = (OriginId, Cow<'_, Ranges>)> + '_ {
        let mut prefixes = (0..).map(OriginId).zip(&self.prefixes).filter(|(_, end)| **end > 0);
        let mut exceptions = self.exceptions.iter();
        let (mut prefix, mut exception) = (prefixes.next(), exceptions.next());
        std::iter::from_fn(move || match (prefix, exception) {
            (Some((origin, end)), other) if other.is_none_or(|(other, _)| origin < *other) => {
                prefix = prefixes.next();
                Some((origin, Cow::Owned(Ranges::up_to(*end))))
            }
            (_, Some((origin, ranges))) => {
                exception = exceptions.next();
                Some((*origin, Cow::Borrowed(ranges)))
            }
            (_, None) => None,
        })
    }

    /// The ranges of all origins, in the order of the origins' numbers.
    pub fn ranges(&self) -> impl Iterator<Item = (OriginId, Range<u64>)> + '_ {
        self.iter().flat_map(|(origin, ranges)| {
            let (prefix, ranges) = match ranges {
                Cow::Owned(prefix) => (prefix.iter().next(), [].as_slice()),
                Cow::Borrowed(ranges) => (None, ranges.as_slice()),
            };
            prefix.into_iter().chain(ranges.iter().cloned()).map(move |range| (origin, range))
        })
    }

    /// The entries of `origin` from 0 on, if there are no others.
    fn prefix(&self, origin: OriginId) -> u16 {
        self.prefixes.get(origin.0 as usize).copied().unwrap_or(0)
    }

    /// Where the exception of `origin` stands, or belongs.
    fn exception(&self, origin: OriginId) -> Result<usize, usize> {
        match self.exceptions.last() {
            Some((last, _)) if *last >= origin => {
                self.exceptions.binary_search_by_key(&origin, |(found, _)| *found)
            }
            _ => Err(self.exceptions.len()),
        }
    }

    /// The ranges of `origin`, if the set has any.
    #[must_use]
    pub fn get(&self, origin: OriginId) -> Option<Cow<'_, Ranges>> {
        match self.prefix(origin) {
            0 => self.exception(origin).ok().map(|at| Cow::Borrowed(&self.exceptions[at].1)),
            end => Some(Cow::Owned(Ranges::up_to(end))),
        }
    }

    /// True if the entry is in the set.
    #[must_use]
    pub fn contains(&self, origin: OriginId, sequence: u64) -> bool {
        self.get(origin).is_some_and(|ranges| ranges.contains(sequence))
    }

    /// True if all of `range` of `origin` is in the set.
    #[must_use]
    pub fn contains_range(&self, origin: OriginId, range: &Range<u64>) -> bool {
        range.is_empty() || self.get(origin).is_some_and(|ranges| ranges.contains_range(range))
    }

    /// Changes the ranges of `origin`, which are empty if it has no entries.
    fn change(&mut self, origin: OriginId, change: impl FnOnce(&mut Ranges)) {
        let at = self.exception(origin);
        let mut ranges = match at {
            Ok(at) => std::mem::take(&mut self.exceptions[at].1),
            Err(_) => Ranges::up_to(self.prefix(origin)),
        };
        self.origin_count -= usize::from(!ranges.is_empty());
        change(&mut ranges);
        self.origin_count += usize::from(!ranges.is_empty());
        let slot = self.prefixes.get_mut(origin.0 as usize);
        let prefix = ranges.prefix().filter(|prefix| slot.is_some() || *prefix == 0);
        slot.into_iter().for_each(|slot| *slot = prefix.unwrap_or(0));
        match (at, prefix) {
            (Ok(at), Some(_)) => drop(self.exceptions.remove(at)),
            (Ok(at), None) => self.exceptions[at].1 = ranges,
            (Err(_), Some(_)) => {}
            (Err(at), None) => {
                self.exceptions.insert(at, (origin, ranges));
                self.extend_prefixes();
            }
        }
        if self.origin_count == 0 {
            self.prefixes.clear();
        }
    }

    /// Adds a range in the usual cases: it follows the entries of an origin from 0 on, or begins with 0,
    /// of the origin that is next. False if it is another case.
    fn lengthen(&mut self, origin: OriginId, range: &Range<u64>) -> bool {
        let Ok(end) = u16::try_from(range.end) else { return false };
        if let Some(before) = self.prefixes.get_mut(origin.0 as usize) {
            let follows = *before > 0 && range.start <= u64::from(*before);
            if follows {
                *before = end.max(*before);
            }
            follows
        } else {
            let is_next = self.prefixes.len() == origin.0 as usize;
            let is_next = is_next && self.exception(origin).is_err();
            let begins = is_next && range.start == 0 && end > 0;
            if begins {
                make_room(&mut self.prefixes);
                self.prefixes.push(end);
                self.origin_count += 1;
            }
            begins
        }
    }

    /// Moves exceptions beyond the end of the prefixes there, if these are at least half full then.
    fn extend_prefixes(&mut self) {
        let Some((last, _)) = self.exceptions.last() else { return };
        let (before, after) = (self.prefixes.len(), last.0 as usize + 1);
        if before >= after || self.exceptions.len() * 2 < after - before {
            return;
        }
        let beyond = self.exceptions.partition_point(|(origin, _)| (origin.0 as usize) < before);
        if (self.exceptions.len() - beyond) * 2 < after - before {
            return;
        }
        self.prefixes.resize(after, 0);
        let mut kept = beyond;
        for at in beyond..self.exceptions.len() {
            let (origin, ranges) = &self.exceptions[at];
            if let Some(prefix) = ranges.prefix() {
                self.prefixes[origin.0 as usize] = prefix;
            } else {
                self.exceptions.swap(kept, at);
                kept += 1;
            }
        }
        self.exceptions.truncate(kept);
        if self.exceptions.capacity() > SMALL {
            self.exceptions.shrink_to_fit();
        }
    }

    /// Adds a range of one origin.
    pub fn insert(&mut self, origin: OriginId, range: Range<u64>) {
        if self.lengthen(origin, &range) {
            return;
        }
        self.change(origin, |ranges| ranges.insert(range));
    }

    /// Adds ranges of one origin.
    pub fn insert_all(&mut self, origin: OriginId, added: &Ranges) {
        if let [range] = added.as_slice()
            && self.lengthen(origin, range)
        {
            return;
        }
        self.change(origin, |ranges| ranges.union_with(added));
    }

    /// Takes ranges of one origin out.
    pub fn remove_all(&mut self, origin: OriginId, gone: &Ranges) {
        self.change(origin, |ranges| ranges.subtract(gone));
    }

    /// Adds all of `other`.
    pub fn union_with(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
        } else if self.exceptions.len().min(other.origin_count) <= SMALL {
            other.iter().for_each(|(origin, ranges)| self.insert_all(origin, &ranges));
        } else {
            *self = merge(self.iter(), other.iter()).collect();
        }
    }

    /// Adds the part of `added` that is not in `but`; false if there is none.
    pub fn add_difference(&mut self, added: &Self, but: &Self) -> bool {
        if self.exceptions.len().min(added.origin_count) > SMALL {
            let new = added.difference(but);
            self.union_with(&new);
            return !new.is_empty();
        }
        let mut is_any = false;
        for (origin, ranges) in added.iter() {
            let new = match but.get(origin) {
                None => ranges,
                Some(known) => Cow::Owned(ranges.difference(&known)),
            };
            if !new.is_empty() {
                is_any = true;
                self.insert_all(origin, &new);
            }
        }
        is_any
    }

    /// Takes all of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        if self.prefixes.is_empty() {
            self.exceptions.retain_mut(|(origin, ranges)| {
                if let Some(gone) = other.get(*origin) {
                    ranges.subtract(&gone);
                }
                !ranges.is_empty()
            });
            self.origin_count = self.exceptions.len();
        } else if self.exceptions.len().min(other.origin_count) <= SMALL {
            other.iter().for_each(|(origin, ranges)| self.remove_all(origin, &ranges));
        } else {
            *self = self.difference(other);
        }
    }

    /// The part of this set that is not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let missing = |(origin, ranges): (OriginId, Cow<'_, Ranges>)| {
            let missing = match other.get(origin) {
                // Equal is the usual case by far.
                Some(theirs) if theirs == ranges => return None,
                Some(theirs) => ranges.difference(&theirs),
                None => ranges.into_owned(),
            };
            Some((origin, missing))
        };
        self.iter().filter_map(missing).collect()
    }

    /// True if nothing in this set is also in `other`.
    #[must_use]
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.iter().all(|(origin, ranges)| {
            let is_apart =
                |theirs: &Ranges| ranges.iter().all(|range| theirs.within(range).next().is_none());
            other.get(origin).is_none_or(|theirs| is_apart(&theirs))
        })
    }

    /// True if everything in this set is also in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.ranges().all(|(origin, range)| other.contains_range(origin, &range))
    }
}

/// All of two lists, ascending by origin like both.
fn merge<'a>(
    left: impl Iterator<Item = (OriginId, Cow<'a, Ranges>)>,
    right: impl Iterator<Item = (OriginId, Cow<'a, Ranges>)>,
) -> impl Iterator<Item = (OriginId, Ranges)> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || {
        let (a, b) = (left.peek().map(|row| row.0), right.peek().map(|row| row.0));
        let first = a.into_iter().chain(b).min()?;
        let a = left.next_if(|row| row.0 == first);
        let b = right.next_if(|row| row.0 == first);
        let mut ranges = Ranges::new();
        a.into_iter().chain(b).for_each(|(_, added)| ranges.union_with(&added));
        Some((first, ranges))
    })
}

/// The origins may come in any order, and more than once.
impl FromIterator<(OriginId, Ranges)> for VersionSet {
    fn from_iter<I: IntoIterator<Item = (OriginId, Ranges)>>(all: I) -> Self {
        let all = all.into_iter().filter(|(_, ranges)| !ranges.is_empty());
        let mut rows: Vec<(OriginId, Ranges)> = Vec::with_capacity(all.size_hint().1.unwrap_or(0));
        rows.extend(all);
        if !rows.is_sorted_by(|a, b| a.0 < b.0) {
            // Then ranges of one origin are added at the end of those before.
            rows.sort_by_key(|(origin, ranges)| (*origin, ranges.as_slice()[0].start));
            rows.dedup_by(|(origin, added), (before, ranges)| {
                let is_same = origin == before;
                if is_same {
                    ranges.union_with(added);
                }
                is_same
            });
        }
        let mut set = Self { prefixes: Vec::new(), origin_count: rows.len(), exceptions: rows };
        set.extend_prefixes();
        set
    }
}

impl PartialEq for VersionSet {
    fn eq(&self, other: &Self) -> bool {
        self.origin_count == other.origin_count && self.iter().eq(other.iter())
    }
}

impl Eq for VersionSet {}

impl Hash for VersionSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.iter().for_each(|row| row.hash(state));
    }
}

impl fmt::Debug for VersionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ranges::tests::{MANY, ends, ranges};
    use super::*;

    #[test]
    fn sets_of_many_origins_are_merged_in_one_pass() {
        ends(many_origins);
    }

    fn many_origins() {
        let of = |from| {
            let row = move |i| (OriginId(2 * i + from), ranges(&[(0, 2)]));
            (0..MANY as u32).rev().map(row).collect::<VersionSet>()
        };
        let (low, high) = (of(0), of(1));
        let mut both = low.clone();
        both.union_with(&high);
        assert_eq!(both.origin_count() as u64, 2 * MANY);
        assert_eq!(both.difference(&low), high);
        both.subtract(&high);
        assert_eq!(both, low);
        let rows =
            (0..MANY).rev().map(|i| (OriginId((i % 3) as u32), ranges(&[(2 * i, 2 * i + 1)])));
        assert_eq!(rows.collect::<VersionSet>().range_count() as u64, MANY);
    }

    #[test]
    fn a_range_that_is_too_long_for_a_prefix_is_an_exception() {
        let origins = [0, 1, 2].map(OriginId);
        let mut set = VersionSet::new();
        origins.iter().for_each(|&origin| set.insert(origin, 0..65_535));
        assert_eq!((set.prefixes.len(), set.exceptions.len()), (3, 0));
        set.insert(origins[1], 65_535..65_536);
        set.insert(origins[1], 65_536..70_000);
        assert_eq!((set.exceptions.len(), set.range_count(), set.origin_count()), (1, 3, 3));
        let ends = [65_535, 70_000, 65_535];
        let all: VersionSet =
            origins.into_iter().zip(ends.map(|end| ranges(&[(0, end)]))).collect();
        assert_eq!((set.count(), &set), (201_070, &all));
        set.remove_all(origins[1], &ranges(&[(60_000, 70_000)]));
        assert_eq!((set.exceptions.len(), set.prefix(origins[1])), (0, 60_000));
    }

    #[test]
    fn held_forgets_origins_without_entries() {
        let (a, b) = (OriginId(0), OriginId(1));
        let mut held = VersionSet::new();
        held.insert(a, 0..3);
        held.insert(b, 1..2);
        let mut other = VersionSet::new();
        other.insert(a, 0..2);
        assert_eq!(held.difference(&other).count(), 2);
        held.remove_all(b, &ranges(&[(0, 9)]));
        held.subtract(&other);
        assert_eq!(held.iter().count(), 1);
        assert_eq!((held.count(), held.range_count()), (1, 1));
        assert!(!held.is_subset(&other) && VersionSet::new().is_subset(&other));
    }
}
