//! Trees over the cluster: the star, the tree of hubs, and the spanning tree of a graph.
//!
//! Each is a pure function of the node list or of the topology, so every node computes the same
//! tree without a message.

use std::ops::Range;
use std::slice;

use crate::id::NodeId;

/// Above this many children a hub's fan-out would be the limit: clusters that are larger get a
/// tree of hubs. Each level of it costs two more delays of the latency budget, so it comes late.
/// With a window of 100 ms this many children make up to 10,000 messages per second, a twentieth
/// of what a node was measured to write.
const FANOUT_MAX: u32 = 1_023;

/// A tree over the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    shape: Shape,
    /// Hops from the root to the farthest node.
    pub height: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// A heap over the node list: nothing needs to be kept.
    Heap { nodes: u32, fanout: u32 },
    /// Any tree. The root has no parent.
    Any { parents: Vec<Option<NodeId>>, children: Vec<Vec<NodeId>> },
}

/// A node's children, ascending.
#[derive(Clone, Debug)]
pub enum Children<'a> {
    /// All with a number in the range.
    Range(Range<u32>),
    /// Those listed.
    List(slice::Iter<'a, NodeId>),
}

impl Iterator for Children<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        match self {
            Self::Range(range) => range.next().map(NodeId),
            Self::List(list) => list.next().copied(),
        }
    }
}

impl Tree {
    /// The star, or from a certain size on the tree of hubs: a heap over the node list.
    #[must_use]
    pub fn hubs(nodes: u32) -> Self {
        let fanout = if nodes <= FANOUT_MAX + 1 { nodes.max(2) - 1 } else { nodes.isqrt() + 1 };
        Self::of(Shape::Heap { nodes, fanout })
    }

    /// The tree in which `parents` names the parent of each node. A node without one hangs from
    /// `root`.
    #[must_use]
    pub fn of_parents(root: NodeId, mut parents: Vec<Option<NodeId>>) -> Self {
        let mut children = vec![Vec::new(); parents.len()];
        for (node, parent) in (0..).map(NodeId).zip(&mut parents) {
            if node != root {
                children[parent.get_or_insert(root).0 as usize].push(node);
            }
        }
        Self::of(Shape::Any { parents, children })
    }

    fn of(shape: Shape) -> Self {
        let mut tree = Self { shape, height: 0 };
        tree.height = match &tree.shape {
            // The last node of a heap is as deep as any.
            Shape::Heap { nodes, .. } => {
                tree.ancestors(NodeId(nodes.saturating_sub(1))).count() as u32
            }
            Shape::Any { parents, children } => {
                let roots = (0..).map(NodeId).zip(parents).filter(|(_, parent)| parent.is_none());
                let mut level: Vec<NodeId> = roots.map(|(root, _)| root).collect();
                let mut height = 0;
                loop {
                    let below = level.iter().flat_map(|node| &children[node.0 as usize]);
                    level = below.copied().collect();
                    if level.is_empty() {
                        break height;
                    }
                    height += 1;
                }
            }
        };
        tree
    }

    /// A node's parent; `None` for the root.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        match &self.shape {
            Shape::Heap { fanout, .. } => node.0.checked_sub(1).map(|above| NodeId(above / fanout)),
            Shape::Any { parents, .. } => parents[node.0 as usize],
        }
    }

    /// A node's children, ascending.
    #[must_use]
    pub fn children(&self, node: NodeId) -> Children<'_> {
        match &self.shape {
            Shape::Heap { nodes, fanout } => {
                let first = node.0.saturating_mul(*fanout).saturating_add(1);
                Children::Range(first.min(*nodes)..first.saturating_add(*fanout).min(*nodes))
            }
            Shape::Any { children, .. } => Children::List(children[node.0 as usize].iter()),
        }
    }

    /// True if the node has any children.
    #[must_use]
    pub fn has_children(&self, node: NodeId) -> bool {
        self.children(node).next().is_some()
    }

    /// Number of hubs below the root; 0 in a star.
    #[must_use]
    pub fn hubs_below_root(&self) -> u32 {
        match self.shape {
            Shape::Heap { nodes, .. } => {
                self.parent(NodeId(nodes.saturating_sub(1))).map_or(0, |last| last.0)
            }
            Shape::Any { .. } => 0,
        }
    }

    /// The parent, its parent and so on up to the root.
    pub fn ancestors(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.parent(node), |&above| self.parent(above))
    }

    /// The root above `node` (the node itself if it has no parent) and the hops to it.
    #[must_use]
    pub fn place(&self, node: NodeId) -> (NodeId, u32) {
        let top = self.ancestors(node).last().unwrap_or(node);
        (top, self.ancestors(node).count() as u32)
    }

    /// The nodes that `node` may take as its hub, best first: its ancestors, then every node before
    /// it in the list. The order is the same at every node, so nodes that suspect the same peers
    /// agree on a successor without an election. A hub always precedes its leaves, so no circle
    /// forms.
    pub fn candidates(&self, node: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let ancestors: Vec<NodeId> = self.ancestors(node).collect();
        let first = ancestors.clone().into_iter();
        first.chain((0..node.0).map(NodeId).filter(move |other| !ancestors.contains(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_clusters_get_a_star_and_large_ones_a_tree_of_hubs() {
        let star = Tree::hubs(25);
        assert_eq!((star.height, star.children(NodeId(0)).count()), (1, 24));
        let tree = Tree::hubs(10_000);
        assert_eq!((tree.height, tree.children(NodeId(0)).count()), (2, 101));
        assert_eq!(tree.hubs_below_root(), 98);
        let below: u32 = (0..10_000).map(|hub| tree.children(NodeId(hub)).count() as u32).sum();
        assert_eq!(below, 9_999);
        assert!(tree.children(NodeId(98)).all(|leaf| tree.parent(leaf) == Some(NodeId(98))));
        assert_eq!((star.hubs_below_root(), Tree::hubs(1_024).height), (0, 1));
        assert_eq!(Tree::hubs(1).height, 0);
        assert_eq!(Tree::hubs(2).parent(NodeId(1)), Some(NodeId(0)));
    }

    #[test]
    fn candidates_are_the_ancestors_and_then_the_nodes_before() {
        let star = Tree::hubs(5);
        let order = |node| star.candidates(NodeId(node)).map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(order(3), [0, 1, 2]);
        assert_eq!(order(0), [0; 0]);
        let tree = Tree::hubs(1_600);
        let order: Vec<u32> = tree.candidates(NodeId(85)).take(3).map(|p| p.0).collect();
        assert_eq!(order, [2, 0, 1]);
    }
}
