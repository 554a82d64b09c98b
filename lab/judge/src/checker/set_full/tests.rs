//! MAELSTROM's fifteen vectors, and a literal implementation of the rule as oracle.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::super::script::{broadcast, history, read};
use super::*;
use crate::history::{Action, ReadSet};

struct Vector {
    name: &'static str,
    script: &'static str,
    valid: Validity,
    stable: &'static [u64],
    lost: &'static [u64],
    never_read: &'static [u64],
    stale: &'static [u64],
    /// All five quantiles alike: the vectors have one element each.
    stable_latency: Option<u64>,
    lost_latency: Option<u64>,
}

fn stable(name: &'static str, script: &'static str, latency: u64) -> Vector {
    Vector {
        name,
        script,
        valid: Validity::Valid,
        stable: &[0],
        lost: &[],
        never_read: &[],
        stale: if latency > 0 { &[0] } else { &[] },
        stable_latency: Some(latency),
        lost_latency: None,
    }
}

fn lost(name: &'static str, script: &'static str, latency: u64) -> Vector {
    Vector {
        name,
        script,
        valid: Validity::Invalid,
        stable: &[],
        lost: &[0],
        never_read: &[],
        stale: &[],
        stable_latency: None,
        lost_latency: Some(latency),
    }
}

fn never_read(name: &'static str, script: &'static str) -> Vector {
    Vector {
        name,
        script,
        valid: Validity::Unknown,
        stable: &[],
        lost: &[],
        never_read: &[0],
        stale: &[],
        stable_latency: None,
        lost_latency: None,
    }
}

/// MAELSTROM.md, appendix A.
fn vectors() -> Vec<Vector> {
    vec![
        stable("A", "i0 add0@0, ok0 add0@10, i0 read@20, ok0 read[0]@25", 0),
        stable(
            "B",
            "i0 add0@0, ok0 add0@10, i1 read@20.5, ok1 read[]@22, i1 read@30, ok1 read[0]@31",
            10,
        ),
        stable(
            "C",
            "i0 add0@0, ok0 add0@10, i1 read@10.9, ok1 read[]@22, i1 read@30, ok1 read[0]@31",
            0,
        ),
        stable(
            "D",
            "i0 add0@0, i1 read@2, ok1 read[0]@4, i2 read@6, ok2 read[]@7, ok0 add0@10, \
             i1 read@30, ok1 read[0]@31",
            2,
        ),
        stable(
            "E",
            "i0 add0@0, ok0 add0@10, i1 read@1000, i0 read@1000.1, ok0 read[0]@1001, ok1 read[]@1001",
            990,
        ),
        lost(
            "F",
            "i0 add0@0, ok0 add0@10, i0 read@1000, i1 read@1000.1, ok0 read[0]@1001, ok1 read[]@1001",
            990,
        ),
        never_read("G", "i0 add0@0, info0 add0@5000, i1 read@6000, ok1 read[]@6001"),
        lost(
            "H",
            "i0 add0@0, info0 add0@5000, i1 read@6000, ok1 read[0]@6001, i1 read@7000, \
             ok1 read[]@7001",
            0,
        ),
        stable("I", "i0 add0@0, fail0 add0@5, i1 read@6000, ok1 read[0]@6001", 0),
        stable("J", "i0 add0@0, ok0 add0@5, i1 read@6000, ok1 read[0 0 0 99]@6001", 0),
        never_read("K", "i0 add0@0, i1 read@2, ok0 add0@5, ok1 read[]@7"),
        never_read("L", "i0 add0@0, ok0 add0@5"),
        lost("M", "i0 add0@0, ok0 add0@5, i1 read@6, ok1 read[\"0\"]@7", 0),
        stable("N", "i0 add0@0, i1 read@2, ok1 read[]@3, ok0 add0@5, i1 read@6, ok1 read[0]@7", 0),
        stable("O", "i1 read@0, i0 add0@1, ok0 add0@5, ok1 read[]@8, i1 read@9, ok1 read[0]@10", 0),
    ]
}

