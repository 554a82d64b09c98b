//! Broadcast: values that are handed to one node each are to reach all.

use super::{
    Draws, Errors, LastOperation, Operation, ResultShape, Spreads, Turns, Workload, WorkloadResults,
};
use crate::checker::set_full;
use crate::history::{self, Op, OpValue};

/// The workload.
pub static BROADCAST: Workload = Workload {
    name: "broadcast",
    summary: "values that are handed to one node each are to reach all",
    operations: &[&ADD, &READ],
    has_topology: true,
    errors: Errors::Mapped,
    keeps_client: false,
    turns: Turns::RoundRobin,
    spreads: Spreads::Elements,
    next,
    last: Some(LastOperation { operation: &READ, is_marked: true }),
    check,
};

static ADD: Operation = Operation::adding(history::BROADCAST, "message");

static READ: Operation = Operation::reading(ResultShape::List("messages"));

/// By a fair coin the next value, or a read.
fn next(draws: &mut Draws) -> (&'static Operation, OpValue) {
    if draws.dice.coin() { (&ADD, draws.number()) } else { (&READ, OpValue::Nil) }
}

/// Every value is an element of one set.
pub(super) fn check(history: &[Op]) -> WorkloadResults {
    WorkloadResults::Set(Box::new(set_full::check(history)))
}
