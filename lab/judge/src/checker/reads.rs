//! Values that reads returned beyond the set: Maelstrom's checker ignores them.

use std::collections::BTreeSet;

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use crate::history::{Op, OpKind};

/// How many phantoms are listed one by one.
const LISTED_PHANTOMS: usize = 48;

/// The result; nothing here makes a run invalid, it is for people to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reads {
    /// Successful reads.
    pub count: u64,
    /// Natural numbers that were in the same reply before.
    pub duplicate_count: u64,
    /// Distinct elements returned that no client had broadcast by then. Strings, negative numbers
    /// and the like can never have been.
    pub phantom_count: u64,
    /// The first of them, as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phantoms: Vec<String>,
}

/// Looks at every successful read of a history.
pub fn check(history: &[Op]) -> Reads {
    let mut result = Reads::default();
    let mut broadcast = RoaringTreemap::new();
    let mut phantoms = RoaringTreemap::new();
    let mut others: BTreeSet<&str> = BTreeSet::new();
    for op in history {
        match (op.action.added(), op.action.read_set(), op.kind) {
            (Some(value), _, OpKind::Invoke) => {
                broadcast.insert(value);
            }
            (_, Some(set), OpKind::Ok) => {
                result.count += 1;
                let numbers = set.len.saturating_sub(set.others.count) as u64;
                result.duplicate_count += numbers.saturating_sub(set.ints.len());
                others.extend(set.others.texts.iter().map(|text| &**text));
                if !set.ints.is_subset(&broadcast) {
                    phantoms |= &set.ints - &broadcast;
                }
            }
            _ => {}
        }
    }
    result.phantom_count = phantoms.len() + others.len() as u64;
    let texts = others.into_iter().map(str::to_owned).chain(phantoms.iter().map(|n| n.to_string()));
    result.phantoms = texts.take(LISTED_PHANTOMS).collect();
    result
}

#[cfg(test)]
mod tests {
    use super::super::script::history;
    use super::*;

    #[test]
    fn elements_that_are_no_natural_numbers_are_phantoms() {
        let reads = check(&history(
            "i0 add0@0, i1 read@1, ok1 read[0 -7 2.0]@2, i1 read@3, ok1 read[0 -7]@4",
        ));
        assert_eq!((reads.duplicate_count, reads.phantom_count), (0, 2));
        assert_eq!(reads.phantoms, ["-7", "2.0"]);
    }

    #[test]
    fn counts_duplicates_and_phantoms() {
        let reads = check(&history(
            "i0 add0@0, i1 read@1, ok1 read[0 0 7]@2, ok0 add0@3, i1 read@4, \
             ok1 read[0 \"x\" 7 8]@5, i1 read@6, fail1 read@7",
        ));
        let phantoms = ["\"x\"", "7", "8"].map(str::to_owned).to_vec();
        assert_eq!(reads, Reads { count: 2, duplicate_count: 1, phantom_count: 3, phantoms });
    }
}
