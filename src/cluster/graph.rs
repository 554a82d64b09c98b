//! The graph of the cluster: edges between numbered nodes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::tree::Tree;
use crate::id::NodeId;

/// Up to this many nodes the centre is found exactly, by a breadth-first search from every node;
/// beyond, by two searches: 10,000 searches of 10,000 nodes would take seconds.
const EXACT_CENTRE_MAX: u32 = 512;

/// Edges between numbered nodes, each used both ways.
pub struct Graph {
    /// By node: the end of its neighbours; they begin where those of the node before it end.
    ends: Vec<usize>,
    neighbours: Vec<NodeId>,
    spanning_tree: OnceLock<Arc<Tree>>,
}

impl Graph {
    /// The graph of `nodes` nodes with these edges.
    #[must_use]
    pub fn new(nodes: u32, links: impl IntoIterator<Item = (NodeId, NodeId)>) -> Self {
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

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// True if the graph has no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A node's neighbours, ascending.
    #[must_use]
    pub fn neighbours(&self, node: NodeId) -> &[NodeId] {
        let node = node.0 as usize;
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.neighbours[start..self.ends[node]]
    }

    /// A spanning tree of least height: breadth-first from the centre. Nodes that are not
    /// connected to the centre hang from the root directly. Computed once.
    #[must_use]
    pub fn spanning_tree(&self) -> Arc<Tree> {
        let build = || {
            let root = centre(self);
            Arc::new(Tree::of_parents(root, breadth_first(self, root).parents))
        };
        Arc::clone(self.spanning_tree.get_or_init(build))
    }
}

/// The edges only.
impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = (0..self.len()).map(NodeId);
        f.debug_map().entries(nodes.map(|node| (node, self.neighbours(node)))).finish()
    }
}

struct Search {
    parents: Vec<Option<NodeId>>,
    farthest: NodeId,
    distance: u32,
}

fn breadth_first(graph: &Graph, start: NodeId) -> Search {
    let mut parents = vec![None; graph.len() as usize];
    let mut distances = vec![None; graph.len() as usize];
    distances[start.0 as usize] = Some(0);
    let mut queue = VecDeque::from([(start, 0)]);
    let mut last = (start, 0);
    while let Some((node, distance)) = queue.pop_front() {
        last = (node, distance);
        for &next in graph.neighbours(node) {
            if distances[next.0 as usize].is_none() {
                distances[next.0 as usize] = Some(distance + 1);
                parents[next.0 as usize] = Some(node);
                queue.push_back((next, distance + 1));
            }
        }
    }
    Search { parents, farthest: last.0, distance: last.1 }
}

/// The node of least eccentricity; of several, the first in the list.
fn centre(graph: &Graph) -> NodeId {
    if graph.len() <= EXACT_CENTRE_MAX {
        let nodes = (0..graph.len()).map(NodeId);
        let reach = |node: NodeId| {
            let search = breadth_first(graph, node);
            let unreached = search.parents.iter().filter(|parent| parent.is_none()).count();
            (unreached, search.distance, node)
        };
        return nodes.min_by_key(|&node| reach(node)).unwrap_or(NodeId(0));
    }
    // The middle of a longest path, or of one nearly as long.
    let end = breadth_first(graph, NodeId(0)).farthest;
    let search = breadth_first(graph, end);
    let mut middle = search.farthest;
    for _ in 0..search.distance / 2 {
        middle = search.parents[middle.0 as usize].unwrap_or(middle);
    }
    middle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(side: u32) -> Graph {
        let links = (0..side * side).flat_map(|i| {
            let below = (i + side < side * side).then_some(i + side);
            let right = ((i + 1) % side > 0).then_some(i + 1);
            below.into_iter().chain(right).map(move |j| (NodeId(i), NodeId(j)))
        });
        Graph::new(side * side, links)
    }

    #[test]
    fn the_spanning_tree_of_a_grid_hangs_from_its_centre() {
        let tree = grid(5).spanning_tree();
        assert_eq!((tree.parent(NodeId(12)), tree.height), (None, 4));
        let large = grid(30).spanning_tree();
        assert!(large.height <= 58, "{}", large.height);
    }

    #[test]
    fn unconnected_nodes_hang_from_the_root() {
        let tree = Graph::new(3, [(NodeId(1), NodeId(2))]).spanning_tree();
        assert_eq!(
            [0, 1, 2].map(|i| tree.parent(NodeId(i))),
            [Some(NodeId(1)), None, Some(NodeId(1))]
        );
    }
}
