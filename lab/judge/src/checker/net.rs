//! Messages per operation, from the journal's counts.

use serde::{Deserialize, Serialize};

use super::Validity;
use crate::outcome::counts::ClassCount;

/// Counts of a class, with the ratio that people compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ClassRatio {
    /// The counts.
    #[serde(flatten)]
    pub counts: ClassCount,
    /// Messages per client invocation of any kind, rounded to single precision as Maelstrom does;
    /// none without operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgs_per_op: Option<f32>,
}

/// The result; it is always valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Net {
    /// Every message.
    pub all: ClassRatio,
    /// Those with a client at either end.
    pub clients: ClassCount,
    /// The rest.
    pub servers: ClassRatio,
    /// True.
    #[serde(rename = "valid?")]
    pub valid: Validity,
}

/// The figures of a run with `operations` client invocations.
pub fn check(all: ClassCount, clients: ClassCount, servers: ClassCount, operations: usize) -> Net {
    let with_ratio = |counts: ClassCount| ClassRatio {
        counts,
        msgs_per_op: ratio(counts.msg, operations as u64),
    };
    Net { all: with_ratio(all), clients, servers: with_ratio(servers), valid: Validity::Valid }
}

/// A ratio in single precision; none over zero.
pub fn ratio(count: u64, per: u64) -> Option<f32> {
    (per > 0).then(|| (count as f64 / per as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(msg: u64) -> ClassCount {
        ClassCount { send: msg, recv: msg - 1, msg }
    }

    #[test]
    fn ratios_are_single_precision() {
        let net = check(counts(21_510), counts(3_914), counts(22_520), 1_940);
        assert_eq!(net.servers.msgs_per_op, Some(11.608_248));
        assert_eq!(net.servers.msgs_per_op.unwrap().to_string(), "11.608248");
        assert_eq!(net.all.counts.recv, 21_509);
    }

    #[test]
    fn without_operations_there_is_no_ratio() {
        let net = check(counts(5), counts(5), ClassCount::default(), 0);
        assert_eq!((net.all.msgs_per_op, net.servers.msgs_per_op), (None, None));
        assert_eq!(net.valid, Validity::Valid);
    }
}
