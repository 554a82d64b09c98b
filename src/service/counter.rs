//! The counters: g-counter, which only grows, and pn-counter.
//!
//! Every addition is an entry, and an entry has a name of its own: to add the values of all entries
//! once each is to count exactly, whatever the network loses, repeats or reorders (Shapiro et al.
//! 2011 keep a sum per node instead; here the protocol knows what a peer lacks already).

use super::{Refusal, Reply, Request, Service};
use crate::effects::Entry;
use crate::id::Origin;
use crate::value::Value;

/// A counter to which anything may be added.
#[derive(Clone, Copy, Debug, Default)]
pub struct PnCounter {
    /// Sum of all entries delivered. 2^63 entries of 63 bits fit.
    sum: i128,
}

/// A counter that refuses to shrink.
#[derive(Clone, Copy, Debug, Default)]
pub struct GCounter {
    counter: PnCounter,
}

impl PnCounter {
    /// The sum of everything that was added, as far as this node knows.
    #[must_use]
    pub const fn sum(&self) -> i128 {
        self.sum
    }
}

impl Service for PnCounter {
    fn on_request(
        &mut self,
        _: Origin,
        request: Request,
        submit: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        match request {
            Request::AddDelta { delta } => {
                // To add nothing changes nothing: no peer has to be told.
                if delta != 0 {
                    submit.push(Value::Int(delta));
                }
                Ok(Reply::AddOk)
            }
            Request::Read => Ok(Reply::SumOk { value: self.sum }),
            _ => Err(Refusal::NotSupported),
        }
    }

    fn on_deliver(&mut self, entry: &Entry) {
        // Nothing else is ever submitted.
        if let Value::Int(delta) = entry.value {
            self.sum += i128::from(delta);
        }
    }
}

impl Service for GCounter {
    fn on_request(
        &mut self,
        origin: Origin,
        request: Request,
        submit: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        match request {
            Request::AddDelta { delta } if delta < 0 => Err(Refusal::Malformed(format!(
                "field `delta`: expected an integer of at least 0, because a g-counter only grows, \
                 got {delta}"
            ))),
            request => self.counter.on_request(origin, request, submit),
        }
    }

    fn on_deliver(&mut self, entry: &Entry) {
        self.counter.on_deliver(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntryId, Generation, NodeId};

    const ORIGIN: Origin = Origin { node: NodeId(2), generation: Generation(1) };

    fn deliver(service: &mut impl Service, deltas: &[i64]) {
        for (sequence, delta) in (0..).zip(deltas) {
            let id = EntryId { origin: ORIGIN, sequence };
            service.on_deliver(&Entry { id, value: Value::Int(*delta) });
        }
    }

    #[test]
    fn the_sum_is_that_of_all_entries_beyond_64_bits() {
        let mut service = PnCounter::default();
        deliver(&mut service, &[5, -7, i64::MAX, i64::MAX]);
        let reply = service.on_request(ORIGIN, Request::Read, &mut Vec::new());
        assert_eq!(reply, Ok(Reply::SumOk { value: 2 * i128::from(i64::MAX) - 2 }));
    }

    #[test]
    fn an_addition_is_submitted_unless_it_adds_nothing() {
        let (mut service, mut submit) = (PnCounter::default(), Vec::new());
        for delta in [3, 0, -3] {
            let reply = service.on_request(ORIGIN, Request::AddDelta { delta }, &mut submit);
            assert_eq!(reply, Ok(Reply::AddOk));
        }
        assert_eq!(submit, [Value::Int(3), Value::Int(-3)]);
        assert_eq!(service.sum(), 0, "entries count, not requests");
    }

    #[test]
    fn a_g_counter_refuses_to_shrink() {
        let (mut service, mut submit) = (GCounter::default(), Vec::new());
        let reply = service.on_request(ORIGIN, Request::AddDelta { delta: -1 }, &mut submit);
        assert!(matches!(&reply, Err(Refusal::Malformed(why)) if why.contains("got -1")));
        assert!(submit.is_empty());
        deliver(&mut service, &[4]);
        let reply = service.on_request(ORIGIN, Request::Read, &mut submit);
        assert_eq!(reply, Ok(Reply::SumOk { value: 4 }));
    }
}
