//! Operations of the clients, and their latencies.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rumormill_judge::checker::{Pairing, client_function};
use rumormill_judge::history::{Op, OpError, OpKind};

/// Different errors that are listed.
const MAX_ERRORS: usize = 20;

/// One operation of a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation {
    /// Time of the invocation, in ms of the history's clock.
    pub(super) at_ms: f64,
    /// Latency; none if the history ends before the operation does.
    pub(super) took_ms: Option<f64>,
    /// Its name in the history: `broadcast`, `read`.
    pub(super) kind: &'static str,
    /// Outcome.
    pub(super) end: End,
}

/// Outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// As asked.
    Ok,
    /// It did not happen.
    Failed,
    /// Unknown whether it happened.
    Unknown,
}

impl Operation {
    pub(super) fn end_ms(&self) -> f64 {
        self.at_ms + self.took_ms.unwrap_or_default()
    }
}

/// The operations of a history, in the order of their invocation.
pub(super) fn of(history: &[Op]) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    let mut places = vec![None; history.len()];
    let mut pairing = Pairing::default();
    for (position, op) in history.iter().enumerate() {
        let Some(kind) = client_function(op) else { continue };
        let at_ms = op.time as f64 / 1e6;
        if op.kind == OpKind::Invoke {
            places[position] = Some(operations.len());
            operations.push(Operation { at_ms, took_ms: None, kind, end: End::Unknown });
        }
        let invoked = pairing.step(position, op).and_then(|invoked| places[invoked]);
        if let Some(operation) = invoked.and_then(|place| operations.get_mut(place)) {
            operation.took_ms = Some((at_ms - operation.at_ms).max(0.0));
            operation.end = match op.kind {
                OpKind::Ok => End::Ok,
                OpKind::Fail => End::Failed,
                OpKind::Info | OpKind::Invoke => End::Unknown,
            };
        }
    }
    operations
}

/// Errors by what they say, the most frequent first.
pub(super) fn errors(history: &[Op]) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for op in history {
        let Some(error) = &op.error else { continue };
        let Some(what) = client_function(op) else { continue };
        let why = match error {
            OpError::Exception(why) if why != OpError::NO_REPLY => {
                format!("a reply of the wrong shape: {why}")
            }
            other => other.to_string(),
        };
        *counts.entry(format!("{what}: {why}")).or_insert(0_u64) += 1;
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.truncate(MAX_ERRORS);
    counts
}
