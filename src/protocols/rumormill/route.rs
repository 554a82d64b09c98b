//! The rule for disseminating a new entry.

use serde::{Deserialize, Serialize};

crate::choice! {
    /// The rule that decides which peers a new value is sent to.
    ///
    /// Whatever the route, the topology's neighbours are the graph of anti-entropy: digests go along
    /// it, and what a peer is found to lack is sent.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Route {
        /// `direct` or `hub`, whichever needs fewer messages within the latency budget.
        Auto = "auto",
        /// Along the topology's links only: to every neighbour not known to hold it (eager push), or,
        /// if the latency budget leaves time to wait, along a spanning tree of the topology.
        Topology = "topology",
        /// Along a spanning tree of the topology of least height, whatever the budget.
        Tree = "tree",
        /// To the hub, which sends to all; in large clusters a tree of hubs.
        Hub = "hub",
        /// The origin sends to all nodes (direct mail).
        Direct = "direct",
    }
}
