//! The shape of a case's cluster: what the bounds depend on.

use std::collections::BTreeMap;
use std::sync::Arc;

use rumormill::cluster::{Name, Topology, Tree};
use rumormill::protocols::rumormill::route::Route;
use rumormill_judge::topology::neighbours;
use rumormill_sim::network::latency::{Distribution, MEASURED_EXCESS_MAX_MS};

use super::case::Case;
use crate::steps::steps_from;

/// No delay of an exponential distribution is taken to be longer than its mean times this: one
/// message in three million is.
const EXPONENTIAL_MAX: u64 = 15;

/// The topology by positions, and the height of the route's tree.
#[derive(Debug)]
pub(super) struct Shape {
    neighbours: Vec<Vec<usize>>,
    height: u64,
}

impl Shape {
    pub(super) fn of(case: &Case) -> Self {
        let map = neighbours(case.topology, &case.nodes);
        let ids: BTreeMap<&Name, usize> = case.nodes.iter().zip(0..).collect();
        let list = |name: &Name| map.get(name).into_iter().flatten().map(|n| ids[n]).collect();
        let height = match case.config.route {
            Route::Direct => 1,
            Route::Auto | Route::Hub => Tree::hubs(case.nodes.len() as u32).height,
            Route::Topology | Route::Tree => {
                let nodes = Arc::new(case.nodes.clone().into());
                let graph = Topology::from(map.clone()).graph(&nodes);
                graph.map_or(1, |graph| graph.spanning_tree().height)
            }
        };
        Self { neighbours: case.nodes.iter().map(list).collect(), height: u64::from(height) }
    }

    /// True if `node` names `other` as a neighbour.
    pub(super) fn are_neighbours(&self, node: usize, other: usize) -> bool {
        self.neighbours[node].contains(&other)
    }

    /// Most neighbours of a node.
    pub(super) fn degree(&self) -> u64 {
        self.neighbours.iter().map(Vec::len).max().unwrap_or(0) as u64
    }

    /// Hops up and down the tree.
    pub(super) const fn tree(&self) -> u64 {
        self.height * 2
    }

    /// Longest way of a message when nothing is wrong, in ms.
    pub(super) fn delay_ms(&self, case: &Case) -> u64 {
        let means = case.faults.latency.iter().map(|change| change.mean_ms);
        let mean_ms = means.chain([case.latency_ms]).max().unwrap_or(0);
        let latency = match case.latency_dist {
            Distribution::Constant => mean_ms,
            Distribution::Uniform => 2 * mean_ms,
            Distribution::Exponential => EXPONENTIAL_MAX * mean_ms,
            Distribution::Measured => mean_ms + MEASURED_EXCESS_MAX_MS,
        };
        let slow = case.faults.slow.iter().map(|slow| slow.extra_ms).max().unwrap_or(0);
        // What is made while one sync is under way waits for it, and for its own.
        let sync = case.disk_sync().map_or(0, |sync| sync.as_millis() as u64);
        latency + 2 * slow + 2 * sync
    }

    /// The parts that links of the topology connect, of those that work.
    pub(super) fn parts(&self, works: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.neighbours.len()];
        let mut parts = Vec::new();
        for start in 0..self.neighbours.len() {
            if seen[start] {
                continue;
            }
            let steps = self.steps(start, &works);
            let part: Vec<usize> =
                steps.iter().enumerate().filter(|(_, s)| s.is_some()).map(|(i, _)| i).collect();
            part.iter().for_each(|&node| seen[node] = true);
            parts.push(part);
        }
        parts
    }

    /// Steps between the two nodes of a part that are farthest apart, dead ones left out.
    pub(super) fn distance(&self, part: &[usize], lives: impl Fn(usize) -> bool) -> Option<u64> {
        let is_in = |node: usize| part.contains(&node) && lives(node);
        let mut farthest = 0;
        for &start in part.iter().filter(|&&node| lives(node)) {
            let steps = self.steps(start, &|a, b| is_in(a) && is_in(b));
            for &node in part.iter().filter(|&&node| lives(node)) {
                farthest = farthest.max(steps[node]?);
            }
        }
        Some(farthest)
    }

    fn steps(&self, start: usize, works: &impl Fn(usize, usize) -> bool) -> Vec<Option<u64>> {
        steps_from(start, self.neighbours.len(), |node| {
            self.neighbours[node].iter().copied().filter(move |&next| works(node, next))
        })
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::topology::Topology;

    use super::*;

    #[test]
    fn a_line_is_long_and_breaks_in_the_middle() {
        let mut case = Case::new(0, 5);
        case.topology = Topology::Line;
        let shape = Shape::of(&case);
        let all = [0, 1, 2, 3, 4];
        assert_eq!((shape.degree(), shape.distance(&all, |_| true)), (2, Some(4)));
        assert_eq!(shape.distance(&all, |node| node != 2), None);
        assert_eq!(shape.parts(|a, b| a != 2 && b != 2), [vec![0, 1], vec![2], vec![3, 4]]);
    }
}
