//! Completions counted by kind: a kind of operation that never succeeds makes the run invalid.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Validity, client_function};
use crate::history::{Op, OpKind};

/// Counts of one kind of operation, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Counts {
    /// True if at least one was ok.
    #[serde(rename = "valid?")]
    pub valid: Validity,
    /// Completions.
    pub count: u64,
    /// Operations that took effect.
    pub ok_count: u64,
    /// Operations that did not.
    pub fail_count: u64,
    /// Operations with an unknown outcome.
    pub info_count: u64,
}

impl Counts {
    fn add(&mut self, kind: OpKind) {
        match kind {
            OpKind::Invoke => return,
            OpKind::Ok => self.ok_count += 1,
            OpKind::Fail => self.fail_count += 1,
            OpKind::Info => self.info_count += 1,
        }
        self.count += 1;
        self.valid = Validity::from_bool(self.ok_count > 0);
    }
}

/// The result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Stats {
    /// All kinds together; valid only if every kind is.
    #[serde(flatten)]
    pub total: Counts,
    /// Each kind by its name.
    pub by_f: BTreeMap<String, Counts>,
}

/// Counts the client completions.
pub fn check(history: &[Op]) -> Stats {
    let mut stats = Stats::default();
    for op in history.iter().filter(|op| op.kind != OpKind::Invoke) {
        let Some(f) = client_function(op) else { continue };
        stats.total.add(op.kind);
        stats.by_f.entry(f.to_owned()).or_default().add(op.kind);
    }
    stats.total.valid = Validity::compose(stats.by_f.values().map(|counts| counts.valid));
    stats
}

#[cfg(test)]
mod tests {
    use super::super::script::history;
    use super::*;

    #[test]
    fn counts_by_kind() {
        let stats = check(&history(
            "i0 add0@0, ok0 add0@1, i0 add1@2, info0 add1@3, i1 read@4, fail1 read@5, \
             i1 read@6, ok1 read[0]@7, i1 read@8",
        ));
        assert_eq!(stats.total.valid, Validity::Valid);
        assert_eq!((stats.total.count, stats.total.ok_count), (4, 2));
        assert_eq!((stats.total.fail_count, stats.total.info_count), (1, 1));
        assert_eq!(stats.by_f["broadcast"].count, 2);
        assert_eq!(stats.by_f["read"].ok_count, 1);
    }

    #[test]
    fn a_kind_without_success_fails_the_run() {
        let stats = check(&history(
            "i0 add0@0, ok0 add0@1, i1 read@4, fail1 read@5, i1 read@6, info1 read@7",
        ));
        assert_eq!(stats.total.valid, Validity::Invalid);
        assert_eq!(stats.by_f["broadcast"].valid, Validity::Valid);
        assert_eq!(stats.by_f["read"].valid, Validity::Invalid);
    }

    #[test]
    fn no_completions_are_valid() {
        assert_eq!(check(&history("i0 add0@0")).total.valid, Validity::Valid);
    }
}
