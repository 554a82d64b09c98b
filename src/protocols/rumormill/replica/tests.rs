use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::id::{Generation, NodeId};
use crate::protocol::Rng;
use crate::set::ranges::tests::ends;

fn replica_with_origin() -> (Replica, OriginId) {
    let own = Origin { node: NodeId(0), generation: Generation(1) };
    let mut replica = Replica::new(own);
    let origin = replica.origin_id(own);
    (replica, origin)
}

fn ints(values: Range<i64>) -> Vec<Value> {
    values.map(Value::Int).collect()
}

#[test]
fn restored_entries_are_held_and_have_not_arrived() {
    let (mut replica, own) = replica_with_origin();
    let earlier = Origin { generation: Generation(0), ..replica.origin(own) };
    for sequence in [0, 1, 3] {
        let id = EntryId { origin: earlier, sequence };
        replica.restore(Entry { id, value: Value::Int(sequence as i64) });
    }
    let origin = replica.origin_id(earlier);
    assert_eq!(replica.row(origin, &(0..2)).values, ints(0..2).into());
    replica.insert(Instant::ZERO, origin, 2, &ints(2..3));
    let arrived: VersionSet = [(origin, std::iter::once(2..3).collect())].into_iter().collect();
    assert_eq!(replica.arrived(), arrived);
    // Restored entries are on their way to no peer: one that lacks them is sent them at once.
    let (nothing, grace) = (VersionSet::new(), Duration::from_secs(1));
    let missing = replica.missing_from(&nothing, Instant::ZERO, grace);
    assert_eq!(missing.count(), 3);
    assert!(!missing.contains(origin, 2));
}

#[test]
fn gaps_close_and_duplicates_change_nothing() {
    let (mut replica, origin) = replica_with_origin();
    let now = Instant::ZERO;
    assert_eq!(replica.insert(now, origin, 5, &ints(50..55)).count(), 5);
    assert_eq!(replica.insert(now, origin, 0, &ints(0..2)).count(), 2);
    assert_eq!(replica.insert(now, origin, 1, &ints(1..7)).count(), 3);
    assert_eq!(replica.insert(now, origin, 0, &ints(0..10)).count(), 0);
    assert_eq!(replica.held().range_count(), 1);
    let values = replica.row(origin, &(1..7)).values;
    assert_eq!(*values, [1, 2, 3, 4, 50, 51].map(Value::Int));
}

#[test]
fn the_entries_of_a_message_are_taken_in_once_whatever_their_order() {
    let (mut replica, a) = replica_with_origin();
    let origin = replica.origin(a);
    let other = Origin { node: NodeId(1), ..origin };
    let row = |origin, first, count: i64| {
        let values = ints(first..first + count);
        Entries { origin, first: first as u64, values: values.into() }
    };
    replica.insert(Instant::ZERO, a, 3, &ints(3..5));
    let message = [
        row(other, 7, 2),
        row(origin, 4, 3),
        row(origin, 0, 2),
        row(other, 5, 3),
        row(origin, 1, 5),
        row(origin, 1, 1),
    ];
    let mut delivered = Vec::new();
    let deliver = |entry: Entry| delivered.push((entry.id.origin.node.0, entry.id.sequence));
    let (all, new) = replica.insert_all(Instant::ZERO, &message, deliver);
    assert_eq!((all.count(), new.count()), (7 + 4, 5 + 4));
    let expected = [(1, 5), (1, 6), (1, 7), (1, 8), (0, 0), (0, 1), (0, 2), (0, 5), (0, 6)];
    assert_eq!(delivered, expected);
    assert_eq!(replica.values(a, &(0..9)), ints(0..7));
    assert_eq!(replica.held().range_count(), 2);
}

