//! Convergence while the network is partitioned: within connected components, and after heals.

use rumormill_sim::Nanos;
use serde::{Deserialize, Serialize};

use super::quantile::{Quantiles, millis};
use crate::delivery::components::ComponentConvergence;

/// Number of heals that are listed one by one.
const LISTED_HEALS: usize = 100;

/// The figures. Times are in milliseconds; what never came has no number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Components {
    /// Acknowledged values that were owed to other nodes of the same component.
    pub value_count: u64,
    /// Values that a node of the component never held.
    pub incomplete_count: u64,
    /// Values owed to no node: acknowledged by a node that was alone, or disconnected at once.
    pub excused_count: u64,
    /// Delivery time within the component: from the acknowledgement until the last node that was in
    /// the component all the time held the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ack: Option<Quantiles<Option<f64>>>,
    /// Heals at which some node lacked a value.
    pub heal_count: u64,
    /// Heal time: from a heal until every node held all that was acknowledged before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_heal: Option<Quantiles<Option<f64>>>,
    /// The first heals, one by one.
    pub heals: Vec<Heal>,
}

/// One heal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Heal {
    /// Time on the history's clock.
    pub at_ms: f64,
    /// Values that nodes lacked, all nodes together.
    pub owed_count: u64,
    /// Heal time; none if it never ended.
    pub took_ms: Option<f64>,
}

/// The figures of what was seen.
pub fn check(seen: &ComponentConvergence) -> Components {
    let heals = seen.heals.iter().map(|heal| Heal {
        at_ms: millis(heal.at),
        owed_count: heal.owed,
        took_ms: heal.took.map(millis),
    });
    Components {
        value_count: seen.since_ack.len() as u64,
        incomplete_count: seen.since_ack.iter().filter(|time| time.is_none()).count() as u64,
        excused_count: seen.excused,
        since_ack: quantiles(seen.since_ack.iter().copied()),
        heal_count: seen.heals.len() as u64,
        since_heal: quantiles(seen.heals.iter().map(|heal| heal.took)),
        heals: heals.take(LISTED_HEALS).collect(),
    }
}

/// Of times of which some never came: they took longer than any other.
pub(super) fn quantiles(
    times: impl Iterator<Item = Option<Nanos>>,
) -> Option<Quantiles<Option<f64>>> {
    let millis: Vec<f64> = times.map(|nanos| nanos.map_or(f64::INFINITY, millis)).collect();
    Some(Quantiles::of(millis)?.map(|ms| Some(ms).filter(|ms| ms.is_finite())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::components;

    #[test]
    fn what_never_came_counts_as_the_longest() {
        let heal = |at, took| components::Heal { at, owed: 2, took };
        let found = check(&ComponentConvergence {
            since_ack: vec![Some(3_000_000), None, Some(1_000_000)],
            excused: 4,
            heals: vec![heal(1_000_000, Some(5_500_000)), heal(9_000_000, Some(2_000_000))],
        });
        assert_eq!((found.value_count, found.incomplete_count, found.excused_count), (3, 1, 4));
        let since_ack = found.since_ack.unwrap();
        assert_eq!((since_ack.p50, since_ack.max), (Some(3.0), None));
        assert_eq!(found.since_heal.unwrap().max, Some(5.5));
        assert_eq!(found.heals[0], Heal { at_ms: 1.0, owed_count: 2, took_ms: Some(5.5) });
    }
}