#[test]
fn all_fifteen_vectors() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 15);
    for vector in vectors {
        let name = vector.name;
        let result = check(&history(vector.script));
        assert_eq!(result.valid, vector.valid, "{name}");
        assert_eq!(result.attempt_count, 1, "{name}");
        assert_eq!(result.stable_count, vector.stable.len() as u64, "{name}");
        assert_eq!(result.lost, vector.lost, "{name}");
        assert_eq!(result.never_read, vector.never_read, "{name}");
        assert_eq!(result.stale, vector.stale, "{name}");
        assert_eq!(result.duplicated_count, 0, "{name}");
        let all_five = |latency: u64| Quantiles::of(vec![latency]);
        assert_eq!(result.stable_latencies, vector.stable_latency.and_then(all_five), "{name}");
        assert_eq!(result.lost_latencies, vector.lost_latency.and_then(all_five), "{name}");
    }
}

#[test]
fn an_empty_history_is_unknown() {
    let result = check(&[]);
    assert_eq!(result.valid, Validity::Unknown);
    assert_eq!((result.attempt_count, result.stable_latencies), (0, None));
}

#[test]
fn the_eight_stalest_are_listed_worst_first_and_ties_by_larger_element() {
    let mut script = String::new();
    for value in 0..10 {
        script += &format!("i0 add{value}@{value}, ok0 add{value}@{value}, ");
    }
    script += "i1 read@20, ok1 read[0 4]@21, i1 read@22.5, ok1 read[]@23, \
               i1 read@30, ok1 read[0 1 2 3 4 5 6 7 8 9]@31, i0 add10@40, ok0 add10@41, \
               i1 read@42, ok1 read[0 1 2 3 4 5 6 7 8 9 10]@43";
    let result = check(&history(&script));
    assert_eq!(result.stale_count, 10);
    assert_eq!(result.stable_count, 11);
    let worst: Vec<(u64, u64)> =
        result.worst_stale.iter().map(|stale| (stale.element, stale.stable_latency)).collect();
    let expected: Vec<(u64, u64)> = (0..8).map(|value| (value, 22 - value)).collect();
    assert_eq!(worst, expected);
    let first = &result.worst_stale[0];
    let known = first.known.as_ref().unwrap();
    assert_eq!((known.f.as_str(), known.kind.as_str(), known.index), ("add", "ok", 1));
    let absent = first.last_absent.as_ref().unwrap();
    assert_eq!((absent.f.as_str(), absent.kind.as_str()), ("read", "invoke"));
    assert_eq!(absent.time, 22_500_000);

    let tie = "i0 add3@0, i1 add7@0, ok0 add3@1, ok1 add7@1, i0 read@9, ok0 read[]@9, \
               i0 read@10, ok0 read[3 7]@11";
    let elements: Vec<u64> =
        check(&history(tie)).worst_stale.iter().map(|stale| stale.element).collect();
    assert_eq!(elements, [7, 3]);
}

/// The rule of MAELSTROM.md 3.1 word for word: every element at every read.
fn literal_elements(history: &[Op]) -> Vec<Element> {
    let mut elements: BTreeMap<u64, Element> = BTreeMap::new();
    let mut invocations: BTreeMap<Process, usize> = BTreeMap::new();
    for (position, op) in history.iter().enumerate() {
        if op.kind == OpKind::Invoke {
            invocations.insert(op.process, position);
        }
        match (op.action.added(), op.action.read_set(), op.kind) {
            (Some(value), _, OpKind::Invoke) => {
                elements.insert(value, Element::new(value, position));
            }
            (Some(value), _, OpKind::Ok) => {
                elements.get_mut(&value).unwrap().known.get_or_insert(position);
            }
            (_, Some(set), OpKind::Ok) => {
                let invoked = Some(invocations[&op.process]);
                for element in elements.values_mut() {
                    if set.ints.contains(element.value) {
                        element.known.get_or_insert(position);
                        element.last_present = element.last_present.max(invoked);
                    } else {
                        element.last_absent = element.last_absent.max(invoked);
                    }
                }
            }
            _ => {}
        }
    }
    elements.into_values().collect()
}

