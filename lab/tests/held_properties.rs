//! The node's sets of sequence numbers against plain sets: every operation, any history.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;
use rumormill::set::{OriginId, Ranges, VersionSet};

/// Sequence numbers are drawn from so few that ranges overlap, touch and nest all the time.
const END: u64 = 40;

/// An entry, as the oracle writes it.
type Entry = (u32, u64);

fn range() -> impl Strategy<Value = Range<u64>> {
    // Reversed and empty ones as well: they mean nothing, and must do nothing.
    (0..END, 0..12_u64).prop_map(|(start, len)| start..(start + len).saturating_sub(1))
}

#[derive(Clone, Debug)]
enum SetOp {
    Insert(Range<u64>),
    Remove(Range<u64>),
    Union(Vec<Range<u64>>),
    Subtract(Vec<Range<u64>>),
    Intersect(Vec<Range<u64>>),
}

fn set_op() -> impl Strategy<Value = SetOp> {
    let some = || prop::collection::vec(range(), 0..5);
    prop_oneof![
        4 => range().prop_map(SetOp::Insert),
        2 => range().prop_map(SetOp::Remove),
        1 => some().prop_map(SetOp::Union),
        1 => some().prop_map(SetOp::Subtract),
        1 => prop::collection::vec(range(), 5..15).prop_map(SetOp::Intersect),
    ]
}

fn plain(ranges: &[Range<u64>]) -> BTreeSet<u64> {
    ranges.iter().cloned().flatten().collect()
}

fn numbers(ranges: &Ranges) -> BTreeSet<u64> {
    ranges.iter().flatten().collect()
}

/// Sorted, disjoint, not even touching, none empty: the form in which equal sets are equal values.
fn is_canonical(ranges: &Ranges) -> bool {
    let list: Vec<Range<u64>> = ranges.iter().collect();
    list.iter().all(|range| range.start < range.end)
        && list.windows(2).all(|pair| pair[0].end < pair[1].start)
}

