//! The times in which nodes were down or paused, as results have them.

use serde::{Deserialize, Serialize};

use crate::outcome::{OutageKind, Outcome};
use crate::settings::Settings;

/// A time in which a node was down or paused, in ms of the history's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outage {
    /// The node.
    pub node: String,
    /// Down or paused.
    pub kind: OutageKind,
    /// Begin.
    pub from_ms: f64,
    /// End; absent if it lasted to that of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<f64>,
}

impl Outage {
    /// Those of all nodes, in order of time.
    pub(super) fn all(settings: &Settings, outcome: &Outcome) -> Vec<Self> {
        let nodes = settings.nodes.iter().zip(&outcome.nodes);
        let mut all: Vec<Self> = nodes
            .flat_map(|(name, report)| {
                report.outages.iter().map(|outage| Self {
                    node: name.to_string(),
                    kind: outage.kind,
                    from_ms: outcome.relative_ms(outage.since),
                    until_ms: outage.until.map(|until| outcome.relative_ms(until)),
                })
            })
            .collect();
        all.sort_by(|a, b| a.from_ms.total_cmp(&b.from_ms));
        all
    }
}
