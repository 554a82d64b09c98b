//! Unique ids: no id is to be given out twice.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Draws, Errors, Operation, ResultShape, Spreads, Turns, Workload, WorkloadResults};
use crate::format::edn::Edn;
use crate::history::{Action, Op, OpKind, OpValue};

/// The workload.
pub(super) static UNIQUE_IDS: Workload = Workload {
    name: "unique-ids",
    summary: "no id is to be given out twice",
    operations: &[&GENERATE],
    has_topology: false,
    errors: Errors::Mapped,
    keeps_client: true,
    turns: Turns::RoundRobin,
    spreads: Spreads::Nothing,
    next,
    last: None,
    check,
};

static GENERATE: Operation = Operation {
    f: "generate",
    argument: None,
    result: ResultShape::Any("id"),
    is_idempotent: false,
};

/// Duplicates that are listed, the most frequent ones.
const LISTED: usize = 48;

fn next(_: &mut Draws) -> (&'static Operation, OpValue) {
    (&GENERATE, OpValue::Nil)
}

fn check(history: &[Op]) -> WorkloadResults {
    let mut attempted = 0_u64;
    let mut ids = Vec::new();
    for op in history {
        let Action::Client { f: "generate", value } = &op.action else { continue };
        match op.kind {
            OpKind::Invoke => attempted += 1,
            OpKind::Ok => ids.push(value.to_edn()),
            OpKind::Fail | OpKind::Info => {}
        }
    }
    WorkloadResults::Other(results(attempted, &ids).unwrap_or_else(|Incomparable(a, b)| {
        let error = format!("{a} and {b} cannot be compared");
        Edn::map([("valid?", Edn::key("unknown")), ("error", error.as_str().into())])
    }))
}

fn results(attempted: u64, ids: &[Edn]) -> Result<Edn, Incomparable> {
    let mut frequencies: BTreeMap<String, (&Edn, u64)> = BTreeMap::new();
    for id in ids {
        // Two ids are equal if their texts are: 1 is not 1.0, and "1" is not 1.
        frequencies.entry(id.to_string()).or_insert((id, 0)).1 += 1;
    }
    let range = range(ids)?;
    let mut duplicated: Vec<_> =
        frequencies.into_values().filter(|(_, count)| *count > 1).collect();
    let count = duplicated.len() as u64;
    sort(&mut duplicated)?;
    // Of equal frequency those that sort last are kept.
    duplicated.sort_by_key(|(_, count)| *count);
    duplicated.drain(..duplicated.len().saturating_sub(LISTED));
    sort(&mut duplicated)?;
    let duplicated = duplicated.into_iter().map(|(id, count)| (id.clone(), count.into()));
    Ok(Edn::map([
        ("valid?", (count == 0).into()),
        ("attempted-count", attempted.into()),
        ("acknowledged-count", (ids.len() as u64).into()),
        ("duplicated-count", count.into()),
        ("duplicated", Edn::Map(duplicated.collect())),
        ("range", range),
    ]))
}

/// The least and the greatest id; `null` is left out. Of equal ones the later is the least.
fn range(ids: &[Edn]) -> Result<Edn, Incomparable> {
    let mut ids = ids.iter().filter(|id| **id != Edn::Nil);
    let Some(first) = ids.next() else { return Ok(Edn::Vector(vec![Edn::Nil, Edn::Nil])) };
    let (mut least, mut greatest) = (first, first);
    for id in ids {
        if compare(id, least)? != Ordering::Greater {
            least = id;
        }
        if compare(id, greatest)? == Ordering::Greater {
            greatest = id;
        }
    }
    Ok(Edn::Vector(vec![least.clone(), greatest.clone()]))
}

/// Two ids of kinds that have no order among them: Maelstrom's checker gives up.
struct Incomparable(Edn, Edn);

fn sort(ids: &mut [(&Edn, u64)]) -> Result<(), Incomparable> {
    let mut failure = None;
    ids.sort_by(|(a, _), (b, _)| {
        compare(a, b).unwrap_or_else(|incomparable| {
            failure = Some(incomparable);
            Ordering::Equal
        })
    });
    failure.map_or(Ok(()), Err)
}

