//! The topology as Maelstrom names it, and its graph in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};

use super::graph::Graph;
use super::nodes::{Name, Nodes};

/// The graph of a topology, or what is wrong with it.
type Reading = Result<Arc<Graph>, String>;

/// The neighbours of every node, as `topology` names them.
///
/// Its graph is computed once and shared, like the index of [`Nodes`].
pub struct Topology {
    neighbours: BTreeMap<Name, Vec<Name>>,
    /// The graph in the numbers of that list.
    graph: OnceLock<(Arc<Nodes>, Reading)>,
}

impl Topology {
    /// Each node's neighbours.
    #[must_use]
    pub const fn neighbours(&self) -> &BTreeMap<Name, Vec<Name>> {
        &self.neighbours
    }

    /// The graph, in the numbers of `nodes`. An edge is used both ways, whichever end names it: a
    /// one-way map need not be strongly connected.
    ///
    /// # Errors
    /// If the topology names a node that `nodes` lacks.
    pub fn graph(&self, nodes: &Arc<Nodes>) -> Result<Arc<Graph>, String> {
        let (of, graph) = self.graph.get_or_init(|| (Arc::clone(nodes), self.graph_anew(nodes)));
        if Arc::ptr_eq(of, nodes) || of == nodes { graph.clone() } else { self.graph_anew(nodes) }
    }

    fn graph_anew(&self, nodes: &Nodes) -> Result<Arc<Graph>, String> {
        let ids = nodes.ids()?;
        let id = |name: &Name| {
            let id = ids.get(name).copied();
            id.ok_or_else(|| format!("topology: {name} is not in the cluster"))
        };
        let mut links = Vec::new();
        for (name, listed) in &self.neighbours {
            let node = id(name)?;
            for other in listed {
                links.push((node, id(other)?));
            }
        }
        Ok(Arc::new(Graph::new(nodes.len(), links)))
    }
}

impl From<BTreeMap<Name, Vec<Name>>> for Topology {
    fn from(neighbours: BTreeMap<Name, Vec<Name>>) -> Self {
        Self { neighbours, graph: OnceLock::new() }
    }
}

impl PartialEq for Topology {
    fn eq(&self, other: &Self) -> bool {
        self.neighbours == other.neighbours
    }
}

impl Eq for Topology {}

/// The names only.
impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.neighbours.fmt(f)
    }
}

impl Serialize for Topology {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.neighbours.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    fn names(list: &[&str]) -> Vec<Name> {
        list.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn links_are_used_both_ways_and_never_lead_to_the_node_itself() {
        let links = BTreeMap::from([("a".into(), names(&["b", "a"])), ("b".into(), vec![])]);
        let graph = Topology::from(links).graph(&Arc::new(names(&["a", "b", "c"]).into())).unwrap();
        assert_eq!(graph.neighbours(NodeId(0)), [NodeId(1)]);
        assert_eq!(graph.neighbours(NodeId(1)), [NodeId(0)]);
        assert_eq!(graph.neighbours(NodeId(2)), []);
    }

    #[test]
    fn a_topology_is_read_in_the_numbers_of_each_node_list() {
        let topology = Topology::from(BTreeMap::from([("a".into(), names(&["b"]))]));
        let nodes = |list: &[&str]| Arc::new(Nodes::from(names(list)));
        let (first, second) = (nodes(&["a", "b", "c"]), nodes(&["b", "c", "a"]));
        let graph = topology.graph(&first).unwrap();
        assert_eq!(graph.neighbours(NodeId(0)), [NodeId(1)]);
        assert_eq!(graph.neighbours(NodeId(2)), []);
        assert!(Arc::ptr_eq(&graph, &topology.graph(&nodes(&["a", "b", "c"])).unwrap()));
        assert_eq!(topology.graph(&second).unwrap().neighbours(NodeId(0)), [NodeId(2)]);
        assert!(topology.graph(&nodes(&["a"])).unwrap_err().contains("b is not in the cluster"));
    }
}
