//! False suspicions: peers that a node suspected though both were up and reachable.

use rumormill_sim::Nanos;
use serde::{Deserialize, Serialize};

use crate::checker::quantile::millis;
use crate::outcome::SuspicionReport;
use crate::settings::Settings;

/// Suspicions of peers that were up and reachable in both directions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FalseSuspicions {
    /// Number of them.
    pub count: u64,
    /// Length of the longest, in ms; 0 if there was none.
    pub longest_ms: f64,
    /// The longest, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<LongestSuspicion>,
}

/// The longest false suspicion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LongestSuspicion {
    /// The node that suspected its peer.
    pub node: String,
    /// The peer.
    pub peer: String,
    /// Begin, in ms on the history's clock.
    pub since_ms: f64,
}

impl FalseSuspicions {
    pub(super) fn of(report: &SuspicionReport, zero: Nanos, settings: &Settings) -> Self {
        let name =
            |node: usize| settings.nodes.get(node).map_or_else(String::new, ToString::to_string);
        Self {
            count: report.count,
            longest_ms: millis(report.longest.map_or(0, |suspicion| suspicion.lasted)),
            longest: report.longest.map(|suspicion| LongestSuspicion {
                node: name(suspicion.node),
                peer: name(suspicion.peer),
                since_ms: millis(suspicion.at.saturating_sub(zero)),
            }),
        }
    }
}
