//! SWIM's settings, and the times and limits that follow from them.

use std::time::Duration;

use crate::gossip::Switch;

/// K: independent accusers that shorten a suspicion to its minimum (Lifeguard).
pub(super) const ACCUSERS_MAX: usize = 3;

crate::choice! {
    /// The order in which members are probed.
    pub enum ProbeOrder {
        /// A random member each period: the paper's analysis.
        Random = "random",
        /// A shuffled list, again and again: every member is probed within 2n - 1 periods.
        RoundRobin = "round-robin",
    }
}

crate::settings! {
    /// The settings.
    pub struct Config {
        /// T': time between two probes of a node.
        period: Duration as Interval = Duration::from_secs(1),
            "--period", "time between two probes of a node";
        /// Members that are asked to ping a member that did not answer.
        k: usize as Number = 3, "--k", "members asked to ping one that did not answer";
        /// Order of probes.
        probe_order: ProbeOrder as Choice = ProbeOrder::RoundRobin,
            "--probe-order", "random or round-robin";
        /// Members are suspect before they are dead.
        suspicion: Switch as Choice = Switch::On, "--suspicion", "suspect before dead: on or off";
        /// α: the suspicion timeout is α·log10(n) periods.
        suspicion_mult: usize as Count = 4,
            "--suspicion-mult", "suspicion timeout in periods x log10 of the nodes";
        /// Lifeguard's health, suspicion and buddy.
        lifeguard: Switch as Choice = Switch::Off, "--lifeguard", "Lifeguard's health: on or off";
        /// β: Lifeguard's longest suspicion timeout is β times the shortest.
        suspicion_max_mult: usize as Count = 6,
            "--suspicion-max-mult", "Lifeguard's longest suspicion timeout / the shortest";
        /// λ: news is sent λ⌈ln(n+1)⌉ times.
        retransmit: usize as Count = 3, "--retransmit", "news is sent so often x ln of the nodes";
        /// Periods between two comparisons of digests.
        sync_every: usize as Count = 5,
            "--sync-every", "periods between two comparisons of digests";
        /// Number of seeds: nodes that all nodes know, the first of the cluster.
        seeds: usize as Count = 3, "--seeds", "number of nodes that all know, the first ones";
    }
}

impl Config {
    /// Time until other members are asked for help: half a period.
    pub(super) fn timeout(&self) -> Duration {
        self.period / 2
    }

    /// Times that news is sent in a cluster with so many other members.
    pub(super) fn limit(&self, others: usize) -> u32 {
        let logarithm = (others as f64 + 2.0).ln().ceil() as u32;
        (self.retransmit as u32).saturating_mul(logarithm.max(1))
    }

    /// Time from suspect to dead.
    pub(super) fn suspicion(&self, nodes: usize, accusers: usize) -> Duration {
        let min = suspicion_timeout(self.suspicion_mult as u32, nodes, self.period);
        if !self.lifeguard.is_on() {
            return min;
        }
        let max = min * self.suspicion_max_mult as u32;
        // A small cluster has not so many others that could accuse.
        let wanted = ACCUSERS_MAX.min(nodes.saturating_sub(3));
        suspicion_timeout_of(accusers.saturating_sub(1), wanted, min, max)
    }
}

/// memberlist's suspicion timeout: `mult` x log10 of the nodes, at least 1, x the probe interval.
/// memberlist counts in whole milliseconds; so does this.
#[must_use]
pub fn suspicion_timeout(mult: u32, nodes: usize, interval: Duration) -> Duration {
    let scale = (nodes.max(1) as f64).log10().max(1.0);
    let millis = (scale * 1e3) as u64;
    interval.mul_f64(millis as f64 / 1e3) * mult
}

/// Lifeguard's suspicion timeout with `confirmations` of the `wanted` independent accusers after
/// the first.
#[must_use]
pub fn suspicion_timeout_of(
    confirmations: usize,
    wanted: usize,
    min: Duration,
    max: Duration,
) -> Duration {
    if wanted == 0 {
        return min;
    }
    let share = (confirmations as f64 + 1.0).ln() / (wanted as f64 + 1.0).ln();
    let seconds = (max.as_secs_f64() - share * (max.as_secs_f64() - min.as_secs_f64())).max(0.0);
    Duration::from_millis((seconds * 1e3) as u64).max(min)
}

/// memberlist's limit of transmissions of one piece of news.
#[must_use]
pub fn retransmit_limit(mult: u32, nodes: usize) -> u32 {
    mult * (nodes as f64 + 1.0).log10().ceil() as u32
}

/// memberlist's factor for the interval of full state exchanges.
#[must_use]
pub fn push_pull_scale(nodes: usize) -> u32 {
    if nodes <= 32 { 1 } else { ((nodes as f64).log2() - 5.0).ceil() as u32 + 1 }
}
