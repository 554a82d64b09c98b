//! The replica, and the values that clients read, against an oracle that keeps every entry in a plain map.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use proptest::prelude::*;
use rumormill::id::{EntryId, Generation, NodeId, Origin};
use rumormill::protocol::Entry;
use rumormill::protocols::rumormill::replica::Replica;
use rumormill::service::{Broadcast, Service as _};
use rumormill::set::{OriginId, VersionSet};
use rumormill::time::Instant;
use rumormill::value::Value;

const ORIGINS: u32 = 3;
const END: u64 = 24;
const GRACE: Duration = Duration::from_micros(30);

/// A batch of entries that comes in after a pause.
#[derive(Clone, Debug)]
struct Arrival {
    pause_us: u64,
    origin: u32,
    numbers: Range<u64>,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival = (0..25_u64, 0..ORIGINS, 0..END, 0..8_u64);
    let arrival = arrival.prop_map(|(pause_us, origin, first, count)| Arrival {
        pause_us: pause_us.saturating_sub(5),
        origin,
        numbers: first..first + count,
    });
    prop::collection::vec(arrival, 0..40)
}

/// The values of entries: some come up in several entries, some are no integers.
fn value_of(origin: u32, number: u64) -> Value {
    match (u64::from(origin) + number) % 4 {
        0 => Value::Int((number / 4) as i64),
        1 => Value::Json(format!("\"{}\"", number / 3).into()),
        _ => Value::Int((1_000 * u64::from(origin) + number) as i64),
    }
}

/// A replica and a service that gets what is new to it, and beside them every entry by its name,
/// with the time it came in.
struct Tested {
    now: Instant,
    store: Replica,
    service: Broadcast,
    entries: BTreeMap<(u32, u64), Instant>,
    /// The distinct values, in order of arrival.
    texts: Vec<String>,
}

impl Tested {
    fn new() -> Self {
        let mut store = Replica::new(named(0));
        for origin in 0..ORIGINS {
            let named = named(origin);
            assert_eq!(store.origin_id(named), OriginId(origin));
            assert_eq!(store.origin_id(named), OriginId(origin), "the same at second sight");
            assert_eq!(store.origin(OriginId(origin)), named);
        }
        let (entries, texts) = (BTreeMap::new(), Vec::new());
        Self { now: Instant::ZERO, store, service: Broadcast::default(), entries, texts }
    }

    fn fed(arrivals: &[Arrival]) -> Result<Self, TestCaseError> {
        let mut tested = Self::new();
        for arrival in arrivals {
            tested.feed(arrival)?;
        }
        Ok(tested)
    }

    fn feed(&mut self, arrival: &Arrival) -> Result<(), TestCaseError> {
        self.now = self.now.after(Duration::from_micros(arrival.pause_us));
        let (origin, numbers) = (arrival.origin, arrival.numbers.clone());
        let values: Vec<Value> = numbers.clone().map(|n| value_of(origin, n)).collect();
        let new = self.store.insert(self.now, OriginId(origin), numbers.start, &values);
        for sequence in new.iter().flatten() {
            let id = EntryId { origin: named(origin), sequence };
            self.service.on_deliver(&Entry { id, value: value_of(origin, sequence) });
        }
        let mut expected = BTreeSet::new();
        for number in numbers {
            if self.entries.contains_key(&(origin, number)) {
                continue;
            }
            self.entries.insert((origin, number), self.now);
            expected.insert(number);
            let text = value_of(origin, number).to_string();
            if !self.texts.contains(&text) {
                self.texts.push(text);
            }
        }
        prop_assert_eq!(new.iter().flatten().collect::<BTreeSet<u64>>(), expected);
        Ok(())
    }
}

/// The origin of that number.
fn named(origin: u32) -> Origin {
    Origin { node: NodeId(origin), generation: Generation(7) }
}

fn names(held: &VersionSet) -> BTreeSet<(u32, u64)> {
    held.ranges().flat_map(|(origin, range)| range.map(move |number| (origin.0, number))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_store_holds_what_came_in(arrivals in arrivals()) {
        let tested = Tested::fed(&arrivals)?;
        let (store, service) = (&tested.store, &tested.service);
        prop_assert_eq!(names(store.held()), tested.entries.keys().copied().collect());
        prop_assert_eq!(&**service.read_text(), &tested.texts.join(","));
        prop_assert_eq!(service.value_count(), tested.texts.len());
        for &(origin, number) in tested.entries.keys() {
            prop_assert!(service.contains(&value_of(origin, number)));
        }
        prop_assert!(!service.contains(&Value::Int(-1)));
    }

    /// `entries` gives all that is asked for; `values` gives the values up to the first gap; `have` names all ranges.
    #[test]
    fn every_entry_is_found_where_it_was_put(
        arrivals in arrivals(),
        start in 0..END,
        count in 0..9_u64,
    ) {
        let mut tested = Tested::fed(&arrivals)?;
        let store = &mut tested.store;
        let held = store.held().clone();
        let (_, rows) = store.entries(Instant::ZERO, held);
        let mut sent = BTreeMap::new();
        for row in &*rows {
            for (number, value) in (row.first..).zip(&*row.values) {
                sent.insert((row.origin, number), value.clone());
            }
        }
        let names = tested.entries.keys();
        let all = names.map(|&(of, n)| ((store.origin(OriginId(of)), n), value_of(of, n)));
        prop_assert_eq!(sent, all.collect::<BTreeMap<_, _>>());
        for origin in 0..ORIGINS {
            let (id, range) = (OriginId(origin), start..start + count);
            let held = range.clone().take_while(|&n| tested.entries.contains_key(&(origin, n)));
            let expected: Vec<Value> = held.map(|number| value_of(origin, number)).collect();
            prop_assert_eq!(store.values(id, &range), &expected[..]);
            let have = store.have(id);
            let of_origin = tested.entries.keys().filter(|(of, _)| *of == origin);
            let expected: BTreeSet<u64> = of_origin.map(|&(_, number)| number).collect();
            prop_assert_eq!(have.ranges.iter().flatten().collect::<BTreeSet<u64>>(), expected);
            prop_assert_eq!(have.origin, store.origin(id));
        }
    }

    /// Grace leaves out the young, whether or not old arrivals have been forgotten.
    #[test]
    fn missing_is_what_they_lack_and_is_no_longer_young(
        arrivals in arrivals(),
        theirs in prop::collection::vec((0..ORIGINS, 0..END, 0..8_u64), 0..8),
        later_us in 0..50_u64,
        forget in any::<bool>(),
    ) {
        let mut tested = Tested::new();
        for arrival in &arrivals {
            tested.feed(arrival)?;
            if forget {
                tested.store.forget_arrivals(tested.now, GRACE);
            }
        }
        let now = tested.now.after(Duration::from_micros(later_us));
        let mut held_by_them = VersionSet::new();
        for &(origin, first, count) in &theirs {
            held_by_them.insert(OriginId(origin), first..first + count);
        }
        let missing = tested.store.missing_from(&held_by_them, now, GRACE);
        let held_by_them = names(&held_by_them);
        let old = tested.entries.iter().filter(|&(_, &at)| now.since(at) >= GRACE);
        let expected = old.map(|(&name, _)| name).filter(|name| !held_by_them.contains(name));
        prop_assert_eq!(names(&missing), expected.collect());
    }
}
