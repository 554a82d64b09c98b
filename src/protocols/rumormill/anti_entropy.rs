//! Anti-entropy (Demers 1987): when the next digest goes out, to which peer, and what follows from a
//! digest of a peer.

use std::time::Duration;

use rand::RngExt as _;

use super::ablation::Rule;
use super::config::Config;
use crate::cluster::Cluster;
use crate::id::NodeId;
use crate::protocol::Rng;
use crate::time::Instant;

/// Before the cluster is known to have started, no digest is sent for this long: until every node has
/// been initialised, Maelstrom silences a node that writes to one that has not (it allows 10 s for
/// `init`).
const QUIET_START: Duration = Duration::from_secs(15);

/// The first digest after `topology` waits this many of the shortest intervals.
const START_FACTOR: u32 = 8;

/// Every fourth digest goes to a random node instead of a neighbour, so that a cluster whose topology
/// is partitioned or not connected still converges.
const RANDOM_EVERY: u32 = 4;

/// The digest timer and the turn of the neighbours.
#[derive(Clone, Debug)]
pub(crate) struct AntiEntropy {
    interval_min: Duration,
    interval_max: Duration,
    interval: Duration,
    at: Option<Instant>,
    /// Every node can be written to.
    has_started: bool,
    count: u32,
}

impl AntiEntropy {
    /// After `init`. A restarted node may get no `topology`, and must ask its peers all the same.
    pub(crate) fn new(config: &Config, now: Instant, rng: &mut Rng) -> Self {
        let interval = config.sync_interval;
        Self {
            interval_min: interval,
            interval_max: config.sync_interval_max,
            interval,
            at: Some(now.after(QUIET_START + jitter(interval, rng))),
            has_started: false,
            count: 0,
        }
    }

    /// When the next digest is due.
    pub(crate) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// A value or a message came. Before every node has been initialised there is neither: a node that
    /// restarted need not wait for a `topology`, which it may not get.
    pub(crate) fn on_sign_of_life(&mut self, now: Instant, rng: &mut Rng, is_restored: bool) {
        if !self.has_started && Rule::EarlyStart.applies() {
            self.on_started(now, rng, is_restored);
        }
    }

    /// Every node can be written to. Nothing is known to be missing, unless the node was down and
    /// `is_restored`: it asks at once for what it missed.
    pub(crate) fn on_started(&mut self, now: Instant, rng: &mut Rng, is_restored: bool) {
        self.has_started = true;
        let waits = Rule::DigestStart.applies() && !is_restored;
        let factor = if waits { START_FACTOR } else { 1 };
        self.interval = (self.interval_min * factor).min(self.interval_max);
        self.at = Some(now.after(jitter(self.interval, rng)));
    }

    /// Something may be missing somewhere: the next digests follow fast.
    pub(crate) fn hasten(&mut self, now: Instant, rng: &mut Rng) {
        if !Rule::Hasten.applies() {
            return;
        }
        self.interval = self.interval_min;
        let soon = now.after(jitter(self.interval, rng));
        self.at = Some(self.at.map_or(soon, |at| at.min(soon)));
    }

    /// The receiver of a digest, if one is due. The interval doubles each time;
    /// [`AntiEntropy::hasten`] resets it. Suspected neighbours are passed over: they are probed, and a
    /// node whose neighbours are all down converges with the others.
    pub(crate) fn next_peer(
        &mut self,
        now: Instant,
        cluster: &Cluster,
        rng: &mut Rng,
        is_suspected: impl Fn(NodeId) -> bool,
    ) -> Option<NodeId> {
        if self.at.is_none_or(|at| at > now) {
            return None;
        }
        let factor = if Rule::DigestBackoff.applies() { 2 } else { 1 };
        self.interval = (self.interval * factor).min(self.interval_max);
        self.at = Some(now.after(jitter(self.interval, rng)));
        self.count = self.count.wrapping_add(1);
        let neighbours: Vec<NodeId> = cluster
            .neighbours(cluster.me())
            .iter()
            .copied()
            .filter(|&peer| !(Rule::ReachableDigest.applies() && is_suspected(peer)))
            .collect();
        if let Some(turn) = turn(self.count).filter(|_| !neighbours.is_empty()) {
            let turn = cluster.me().0.wrapping_add(turn) as usize % neighbours.len();
            return Some(neighbours[turn]);
        }
        let others = cluster.len() - 1;
        let pick = rng.random_range(0..others.max(1));
        cluster.others().nth(pick as usize)
    }
}

