//! The cluster: the list of its nodes, the graph between them, and trees over them.
//!
//! Protocols see numbers ([`Cluster`]); names stay in the Maelstrom layer ([`Nodes`], [`Topology`]).

mod graph;
mod nodes;
mod topology;
mod tree;

use std::sync::Arc;

use crate::id::NodeId;
pub use graph::Graph;
pub use nodes::{Name, Nodes};
pub use topology::Topology;
pub use tree::Tree;

/// The cluster as one node sees it.
#[derive(Clone, Debug)]
pub struct Cluster {
    me: NodeId,
    graph: Arc<Graph>,
    has_topology: bool,
}

impl Cluster {
    /// The cluster as `init` names it. Until `topology` arrives, `graph` connects all nodes.
    #[must_use]
    pub const fn new(me: NodeId, graph: Arc<Graph>) -> Self {
        Self { me, graph, has_topology: false }
    }

    /// This node.
    #[must_use]
    pub const fn me(&self) -> NodeId {
        self.me
    }

    /// Number of nodes, this one included.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.graph.len()
    }

    /// Always false: a cluster has at least this node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.graph.is_empty()
    }

    /// All nodes but this one.
    pub fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me;
        (0..self.len()).map(NodeId).filter(move |&id| id != me)
    }

    /// The first `count` nodes of the list but this one: the seeds, which all nodes know.
    pub fn seeds(&self, count: usize) -> impl Iterator<Item = NodeId> + use<> {
        self.others().take_while(move |node| (node.0 as usize) < count)
    }

    /// True from the first `topology` on.
    #[must_use]
    pub const fn has_topology(&self) -> bool {
        self.has_topology
    }

    /// Replaces the graph by that of a `topology` message.
    pub fn set_topology(&mut self, graph: Arc<Graph>) {
        self.graph = graph;
        self.has_topology = true;
    }

    /// The neighbours of a node, ascending.
    #[must_use]
    pub fn neighbours(&self, node: NodeId) -> &[NodeId] {
        self.graph.neighbours(node)
    }

    /// The spanning tree of least height of the graph.
    #[must_use]
    pub fn spanning_tree(&self) -> Arc<Tree> {
        self.graph.spanning_tree()
    }
}
