//! Maelstrom's topologies: the neighbours that each node is given.

use std::collections::BTreeMap;

use anyhow::ensure;
use rumormill::cluster::{Graph, Name};
use rumormill::id::NodeId;
use rumormill_sim::named;

/// The most neighbours that all nodes together may be told of. Ten million take half a gigabyte
/// and are a total topology of 3,162 nodes.
const MAX_NEIGHBOURS: usize = 10_000_000;

/// The shape of the `topology` message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topology {
    /// A chain.
    Line,
    /// A square grid, row by row, the last row perhaps short.
    #[default]
    Grid,
    /// A heap-shaped tree in which every node has up to this many children.
    Tree(usize),
    /// Every node is a neighbour of every other.
    Total,
}

impl Topology {
    /// Refuses a shape that so many nodes cannot have.
    ///
    /// # Errors
    /// Says why.
    pub fn check(self, count: usize) -> anyhow::Result<()> {
        ensure!(self != Self::Tree(0), "a tree needs at least one child per node");
        let neighbours = count * count.saturating_sub(1);
        ensure!(
            self != Self::Total || neighbours <= MAX_NEIGHBOURS,
            "a total topology of {count} nodes has {neighbours} neighbours, more than \
             {MAX_NEIGHBOURS}"
        );
        Ok(())
    }
}

named!(
    Topology,
    "line" => Self::Line,
    "grid" => Self::Grid,
    "tree" => Self::Tree(2),
    "tree2" => Self::Tree(2),
    "tree3" => Self::Tree(3),
    "tree4" => Self::Tree(4),
    "total" => Self::Total,
);

/// The map that the `topology` message carries.
///
/// A lone node on a line is not in the map at all, as in Maelstrom.
#[must_use]
pub fn neighbours(topology: Topology, nodes: &[Name]) -> BTreeMap<Name, Vec<Name>> {
    let count = nodes.len();
    if topology == Topology::Line && count == 1 {
        return BTreeMap::new();
    }
    let named = |i: usize| {
        let indices = neighbours_of(topology, i, count).into_iter();
        (nodes[i].clone(), indices.map(|j| nodes[j].clone()).collect())
    };
    (0..count).map(named).collect()
}

/// The graph of numbered nodes.
#[must_use]
pub fn graph(topology: Topology, count: u32) -> Graph {
    let links = (0..count).flat_map(|i| {
        let neighbours = neighbours_of(topology, i as usize, count as usize).into_iter();
        // Numbers of nodes below `count`.
        neighbours.map(move |j| (NodeId(i), NodeId(j as u32)))
    });
    Graph::new(count, links)
}

fn neighbours_of(topology: Topology, i: usize, count: usize) -> Vec<usize> {
    match topology {
        Topology::Line => line(i, count),
        Topology::Grid => grid(i, count),
        Topology::Tree(branching) => tree(i, branching, count),
        Topology::Total => (0..count).filter(|j| *j != i).collect(),
    }
}

fn line(i: usize, count: usize) -> Vec<usize> {
    i.checked_sub(1).into_iter().chain((i + 1 < count).then_some(i + 1)).collect()
}

/// Neighbours below, above, to the right, to the left: those that exist.
fn grid(i: usize, count: usize) -> Vec<usize> {
    let square = count.isqrt();
    let side = if square * square == count { square } else { square + 1 };
    let below = Some(i + side);
    let above = i.checked_sub(side);
    let right = (i % side + 1 < side).then_some(i + 1);
    let left = if i.is_multiple_of(side) { None } else { Some(i - 1) };
    [below, above, right, left].into_iter().flatten().filter(|j| *j < count).collect()
}

/// The parent, then the children, as in a binary heap.
fn tree(i: usize, branching: usize, count: usize) -> Vec<usize> {
    let parent = i.checked_sub(1).map(|before| before / branching);
    let first = branching * i + 1;
    let children = first.min(count)..(first + branching).min(count);
    parent.into_iter().chain(children).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn shape(topology: Topology, count: usize) -> String {
        let nodes = Settings::numbered_nodes(count);
        let map = neighbours(topology, &nodes);
        let row = |name: &Name| {
            let list = map.get(name).map_or_else(|| "absent".into(), |list| list.join(","));
            format!("{name}:{list}")
        };
        nodes.iter().map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_are_shown_as_given_and_an_unknown_one_is_refused() {
        for name in ["line", "grid", "tree", "tree3", "tree4", "total"] {
            assert_eq!(name.parse::<Topology>().unwrap().to_string(), name);
        }
        let error = "ring".parse::<Topology>().unwrap_err();
        assert_eq!(error, "`ring` is not one of line, grid, tree, tree2, tree3, tree4, total");
    }

    #[test]
    fn five_nodes_in_every_shape() {
        assert_eq!(shape(Topology::Line, 5), "n0:n1 n1:n0,n2 n2:n1,n3 n3:n2,n4 n4:n3");
        assert_eq!(shape(Topology::Grid, 5), "n0:n3,n1 n1:n4,n2,n0 n2:n1 n3:n0,n4 n4:n1,n3");
        assert_eq!(shape(Topology::Tree(2), 5), "n0:n1,n2 n1:n0,n3,n4 n2:n0 n3:n1 n4:n1");
        assert_eq!(shape(Topology::Tree(4), 6), "n0:n1,n2,n3,n4 n1:n0,n5 n2:n0 n3:n0 n4:n0 n5:n1");
        assert_eq!(shape(Topology::Total, 3), "n0:n1,n2 n1:n0,n2 n2:n0,n1");
    }

    #[test]
    fn a_full_square_has_no_links_around_its_edges() {
        assert_eq!(shape(Topology::Grid, 4), "n0:n2,n1 n1:n3,n0 n2:n0,n3 n3:n1,n2");
    }

    #[test]
    fn one_node_alone() {
        assert_eq!(shape(Topology::Line, 1), "n0:absent");
        for topology in [Topology::Grid, Topology::Tree(3), Topology::Total] {
            assert_eq!(shape(topology, 1), "n0:");
        }
    }

    #[test]
    fn every_link_is_mutual() {
        let nodes = Settings::numbered_nodes(27);
        for topology in [Topology::Line, Topology::Grid, Topology::Tree(3), Topology::Total] {
            let map = neighbours(topology, &nodes);
            for (node, list) in &map {
                assert!(list.iter().all(|other| map[other].contains(node)), "{topology:?} {node}");
            }
        }
    }
}
