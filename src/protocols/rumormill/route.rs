//! The rule for disseminating a new entry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The rule that decides which peers a new value is sent to.
///
/// Whatever the route, the topology's neighbours are the graph of anti-entropy: digests go along
/// it, and what a peer is found to lack is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `direct` or `hub`, whichever needs fewer messages within the latency budget.
    Auto,
    /// Along the topology's links only: to every neighbour not known to hold it (eager push), or,
    /// if the latency budget leaves time to wait, along a spanning tree of the topology.
    Topology,
    /// Along a spanning tree of the topology of least height, whatever the budget.
    Tree,
    /// To the hub, which sends to all; in large clusters a tree of hubs.
    Hub,
    /// The origin sends to all nodes (direct mail).
    Direct,
}

impl Route {
    /// All routes, for help texts.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Topology, Self::Tree, Self::Hub, Self::Direct];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Topology => "topology",
            Self::Tree => "tree",
            Self::Hub => "hub",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|route| route.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|route| route.name()).collect();
            format!("expected one of {}, not {text:?}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_others_refused() {
        assert_eq!("hub".parse(), Ok(Route::Hub));
        assert!("star".parse::<Route>().unwrap_err().contains("auto, topology, tree, hub, direct"));
    }
}
