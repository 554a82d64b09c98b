//! Histories for tests, from a line of text: `i0 add0@0, ok0 add0@10, i1 read@20.5, ok1 read[0]@22`.

use rumormill_sim::Nanos;

use crate::history::{Action, BROADCAST, Op, OpError, OpKind, OpValue, Process, READ, ReadSet};

/// Parses a history; times are in milliseconds, a read with a `!` is final.
pub fn history(script: &str) -> Vec<Op> {
    script.split(',').enumerate().map(|(index, step)| parse_step(index, step.trim())).collect()
}

/// A broadcast.
pub fn broadcast(value: i64) -> Action {
    Action::Client { f: BROADCAST, value: OpValue::Int(value) }
}

/// A read, with what it returned.
pub fn read(set: Option<ReadSet>) -> Action {
    Action::Client { f: READ, value: set.map_or(OpValue::Nil, OpValue::Set) }
}

fn parse_step(index: usize, step: &str) -> Op {
    let (who, what) = step.split_once(' ').expect("a process and an action");
    let digits = who.find(|c: char| c.is_ascii_digit()).expect("a process number");
    let kind = match &who[..digits] {
        "i" => OpKind::Invoke,
        "ok" => OpKind::Ok,
        "fail" => OpKind::Fail,
        "info" => OpKind::Info,
        other => panic!("no such kind: {other}"),
    };
    let (action, ms) = what.split_once('@').expect("a time");
    let (action, is_final) = match action.strip_suffix('!') {
        Some(action) => (action, true),
        None => (action, false),
    };
    Op {
        index,
        time: (ms.parse::<f64>().expect("milliseconds") * 1e6).round() as Nanos,
        kind,
        process: Process::Client(who[digits..].parse().expect("a process number")),
        action: match action.strip_prefix("add") {
            Some(value) => broadcast(value.parse().expect("a value")),
            None => read(parse_read(action.strip_prefix("read").expect("read or add"))),
        },
        is_final,
        error: matches!(kind, OpKind::Fail | OpKind::Info).then_some(OpError::Timeout),
    }
}

fn parse_read(list: &str) -> Option<ReadSet> {
    let inside = list.strip_prefix('[')?.strip_suffix(']')?;
    let items: Vec<&str> = inside.split_whitespace().collect();
    let mut set = ReadSet { len: items.len(), ..ReadSet::default() };
    for item in items {
        match item.parse::<u64>() {
            Ok(int) => _ = set.ints.insert(int),
            Err(_) => set.others.add(item),
        }
    }
    Some(set)
}
