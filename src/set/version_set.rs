//! A version vector with exceptions: ranges of sequence numbers per origin.

use std::ops::Range;

use super::Ranges;

/// A node's short number for an origin (see `Replica` of the protocol); never on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub u32);

/// A set of entries: for each origin, ranges of sequence numbers. Origins without any are absent.
///
/// A vector, ascending by origin. A set that has most of everything has most origins from 0 on, so an
/// origin usually stands at its own number; and new origins have the highest numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionSet(Vec<(OriginId, Ranges)>);

impl VersionSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// True if no entry is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of entries in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, ranges)| ranges.count()).sum()
    }

    /// Number of origins with entries in the set.
    #[must_use]
    pub const fn origin_count(&self) -> usize {
        self.0.len()
    }

    /// Number of ranges in the set: the measure of its memory.
    #[must_use]
    pub fn range_count(&self) -> usize {
        self.0.iter().map(|(_, ranges)| ranges.as_slice().len()).sum()
    }

    /// Origins and what is held of each, in the order of the origins' numbers.
    pub fn iter(&self) -> impl Iterator<Item = (OriginId, &Ranges)> + '_ {
        self.0.iter().map(|(origin, ranges)| (*origin, ranges))
    }

    /// Where `origin` stands, or belongs: never behind its number, and rarely far before it.
    fn position(&self, origin: OriginId) -> Result<usize, usize> {
        let guess = origin.0 as usize;
        if self.0.get(guess).is_some_and(|(found, _)| *found == origin) {
            return Ok(guess);
        }
        let (mut start, mut end, mut step) = (guess.min(self.0.len()), guess.min(self.0.len()), 1);
        while start > 0 && self.0[start - 1].0 >= origin {
            end = start;
            start = start.saturating_sub(step);
            step *= 2;
        }
        let found = self.0[start..end].binary_search_by_key(&origin, |(found, _)| *found);
        found.map(|at| start + at).map_err(|at| start + at)
    }

    /// The ranges of `origin`, mutably; empty ones, if there were none.
    fn ranges_mut(&mut self, origin: OriginId) -> &mut Ranges {
        let at = self.position(origin).unwrap_or_else(|at| {
            self.0.insert(at, (origin, Ranges::new()));
            at
        });
        &mut self.0[at].1
    }

    /// The ranges of `origin`, if the set has any.
    #[must_use]
    pub fn get(&self, origin: OriginId) -> Option<&Ranges> {
        self.position(origin).ok().map(|at| &self.0[at].1)
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

    /// Adds a range of one origin.
    pub fn insert(&mut self, origin: OriginId, range: Range<u64>) {
        if !range.is_empty() {
            self.ranges_mut(origin).insert(range);
        }
    }

    /// Adds ranges of one origin.
    pub fn insert_all(&mut self, origin: OriginId, ranges: &Ranges) {
        if !ranges.is_empty() {
            self.ranges_mut(origin).union_with(ranges);
        }
    }

    /// Takes ranges of one origin out.
    pub fn remove_all(&mut self, origin: OriginId, ranges: &Ranges) {
        if let Ok(at) = self.position(origin) {
            self.0[at].1.subtract(ranges);
            if self.0[at].1.is_empty() {
                self.0.remove(at);
            }
        }
    }

    /// Adds all of `other`.
    pub fn union_with(&mut self, other: &Self) {
        let mut new = Vec::new();
        for (origin, ranges) in &other.0 {
            match self.position(*origin) {
                Ok(at) => self.0[at].1.union_with(ranges),
                Err(_) => new.push((*origin, ranges.clone())),
            }
        }
        if let [(origin, ranges)] = new.as_slice() {
            return self.insert_all(*origin, ranges);
        }
        let before = self.0.len();
        self.0.append(&mut new);
        if before > 0 && before < self.0.len() && self.0[before - 1].0 > self.0[before].0 {
            // Two ascending runs: a sort that knows runs makes one pass over them.
            self.0.sort_by_key(|(origin, _)| *origin);
        }
    }

    /// Takes all of `other` out. Costs what the smaller of the two costs.
    pub fn subtract(&mut self, other: &Self) {
        if self.0.len() <= other.0.len() {
            self.0.retain_mut(|(origin, ranges)| {
                if let Some(gone) = other.get(*origin) {
                    ranges.subtract(gone);
                }
                !ranges.is_empty()
            });
        } else {
            let mut is_any_empty = false;
            for (origin, gone) in other.iter() {
                if let Ok(at) = self.position(origin) {
                    let ranges = &mut self.0[at].1;
                    ranges.subtract(gone);
                    is_any_empty |= ranges.is_empty();
                }
            }
            if is_any_empty {
                self.0.retain(|(_, ranges)| !ranges.is_empty());
            }
        }
    }

    /// The part of this set that is not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let missing = |(origin, ranges): (OriginId, &Ranges)| {
            let missing = match other.get(origin) {
                // Equal is the usual case by far.
                Some(theirs) if theirs == ranges => return None,
                Some(theirs) => ranges.difference(theirs),
                None => ranges.clone(),
            };
            (!missing.is_empty()).then_some((origin, missing))
        };
        Self(self.iter().filter_map(missing).collect())
    }

    /// True if everything in this set is also in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter()
            .all(|(origin, ranges)| ranges.iter().all(|range| other.contains_range(origin, &range)))
    }
}

/// The origins may come in any order, and more than once.
impl FromIterator<(OriginId, Ranges)> for VersionSet {
    fn from_iter<I: IntoIterator<Item = (OriginId, Ranges)>>(all: I) -> Self {
        let mut all: Vec<_> = all.into_iter().filter(|(_, ranges)| !ranges.is_empty()).collect();
        all.sort_by_key(|(origin, _)| *origin);
        if all.is_sorted_by(|a, b| a.0 < b.0) {
            return Self(all);
        }
        let groups = all.chunk_by(|a, b| a.0 == b.0);
        let union =
            |group: &[(OriginId, Ranges)]| group.iter().flat_map(|of| of.1.iter()).collect();
        Self(groups.map(|group| (group[0].0, union(group))).collect())
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