/// Number of digests to neighbours so far, if this one goes to a neighbour; `None` if it goes to a
/// random node.
///
/// Those to random nodes do not count: otherwise a node with four neighbours, or a multiple of it,
/// would never reach some of them.
fn turn(count: u32) -> Option<u32> {
    if !Rule::RandomDigest.applies() {
        return Some(count);
    }
    if count.is_multiple_of(RANDOM_EVERY) { None } else { Some(count - count / RANDOM_EVERY) }
}

/// A time between half the interval and all of it, so that nodes do not fall into step.
fn jitter(interval: Duration, rng: &mut Rng) -> Duration {
    let micros = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.random_range(micros / 2..=micros))
}

/// Longest grace: the replica remembers arrivals for this long.
pub(crate) const GRACE_MAX: Duration = Duration::from_secs(5);

/// Time after its arrival here at which an entry should be at a peer without help: one round trip
/// and the longest waits on the way.
pub(crate) fn grace(timeout: Duration, longest_wait: Duration) -> Duration {
    if !Rule::Grace.applies() {
        return Duration::ZERO;
    }
    (timeout + longest_wait * 2).min(GRACE_MAX)
}

/// Least age of the entries that are sent because the digest of a node that probes, `hop` away, lacks them;
/// `None` if none are.
///
/// Such a node has reason to believe that nothing is on its way to it. But it probes many nodes, and all would
/// send the same. Where losses and delays make its reason a weak one, only its parent sends what it lacks.
pub(crate) fn probe_grace(is_parent: bool, hop: Duration, is_unreliable: bool) -> Option<Duration> {
    if is_parent || !Rule::ProbeGrace.applies() {
        return Some(Duration::ZERO);
    }
    // Entries that arrived while the probe was on its way may have come to its sender as well.
    (!is_unreliable).then_some(hop * 3 / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Graph;
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

    const HOP: Duration = Duration::from_millis(100);

    #[test]
    fn a_digest_is_due_after_the_interval_and_sooner_when_something_is_missing() {
        use rand::SeedableRng as _;
        let (mut rng, now) = (Rng::seed_from_u64(1), Instant::ZERO);
        let config = Config::default();
        let graph = std::sync::Arc::new(Graph::new(3, [(NodeId(0), NodeId(1))]));
        let cluster = Cluster::new(NodeId(0), graph);
        let mut anti_entropy = AntiEntropy::new(&config, now, &mut rng);
        assert!(anti_entropy.at().is_some_and(|at| at >= now.after(QUIET_START)));
        anti_entropy.on_started(now, &mut rng, false);
        let first = anti_entropy.at().unwrap();
        assert_eq!(anti_entropy.next_peer(first.before(HOP), &cluster, &mut rng, |_| false), None);
        assert_eq!(anti_entropy.next_peer(first, &cluster, &mut rng, |_| false), Some(NodeId(1)));
        anti_entropy.hasten(first, &mut rng);
        assert!(anti_entropy.at().is_some_and(|at| at <= first.after(config.sync_interval)));
        // Left alone, the interval grows to its maximum.
        let mut last = first;
        for _ in 0..10 {
            last = anti_entropy.at().unwrap();
            anti_entropy.next_peer(last, &cluster, &mut rng, |_| false);
        }
        let gap = anti_entropy.at().unwrap().since(last);
        assert!(gap >= config.sync_interval_max / 2 && gap <= config.sync_interval_max);
    }

    #[test]
    fn a_restarted_node_without_topology_waits_for_the_first_message_only() {
        use rand::SeedableRng as _;
        let (mut rng, config) = (Rng::seed_from_u64(1), Config::default());
        let mut anti_entropy = AntiEntropy::new(&config, Instant::ZERO, &mut rng);
        anti_entropy.on_sign_of_life(Instant::ZERO, &mut rng, false);
        let first = anti_entropy.at().unwrap();
        assert!(first <= Instant::ZERO.after(config.sync_interval * START_FACTOR));
        // Later ones change nothing.
        anti_entropy.on_sign_of_life(Instant::ZERO.after(HOP), &mut rng, false);
        assert_eq!(anti_entropy.at(), Some(first));
    }

    #[test]
    fn a_node_that_comes_back_asks_at_once_for_what_it_missed() {
        use rand::SeedableRng as _;
        let (mut rng, config) = (Rng::seed_from_u64(1), Config::default());
        let mut first = |is_restored: bool| {
            let mut anti_entropy = AntiEntropy::new(&config, Instant::ZERO, &mut rng);
            anti_entropy.on_started(Instant::ZERO, &mut rng, is_restored);
            anti_entropy.at().unwrap()
        };
        let soon = Instant::ZERO.after(config.sync_interval);
        assert!(first(true) <= soon && first(false) > soon);
    }

    #[test]
    fn suspected_neighbours_are_passed_over() {
        use rand::SeedableRng as _;
        let (mut rng, config) = (Rng::seed_from_u64(1), Config::default());
        let edges = [(NodeId(0), NodeId(1)), (NodeId(0), NodeId(2))];
        let cluster = Cluster::new(NodeId(0), std::sync::Arc::new(Graph::new(4, edges)));
        let mut served = |suspected: &[NodeId]| -> BTreeSet<NodeId> {
            let mut anti_entropy = AntiEntropy::new(&config, Instant::ZERO, &mut rng);
            let mut next = || {
                let now = anti_entropy.at().unwrap();
                anti_entropy.next_peer(now, &cluster, &mut rng, |peer| suspected.contains(&peer))
            };
            (0..3).filter_map(|_| next()).collect()
        };
        assert_eq!(served(&[]), BTreeSet::from([NodeId(1), NodeId(2)]));
        assert_eq!(served(&[NodeId(1)]), BTreeSet::from([NodeId(2)]));
        // Without a neighbour that is up every digest goes to a random node.
        let all: BTreeSet<NodeId> = (0..10).flat_map(|_| served(&[NodeId(1), NodeId(2)])).collect();
        assert!(all.contains(&NodeId(3)), "{all:?}");
    }

    #[test]
    fn a_digest_is_answered_with_what_is_old_enough() {
        let grace = grace(HOP * 2, HOP);
        assert_eq!((grace, super::grace(HOP * 100, HOP)), (HOP * 4, GRACE_MAX));
        assert_eq!(probe_grace(true, HOP, true), Some(Duration::ZERO));
        assert_eq!(probe_grace(false, HOP, false), Some(HOP * 3 / 2));
        assert_eq!(probe_grace(false, HOP, true), None);
    }

    #[test]
    fn every_fourth_digest_goes_to_any_node_but_this_one() {
        use rand::SeedableRng as _;
        let (mut rng, config) = (Rng::seed_from_u64(1), Config::default());
        let graph = Graph::new(4, [(NodeId(2), NodeId(1))]);
        let cluster = Cluster::new(NodeId(2), std::sync::Arc::new(graph));
        let mut anti_entropy = AntiEntropy::new(&config, Instant::ZERO, &mut rng);
        let mut next = || {
            let now = anti_entropy.at().unwrap();
            anti_entropy.next_peer(now, &cluster, &mut rng, |_| false).unwrap().0
        };
        let receivers: Vec<[u32; 4]> = (0..40).map(|_| [next(), next(), next(), next()]).collect();
        assert!(receivers.iter().all(|four| four[..3] == [1, 1, 1]));
        let random: BTreeSet<u32> = receivers.iter().map(|four| four[3]).collect();
        assert_eq!(random, BTreeSet::from([0, 1, 3]));
    }
}
