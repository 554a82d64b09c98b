//! Random peers and periodic timers: what most protocols of the family need besides their rule.

use std::time::Duration;

use rand::RngExt as _;

use crate::cluster::Cluster;
use crate::id::NodeId;
use crate::protocol::Rng;
use crate::time::Instant;

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

/// A time that is uniform between two.
pub fn random_time(from: Duration, to: Duration, rng: &mut Rng) -> Duration {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.random_range(micros(from)..=micros(to).max(micros(from))))
}

/// A timer that fires once per period.
#[derive(Clone, Debug)]
pub struct Ticker {
    period: Duration,
    next: Instant,
}

impl Ticker {
    /// A timer that fires first between one and two periods from now. The first firing is random so
    /// that the nodes of a cluster, which start together, do not act together ever after.
    pub fn new(period: Duration, now: Instant, rng: &mut Rng) -> Self {
        Self { period, next: now.after(random_time(period, period * 2, rng)) }
    }

    /// True once per period. Periods that have passed unnoticed are left out.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next <= now;
        if is_due {
            self.next = now.after(self.period);
        }
        is_due
    }

    /// When it fires next.
    #[must_use]
    pub const fn next(&self) -> Instant {
        self.next
    }
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

    #[test]
    fn a_ticker_fires_once_per_period_and_leaves_out_what_it_missed() {
        let (second, at) = (Duration::from_secs(1), |ms: u64| Instant::from_micros(ms * 1_000));
        let mut ticker = Ticker::new(second, at(0), &mut Rng::seed_from_u64(1));
        let first = ticker.next();
        assert!((at(1_000)..=at(2_000)).contains(&first));
        assert!(!ticker.is_due(first.before(Duration::from_micros(1))));
        assert!(ticker.is_due(first) && !ticker.is_due(first));
        let late = first.after(second * 5);
        assert!(ticker.is_due(late) && !ticker.is_due(late));
        assert_eq!(ticker.next(), late.after(second));
    }
}
