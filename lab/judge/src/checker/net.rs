//! Messages per operation, from the journal's counts.

use serde::{Deserialize, Serialize};

use super::Validity;

/// Events of one class of messages in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct MessageCounts {
    /// Sent.
    pub send_count: u64,
    /// Handed over.
    pub recv_count: u64,
    /// Distinct ids among both.
    pub msg_count: u64,
}

/// Counts of a class, with the ratio that people compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ClassCounts {
    /// The counts.
    #[serde(flatten)]
    pub counts: MessageCounts,
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
    pub all: ClassCounts,
    /// Those with a client at either end.
    pub clients: MessageCounts,
    /// The rest.
    pub servers: ClassCounts,
    /// True.
    #[serde(rename = "valid?")]
    pub valid: Validity,
}

/// The figures of a run with `operations` client invocations.
pub fn check(
    all: MessageCounts,
    clients: MessageCounts,
    servers: MessageCounts,
    operations: usize,
) -> Net {
    let with_ratio = |counts: MessageCounts| ClassCounts {
        counts,
        msgs_per_op: ratio(counts.msg_count, operations as u64),
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

    fn counts(msg_count: u64) -> MessageCounts {
        MessageCounts { send_count: msg_count, recv_count: msg_count - 1, msg_count }
    }

    #[test]
    fn ratios_are_single_precision() {
        let net = check(counts(21_510), counts(3_914), counts(22_520), 1_940);
        assert_eq!(net.servers.msgs_per_op, Some(11.608_248));
        assert_eq!(net.servers.msgs_per_op.unwrap().to_string(), "11.608248");
        assert_eq!(net.all.counts.recv_count, 21_509);
    }

    #[test]
    fn without_operations_there_is_no_ratio() {
        let net = check(counts(5), counts(5), MessageCounts::default(), 0);
        assert_eq!((net.all.msgs_per_op, net.servers.msgs_per_op), (None, None));
        assert_eq!(net.valid, Validity::Valid);
    }
}
