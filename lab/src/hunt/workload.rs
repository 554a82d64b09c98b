//! The requests of a case's workload, and what may be replied to them.

use std::collections::BTreeSet;

use rumormill::service::{Reply, Request, Workload};
use rumormill::value::Value;

use super::violation::{Kind, Violation};

/// Deltas of counters are drawn from this many.
const DELTAS: i64 = 10;

/// The request that hands a value in, in this workload.
pub(super) fn submission(workload: Workload, value: Value) -> Request {
    // Any value means a delta, the same one a different one rather than none.
    let small = |from: i64| match &value {
        Value::Int(int) => int.rem_euclid(DELTAS) + from,
        Value::Json(text) => text.len() as i64 % DELTAS + from,
    };
    match workload {
        Workload::Broadcast => Request::Broadcast { message: value },
        Workload::Echo => Request::Echo { echo: value },
        Workload::UniqueIds => Request::Generate,
        Workload::GSet => Request::AddElement { element: value },
        Workload::GCounter => Request::AddDelta { delta: small(0) },
        Workload::PnCounter => Request::AddDelta { delta: small(-DELTAS / 2) },
    }
}

/// The request that only asks.
pub(super) fn question(workload: Workload) -> Request {
    match workload {
        Workload::Echo => Request::Echo { echo: Value::Json("null".into()) },
        Workload::UniqueIds => Request::Generate,
        _ => Request::Read,
    }
}

/// The element that a request adds to a set.
pub(super) const fn element(request: &Request) -> Option<&Value> {
    match request {
        Request::Broadcast { message: value } | Request::AddElement { element: value } => {
            Some(value)
        }
        _ => None,
    }
}

/// Checks the reply of a service that is no set. `ids` has all that were given out; `sum` is that of
/// all entries that the node holds.
pub(super) fn check(
    request: &Request,
    reply: &Reply,
    ids: &mut BTreeSet<String>,
    sum: impl FnOnce() -> i128,
) -> Result<(), Violation> {
    let lost = |text: String| Err(Violation::new(Kind::Lost, text));
    match (request, reply) {
        (Request::Echo { echo }, Reply::EchoOk { echo: same }) if echo == same => Ok(()),
        (Request::Echo { echo }, other) => lost(format!("answered {other:?} to the echo {echo}")),
        (Request::Generate, Reply::GenerateOk { id }) if ids.insert(id.clone()) => Ok(()),
        (Request::Generate, other) => lost(format!("gave out {other:?} a second time")),
        (Request::Read, Reply::SumOk { value }) => match sum() {
            sum if sum == *value => Ok(()),
            sum => lost(format!("read the sum {value} of entries whose sum is {sum}")),
        },
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_lost(request: &Request, reply: &Reply, sum: i128) -> bool {
        let mut ids = BTreeSet::from(["old".to_owned()]);
        check(request, reply, &mut ids, || sum).is_err_and(|violation| violation.kind == Kind::Lost)
    }

    #[test]
    fn replies_that_are_wrong_are_violations() {
        let echo = |value: i64| Request::Echo { echo: value.into() };
        assert!(!is_lost(&echo(1), &Reply::EchoOk { echo: 1.into() }, 0));
        assert!(is_lost(&echo(1), &Reply::EchoOk { echo: 2.into() }, 0));
        let id = |id: &str| Reply::GenerateOk { id: id.to_owned() };
        assert!(!is_lost(&Request::Generate, &id("new"), 0));
        assert!(is_lost(&Request::Generate, &id("old"), 0));
        assert!(!is_lost(&Request::Read, &Reply::SumOk { value: 3 }, 3));
        assert!(is_lost(&Request::Read, &Reply::SumOk { value: 3 }, 4));
    }

    #[test]
    fn every_workload_is_asked_what_it_answers() {
        use rumormill::id::{Generation, NodeId, Origin};
        use rumormill::service::{AnyService, Service as _};

        let origin = Origin { node: NodeId(0), generation: Generation(1) };
        for workload in Workload::ALL {
            let mut service = AnyService::new(workload);
            for value in [Value::Int(-7), Value::Int(12), Value::Json("[1]".into())] {
                for request in [submission(workload, value), question(workload)] {
                    let reply = service.on_request(origin, request, &mut Vec::new());
                    assert!(reply.is_ok(), "{workload}: {reply:?}");
                }
            }
        }
    }
}
