//! Steps from node to node in a graph.

use std::collections::VecDeque;

/// The least number of steps to each of `count` nodes from one of them, if it can be reached.
pub(crate) fn steps_from<I: IntoIterator<Item = usize>>(
    start: usize,
    count: usize,
    neighbours: impl Fn(usize) -> I,
) -> Vec<Option<u64>> {
    let mut steps = vec![None; count];
    steps[start] = Some(0);
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((node, so_far)) = queue.pop_front() {
        for next in neighbours(node) {
            if steps[next].is_none() {
                steps[next] = Some(so_far + 1);
                queue.push_back((next, so_far + 1));
            }
        }
    }
    steps
}