#[test]
fn many_entries_into_gaps_and_many_origins_in_reverse_cost_what_they_are() {
    ends(|| {
        const MANY: u64 = 400_000;
        let own = Origin { node: NodeId(0), generation: Generation(1) };
        let mut replica = Replica::new(own);
        let mut feed = |message: &[Entries]| {
            let mut delivered = 0;
            replica.insert_all(Instant::ZERO, message, |_| delivered += 1);
            assert_eq!(delivered, MANY);
        };
        let row = |origin, first| Entries { origin, first, values: ints(0..1).into() };
        feed(&(0..MANY).map(|i| row(own, 2 * i)).collect::<Vec<_>>());
        feed(&(0..MANY).map(|i| row(own, 2 * i + 1)).collect::<Vec<_>>());
        feed(&(2 * MANY..3 * MANY).rev().map(|i| row(own, i)).collect::<Vec<_>>());
        let origin = |i| Origin { generation: Generation(2 + i), ..own };
        feed(&(0..MANY).map(|i| row(origin(i), 1)).collect::<Vec<_>>());
        feed(&(0..MANY).rev().map(|i| row(origin(i), 0)).collect::<Vec<_>>());
        assert_eq!(replica.held().range_count() as u64, 1 + MANY);
    });
}

#[test]
fn origins_without_entries_are_remembered_up_to_a_bound_and_entries_always() {
    let (mut replica, _) = replica_with_origin();
    let origin = |i| Origin { node: NodeId(1), generation: Generation(i) };
    let have = |i| Have { origin: origin(i), ranges: std::iter::once(0..1).collect() };
    assert!(replica.claims(&[have(0)]).exceed_replica);
    for i in 0..10 {
        let claims: Vec<Have> = (1_000 * i..1_000 * i + 1_000).map(have).collect();
        assert!(replica.claims(&claims).exceed_replica);
    }
    assert_eq!(replica.origins().count(), EMPTY_ORIGINS_MAX);
    // Such a claim is forgotten, and that entry is taken in as any other.
    let forgotten = [have(9_999)];
    let claims = replica.claims(&forgotten);
    assert!(claims.entries.is_empty() && claims.exceed_replica);
    let row = Entries { origin: origin(9_999), first: 0, values: ints(0..1).into() };
    replica.insert_all(Instant::ZERO, &[row], |_| {});
    assert_eq!(replica.held().count(), 1);
    let claims = replica.claims(&forgotten);
    assert!(claims.entries.count() == 1 && !claims.exceed_replica);
    let nothing = Have { origin: origin(20_000), ranges: Ranges::new() };
    assert!(!replica.claims(&[nothing]).exceed_replica);
}

#[test]
fn young_entries_are_not_missing_yet() {
    let (mut replica, origin) = replica_with_origin();
    let grace = Duration::from_millis(100);
    let (early, late) = (Instant::ZERO, Instant::from_micros(150_000));
    replica.insert(early, origin, 0, &ints(0..3));
    replica.insert(late, origin, 3, &ints(3..4));
    assert_eq!(replica.missing_from(&VersionSet::new(), late, grace).count(), 3);
    replica.forget_arrivals(late, grace);
    assert_eq!(replica.missing_from(&VersionSet::new(), late, grace).count(), 3);
    let later = late.after(Duration::from_millis(101));
    assert_eq!(replica.missing_from(&VersionSet::new(), later, grace).count(), 4);
}

#[test]
fn a_message_that_names_entries_never_submitted_here_contradicts() {
    let (mut replica, _) = replica_with_origin();
    let own = Origin { node: NodeId(0), generation: Generation(1) };
    let id = EntryId { origin: own, sequence: 0 };
    replica.submit(Instant::ZERO, Entry { id, value: Value::Int(7) });
    let values = |origin, first| Gossip {
        entries: [Entries { origin, first, values: ints(7..8).into() }].into(),
        ..Gossip::default()
    };
    let have = |origin, end| Gossip {
        have: vec![Have { origin, ranges: std::iter::once(0..end).collect() }],
        ..Gossip::default()
    };
    assert_eq!(replica.contradiction(&values(own, 0)), None);
    assert!(replica.contradiction(&values(own, 1)).unwrap().contains("entry 1"));
    assert_eq!(replica.contradiction(&have(own, 1)), None);
    assert!(replica.contradiction(&have(own, 2)).is_some());
    // An earlier generation of this node, which it does not remember, may have made it.
    let earlier = Origin { generation: Generation(0), ..own };
    assert_eq!(replica.contradiction(&values(earlier, 9)), None);
}

/// Entries by origin and sequence number: value and time of arrival. What a replica has to be like.
type Model = BTreeMap<(u32, u64), (i64, u64)>;

fn set(entries: impl Iterator<Item = (u32, u64)>) -> VersionSet {
    let mut set = VersionSet::new();
    entries.for_each(|(origin, sequence)| set.insert(OriginId(origin), sequence..sequence + 1));
    set
}

