//! Ranges of sequence numbers.

use std::ops::Range;

/// A sorted set of disjoint, non-adjacent, non-empty half-open ranges of sequence numbers.
///
/// Entries arrive nearly in order, so there is one range as a rule, and it grows. It is kept in
/// place: the nodes of a simulated large cluster have millions of these sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ranges(Repr);

/// Equal sets look the same: what fits into `One` is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    /// One range; the empty set is `0..0`.
    One(Range<u64>),
    /// Two or more.
    Many(Vec<Range<u64>>),
}

impl Default for Ranges {
    fn default() -> Self {
        Self::new()
    }
}

impl Ranges {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::One(0..0))
    }

    /// The set of these ranges, which are as the type demands.
    fn of(mut ranges: Vec<Range<u64>>) -> Self {
        match ranges.len() {
            0 => Self::new(),
            1 => Self(Repr::One(ranges.swap_remove(0))),
            _ => Self(Repr::Many(ranges)),
        }
    }

    /// The numbers from 0 on, so many of them.
    pub(super) const fn up_to(end: u16) -> Self {
        Self(Repr::One(0..end as u64))
    }

    /// The number of sequence numbers, if they are those from 0 on without a gap.
    pub(super) fn prefix(&self) -> Option<u16> {
        match &self.0 {
            Repr::One(range) if range.start == 0 => u16::try_from(range.end).ok(),
            _ => None,
        }
    }

    pub(super) fn as_slice(&self) -> &[Range<u64>] {
        match &self.0 {
            Repr::One(range) if range.is_empty() => &[],
            Repr::One(range) => std::slice::from_ref(range),
            Repr::Many(ranges) => ranges,
        }
    }

    /// True if no sequence number is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Number of sequence numbers in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.as_slice().iter().map(|range| range.end - range.start).sum()
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.as_slice().iter().cloned()
    }

    /// The number after the largest one in the set; 0 if it is empty.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.as_slice().last().map_or(0, |range| range.end)
    }

    /// Drops all but the last `count` ranges.
    pub fn keep_last(&mut self, count: usize) {
        if let Repr::Many(held) = &mut self.0
            && held.len() > count
        {
            held.drain(..held.len() - count);
            self.normalise();
        }
    }

    /// True if `sequence` is in the set.
    #[must_use]
    pub fn contains(&self, sequence: u64) -> bool {
        let held = self.as_slice();
        let after = held.partition_point(|range| range.start <= sequence);
        after > 0 && sequence < held[after - 1].end
    }

    /// True if all of `range` is in the set (as an empty range always is).
    #[must_use]
    pub fn contains_range(&self, range: &Range<u64>) -> bool {
        let held = self.as_slice();
        let after = held.partition_point(|held| held.start <= range.start);
        range.is_empty() || (after > 0 && range.end <= held[after - 1].end)
    }

    /// The parts of the set that lie within `range`, ascending.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let held = self.as_slice();
        let from = held.partition_point(|held| held.end <= range.start);
        let parts = held[from..]
            .iter()
            .map(move |held| held.start.max(range.start)..held.end.min(range.end));
        parts.take_while(|part| !part.is_empty())
    }

    /// Adds `range`; an empty one changes nothing.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        match &mut self.0 {
            Repr::One(one) if one.is_empty() => *one = range,
            Repr::One(one) if range.start <= one.end && one.start <= range.end => {
                *one = one.start.min(range.start)..one.end.max(range.end);
            }
            Repr::One(one) if one.end < range.start => {
                self.0 = Repr::Many(vec![one.clone(), range]);
            }
            Repr::One(one) => self.0 = Repr::Many(vec![range, one.clone()]),
            Repr::Many(held) => {
                // All ranges that overlap or touch the new one become one with it.
                let first = held.partition_point(|held| held.end < range.start);
                let past = held.partition_point(|held| held.start <= range.end);
                if first == past {
                    held.insert(first, range);
                } else {
                    let start = held[first].start.min(range.start);
                    let end = held[past - 1].end.max(range.end);
                    held.splice(first..past, std::iter::once(start..end));
                }
                self.normalise();
            }
        }
    }

    /// Takes `range` out; what is not in the set stays out.
    pub fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        match &mut self.0 {
            Repr::One(one) => {
                let head = one.start..one.end.min(range.start);
                let tail = one.start.max(range.end)..one.end;
                *self = match (head.is_empty(), tail.is_empty()) {
                    (true, true) => Self::new(),
                    (false, true) => Self(Repr::One(head)),
                    (true, false) => Self(Repr::One(tail)),
                    (false, false) => Self(Repr::Many(vec![head, tail])),
                };
            }
            Repr::Many(held) => {
                let first = held.partition_point(|held| held.end <= range.start);
                let past = held.partition_point(|held| held.start < range.end);
                if first == past {
                    return;
                }
                let head = held[first].start..range.start;
                let tail = range.end..held[past - 1].end;
                held.splice(first..past, [head, tail].into_iter().filter(|rest| !rest.is_empty()));
                self.normalise();
            }
        }
    }

    /// Keeps a single range in place.
    fn normalise(&mut self) {
        if let Repr::Many(held) = &mut self.0
            && held.len() < 2
        {
            *self = Self::of(std::mem::take(held));
        }
    }

    /// The set with its gaps filled: what a version vector would say.
    #[cfg(feature = "mutations")]
    pub(crate) fn without_gaps(&self) -> Self {
        let held = self.as_slice();
        let ends = held.first().zip(held.last());
        ends.map(|(first, last)| first.start..last.end).into_iter().collect()
    }

    /// Adds all of `other`: a merge of two sorted runs, from where `other` begins.
    pub fn union_with(&mut self, other: &Self) {
        let [first, .., last] = other.as_slice() else {
            return other.iter().for_each(|range| self.insert(range));
        };
        let held = self.as_slice();
        if held.is_empty() {
            *self = other.clone();
            return;
        }
        let from = held.partition_point(|held| held.end < first.start);
        let past = held.partition_point(|held| held.start <= last.end);
        let mut merged = Vec::with_capacity(past - from + other.as_slice().len());
        merge(&held[from..past], other.as_slice(), &mut merged);
        match &mut self.0 {
            Repr::Many(held) => drop(held.splice(from..past, merged)),
            Repr::One(_) if from < past => self.0 = Repr::Many(merged),
            Repr::One(one) if from == 0 => {
                merged.push(one.clone());
                self.0 = Repr::Many(merged);
            }
            Repr::One(one) => {
                merged.insert(0, one.clone());
                self.0 = Repr::Many(merged);
            }
        }
        self.normalise();
    }

    /// Takes all of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        match other.as_slice() {
            [] => {}
            [range] => self.remove(range),
            _ => *self = self.difference(other),
        }
    }

    /// The part of this set that is not in `other`. Costs what the two cost where they overlap.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let (held, gone) = (self.as_slice(), other.as_slice());
        let Some(first) = held.first() else { return Self::new() };
        let mut gone = &gone[gone.partition_point(|gone| gone.end <= first.start)..];
        if let [one] = held
            && gone.first().is_none_or(|gone| gone.start >= one.end)
        {
            return self.clone();
        }
        let mut rest = Vec::new();
        for range in held {
            let mut start = range.start;
            while let [next, others @ ..] = gone
                && next.start < range.end
            {
                if start < next.start {
                    rest.push(start..next.start);
                }
                start = start.max(next.end);
                if next.end > range.end {
                    break; // It may reach into the next range.
                }
                gone = others;
            }
            if start < range.end {
                rest.push(start..range.end);
            }
        }
        Self::of(rest)
    }

    /// The intersection of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (left, right) = (self.as_slice(), other.as_slice());
        let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
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
        Self::of(both)
    }
}

