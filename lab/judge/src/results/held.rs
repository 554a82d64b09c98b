//! The state of nodes at the end and the results of reads, by the kind of workload.

use roaring::RoaringTreemap;

use crate::checker::counter::{self, Counter};
use crate::checker::missing::{self, Missing};
use crate::checker::reads::{self, Reads};
use crate::history::{Op, OpValue};
use crate::workload::{Spreads, Workload};

/// Values that reads returned beyond the set, if the workload is one.
pub(crate) fn reads_of(workload: &Workload, history: &[Op]) -> Reads {
    match workload.spreads {
        Spreads::Elements => reads::check(history),
        Spreads::Deltas | Spreads::Nothing => Reads::default(),
    }
}

/// The state of the nodes at the end, by the kind of workload, against what it should be.
///
/// `finals` has the nodes whose final reads are known to be theirs. What was `lost` with its holders
/// is not owed.
pub fn held<'h>(
    workload: &Workload,
    history: &[Op],
    finals: impl IntoIterator<Item = (&'h str, Option<&'h OpValue>)>,
    lost: &RoaringTreemap,
) -> (Missing, Option<Counter>) {
    match workload.spreads {
        Spreads::Elements => {
            let sets = finals.into_iter().map(|(node, read)| (node, read.and_then(OpValue::set)));
            (missing::check(history, sets, lost), None)
        }
        Spreads::Deltas => (Missing::default(), Some(counter::check(history, finals, lost))),
        Spreads::Nothing => (Missing::default(), None),
    }
}
