//! Indeterminate operations with an exception behind them: in Maelstrom, replies of a wrong shape.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Validity;
use super::set_full::OpSummary;
use crate::history::{Op, OpError, OpKind};

/// One kind of exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Kind of error.
    pub class: String,
    /// Number of operations with it.
    pub count: u64,
    /// The first operation that met it.
    pub example: OpSummary,
}

/// The result; it is always valid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exceptions {
    /// True.
    #[serde(rename = "valid?")]
    pub valid: Validity,
    /// Most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// Lists the exceptions of a history.
pub fn check(history: &[Op]) -> Exceptions {
    let mut by_class: BTreeMap<&str, Exception> = BTreeMap::new();
    for op in history.iter().filter(|op| op.kind == OpKind::Info) {
        let Some(OpError::Exception(class)) = &op.error else { continue };
        by_class
            .entry(class)
            .or_insert_with(|| Exception {
                class: class.clone(),
                count: 0,
                example: OpSummary::of(op),
            })
            .count += 1;
    }
    let mut exceptions: Vec<Exception> = by_class.into_values().collect();
    exceptions.sort_by_key(|exception| Reverse(exception.count));
    Exceptions { valid: Validity::Valid, exceptions }
}

#[cfg(test)]
mod tests {
    use super::super::script::history;
    use super::*;

    #[test]
    fn lists_the_most_frequent_first_and_stays_valid() {
        let mut history = history(
            "i0 add0@0, info0 add0@1, i2 add1@4, info2 add1@5, i4 read@6, info4 read@7, \
             i1 add2@8, info1 add2@9",
        );
        for (position, class) in [(1, "extra key"), (3, "no type"), (5, "no type")] {
            history[position].error = Some(OpError::Exception(class.to_owned()));
        }
        let result = check(&history);
        assert_eq!(result.valid, Validity::Valid);
        let found: Vec<(&str, u64, usize)> = result
            .exceptions
            .iter()
            .map(|exception| (exception.class.as_str(), exception.count, exception.example.index))
            .collect();
        assert_eq!(found, [("no type", 2, 3), ("extra key", 1, 1)]);
    }
}
