//! Places of nodes in a picture of their topology: a grid as a grid, a tree as a tree.

use std::f64::consts::TAU;

use rumormill_judge::topology::Topology;

/// A tree of more nodes is drawn around its root: its last level would not fit into a row.
const MAX_LAYERED: usize = 64;
/// A longer line is folded.
const MAX_STRAIGHT: usize = 16;

/// The places of `count` nodes, from (0, 0) at the upper left to (1, 1) at the lower right, for a
/// picture that is `aspect` times as wide as it is high.
#[must_use]
pub(crate) fn places(topology: Topology, count: usize, aspect: f64) -> Vec<(f64, f64)> {
    match topology {
        Topology::Line => line(count, aspect),
        Topology::Grid => grid(count),
        Topology::Tree(branching) if count <= MAX_LAYERED => {
            let (turns, levels) = tree(branching, count);
            let last = levels.iter().max().copied().unwrap_or(0).max(1) as f64;
            let place = |at: usize| (turns[at], levels[at] as f64 / last);
            (0..count).map(place).collect()
        }
        Topology::Tree(branching) => {
            let (turns, levels) = tree(branching, count);
            let last = levels.iter().max().copied().unwrap_or(0).max(1) as f64;
            (0..count).map(|at| round(turns[at], 0.5 * levels[at] as f64 / last)).collect()
        }
        Topology::Total => (0..count).map(|at| round(at as f64 / count as f64, 0.5)).collect(),
    }
}

/// A point around the middle, from the top on.
fn round(turn: f64, radius: f64) -> (f64, f64) {
    let angle = turn * TAU;
    (0.5 + radius * angle.sin(), 0.5 - radius * angle.cos())
}

/// One row, or several that are walked to and fro.
fn line(count: usize, aspect: f64) -> Vec<(f64, f64)> {
    let columns =
        if count <= MAX_STRAIGHT { count } else { (count as f64 * aspect).sqrt().ceil() as usize };
    let rows = count.div_ceil(columns.max(1));
    let place = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        let column = if row.is_multiple_of(2) { column } else { columns - 1 - column };
        (share(column, columns), share(row, rows))
    };
    (0..count).map(place).collect()
}

fn grid(count: usize) -> Vec<(f64, f64)> {
    let side = count.isqrt() + usize::from(count.isqrt().pow(2) < count);
    let rows = count.div_ceil(side.max(1));
    (0..count).map(|at| (share(at % side, side), share(at / side, rows))).collect()
}

/// The place of one of several in a row, from 0 to 1; the middle of one alone.
fn share(at: usize, count: usize) -> f64 {
    if count < 2 { 0.5 } else { at as f64 / (count - 1) as f64 }
}

/// Of each node the place across, from 0 to 1, and the level below the root. A leaf has a strip of
/// its own, and a parent is above the middle of its children.
fn tree(branching: usize, count: usize) -> (Vec<f64>, Vec<usize>) {
    let branching = branching.max(1);
    let mut levels = vec![0; count];
    for at in 1..count {
        levels[at] = levels[(at - 1) / branching] + 1;
    }
    let children = |at: usize| {
        let first = branching.saturating_mul(at).saturating_add(1);
        first.min(count)..first.saturating_add(branching).min(count)
    };
    // Children have greater numbers than their parents.
    let mut leaves = vec![0_usize; count];
    for at in (0..count).rev() {
        leaves[at] = children(at).map(|child| leaves[child]).sum::<usize>().max(1);
    }
    let mut before = vec![0_usize; count];
    let mut turns = vec![0.5; count];
    for at in 0..count {
        let mut next = before[at];
        for child in children(at) {
            before[child] = next;
            next += leaves[child];
        }
        let all = leaves[0] as f64;
        turns[at] = (before[at] as f64 + leaves[at] as f64 / 2.0) / all;
    }
    (turns, levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Topology; 5] =
        [Topology::Line, Topology::Grid, Topology::Tree(1), Topology::Tree(3), Topology::Total];

    #[test]
    fn nodes_of_every_shape_have_places_of_their_own_inside() {
        for (topology, count) in
            ALL.into_iter().flat_map(|shape| [1, 2, 5, 25, 100].map(|n| (shape, n)))
        {
            let places = places(topology, count, 1.5);
            assert_eq!(places.len(), count);
            for (at, (x, y)) in places.iter().enumerate() {
                let inside = -1e-9..=1.0 + 1e-9;
                assert!(inside.contains(x) && inside.contains(y), "{topology:?} {count} {at}");
                let is_alone = |(a, b): &(f64, f64)| (a - x).hypot(b - y) > 1e-3;
                assert!(places[..at].iter().all(is_alone), "{topology:?} {count} {at}");
            }
        }
    }

    #[test]
    fn a_grid_is_drawn_as_a_grid_and_a_tree_below_its_root() {
        assert_eq!(
            places(Topology::Grid, 4, 1.0),
            [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
        );
        let tree = places(Topology::Tree(2), 7, 1.0);
        assert_eq!(tree[0], (0.5, 0.0));
        assert_eq!((tree[1], tree[2]), ((0.25, 0.5), (0.75, 0.5)));
        assert!(tree[3..].iter().all(|(_, y)| *y == 1.0));
    }
}
