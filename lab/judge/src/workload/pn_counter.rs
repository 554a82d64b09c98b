//! Pn-counter: numbers are added to a counter, and all nodes are to come to the same sum.

use super::{
    Draws, Errors, LastOperation, Operation, ResultShape, Spreads, Turns, Workload, WorkloadResults,
};
use crate::checker::counter;
use crate::format::edn::Edn;
use crate::history::{self, Op, OpKind, OpValue, Process};

/// The workload.
pub static PN_COUNTER: Workload = COUNTER;

pub(super) const COUNTER: Workload = Workload {
    name: "pn-counter",
    summary: "numbers are added to a counter, and all nodes are to come to the same sum",
    operations: &[&ADD, &READ],
    has_topology: false,
    errors: Errors::Thrown,
    keeps_client: false,
    turns: Turns::RoundRobin,
    spreads: Spreads::Deltas,
    next,
    last: Some(LastOperation { operation: &READ, is_marked: true }),
    check,
};

pub(super) static ADD: Operation = Operation::adding(history::ADD, "delta");

pub(super) static READ: Operation = Operation::reading(ResultShape::Integer("value"));

/// Deltas are -5 to 4.
const DELTAS: u64 = 10;
const LEAST_DELTA: i64 = -5;

/// By a fair coin an addition, or a read.
pub(super) fn next(draws: &mut Draws) -> (&'static Operation, OpValue) {
    if draws.dice.coin() {
        // Far below 2^63.
        (&ADD, OpValue::Int(draws.dice.below(DELTAS) as i64 + LEAST_DELTA))
    } else {
        (&READ, OpValue::Nil)
    }
}

/// Every final read has to be a sum of all acknowledged additions and any of the indeterminate ones.
pub(super) fn check(history: &[Op]) -> WorkloadResults {
    let acceptable = counter::acceptable(history);
    let finals = history.iter().filter(|op| op.is_final && op.kind == OpKind::Ok);
    let finals: Vec<(&Op, i64)> =
        finals.filter_map(|op| Some((op, op.action.value().int()?))).collect();
    let bad = finals.iter().filter(|(_, value)| !acceptable.contains(*value));
    let bad: Vec<Edn> = bad.map(|(op, _)| op_to_edn(op)).collect();
    let runs = acceptable.runs().map(|(first, last)| Edn::Vector(vec![first, last]));
    WorkloadResults::Other(Edn::map([
        ("valid?", bad.is_empty().into()),
        ("errors", if bad.is_empty() { Edn::Nil } else { Edn::Vector(bad) }),
        ("final-reads", Edn::Vector(finals.iter().map(|(_, value)| Edn::Int(*value)).collect())),
        ("acceptable", Edn::Vector(runs.collect())),
    ]))
}

fn op_to_edn(op: &Op) -> Edn {
    let process = match op.process {
        Process::Client(process) => process.into(),
        Process::Nemesis => Edn::key("nemesis"),
    };
    Edn::map([
        ("index", (op.index as u64).into()),
        ("time", op.time.into()),
        ("type", Edn::key(op.kind.name())),
        ("process", process),
        ("f", Edn::key(history::READ)),
        ("value", op.action.value().to_edn()),
        ("final?", op.is_final.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::testing::history;
    use super::*;
    use crate::checker::Validity;

    /// Additions as `ok 3` or `info -2`, and final reads.
    fn of(adds: &[&str], reads: &[i64]) -> WorkloadResults {
        let mut steps = Vec::new();
        for add in adds {
            let (kind, delta) = add.split_once(' ').unwrap();
            steps.push(format!("0 invoke add {delta}, 0 {kind} add {delta}"));
        }
        // Wrong on the way is not wrong.
        steps.push("1 invoke read nil, 1 ok read 99".to_owned());
        for read in reads {
            steps.push(format!("1 invoke read! nil, 1 ok read! {read}"));
        }
        check(&history(&steps.join(", ")))
    }

    /// The vectors of the specification.
    #[test]
    fn final_reads_are_sums_of_certain_and_some_uncertain_additions() {
        for (adds, reads, is_valid, acceptable) in [
            (&[][..], &[][..], true, "[[0 0]]"),
            (&["ok 3", "ok 2"], &[5], true, "[[5 5]]"),
            (&["ok 3", "ok 2"], &[4], false, "[[5 5]]"),
            (&["ok 3", "info 10"], &[3, 13, 8], false, "[[3 3] [13 13]]"),
            (&["ok 3", "info 10"], &[3, 13], true, "[[3 3] [13 13]]"),
            (&["ok 3", "info 1", "info 1", "info -4"], &[-1, 0, 1, 3, 5], true, "[[-1 1] [3 5]]"),
            (&["info -2", "info 3"], &[-2, 0, 1, 3], true, "[[-2 -2] [0 1] [3 3]]"),
            (&["info 0"], &[0], true, "[[0 0]]"),
            (&["ok 3", "fail 4"], &[3], true, "[[3 3]]"),
        ] {
            let results = of(adds, reads);
            assert_eq!(results.valid(), Validity::from_bool(is_valid), "{adds:?}");
            let text = |key| results.figure(key).unwrap().to_string();
            assert_eq!(text("acceptable"), acceptable, "{adds:?}");
            assert_eq!(
                text("final-reads"),
                Edn::Vector(reads.iter().map(|r| Edn::Int(*r)).collect()).to_string()
            );
        }
    }

    #[test]
    fn a_bad_read_is_listed_and_one_that_failed_is_not_judged() {
        let results = of(&["ok 3", "info 10"], &[3, 13, 8]);
        let errors = results.figure("errors").and_then(Edn::items).unwrap();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].at(&["value"]), Some(&Edn::Int(8)));
        assert_eq!(errors[0].at(&["final?"]), Some(&Edn::Bool(true)));
        let results =
            check(&history("0 invoke add 1, 0 ok add 1, 0 invoke read! nil, 0 info read! nil"));
        assert_eq!((results.valid(), results.figure("errors")), (Validity::Valid, Some(&Edn::Nil)));
    }
}
