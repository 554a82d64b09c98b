//! The graph of the cluster: edges between numbered nodes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::tree::Tree;
use crate::id::NodeId;

/// Rounds of two searches in which the centre is looked for, at most. A grid, a tree or a complete
/// graph needs two to five; a ring needs one for each second node, and there any node will do. Each
/// round searches from another node: a graph of fewer nodes than this always gets its exact centre.
const CENTRE_ROUNDS_MAX: u32 = 512;

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

/// A breadth-first search.
struct Search {
    parents: Vec<Option<NodeId>>,
    /// Hops from the start; `None`: not connected with it.
    distances: Vec<Option<u32>>,
    farthest: NodeId,
    /// Hops to the farthest node: the eccentricity of the start.
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
    Search { parents, distances, farthest: last.0, distance: last.1 }
}

/// The node of least eccentricity in a largest component; of several, the first in the list.
///
/// Takes and Kosters 2013: a distance to any node is a lower bound of the eccentricity. Each round
/// searches from the node of least bound, and from the node farthest from it, which raises the bounds
/// of the nodes about the first. A node that comes up with its own eccentricity as its bound is the
/// centre.
fn centre(graph: &Graph) -> NodeId {
    let mut bounds = vec![0; graph.len() as usize];
    let candidates = largest_components(graph);
    let mut best = (u32::MAX, NodeId(0));
    for _ in 0..CENTRE_ROUNDS_MAX {
        let least = candidates.iter().map(|&node| (bounds[node.0 as usize], node)).min();
        let Some((bound, node)) = least else { break };
        let search = breadth_first(graph, node);
        best = best.min((search.distance, node));
        if search.distance == bound {
            break;
        }
        let from_farthest = breadth_first(graph, search.farthest);
        for (bound, distance) in bounds.iter_mut().zip(from_farthest.distances) {
            *bound = (*bound).max(distance.unwrap_or(0));
        }
        for (bound, distance) in bounds.iter_mut().zip(search.distances) {
            *bound = (*bound).max(distance.map_or(0, |d| d.max(search.distance - d)));
        }
    }
    best.1
}

/// The nodes of the largest component, ascending; of all largest ones, if there are several.
fn largest_components(graph: &Graph) -> Vec<NodeId> {
    let nodes = || (0..graph.len()).map(NodeId);
    let mut component = vec![usize::MAX; graph.len() as usize];
    let mut sizes = Vec::new();
    for start in nodes() {
        let label = sizes.len();
        let mut size = 0_u32;
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            if component[node.0 as usize] == usize::MAX {
                component[node.0 as usize] = label;
                size += 1;
                stack.extend(graph.neighbours(node));
            }
        }
        // Of a node that is in an earlier component already, zero.
        sizes.push(size);
    }
    let largest = sizes.iter().max().copied();
    nodes().filter(|node| Some(sizes[component[node.0 as usize]]) == largest).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use crate::protocol::Rng;

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
        // Found by `lab bench protocols 1000`: its tree was rooted in a corner, twice as high.
        assert_eq!(grid(32).spanning_tree().height, 32);
    }

    #[test]
    fn the_centre_of_a_ring_is_the_first_node_however_large_it_is() {
        for nodes in [7, 512, 20_000] {
            let links = (0..nodes).map(|i| (NodeId(i), NodeId((i + 1) % nodes)));
            let tree = Graph::new(nodes, links).spanning_tree();
            assert_eq!((tree.parent(NodeId(0)), tree.height), (None, nodes / 2), "{nodes}");
        }
    }

    #[test]
    fn the_centre_is_the_first_node_of_least_eccentricity_of_a_random_graph() {
        let mut rng = Rng::seed_from_u64(1);
        for nodes in 1..60 {
            let mut any = || NodeId(rng.random_range(0..nodes));
            let links: Vec<_> = (0..nodes * 3 / 2).map(|_| (any(), any())).collect();
            let graph = Graph::new(nodes, links);
            let reach = |&node: &NodeId| {
                let search = breadth_first(&graph, node);
                let unreached = search.distances.iter().filter(|d| d.is_none()).count();
                (unreached, search.distance, node)
            };
            let expected = (0..nodes).map(NodeId).min_by_key(reach).unwrap();
            assert_eq!(centre(&graph), expected, "{graph:?}");
        }
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
