//! When the next digest goes out, and to whom: anti-entropy in its classic form (Demers 1987).

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;

use super::config::Config;
use crate::cluster::Cluster;
use crate::id::NodeId;
use crate::time::Instant;

/// Without a topology, nothing is said unasked for this long: until every node of the cluster has
/// been set up, Maelstrom mutes whoever writes to a peer that is not (it allows 10 s for `init`).
const QUIET_START: Duration = Duration::from_secs(15);

/// The first digest after `topology` waits this many of the shortest intervals.
const START_FACTOR: u32 = 8;

/// Every so many digests, one goes to any node of the cluster instead of a neighbour, so that
/// clusters whose topology is torn or does not connect all still converge.
const RANDOM_EVERY: u32 = 4;

/// The digest timer and the turn of the neighbours.
#[derive(Clone, Debug)]
pub(crate) struct AntiEntropy {
    interval_min: Duration,
    interval_max: Duration,
    interval: Duration,
    at: Option<Instant>,
    count: u32,
}

impl AntiEntropy {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            interval_min: config.sync_interval,
            interval_max: config.sync_interval_max,
            interval: config.sync_interval,
            at: None,
            count: 0,
        }
    }

    /// When the next digest is due.
    pub(crate) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// After `init`: a restarted node may get no `topology`, and must ask around all the same.
    pub(crate) fn start_quietly(&mut self, now: Instant, rng: &mut Xoshiro256PlusPlus) {
        self.at = Some(now.after(QUIET_START + jitter(self.interval, rng)));
    }

    /// After `topology`: every node can be written to. Nothing is amiss yet, so there is no hurry.
    pub(crate) fn start(&mut self, now: Instant, rng: &mut Xoshiro256PlusPlus) {
        self.interval = (self.interval_min * START_FACTOR).min(self.interval_max);
        self.at = Some(now.after(jitter(self.interval, rng)));
    }

    /// Something is missing somewhere, or may be: the next digests follow fast.
    pub(crate) fn hasten(&mut self, now: Instant, rng: &mut Xoshiro256PlusPlus) {
        self.interval = self.interval_min;
        let soon = now.after(jitter(self.interval, rng));
        self.at = Some(self.at.map_or(soon, |at| at.min(soon)));
    }

    /// If a digest is due: whom it goes to. The interval doubles each time; [`AntiEntropy::hasten`] is
    /// what brings it back.
    pub(crate) fn next_peer(
        &mut self,
        now: Instant,
        cluster: &Cluster,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Option<NodeId> {
        if self.at.is_none_or(|at| at > now) {
            return None;
        }
        self.interval = (self.interval * 2).min(self.interval_max);
        self.at = Some(now.after(jitter(self.interval, rng)));
        self.count = self.count.wrapping_add(1);
        let neighbours = cluster.neighbours(cluster.me());
        if let Some(turn) = turn(self.count).filter(|_| !neighbours.is_empty()) {
            let turn = cluster.me().0.wrapping_add(turn) as usize % neighbours.len();
            return Some(neighbours[turn]);
        }
        let others = cluster.len() - 1;
        let pick = rng.random_range(0..others.max(1));
        cluster.others().nth(pick as usize)
    }
}

/// How many digests have gone to neighbours, if this one does; `None` if it goes to a random node.
///
/// Those to random nodes do not count: otherwise a node with four neighbours, or a multiple of it,
/// would leave the same ones out for ever.
const fn turn(count: u32) -> Option<u32> {
    if count.is_multiple_of(RANDOM_EVERY) { None } else { Some(count - count / RANDOM_EVERY) }
}

/// Between half the interval and all of it, so that no two nodes keep step.
fn jitter(interval: Duration, rng: &mut Xoshiro256PlusPlus) -> Duration {
    let micros = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.random_range(micros / 2..=micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_neighbour_has_its_turn() {
        for neighbours in 1..20 {
            let rounds = neighbours * RANDOM_EVERY / (RANDOM_EVERY - 1) + 1;
            let served: BTreeSet<u32> =
                (1..=rounds).filter_map(turn).map(|turn| turn % neighbours).collect();
            assert_eq!(served.len(), neighbours as usize);
        }
    }
}
