//! Scheduling delay of the lab itself, and whether it spoils the figures.

use serde::{Deserialize, Serialize};

use crate::checker::quantile::millis;
use crate::outcome::SchedulingDelay;

/// Scheduling delay: how much later than planned the lab did things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DelayFigures {
    /// Number of planned actions.
    pub count: u64,
    /// The median.
    pub p50_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// The worst.
    pub max_ms: f64,
}

/// Scheduling delay at 0.99 that figures in ms tolerate: several hops of a value, each with it,
/// stay within the scatter of a run.
const TOLERATED_P99_MS: f64 = 10.0;
/// The same for the worst: one message that much later may be the worst of a figure.
const TOLERATED_MAX_MS: f64 = 25.0;

impl DelayFigures {
    /// True if figures in ms say more of the machine than of the nodes.
    #[must_use]
    pub fn spoils_figures(&self) -> bool {
        self.p99_ms > TOLERATED_P99_MS || self.max_ms > TOLERATED_MAX_MS
    }

    pub(super) fn of(SchedulingDelay(delays): &SchedulingDelay) -> Self {
        Self {
            count: delays.len(),
            p50_ms: millis(delays.value_at_quantile(0.5)),
            p99_ms: millis(delays.value_at_quantile(0.99)),
            max_ms: millis(delays.max()),
        }
    }
}
