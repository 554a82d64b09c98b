//! Where a new value goes first: the routes, and the trees that some of them send along.
//!
//! Everything here is a pure function of the route, the node list and the topology, so that every
//! node computes the same tree without a word. Who is silent comes in later, in `overlay.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::slice;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cluster::PeerId;
use crate::graph::Graph;

/// Above this many children a hub's fan-out would be the limit: clusters that are larger get a
/// tree of hubs. Each level of it costs two more delays of the latency budget, so it comes late.
/// With a window of 100 ms this many children make up to 10,000 messages per second, a twentieth
/// of what a node was measured to write.
const FANOUT_MAX: u32 = 1_023;

/// Up to this many nodes the centre of a topology is found exactly, by a breadth-first search
/// from every node; beyond, by two searches.
const EXACT_CENTRE_MAX: u32 = 512;

/// The rule that decides which peers a new value is sent to.
///
/// Whatever the route, the topology's neighbours are the graph of anti-entropy: digests go along
/// it, and whatever somebody is found to lack is sent.
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
    /// The origin mails everyone (direct mail).
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

/// A tree over the cluster, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    /// Hops from the root to the farthest node.
    pub height: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// A heap over the node list: nothing needs to be kept.
    Heap { nodes: u32, fanout: u32 },
    /// Any tree. The root has no parent.
    Any { parents: Vec<Option<PeerId>>, children: Vec<Vec<PeerId>> },
}

/// A node's children, ascending.
#[derive(Clone, Debug)]
pub enum Children<'a> {
    /// All with a number in the range.
    Range(Range<u32>),
    /// Those listed.
    List(slice::Iter<'a, PeerId>),
}

impl Iterator for Children<'_> {
    type Item = PeerId;

    fn next(&mut self) -> Option<PeerId> {
        match self {
            Self::Range(range) => range.next().map(PeerId),
            Self::List(list) => list.next().copied(),
        }
    }
}

impl Layout {
    /// The star, or from a certain size on the tree of hubs: a heap over the node list.
    #[must_use]
    pub fn hubs(nodes: u32) -> Self {
        let fanout = if nodes <= FANOUT_MAX + 1 { nodes.max(2) - 1 } else { nodes.isqrt() + 1 };
        Self::of(Shape::Heap { nodes, fanout })
    }

    /// A spanning tree of least height: breadth-first from the centre. Nodes that are not
    /// connected to the centre hang from the root directly.
    #[must_use]
    pub fn spanning_tree(graph: &Graph) -> Self {
        let root = centre(graph);
        let mut parents = breadth_first(graph, root).parents;
        let mut children = vec![Vec::new(); parents.len()];
        for (node, parent) in (0..).map(PeerId).zip(&mut parents) {
            if node != root {
                children[parent.get_or_insert(root).0 as usize].push(node);
            }
        }
        Self::of(Shape::Any { parents, children })
    }

