//! Random peers, drawn from the generator of the node.

use rand::RngExt as _;

use crate::cluster::Cluster;
use crate::id::NodeId;
use crate::rng::Rng;

/// Distinct nodes other than this one, each set of `count` equally likely; all of them, if there
/// are no more.
pub fn random_others(cluster: &Cluster, count: usize, rng: &mut Rng) -> Vec<NodeId> {
    let (me, others) = (cluster.me().0, cluster.len().saturating_sub(1));
    // Numbered without this node.
    let number = |i: u32| NodeId(i + u32::from(i >= me));
    sample(others, count, rng).into_iter().map(number).collect()
}

/// Distinct nodes of a list, each set of `count` equally likely; all of them, if there are no more.
pub fn random_of(list: &[NodeId], count: usize, rng: &mut Rng) -> Vec<NodeId> {
    let len = u32::try_from(list.len()).unwrap_or(u32::MAX);
    sample(len, count, rng).into_iter().map(|i| list[i as usize]).collect()
}

/// Distinct numbers below `len` (Floyd's algorithm), in random order.
fn sample(len: u32, count: usize, rng: &mut Rng) -> Vec<u32> {
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(len);
    let mut chosen = Vec::with_capacity(count as usize);
    for last in len - count..len {
        let i = rng.random_range(0..=last);
        let at = rng.random_range(0..=chosen.len());
        chosen.insert(at, if chosen.contains(&i) { last } else { i });
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use rand::SeedableRng as _;

    use super::*;
    use crate::cluster::Graph;

    #[test]
    fn every_pair_of_others_is_equally_likely_in_either_order() {
        let cluster = Cluster::new(NodeId(1), Arc::new(Graph::new(4, [])));
        let mut rng = Rng::seed_from_u64(1);
        let mut counts = BTreeMap::new();
        for _ in 0..6_000 {
            let pair: Vec<u32> =
                random_others(&cluster, 2, &mut rng).into_iter().map(|node| node.0).collect();
            *counts.entry(pair).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (880..1_120).contains(count)), "{counts:?}");
        assert!(counts.keys().flatten().all(|&node| node != 1));
    }

    #[test]
    fn all_are_taken_if_there_are_no_more() {
        let mut rng = Rng::seed_from_u64(1);
        let list = [3, 5].map(NodeId);
        let mut all = random_of(&list, 9, &mut rng);
        all.sort_unstable();
        assert_eq!(all, list);
        assert_eq!(random_of(&[], 2, &mut rng), []);
        let alone = Cluster::new(NodeId(0), Arc::new(Graph::new(1, [])));
        assert_eq!(random_others(&alone, 1, &mut rng), []);
    }
}
