use super::*;
use crate::id::{Generation, NodeId};
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
    assert_eq!(replica.entries(origin, &(0..2)).values, ints(0..2));
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
    let values = replica.entries(origin, &(1..7)).values;
    assert_eq!(values, [1, 2, 3, 4, 50, 51].map(Value::Int));
}

#[test]
fn the_entries_of_a_message_are_taken_in_once_whatever_their_order() {
    let (mut replica, a) = replica_with_origin();
    let origin = replica.origin(a);
    let other = Origin { node: NodeId(1), ..origin };
    let row = |origin, first, count: i64| {
        let values = ints(first..first + count);
        Entries { origin, first: first as u64, values }
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
        let row = |origin, first| Entries { origin, first, values: ints(0..1) };
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
    assert_eq!(replica.origins().len(), EMPTY_ORIGINS_MAX);
    // Such a claim is forgotten, and that entry is taken in as any other.
    let forgotten = [have(9_999)];
    let claims = replica.claims(&forgotten);
    assert!(claims.entries.is_empty() && claims.exceed_replica);
    let row = Entries { origin: origin(9_999), first: 0, values: ints(0..1) };
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
fn changes_are_found_by_version() {
    let (mut replica, a) = replica_with_origin();
    let b = replica.origin_id(Origin { node: NodeId(1), generation: Generation(1) });
    replica.insert(Instant::ZERO, a, 0, &ints(0..1));
    let before = replica.version();
    replica.insert(Instant::ZERO, b, 0, &ints(1..2));
    replica.insert(Instant::ZERO, a, 1, &ints(2..3));
    replica.insert(Instant::ZERO, a, 0, &ints(0..1));
    assert_eq!(replica.changed_since(before).collect::<Vec<_>>(), [b, a]);
    assert_eq!(replica.changed_since(replica.version()).count(), 0);
}

#[test]
fn a_message_that_names_entries_never_submitted_here_contradicts() {
    let (mut replica, _) = replica_with_origin();
    let own = Origin { node: NodeId(0), generation: Generation(1) };
    let id = EntryId { origin: own, sequence: 0 };
    replica.submit(Instant::ZERO, Entry { id, value: Value::Int(7) });
    let values = |origin, first| Gossip {
        entries: vec![Entries { origin, first, values: ints(7..8) }],
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