/// Clojure's order: `nil` first; numbers by value; texts by UTF-16 code units; shorter lists first.
fn compare(a: &Edn, b: &Edn) -> Result<Ordering, Incomparable> {
    Ok(match (a, b) {
        (Edn::Nil, Edn::Nil) => Ordering::Equal,
        (Edn::Nil, _) => Ordering::Less,
        (_, Edn::Nil) => Ordering::Greater,
        (Edn::Int(a), Edn::Int(b)) => a.cmp(b),
        (Edn::Bool(a), Edn::Bool(b)) => a.cmp(b),
        (Edn::Str(a), Edn::Str(b)) => a.encode_utf16().cmp(b.encode_utf16()),
        (Edn::Vector(a), Edn::Vector(b)) if a.len() == b.len() => {
            for (a, b) in a.iter().zip(b) {
                let order = compare(a, b)?;
                if order != Ordering::Equal {
                    return Ok(order);
                }
            }
            Ordering::Equal
        }
        (Edn::Vector(a), Edn::Vector(b)) => a.len().cmp(&b.len()),
        _ => match (number(a), number(b)) {
            (Some((Some(a), _)), Some((Some(b), _))) => a.cmp(&b),
            (Some((_, a)), Some((_, b))) => a.total_cmp(&b),
            _ => return Err(Incomparable(a.clone(), b.clone())),
        },
    })
}

/// A number, exactly if it is an integer of at most 128 bits, and as a float.
fn number(edn: &Edn) -> Option<(Option<i128>, f64)> {
    match edn {
        Edn::Int(int) => Some((Some((*int).into()), *int as f64)),
        Edn::Symbol(text) => {
            let digits = text.strip_suffix('N')?;
            Some((digits.parse().ok(), digits.parse().ok()?))
        }
        other => Some((None, other.as_f64()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::history;
    use super::*;
    use crate::checker::Validity;

    fn of(ids: &str) -> WorkloadResults {
        let ids = ids.split(';').map(str::trim).filter(|id| !id.is_empty());
        let script = ids.map(|id| format!("0 invoke generate nil, 0 ok generate {id}"));
        check(&history(&script.collect::<Vec<_>>().join(", ")))
    }

    /// The vectors of the specification.
    #[test]
    fn an_id_that_comes_twice_is_a_duplicate() {
        for (ids, is_valid, duplicated, range) in [
            ("", true, "{}", "[nil nil]"),
            ("3; 1; 2", true, "{}", "[1 3]"),
            ("1; 2; 1; 1; 2", false, "{1 3, 2 2}", "[1 2]"),
            ("nil; nil", false, "{nil 2}", "[nil nil]"),
            ("nil; 1", true, "{}", "[1 1]"),
            ("1; 1.0", true, "{}", "[1.0 1]"),
            ("[1 2]; [1 2]; [3]", false, "{[1 2] 2}", "[[3] [1 2]]"),
            ("true; false", true, "{}", "[false true]"),
            // Beyond 64 bits, which are no floats.
            (
                "18446744073709551616N; 18446744073709551617N; 3",
                true,
                "{}",
                "[3 18446744073709551617N]",
            ),
        ] {
            let results = of(ids);
            assert_eq!(results.valid(), Validity::from_bool(is_valid), "{ids}");
            let text = |key| results.figure(key).unwrap().to_string();
            assert_eq!((&*text("duplicated"), &*text("range")), (duplicated, range), "{ids}");
        }
    }

    #[test]
    fn ids_that_cannot_be_compared_leave_the_verdict_open() {
        for ids in [r#""a"; 1"#, "{:a 1}; {:a 1}"] {
            let results = of(ids);
            assert_eq!(results.valid(), Validity::Unknown, "{ids}");
            assert!(results.figure("error").is_some(), "{ids}");
        }
        assert_eq!(of("{:a 1}").valid(), Validity::Valid, "one alone needs no order");
    }

    #[test]
    fn an_operation_without_an_answer_is_attempted_and_not_acknowledged() {
        let results = check(&history(
            "0 invoke generate nil, 0 ok generate 1, 0 invoke generate nil, 0 info generate nil, \
             1 invoke generate nil, 1 ok generate 1",
        ));
        assert_eq!(results.valid(), Validity::Invalid);
        let count = |key| results.figure(key).and_then(Edn::as_u64);
        assert_eq!((count("attempted-count"), count("acknowledged-count")), (Some(3), Some(2)));
        assert_eq!(count("duplicated-count"), Some(1));
    }

    #[test]
    fn of_many_duplicates_the_most_frequent_are_listed() {
        let ids: Vec<String> =
            (0..60).flat_map(|id| [id; 2]).chain([0]).map(|id| id.to_string()).collect();
        let results = of(&ids.join(";"));
        assert_eq!(results.figure("duplicated-count").and_then(Edn::as_u64), Some(60));
        let listed = results.figure("duplicated").and_then(Edn::entries).unwrap();
        assert_eq!(
            (listed.len(), &listed[0], &listed[1].0),
            (48, &(Edn::Int(0), Edn::Int(3)), &Edn::Int(13))
        );
    }
}
