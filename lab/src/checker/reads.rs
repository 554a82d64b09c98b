//! What reads returned beyond the set: Maelstrom's checker ignores it.

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use crate::history::{Action, Op, OpKind};

/// The result; nothing here makes a run invalid, it is for people to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reads {
    /// Successful reads.
    pub count: u64,
    /// Elements of all replies beyond the distinct integers: duplicates, or not integers at all.
    pub duplicate_count: u64,
    /// Distinct integers returned that nobody had broadcast by then.
    pub phantom_count: u64,
}

/// Looks at every successful read of a history.
pub fn check(history: &[Op]) -> Reads {
    let mut result = Reads::default();
    let mut broadcast = RoaringTreemap::new();
    let mut phantoms = RoaringTreemap::new();
    for op in history {
        match (&op.action, op.kind) {
            (Action::Broadcast(value), OpKind::Invoke) => {
                broadcast.insert(*value);
            }
            (Action::Read(Some(set)), OpKind::Ok) => {
                result.count += 1;
                result.duplicate_count += (set.len as u64).saturating_sub(set.ints.len());
                if !set.ints.is_subset(&broadcast) {
                    phantoms |= &set.ints - &broadcast;
                }
            }
            _ => {}
        }
    }
    result.phantom_count = phantoms.len();
    result
}

#[cfg(test)]
mod tests {
    use super::super::script::history;
    use super::*;

    #[test]
    fn counts_duplicates_and_phantoms() {
        let reads = check(&history(
            "i0 add0@0, i1 read@1, ok1 read[0 0 7]@2, ok0 add0@3, i1 read@4, \
             ok1 read[0 \"x\" 7 8]@5, i1 read@6, fail1 read@7",
        ));
        assert_eq!(reads, Reads { count: 2, duplicate_count: 2, phantom_count: 2 });
    }
}