/// Compares everything that can be asked of a replica with the model.
fn is_like(replica: &Replica, model: &Model, now: u64, rng: &mut Rng) {
    assert_eq!(replica.held(), &set(model.keys().copied()));
    let (origin, start) = (rng.random_range(0..3), rng.random_range(0..40_u64));
    let end = start + rng.random_range(0..10);
    let values: Vec<Value> = (start..end)
        .map_while(|sequence| model.get(&(origin, sequence)).map(|(value, _)| Value::Int(*value)))
        .collect();
    assert_eq!(replica.values(OriginId(origin), &(start..end)), values);
    let grace = rng.random_range(0..8);
    let theirs = set((0..5).map(|_| (rng.random_range(0..3), rng.random_range(0..40))));
    let old = model.iter().filter(|(_, (_, arrived))| now - arrived >= grace);
    let missing = set(old.map(|(id, _)| *id)).difference(&theirs);
    let (now, grace) = (Instant::from_micros(now), Duration::from_micros(grace));
    assert_eq!(replica.missing_from(&theirs, now, grace), missing);
}

#[test]
fn a_replica_is_a_map_from_origin_and_sequence_number_to_value() {
    for seed in 0..60 {
        let mut rng = Rng::seed_from_u64(seed);
        let (mut replica, own) = replica_with_origin();
        let origins = [0, 1, 2].map(|node| Origin { node: NodeId(node), ..replica.origin(own) });
        for origin in origins {
            replica.origin_id(origin);
        }
        let (mut model, mut next) = (Model::new(), 0);
        for now in 0..30 {
            let at = Instant::from_micros(now);
            let rows: Vec<Entries> = (0..rng.random_range(1..4))
                .map(|_| {
                    let count = rng.random_range(1..6);
                    next += count;
                    let (origin, first) = (rng.random_range(0..3), rng.random_range(0..36));
                    Entries {
                        origin: origins[origin],
                        first,
                        values: ints(next - count..next).into(),
                    }
                })
                .collect();
            if rng.random_bool(0.5) {
                rows.iter().for_each(|row| {
                    let origin = replica.origin_id(row.origin);
                    replica.insert(at, origin, row.first, &row.values);
                    add(&mut model, row, now);
                });
            } else {
                replica.insert_all(at, &rows, |entry| {
                    let id = (entry.id.origin.node.0, entry.id.sequence);
                    assert!(!model.contains_key(&id), "{id:?} is delivered again");
                    let Value::Int(value) = entry.value else { panic!("{entry:?}") };
                    model.insert(id, (value, now));
                });
            }
            replica.forget_arrivals(at, Duration::from_micros(8));
            is_like(&replica, &model, now, &mut rng);
        }
    }
}

/// Adds the entries of a row that are new to the model.
fn add(model: &mut Model, row: &Entries, now: u64) {
    for (sequence, value) in (row.first..).zip(&row.values) {
        let Value::Int(value) = value else { panic!("{value:?}") };
        model.entry((row.origin.node.0, sequence)).or_insert((*value, now));
    }
}

#[test]
fn a_submitted_entry_is_the_next_of_this_node() {
    let (mut replica, own) = replica_with_origin();
    for sequence in 0..3 {
        let id = EntryId { origin: replica.origin(own), sequence };
        let place = replica.submit(Instant::ZERO, Entry { id, value: Value::Int(7) });
        assert_eq!(place, (own, sequence..sequence + 1));
    }
    assert_eq!((replica.held().count(), replica.origins().count()), (3, 1));
    assert_eq!(replica.have(own).ranges, std::iter::once(0..3).collect());
}

#[test]
fn only_origins_without_entries_count_against_the_bound() {
    let (mut replica, _) = replica_with_origin();
    let origin = |i| Origin { node: NodeId(1), generation: Generation(i) };
    let half = EMPTY_ORIGINS_MAX as u64 / 2 + 100;
    let row = |i| Entries { origin: origin(i), first: 0, values: ints(0..1).into() };
    replica.insert_all(Instant::ZERO, &(0..half).map(row).collect::<Vec<_>>(), |_| {});
    let have = |i| Have { origin: origin(i), ranges: std::iter::once(0..1).collect() };
    assert_eq!(replica.claims(&[have(half), have(0)]).entries.count(), 2);
    assert!(!replica.claims(&[have(0)]).exceed_replica);
    assert!(replica.claims(&[have(half)]).exceed_replica);
}