fn apply_to_ranges(op: &SetOp, set: &mut Ranges, oracle: &mut BTreeSet<u64>) {
    match op {
        SetOp::Insert(range) => {
            set.insert(range.clone());
            oracle.extend(range.clone());
        }
        SetOp::Remove(range) => {
            set.remove(range);
            oracle.retain(|number| !range.contains(number));
        }
        SetOp::Union(list) => {
            set.union_with(&list.iter().cloned().collect());
            oracle.extend(plain(list));
        }
        SetOp::Subtract(list) => {
            set.subtract(&list.iter().cloned().collect());
            *oracle = oracle.difference(&plain(list)).copied().collect();
        }
        SetOp::Intersect(list) => {
            *set = set.intersection(&list.iter().cloned().collect());
            *oracle = oracle.intersection(&plain(list)).copied().collect();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn ranges_are_the_set_they_stand_for(
        ops in prop::collection::vec(set_op(), 0..40),
        probes in prop::collection::vec(range(), 8),
    ) {
        let (mut set, mut oracle) = (Ranges::new(), BTreeSet::new());
        for op in &ops {
            apply_to_ranges(op, &mut set, &mut oracle);
            prop_assert!(is_canonical(&set), "{op:?} left {set:?}");
            prop_assert_eq!(numbers(&set), oracle.clone(), "after {:?}", op);
        }
        prop_assert_eq!(set.count(), oracle.len() as u64);
        prop_assert_eq!(set.is_empty(), oracle.is_empty());
        for number in 0..END + 12 {
            prop_assert_eq!(set.contains(number), oracle.contains(&number));
        }
        for probe in &probes {
            let all = probe.clone().all(|number| oracle.contains(&number));
            prop_assert_eq!(set.contains_range(probe), all, "{:?} in {:?}", probe, set);
        }
    }

    /// Equal sets are equal values, whatever they were made from.
    #[test]
    fn the_order_of_insertion_leaves_no_trace(
        list in prop::collection::vec(range(), 0..12),
        swaps in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut shuffled = list.clone();
        for (i, swap) in (0..shuffled.len()).zip(&swaps) {
            let j = swap.index(shuffled.len());
            shuffled.swap(i, j);
        }
        let (a, b): (Ranges, Ranges) =
            (list.iter().cloned().collect(), shuffled.into_iter().collect());
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(numbers(&a), plain(&list));
    }

    /// The upper end of the numbers is no special place.
    #[test]
    fn the_largest_numbers_are_like_others(
        list in prop::collection::vec(range(), 1..10),
        taken in prop::collection::vec(range(), 0..5),
    ) {
        let moved = |range: &Range<u64>| {
            let shift = u64::MAX - (END + 12);
            range.start + shift..range.end + shift
        };
        let mut low: Ranges = list.iter().cloned().collect();
        let mut high: Ranges = list.iter().map(moved).collect();
        low.subtract(&taken.iter().cloned().collect());
        high.subtract(&taken.iter().map(moved).collect());
        prop_assert_eq!(low.iter().map(|range| moved(&range)).collect::<Ranges>(), high);
    }

    #[test]
    fn held_is_the_set_it_stands_for(
        ops in prop::collection::vec(held_op(), 0..40),
        other in whole(),
    ) {
        let (mut held, mut oracle) = (VersionSet::new(), BTreeSet::new());
        for op in &ops {
            apply_to_held(op, &mut held, &mut oracle);
            prop_assert_eq!(entries(&held), oracle.clone(), "after {:?}", op);
            for (_, ranges) in held.iter() {
                prop_assert!(is_canonical(&ranges) && !ranges.is_empty(), "{op:?} left {held:?}");
            }
        }
        prop_assert_eq!(held.count(), oracle.len() as u64);
        prop_assert_eq!(held.is_empty(), oracle.is_empty());
        let ranges: usize = held.iter().map(|(_, ranges)| ranges.iter().count()).sum();
        prop_assert_eq!(held.range_count(), ranges);
        compare(&held, &oracle, &other)?;
    }
}

#[derive(Clone, Debug)]
enum HeldOp {
    Insert(u32, Range<u64>),
    InsertAll(u32, Vec<Range<u64>>),
    RemoveAll(u32, Vec<Range<u64>>),
    Union(Vec<(u32, Range<u64>)>),
    Subtract(Vec<(u32, Range<u64>)>),
}

/// Few origins meet each other again, and many make sets that are kept and merged in another way.
fn origin() -> impl Strategy<Value = u32> {
    prop_oneof![0..3_u32, 0..40_u32]
}

/// Entries of one origin: those from the first on, or any.
fn of_origin() -> impl Strategy<Value = Range<u64>> {
    prop_oneof![(0..12_u64).prop_map(|len| 0..len), range()]
}

fn whole() -> impl Strategy<Value = Vec<(u32, Range<u64>)>> {
    let some = |count| prop::collection::vec((origin(), of_origin()), count);
    prop_oneof![some(0..6), some(0..80)]
}

fn held_op() -> impl Strategy<Value = HeldOp> {
    let ranges = || prop::collection::vec(of_origin(), 0..4);
    prop_oneof![
        3 => (origin(), of_origin()).prop_map(|(origin, range)| HeldOp::Insert(origin, range)),
        1 => (origin(), ranges()).prop_map(|(origin, list)| HeldOp::InsertAll(origin, list)),
        2 => (origin(), ranges()).prop_map(|(origin, list)| HeldOp::RemoveAll(origin, list)),
        1 => whole().prop_map(HeldOp::Union),
        1 => whole().prop_map(HeldOp::Subtract),
    ]
}

fn held_of(list: &[(u32, Range<u64>)]) -> VersionSet {
    let mut held = VersionSet::new();
    for (origin, range) in list {
        held.insert(OriginId(*origin), range.clone());
    }
    held
}

fn plain_entries(list: &[(u32, Range<u64>)]) -> BTreeSet<Entry> {
    list.iter().flat_map(|(origin, range)| range.clone().map(|number| (*origin, number))).collect()
}

fn entries(held: &VersionSet) -> BTreeSet<Entry> {
    held.ranges().flat_map(|(origin, range)| range.map(move |number| (origin.0, number))).collect()
}

fn apply_to_held(op: &HeldOp, held: &mut VersionSet, oracle: &mut BTreeSet<Entry>) {
    match op {
        HeldOp::Insert(origin, range) => {
            held.insert(OriginId(*origin), range.clone());
            oracle.extend(range.clone().map(|number| (*origin, number)));
        }
        HeldOp::InsertAll(origin, list) => {
            held.insert_all(OriginId(*origin), &list.iter().cloned().collect());
            oracle.extend(plain(list).into_iter().map(|number| (*origin, number)));
        }
        HeldOp::RemoveAll(origin, list) => {
            held.remove_all(OriginId(*origin), &list.iter().cloned().collect());
            let taken = plain(list);
            oracle.retain(|(of, number)| of != origin || !taken.contains(number));
        }
        HeldOp::Union(list) => {
            held.union_with(&held_of(list));
            oracle.extend(plain_entries(list));
        }
        HeldOp::Subtract(list) => {
            held.subtract(&held_of(list));
            *oracle = oracle.difference(&plain_entries(list)).copied().collect();
        }
    }
}

/// Everything that takes two sets, or a set and a range.
fn compare(
    held: &VersionSet,
    oracle: &BTreeSet<Entry>,
    list: &[(u32, Range<u64>)],
) -> Result<(), TestCaseError> {
    let (other, theirs) = (held_of(list), plain_entries(list));
    let rest: BTreeSet<Entry> = oracle.difference(&theirs).copied().collect();
    prop_assert_eq!(entries(&held.difference(&other)), rest);
    prop_assert_eq!(held.is_subset(&other), oracle.is_subset(&theirs));
    prop_assert_eq!(other.is_subset(held), theirs.is_subset(oracle));
    prop_assert_eq!(*held == other, *oracle == theirs);
    for (origin, range) in list {
        let all = range.clone().all(|number| oracle.contains(&(*origin, number)));
        prop_assert_eq!(held.contains_range(OriginId(*origin), range), all);
        let first = oracle.contains(&(*origin, range.start));
        prop_assert_eq!(held.contains(OriginId(*origin), range.start), first);
    }
    Ok(())
}
