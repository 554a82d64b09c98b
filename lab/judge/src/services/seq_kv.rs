//! `seq-kv`: sequentially consistent, so a requester may be shown an old state, but never one older
//! than it has seen.
//!
//! A request is tried on a random version between the one that its requester has seen and the
//! newest. If it changes nothing there, that is its answer; otherwise it is executed on the
//! newest version.
//!
//! Maelstrom keeps the newest 32 versions in a ring and takes a number that is no longer in it modulo
//! 32, so that time runs backwards for a requester that is further behind. The correct service
//! draws from the versions that are kept.

use std::collections::BTreeMap;

use rumormill::value::Value;
use rumormill_sim::dice::Dice;

use super::Services;
use super::kv::{Answer, Effect, Request};

/// Versions kept.
const KEPT: u64 = 32;

#[derive(Debug)]
pub(super) struct SeqKv {
    services: Services,
    dice: Dice,
    /// Number of the newest version; version 0 is empty.
    newest: u64,
    /// By key: its values and the versions since which it has them, ascending.
    values: BTreeMap<Value, Vec<(u64, Value)>>,
    /// By requester: the version that it has seen.
    seen: BTreeMap<String, u64>,
}

impl SeqKv {
    pub(super) const fn new(services: Services, dice: Dice) -> Self {
        Self { services, dice, newest: 0, values: BTreeMap::new(), seen: BTreeMap::new() }
    }

    pub(super) fn apply(&mut self, requester: &str, request: &Request) -> Answer {
        let seen = self.seen.get(requester).copied().unwrap_or(0);
        let oldest = self.newest.saturating_sub(KEPT - 1);
        let from = match self.services {
            Services::Compatible => seen,
            Services::Correct => seen.max(oldest),
        };
        let drawn = from + self.dice.below(self.newest - from + 1);
        let shown = match drawn < oldest {
            // The ring has another version in its place.
            true => self.newest - (self.newest - drawn) % KEPT,
            false => drawn,
        };
        let present = self.value_at(request.key(), shown);
        let Effect { answer, set } = request.effect(present);
        if set.is_none() || set.as_ref() == present {
            self.see(requester, drawn);
            return answer;
        }
        // The trial is thrown away. There is a new version even if nothing changes there.
        let Effect { answer, set } = request.effect(self.value_at(request.key(), self.newest));
        self.newest += 1;
        self.see(requester, self.newest);
        if let Some(value) = set {
            let versions = self.values.entry(request.key().clone()).or_default();
            versions.push((self.newest, value));
            // Of those before the oldest version kept, the last is its value.
            let oldest = self.newest.saturating_sub(KEPT - 1);
            let old = versions.partition_point(|(since, _)| *since <= oldest);
            versions.drain(..old.saturating_sub(1));
        }
        answer
    }

    fn value_at(&self, key: &Value, version: u64) -> Option<&Value> {
        let versions = self.values.get(key)?;
        let after = versions.partition_point(|(since, _)| *since <= version);
        versions[..after].last().map(|(_, value)| value)
    }

    fn see(&mut self, requester: &str, version: u64) {
        match self.seen.get_mut(requester) {
            Some(seen) => *seen = version,
            None => _ = self.seen.insert(requester.to_owned(), version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kv::tests::{cas, read, write};
    use super::super::value_of;
    use super::*;

    fn seq_kv(services: Services) -> SeqKv {
        SeqKv::new(services, Dice::new(7, "seq-kv"))
    }

    fn number(answer: &Answer) -> Option<u64> {
        match answer {
            Answer::Value(value) => value.to_string().parse().ok(),
            _ => None,
        }
    }

    #[test]
    fn a_fresh_requester_reads_any_version_with_the_same_probability() {
        let mut kv = seq_kv(Services::Compatible);
        (1..=3).for_each(|value| _ = kv.apply("w", &write("0", &value.to_string())));
        let mut counts = [0; 4];
        for fresh in 0..4_000 {
            let answer = kv.apply(&format!("r{fresh}"), &read("0"));
            counts[number(&answer).unwrap_or(0) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_requester_that_has_written_reads_from_there_on() {
        let mut kv = seq_kv(Services::Compatible);
        for value in 1..=20 {
            kv.apply("w", &write("0", &value.to_string()));
            assert_eq!(number(&kv.apply("w", &read("0"))), Some(value));
        }
        // Another write makes any requester see the newest version.
        kv.apply("r", &write("1", "1"));
        assert_eq!(number(&kv.apply("r", &read("0"))), Some(20));
    }

    #[test]
    fn a_refusal_may_be_of_an_old_state_and_success_never_is() {
        let mut kv = seq_kv(Services::Compatible);
        kv.apply("w", &write("0", "1"));
        let (mut absent, mut differs) = (0, 0);
        for fresh in 0..200 {
            match kv.apply(&format!("r{fresh}"), &cas("0", "9", "2", false)) {
                Answer::Absent => absent += 1,
                Answer::Differs(_) => differs += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(absent > 70 && differs > 70, "{absent} {differs}");
        assert_eq!(kv.newest, 1, "a refusal on an old version makes no new one");
        // A cas that would change an old version is executed on the newest.
        kv.apply("w", &write("0", "5"));
        let mut refused = 0;
        for fresh in 0..100 {
            let answer = kv.apply(&format!("s{fresh}"), &cas("0", "1", "2", false));
            assert_ne!(answer, Answer::Set, "the newest value is 5");
            refused += u64::from(matches!(answer, Answer::Differs(_)));
        }
        assert!(kv.newest > 2, "executed and refused, which makes a version");
        assert!(refused > 50);
    }

    /// The number of requesters that saw a value smaller than one they had seen.
    fn backwards(services: Services, writes: u64) -> usize {
        let mut kv = seq_kv(services);
        (1..=writes).for_each(|value| _ = kv.apply("w", &write("0", &value.to_string())));
        let goes_back = |fresh: &u64| {
            let name = format!("r{fresh}");
            let reads: Vec<u64> =
                (0..8).map(|_| number(&kv.apply(&name, &read("0"))).unwrap_or(0)).collect();
            // The ring has nothing older than 32 versions.
            assert!(writes < KEPT || reads.iter().all(|read| *read > writes - KEPT), "{reads:?}");
            !reads.is_sorted()
        };
        (0..500).filter(goes_back).count()
    }

    #[test]
    fn time_runs_backwards_beyond_32_versions_unless_the_service_is_correct() {
        let many = backwards(Services::Compatible, 100);
        assert!((180..280).contains(&many), "Maelstrom's own: 231 of 500; {many}");
        assert_eq!(backwards(Services::Compatible, 31), 0);
        assert_eq!(backwards(Services::Correct, 100), 0);
    }

    #[test]
    fn only_the_values_of_the_versions_kept_are_kept() {
        let mut kv = seq_kv(Services::Compatible);
        for value in 0..1_000 {
            kv.apply("w", &write(&(value % 2).to_string(), &value.to_string()));
        }
        assert!(kv.values.values().all(|versions| versions.len() <= KEPT as usize));
        assert_eq!(kv.value_at(&value_of("1"), 1_000), Some(&value_of("999")));
    }
}