/// The ranges may come in any order, overlap, and be empty.
impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut ranges = ranges.into_iter().filter(|range| !range.is_empty());
        let Some(first) = ranges.next() else { return Self::new() };
        let Some(second) = ranges.next() else { return Self(Repr::One(first)) };
        let mut all = vec![first, second];
        all.extend(ranges);
        // One pass if they are in order, as they usually are.
        all.sort_by_key(|range| range.start);
        all.dedup_by(|next, last| extend(last, next));
        Self::of(all)
    }
}

/// Adds `next`, which does not begin before `last`, to `last`: if they overlap or touch.
fn extend(last: &mut Range<u64>, next: &Range<u64>) -> bool {
    let is_joined = next.start <= last.end;
    if is_joined {
        last.end = last.end.max(next.end);
    }
    is_joined
}

/// Appends the union of two sorted runs of ranges.
fn merge(mut left: &[Range<u64>], mut right: &[Range<u64>], merged: &mut Vec<Range<u64>>) {
    loop {
        let next = match (left, right) {
            ([l, ..], [r, ..]) if l.start <= r.start => take_first(&mut left),
            (_, [_, ..]) => take_first(&mut right),
            _ => take_first(&mut left),
        };
        let Some(next) = next else { return };
        if !merged.last_mut().is_some_and(|last| extend(last, next)) {
            merged.push(next.clone());
        }
    }
}

