//! How late the lab itself was, and whether that spoils the figures.

use serde::{Deserialize, Serialize};

use crate::checker::quantile::millis;
use crate::history::Nanos;
use crate::outcome::Lateness;

/// How much later than planned the lab did things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LatenessFigures {
    /// Things that had a time.
    pub count: u64,
    /// The median, to a factor of 2.
    pub p50_ms: f64,
    /// 99 %, to a factor of 2.
    pub p99_ms: f64,
    /// The worst.
    pub max_ms: f64,
}

/// Scheduling delay at 0.99 that figures in ms tolerate: several hops of a value, each with it,
/// stay within the scatter of a run.
const TOLERATED_P99_MS: f64 = 10.0;
/// The same for the worst: one message that much later may be the worst of a figure.
const TOLERATED_MAX_MS: f64 = 25.0;

impl LatenessFigures {
    /// True if the lab was so late that figures in ms say more of the machine than of the nodes.
    #[must_use]
    pub fn spoils_figures(&self) -> bool {
        self.p99_ms > TOLERATED_P99_MS || self.max_ms > TOLERATED_MAX_MS
    }

    pub(super) fn of(lateness: &Lateness) -> Self {
        let at = |nanos: Nanos| millis(nanos);
        Self {
            count: lateness.count,
            p50_ms: at(lateness.quantile(0.5)),
            p99_ms: at(lateness.quantile(0.99)),
            max_ms: at(lateness.max),
        }
    }
}
