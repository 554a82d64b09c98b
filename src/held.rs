//! Held: which entries somebody holds, as ranges of sequence numbers per origin.
//!
//! The set behind everything the node knows about its peers. When nothing is missing it is one
//! range per origin, however many values there are: the observation that lets QUIC acknowledge
//! packets by ranges, and a version vector with holes in the gossip literature.

use std::collections::BTreeMap;
use std::ops::Range;

/// A sorted set of disjoint, non-adjacent, non-empty half-open ranges of sequence numbers.
///
/// A plain vector: entries arrive nearly in order, so there are one or two ranges and the last
/// one grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// True if no sequence number is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many sequence numbers are in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().cloned()
    }

    /// True if `sequence` is in the set.
    #[must_use]
    pub fn contains(&self, sequence: u64) -> bool {
        let after = self.0.partition_point(|range| range.start <= sequence);
        after > 0 && sequence < self.0[after - 1].end
    }

    /// True if all of `range` is in the set (as an empty range always is).
    #[must_use]
    pub fn contains_range(&self, range: &Range<u64>) -> bool {
        let after = self.0.partition_point(|held| held.start <= range.start);
        range.is_empty() || (after > 0 && range.end <= self.0[after - 1].end)
    }

    /// Adds `range`; an empty one changes nothing.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if let Some(last) = self.0.last_mut()
            && last.start <= range.start
            && range.start <= last.end
        {
            last.end = last.end.max(range.end); // The usual case: the last range grows.
            return;
        }
        // All ranges that overlap or touch the new one become one with it.
        let first = self.0.partition_point(|held| held.end < range.start);
        let past = self.0.partition_point(|held| held.start <= range.end);
        if first == past {
            self.0.insert(first, range);
        } else {
            let start = self.0[first].start.min(range.start);
            let end = self.0[past - 1].end.max(range.end);
            self.0.splice(first..past, std::iter::once(start..end));
        }
    }

    /// Takes `range` out; what is not in the set stays out.
    pub fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|held| held.end <= range.start);
        let past = self.0.partition_point(|held| held.start < range.end);
        if first == past {
            return;
        }
        let head = self.0[first].start..range.start;
        let tail = range.end..self.0[past - 1].end;
        self.0.splice(first..past, [head, tail].into_iter().filter(|rest| !rest.is_empty()));
    }

    /// The set with its gaps filled: what a version vector would say.
    #[cfg(feature = "mutations")]
    pub(crate) fn without_gaps(&self) -> Self {
        let ends = self.0.first().zip(self.0.last());
        ends.map(|(first, last)| first.start..last.end).into_iter().collect()
    }

    /// Adds all of `other`.
    pub fn union_with(&mut self, other: &Self) {
        for range in other.iter() {
            self.insert(range);
        }
    }

    /// Takes all of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        for range in &other.0 {
            self.remove(range);
        }
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let overlap = a.start.max(b.start)..a.end.min(b.end);
            if a.end < b.end {
                left.next();
            } else {
                right.next();
            }
            if !overlap.is_empty() {
                both.push(overlap);
            }
        }
        Self(both)
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

/// A node's short number for an origin (see [`crate::store::Store`]); never on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub u32);

/// A set of entries: for each origin, ranges of sequence numbers. Origins without any are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held(BTreeMap<OriginId, Ranges>);

impl Held {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// True if no entry is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many entries are in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().map(Ranges::count).sum()
    }

    /// How many ranges it takes to write the set down: the measure of its memory.
    #[must_use]
    pub fn range_count(&self) -> usize {
        self.0.values().map(|ranges| ranges.0.len()).sum()
    }

    /// Origins and what is held of each, in the order of the origins' numbers.
    pub fn iter(&self) -> impl Iterator<Item = (OriginId, &Ranges)> + '_ {
        self.0.iter().map(|(&origin, ranges)| (origin, ranges))
    }

    /// What is held of `origin`, if anything.
    #[must_use]
    pub fn get(&self, origin: OriginId) -> Option<&Ranges> {
        self.0.get(&origin)
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
            self.0.entry(origin).or_default().insert(range);
        }
    }

    /// Adds ranges of one origin.
    pub fn insert_all(&mut self, origin: OriginId, ranges: &Ranges) {
        if !ranges.is_empty() {
            self.0.entry(origin).or_default().union_with(ranges);
        }
    }

    /// Takes ranges of one origin out.
    pub fn remove_all(&mut self, origin: OriginId, ranges: &Ranges) {
        if let Some(held) = self.0.get_mut(&origin) {
            held.subtract(ranges);
            if held.is_empty() {
                self.0.remove(&origin);
            }
        }
    }

    /// Adds all of `other`.
    pub fn union_with(&mut self, other: &Self) {
        for (origin, ranges) in other.iter() {
            self.insert_all(origin, ranges);
        }
    }

    /// Takes all of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        for (origin, ranges) in other.iter() {
            self.remove_all(origin, ranges);
        }
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = BTreeMap::new();
        for (origin, ranges) in self.iter() {
            match other.get(origin) {
                // Equal is the usual case by far, and costs no allocation.
                Some(theirs) if theirs == ranges => {}
                Some(theirs) => {
                    let missing = ranges.difference(theirs);
                    if !missing.is_empty() {
                        rest.insert(origin, missing);
                    }
                }
                None => {
                    rest.insert(origin, ranges.clone());
                }
            }
        }
        Self(rest)
    }

    /// True if everything in this set is also in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter()
            .all(|(origin, ranges)| ranges.iter().all(|range| other.contains_range(origin, &range)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(list: &[(u64, u64)]) -> Ranges {
        list.iter().map(|&(start, end)| start..end).collect()
    }

    #[test]
    fn touching_and_overlapping_ranges_become_one() {
        assert_eq!(ranges(&[(0, 2), (2, 4)]), ranges(&[(0, 4)]));
        assert_eq!(ranges(&[(6, 8), (0, 2), (1, 7)]), ranges(&[(0, 8)]));
        assert_eq!(ranges(&[(4, 5), (0, 1), (3, 3)]).0, vec![0..1, 4..5]);
    }

    #[test]
    fn removal_splits() {
        let mut set = ranges(&[(0, 10), (20, 30)]);
        set.remove(&(5..25));
        assert_eq!(set.0, vec![0..5, 25..30]);
        set.remove(&(1..2));
        assert_eq!(set.0, vec![0..1, 2..5, 25..30]);
        assert!(set.contains(2) && !set.contains(1) && !set.contains(5));
        assert!(set.contains_range(&(2..5)) && !set.contains_range(&(0..3)));
    }

    #[test]
    fn intersection_takes_what_both_have() {
        let both = ranges(&[(0, 5), (8, 12)]).intersection(&ranges(&[(3, 9), (11, 20)]));
        assert_eq!(both.0, vec![3..5, 8..9, 11..12]);
    }

    #[test]
    fn held_forgets_origins_without_entries() {
        let (a, b) = (OriginId(0), OriginId(1));
        let mut held = Held::new();
        held.insert(a, 0..3);
        held.insert(b, 1..2);
        let mut other = Held::new();
        other.insert(a, 0..2);
        assert_eq!(held.difference(&other).count(), 2);
        held.remove_all(b, &ranges(&[(0, 9)]));
        held.subtract(&other);
        assert_eq!(held.iter().count(), 1);
        assert_eq!((held.count(), held.range_count()), (1, 1));
        assert!(!held.is_subset(&other) && Held::new().is_subset(&other));
    }
}
