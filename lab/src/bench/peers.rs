//! Published solutions by others: their figures, and whether they lose values.

use anyhow::{Context as _, Result};
use serde::Deserialize;

const FILE: &str = include_str!("peers.toml");

/// Factor above the budget up to which a solution's latency is compared with it: many were not
/// made for a round number.
const ALLOWANCE: f64 = 1.15;

#[derive(Debug, Deserialize)]
struct Peers {
    peer: Vec<Peer>,
}

/// A solution.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its author, and the challenge if there are several.
    pub name: String,
    /// Programming language.
    pub language: Option<String>,
    /// Values kept under partitions.
    pub keeps: Keeps,
    /// The topology, if new values travel along the links that it is given.
    pub links: Option<String>,
    /// Address of its code.
    pub source: Option<String>,
    /// Figures of its runs.
    pub figures: Vec<PeerFigures>,
}

/// Values that are left when partitions are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeps {
    /// All of them.
    All,
    /// Some are lost.
    Some,
    /// Unknown.
    Unknown,
}

/// The figures of a run, or of several.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PeerFigures {
    /// Source of the figures.
    pub by: By,
    /// Messages between nodes per operation.
    pub msgs_per_op: f64,
    /// Median of the stable latencies.
    pub median_ms: Option<f64>,
    /// The greatest of them.
    pub max_ms: f64,
}

/// Place among the points of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Greatest stable latency.
    pub max_ms: f64,
    /// Messages between nodes per operation.
    pub msgs_per_op: f64,
}

impl PeerFigures {
    /// Its place in the picture.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { max_ms: self.max_ms, msgs_per_op: self.msgs_per_op }
    }
}

/// Source of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Published by its author.
    Author,
    /// Its code ran under the real Maelstrom.
    Maelstrom,
    /// Its code ran under a stand-in for Maelstrom.
    StandIn,
}

/// All of them.
///
/// # Errors
/// If the file is not well-formed, which a test rules out.
pub fn load() -> Result<Vec<Peer>> {
    let peers: Peers = toml::from_str(FILE).context("peers.toml")?;
    Ok(peers.peer)
}

/// The peer with the fewest messages among those that were tested and lost nothing, with a latency
/// of about the bound; on a topology's links, only those that keep to them.
#[must_use]
pub fn best<'p>(
    peers: &'p [Peer],
    bound_ms: f64,
    links: Option<&str>,
) -> Option<(&'p Peer, PeerFigures)> {
    peers
        .iter()
        .filter(|peer| peer.keeps == Keeps::All)
        .filter(|peer| links.is_none() || peer.links.as_deref() == links)
        .flat_map(|peer| peer.figures.iter().map(move |figures| (peer, *figures)))
        .filter(|(_, figures)| figures.by != By::Author)
        .filter(|(_, figures)| figures.max_ms <= bound_ms * ALLOWANCE)
        .min_by(|(_, a), (_, b)| a.msgs_per_op.total_cmp(&b.msgs_per_op))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_loses_nothing() {
        let peers = load().unwrap();
        let best = |bound_ms, links| {
            let (peer, figures) = best(&peers, bound_ms, links)?;
            Some((peer.name.as_str(), figures.msgs_per_op, figures.max_ms))
        };
        assert_eq!(best(100.0, None), Some(("azuline", 13.54, 106.0)));
        assert_eq!(best(300.0, None), Some(("azuline", 13.54, 106.0)));
        assert_eq!(best(400.0, None), Some(("maszlasz", 5.52, 393.0)));
        // DnMllr's 1.70 at 769 ms loses values.
        assert_eq!(best(800.0, None), Some(("DnMllr", 4.28, 770.0)));
        assert_eq!(best(1000.0, None), Some(("teivah", 1.54, 1123.0)));
        assert_eq!(best(500.0, Some("tree4")), Some(("itsaphel", 23.57, 524.0)));
        assert_eq!(best(1000.0, Some("grid")), None);
    }

    #[test]
    fn what_was_only_measured_has_no_source_and_all_else_has() {
        for peer in load().unwrap() {
            let published = peer.figures.iter().any(|figures| figures.by == By::Author);
            assert!(peer.source.is_some() || !published, "{}", peer.name);
            assert!(peer.figures.iter().all(|f| f.median_ms.is_none_or(|ms| ms < f.max_ms)));
        }
    }
}
