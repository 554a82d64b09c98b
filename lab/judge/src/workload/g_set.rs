//! G-set: elements are added to a set that all nodes are to hold.

use super::{
    Draws, Errors, LastOperation, Operation, ResultShape, Spreads, Turns, Workload, broadcast,
};
use crate::history::{self, OpValue};

/// The workload.
pub static G_SET: Workload = Workload {
    name: "g-set",
    summary: "elements are added to a set that all nodes are to hold",
    operations: &[&ADD, &READ],
    has_topology: false,
    errors: Errors::Thrown,
    keeps_client: false,
    turns: Turns::RoundRobin,
    spreads: Spreads::Elements,
    next,
    last: Some(LastOperation { operation: &READ, is_marked: false }),
    check: broadcast::check,
};

static ADD: Operation = Operation::adding(history::ADD, "element");

static READ: Operation = Operation::reading(ResultShape::List("value"));

/// By a fair coin the next element, or a read.
fn next(draws: &mut Draws) -> (&'static Operation, OpValue) {
    if draws.dice.coin() { (&ADD, draws.number()) } else { (&READ, OpValue::Nil) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, history};
    use super::*;
    use crate::checker::Validity;

    #[test]
    fn an_element_that_the_last_read_lacks_is_lost() {
        let script = "0 invoke add 0, 0 ok add 0, 1 invoke add 1, 1 info add 1, \
                      0 invoke read nil, 0 ok read [";
        let good = check(&G_SET, &history(&format!("{script}0]")));
        assert_eq!((good.valid(), good.set().unwrap().stable_count), (Validity::Valid, 1));
        let bad = check(&G_SET, &history(&format!("{script}1]")));
        assert_eq!((bad.valid(), &*bad.set().unwrap().lost), (Validity::Invalid, &[0][..]));
    }
}