/// A run of clients that see values late, lose some, and have operations of every outcome.
fn random_history(seed: u64) -> Vec<Op> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let clients = rng.random_range(1..6);
    let mut pending: Vec<Option<Action>> = vec![None; clients];
    let mut processes: Vec<u64> = (0..clients as u64).collect();
    let mut values: Vec<u64> = Vec::new();
    let mut ops: Vec<Op> = Vec::new();
    let visible = rng.random_range(0.5..1.0);
    for step in 0..rng.random_range(1..120) {
        let client = rng.random_range(0..clients);
        let (kind, action) = match pending[client].take() {
            None => {
                let action = if rng.random_bool(0.5) {
                    let value = values.len() as u64 * 3 % 101;
                    values.push(value);
                    broadcast(value as i64)
                } else {
                    read(None)
                };
                pending[client] = Some(action.clone());
                (OpKind::Invoke, action)
            }
            Some(action) => {
                let kind = [OpKind::Ok, OpKind::Ok, OpKind::Ok, OpKind::Fail, OpKind::Info]
                    [rng.random_range(0..5)];
                let action = match action {
                    action if action.is_read() && kind == OpKind::Ok => {
                        let ints: RoaringTreemap = values
                            .iter()
                            .copied()
                            .chain([500])
                            .filter(|_| rng.random_bool(visible))
                            .collect();
                        read(Some(ReadSet { len: ints.len() as usize, ints, ..ReadSet::default() }))
                    }
                    other => other,
                };
                (kind, action)
            }
        };
        let process = Process::Client(processes[client]);
        if kind == OpKind::Info {
            processes[client] += clients as u64;
        }
        let time = step * 700_000;
        ops.push(Op {
            index: ops.len(),
            time,
            kind,
            process,
            action,
            is_final: false,
            error: None,
        });
    }
    ops
}

#[test]
fn agrees_with_the_literal_rule_on_random_histories() {
    let mut outcomes = BTreeMap::new();
    for seed in 0..3_000 {
        let history = random_history(seed);
        let found = elements(&history);
        assert_eq!(found, literal_elements(&history), "seed {seed}");
        for element in found {
            *outcomes.entry(format!("{:?}", element.outcome())).or_insert(0) += 1;
        }
    }
    assert!(outcomes.len() == 3 && outcomes.values().all(|&n| n > 1_000), "{outcomes:?}");
}

/// 20,000 values and as many reads: the literal rule would look at 200 million pairs.
#[test]
fn a_large_history_needs_no_work_per_pair() {
    let mut ops = Vec::new();
    let mut held = RoaringTreemap::new();
    let mut push = |kind, process, action| {
        let index = ops.len();
        let process = Process::Client(process);
        let time = index as u64 * 1_000_000;
        ops.push(Op { index, time, kind, process, action, is_final: false, error: None });
    };
    for value in 0..20_000 {
        push(OpKind::Invoke, 0, broadcast(value));
        push(OpKind::Ok, 0, broadcast(value));
        push(OpKind::Invoke, 1, read(None));
        let set = ReadSet { ints: held.clone(), len: held.len() as usize, ..ReadSet::default() };
        push(OpKind::Ok, 1, read(Some(set)));
        held.insert(value as u64);
    }
    let result = check(&ops);
    assert_eq!((result.stable_count, result.never_read_count), (19_999, 0));
    assert_eq!(result.lost, [19_999], "acknowledged before the last read, which lacks it");
    assert_eq!(result.stale_count, 19_999);
}