fn take_first<'a, T>(items: &mut &'a [T]) -> Option<&'a T> {
    let (first, rest) = items.split_first()?;
    *items = rest;
    Some(first)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    pub(crate) fn ranges(list: &[(u64, u64)]) -> Ranges {
        list.iter().map(|&(start, end)| start..end).collect()
    }

    #[test]
    fn touching_and_overlapping_ranges_become_one() {
        assert_eq!(ranges(&[(0, 2), (2, 4)]), ranges(&[(0, 4)]));
        assert_eq!(ranges(&[(6, 8), (0, 2), (1, 7)]), ranges(&[(0, 8)]));
        assert_eq!(ranges(&[(4, 5), (0, 1), (3, 3)]).as_slice(), [0..1, 4..5]);
    }

    #[test]
    fn removal_splits() {
        let mut set = ranges(&[(0, 10), (20, 30)]);
        set.remove(&(5..25));
        assert_eq!(set.as_slice(), [0..5, 25..30]);
        set.remove(&(1..2));
        assert_eq!(set.as_slice(), [0..1, 2..5, 25..30]);
        assert!(set.contains(2) && !set.contains(1) && !set.contains(5));
        assert!(set.contains_range(&(2..5)) && !set.contains_range(&(0..3)));
    }

    #[test]
    fn parts_within_a_range_are_cut_to_it() {
        let set = ranges(&[(0, 5), (8, 12), (20, 30)]);
        let within = |start, end| set.within(start..end).collect::<Vec<_>>();
        assert_eq!(within(3, 25), [3..5, 8..12, 20..25]);
        assert_eq!(within(5, 8), []);
        assert_eq!(within(9, 9), []);
        assert_eq!(within(11, 9), []);
        assert_eq!(within(40, 50), []);
    }

    #[test]
    fn intersection_takes_what_both_have() {
        let both = ranges(&[(0, 5), (8, 12)]).intersection(&ranges(&[(3, 9), (11, 20)]));
        assert_eq!(both.as_slice(), [3..5, 8..9, 11..12]);
    }

    /// If an operation went over all of one set for each of so many ranges of the other, a test would
    /// take hours: it fails at [`LIMIT`], far above the second that it takes.
    pub(crate) const MANY: u64 = 1_000_000;
    const LIMIT: Duration = Duration::from_secs(120);

    /// Runs a test that fails if it does not end.
    pub(crate) fn ends(test: impl FnOnce() + Send + 'static) {
        let (sender, end) = mpsc::channel();
        thread::spawn(move || {
            test();
            let _ = sender.send(());
        });
        end.recv_timeout(LIMIT).expect("one pass");
    }

    fn every_fourth(from: u64) -> Ranges {
        (0..MANY).map(|i| 4 * i + from..4 * i + from + 1).collect()
    }

    #[test]
    fn sets_of_interleaved_ranges_are_merged_in_one_pass() {
        ends(interleaved_ranges);
    }

    fn interleaved_ranges() {
        let (low, high) = (every_fourth(0), every_fourth(2));
        let mut both = low.clone();
        both.union_with(&high);
        assert_eq!(both.as_slice().len() as u64, 2 * MANY);
        assert_eq!(both.difference(&low), high);
        assert_eq!(both.intersection(&low), low);
        both.subtract(&high);
        assert_eq!(both, low);
        let reversed: Ranges = (0..2 * MANY).rev().map(|i| 2 * i..2 * i + 1).collect();
        both.union_with(&high);
        assert_eq!(reversed, both);
        // One range against many costs what they have in common.
        let one: Ranges = std::iter::once(4 * MANY - 7..4 * MANY).collect();
        assert!((0..MANY).all(|_| one.difference(&both).as_slice().len() == 4));
    }
}
