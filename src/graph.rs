//! Who is linked to whom: the topology, in names as it comes and in numbers as it is used.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};

use crate::cluster::PeerId;
use crate::message::Name;
use crate::roster::Roster;
use crate::route::Layout;

/// The links of a topology in numbers, or what is wrong with it.
type Reading = Result<Arc<Graph>, String>;

/// The neighbours of every node, as `topology` names them.
///
/// Like a [`Roster`], it is read once, however many nodes share it.
pub struct Topology {
    neighbours: BTreeMap<Name, Vec<Name>>,
    /// In the numbers of that roster.
    graph: OnceLock<(Arc<Roster>, Reading)>,
}

impl Topology {
    /// Each node's neighbours.
    #[must_use]
    pub const fn neighbours(&self) -> &BTreeMap<Name, Vec<Name>> {
        &self.neighbours
    }

    /// The links, in the numbers of a roster. They are used both ways, whichever end names them: a
    /// one-way map need not even be strongly connected.
    ///
    /// # Errors
    /// If it names a node that the roster does not.
    pub fn graph(&self, roster: &Arc<Roster>) -> Result<Arc<Graph>, String> {
        let (of, graph) = self.graph.get_or_init(|| (Arc::clone(roster), self.graph_anew(roster)));
        if Arc::ptr_eq(of, roster) || of == roster {
            graph.clone()
        } else {
            self.graph_anew(roster)
        }
    }

    fn graph_anew(&self, roster: &Roster) -> Result<Arc<Graph>, String> {
        let ids = roster.ids()?;
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
        Ok(Arc::new(Graph::new(roster.len(), links)))
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

/// Without what follows from the names.
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

/// Links between numbered nodes, each of them both ways.
pub struct Graph {
    /// By node: where its neighbours end; they begin where those of the node before it end.
    ends: Vec<usize>,
    neighbours: Vec<PeerId>,
    spanning_tree: OnceLock<Arc<Layout>>,
}

impl Graph {
    /// So many nodes with these links.
    #[must_use]
    pub fn new(nodes: u32, links: impl IntoIterator<Item = (PeerId, PeerId)>) -> Self {
        let links = links.into_iter().filter(|(a, b)| a != b);
        let mut both: Vec<_> = links.flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        both.sort_unstable();
        both.dedup();
        let end = |node: u32| both.partition_point(|(from, _)| from.0 <= node);
        Self {
            ends: (0..nodes).map(end).collect(),
            neighbours: both.iter().map(|(_, to)| *to).collect(),
            spanning_tree: OnceLock::new(),
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// True if there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A node's neighbours, ascending.
    #[must_use]
    pub fn neighbours(&self, node: PeerId) -> &[PeerId] {
        let node = node.0 as usize;
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.neighbours[start..self.ends[node]]
    }

    /// The spanning tree of least height ([`Layout::spanning_tree`]).
    #[must_use]
    pub fn spanning_tree(&self) -> Arc<Layout> {
        Arc::clone(self.spanning_tree.get_or_init(|| Arc::new(Layout::spanning_tree(self))))
    }
}

/// Without what follows from the links.
impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = (0..self.len()).map(PeerId);
        f.debug_map().entries(nodes.map(|node| (node, self.neighbours(node)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<Name> {
        list.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn a_topology_is_read_in_the_numbers_of_each_roster() {
        let topology = Topology::from(BTreeMap::from([("a".into(), names(&["b"]))]));
        let roster = |list: &[&str]| Arc::new(Roster::from(names(list)));
        let (first, second) = (roster(&["a", "b", "c"]), roster(&["b", "c", "a"]));
        let graph = topology.graph(&first).unwrap();
        assert_eq!(graph.neighbours(PeerId(0)), [PeerId(1)]);
        assert_eq!(graph.neighbours(PeerId(2)), []);
        assert!(Arc::ptr_eq(&graph, &topology.graph(&roster(&["a", "b", "c"])).unwrap()));
        assert_eq!(topology.graph(&second).unwrap().neighbours(PeerId(0)), [PeerId(2)]);
        assert!(topology.graph(&roster(&["a"])).unwrap_err().contains("b is not in the cluster"));
    }
}