#[test]
fn a_checksum_is_of_the_names_of_entries_whatever_the_order_of_their_arrival() {
    let own = Origin { node: NodeId(0), generation: Generation(1) };
    let row = |node, first, count| Entries {
        origin: Origin { node: NodeId(node), ..own },
        first,
        values: ints(0..count).into(),
    };
    let checksum = |rows: &[Entries]| {
        let mut replica = Replica::new(own);
        rows.iter().for_each(|row| {
            replica.insert_all(Instant::ZERO, std::slice::from_ref(row), |_| {});
        });
        replica.checksum()
    };
    let both = checksum(&[row(0, 0, 2), row(1, 0, 3)]);
    assert_eq!(both, checksum(&[row(1, 2, 1), row(0, 1, 1), row(1, 0, 2), row(0, 0, 1)]));
    assert_eq!((both.0, checksum(&[])), (5, (0, 0)));
    // As many entries, but others.
    let others = [[row(0, 0, 3), row(1, 0, 2)], [row(0, 0, 2), row(1, 1, 3)]];
    others.iter().for_each(|rows| assert_ne!(both, checksum(rows)));
}

#[test]
fn a_replica_is_quiescent_when_nothing_has_arrived_for_the_longest_grace() {
    let (mut replica, origin) = replica_with_origin();
    let at = Instant::from_micros;
    assert!(replica.is_quiescent(at(0)));
    replica.insert(at(10), origin, 0, &ints(0..1));
    replica.forget_arrivals(at(10), Duration::from_micros(50));
    assert_eq!([10, 60, 61].map(|now| replica.is_quiescent(at(now))), [false, false, true]);
}

#[test]
fn a_replica_knows_whether_it_was_restored() {
    let (mut replica, own) = replica_with_origin();
    assert!(!replica.has_restored());
    let origin = Origin { generation: Generation(0), ..replica.origin(own) };
    replica.restore(Entry { id: EntryId { origin, sequence: 5 }, value: Value::Int(7) });
    assert!(replica.has_restored() && replica.arrived().is_empty());
}

#[test]
fn arrivals_are_kept_together_and_as_long_as_a_grace_reaches_them() {
    let (mut replica, origin) = replica_with_origin();
    let at = Instant::from_micros;
    replica.insert(at(0), origin, 0, &ints(0..2));
    replica.insert(at(0), origin, 2, &ints(2..4));
    replica.insert(at(1), origin, 4, &ints(4..5));
    assert_eq!(replica.arrivals.len(), 2);
    let mut left = |(now, grace)| {
        replica.forget_arrivals(at(now), Duration::from_micros(grace));
        replica.arrivals.len()
    };
    // Twice the longest grace; one that is shorter later changes nothing.
    assert_eq!([(100, 50), (101, 9), (101, 50), (102, 0)].map(&mut left), [2, 1, 1, 0]);
}

#[test]
fn messages_with_the_same_entries_share_them() {
    let (mut replica, origin) = replica_with_origin();
    replica.insert(Instant::ZERO, origin, 0, &ints(0..3));
    let part = |range| {
        let mut part = VersionSet::new();
        part.insert(origin, range);
        part
    };
    let now = Instant::ZERO;
    let (first, rows) = replica.entries(now, part(0..2));
    assert_eq!((&*first, &rows[0].values), (&part(0..2), &ints(0..2).into()));
    let (other, other_rows) = replica.entries(now, part(1..3));
    assert_eq!((&*other, &other_rows[0].values), (&part(1..3), &ints(1..3).into()));
    let (same, same_rows) = replica.entries(now, part(0..2));
    assert!(first.is(&same) && rows.is(&same_rows));
    let (same, same_rows) = replica.entries(now, part(1..3));
    assert!(other.is(&same) && other_rows.is(&same_rows), "of several messages");
    assert_eq!((replica.bytes(&same), replica.bytes(&part(1..3))), (16, 16));
    // They are not kept for ever.
    let (_, later_rows) = replica.entries(Instant::MAX, part(0..2));
    assert!(!rows.is(&later_rows) && rows == later_rows);
}
