//! Delivery time at the *last* node, per value, from what was observed of its spread.

use serde::{Deserialize, Serialize};

use super::components::quantiles;
use super::quantile::Quantiles;
use crate::delivery::convergence::Convergence;

/// Number of values that are listed one by one.
const LISTED_VALUES: usize = 48;

/// The figures of one source. Times are in milliseconds, over all acknowledged values: one that
/// was not seen on every node took longer than any other, and where it stands there is no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spread {
    /// Acknowledged values.
    pub value_count: u64,
    /// Values that were not seen on every node.
    pub incomplete_count: u64,
    /// The least of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<u64>,
    /// From the acknowledgement until the last node held it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ack: Option<Quantiles<Option<f64>>>,
    /// From the client's request until the last node held it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_invoke: Option<Quantiles<Option<f64>>>,
}

/// Computes the figures of the acknowledged values. Others are not owed, and not counted.
pub fn check(convergence: &Convergence) -> Spread {
    let nodes = convergence.nodes;
    let acked: Vec<_> =
        (0u64..).zip(&convergence.values).filter(|(_, spread)| spread.acked.is_some()).collect();
    let incomplete: Vec<u64> = acked
        .iter()
        .filter(|(_, spread)| spread.holders as usize != nodes)
        .map(|(value, _)| *value)
        .collect();
    Spread {
        value_count: acked.len() as u64,
        incomplete_count: incomplete.len() as u64,
        incomplete: incomplete.into_iter().take(LISTED_VALUES).collect(),
        since_ack: quantiles(acked.iter().map(|(_, spread)| spread.since_ack(nodes))),
        since_invoke: quantiles(acked.iter().map(|(_, spread)| spread.since_invoke(nodes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::convergence::ValueSpread;

    fn spread(acked: Option<u64>, holders: u32, last_held: u64) -> ValueSpread {
        ValueSpread { invoked: 1_000_000, acked, holders, last_held }
    }

    #[test]
    fn counts_values_that_did_not_reach_every_node() {
        let values = vec![
            spread(Some(2_000_000), 3, 5_500_000),
            spread(Some(2_000_000), 2, 9_000_000),
            spread(None, 1, 1_000_000),
            spread(Some(4_000_000), 3, 3_000_000),
        ];
        let figures = check(&Convergence { nodes: 3, values });
        assert_eq!((figures.value_count, figures.incomplete_count), (3, 1));
        assert_eq!(figures.incomplete, [1]);
        let since_ack = figures.since_ack.unwrap();
        assert_eq!((since_ack.min, since_ack.p50, since_ack.max), (Some(0.0), Some(3.5), None));
        let since_invoke = figures.since_invoke.unwrap();
        assert_eq!(
            since_invoke.points().map(|(_, ms)| ms),
            [Some(2.0), Some(4.5), None, None, None]
        );
    }

    #[test]
    fn without_values_there_are_no_times() {
        let figures = check(&Convergence { nodes: 3, values: Vec::new() });
        assert_eq!((figures.since_ack, figures.since_invoke), (None, None));
    }
}