    fn of(shape: Shape) -> Self {
        let mut layout = Self { shape, height: 0 };
        layout.height = match &layout.shape {
            // The last node of a heap is as deep as any.
            Shape::Heap { nodes, .. } => {
                layout.ancestors(PeerId(nodes.saturating_sub(1))).count() as u32
            }
            Shape::Any { parents, children } => {
                let roots = (0..).map(PeerId).zip(parents).filter(|(_, parent)| parent.is_none());
                let mut level: Vec<PeerId> = roots.map(|(root, _)| root).collect();
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
        layout
    }

    /// A node's parent; `None` for the root.
    #[must_use]
    pub fn parent(&self, node: PeerId) -> Option<PeerId> {
        match &self.shape {
            Shape::Heap { fanout, .. } => node.0.checked_sub(1).map(|above| PeerId(above / fanout)),
            Shape::Any { parents, .. } => parents[node.0 as usize],
        }
    }

    /// A node's children, ascending.
    #[must_use]
    pub fn children(&self, node: PeerId) -> Children<'_> {
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
    pub fn has_children(&self, node: PeerId) -> bool {
        self.children(node).next().is_some()
    }

    /// How many hubs there are below the root; none in a star.
    #[must_use]
    pub fn hubs_below_root(&self) -> u32 {
        match self.shape {
            Shape::Heap { nodes, .. } => {
                self.parent(PeerId(nodes.saturating_sub(1))).map_or(0, |last| last.0)
            }
            Shape::Any { .. } => 0,
        }
    }

    /// Parent, grandparent and so on up to the root.
    pub fn ancestors(&self, node: PeerId) -> impl Iterator<Item = PeerId> + '_ {
        std::iter::successors(self.parent(node), |&above| self.parent(above))
    }

    /// Who is above `node` at the top, itself if nobody is, and how many hops away.
    #[must_use]
    pub fn place(&self, node: PeerId) -> (PeerId, u32) {
        let top = self.ancestors(node).last().unwrap_or(node);
        (top, self.ancestors(node).count() as u32)
    }

    /// Whom `node` may take as its hub, best first: its ancestors, then every node before it in
    /// the list. The order is the same for all, so those who see the same peers silent agree on a
    /// successor without an election; and a hub is always before its leaves, so no circle forms.
    pub fn candidates(&self, node: PeerId) -> impl Iterator<Item = PeerId> + use<> {
        let ancestors: Vec<PeerId> = self.ancestors(node).collect();
        let first = ancestors.clone().into_iter();
        first.chain((0..node.0).map(PeerId).filter(move |other| !ancestors.contains(other)))
    }
}

struct Search {
    parents: Vec<Option<PeerId>>,
    farthest: PeerId,
    distance: u32,
}

fn breadth_first(graph: &Graph, start: PeerId) -> Search {
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

/// The node from which the farthest one is nearest; of several, the first in the list.
fn centre(graph: &Graph) -> PeerId {
    if graph.len() <= EXACT_CENTRE_MAX {
        let nodes = (0..graph.len()).map(PeerId);
        let reach = |node: PeerId| {
            let search = breadth_first(graph, node);
            let unreached = search.parents.iter().filter(|parent| parent.is_none()).count();
            (unreached, search.distance, node)
        };
        return nodes.min_by_key(|&node| reach(node)).unwrap_or(PeerId(0));
    }
    // The middle of a longest path, or of one nearly as long.
    let end = breadth_first(graph, PeerId(0)).farthest;
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
            below.into_iter().chain(right).map(move |j| (PeerId(i), PeerId(j)))
        });
        Graph::new(side * side, links)
    }

    #[test]
    fn small_clusters_get_a_star_and_large_ones_a_tree_of_hubs() {
        let star = Layout::hubs(25);
        assert_eq!((star.height, star.children(PeerId(0)).count()), (1, 24));
        let tree = Layout::hubs(10_000);
        assert_eq!((tree.height, tree.children(PeerId(0)).count()), (2, 101));
        assert_eq!(tree.hubs_below_root(), 98);
        let below: u32 = (0..10_000).map(|hub| tree.children(PeerId(hub)).count() as u32).sum();
        assert_eq!(below, 9_999);
        assert!(tree.children(PeerId(98)).all(|leaf| tree.parent(leaf) == Some(PeerId(98))));
        assert_eq!((star.hubs_below_root(), Layout::hubs(1_024).height), (0, 1));
        assert_eq!(Layout::hubs(1).height, 0);
        assert_eq!(Layout::hubs(2).parent(PeerId(1)), Some(PeerId(0)));
    }

    #[test]
    fn the_spanning_tree_of_a_grid_hangs_from_its_centre() {
        let layout = Layout::spanning_tree(&grid(5));
        assert_eq!((layout.parent(PeerId(12)), layout.height), (None, 4));
        let large = Layout::spanning_tree(&grid(30));
        assert!(large.height <= 58, "{}", large.height);
    }

    #[test]
    fn unconnected_nodes_hang_from_the_root() {
        let layout = Layout::spanning_tree(&Graph::new(3, [(PeerId(1), PeerId(2))]));
        assert_eq!(
            [0, 1, 2].map(|i| layout.parent(PeerId(i))),
            [Some(PeerId(1)), None, Some(PeerId(1))]
        );
    }

    #[test]
    fn successors_are_agreed_without_a_word() {
        let star = Layout::hubs(5);
        let order = |node| star.candidates(PeerId(node)).map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(order(3), [0, 1, 2]);
        assert_eq!(order(0), [0; 0]);
        let tree = Layout::hubs(1_600);
        let order: Vec<u32> = tree.candidates(PeerId(85)).take(3).map(|p| p.0).collect();
        assert_eq!(order, [2, 0, 1]);
    }

    #[test]
    fn names_are_parsed_and_others_refused() {
        assert_eq!("hub".parse(), Ok(Route::Hub));
        assert!("star".parse::<Route>().unwrap_err().contains("auto, topology, tree, hub, direct"));
    }
}
