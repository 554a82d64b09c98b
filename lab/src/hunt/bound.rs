//! How long a healed cluster may take until all agree: invariants 3 and 4, in milliseconds.
//!
//! No longer than twenty times the longest interval of the settings, besides the time for which a
//! restarted node that no peer writes to stays quiet. And no longer than what is derived from the nodes' settings, the network's delays, and how long things were amiss. The
//! terms, each for one hop of an entry:
//!
//! * *Wait.* An entry waits for company for as long as the latency budget or the window says.
//! * *Notice.* A message that was lost just before the heal is missed when its deadline comes:
//!   the retransmission timeout of the link, and the time the peer may take to answer. The timeout
//!   follows the round trips measured; pauses, jumps and delays may have inflated those. Smoothed
//!   as RFC 6298 has it, with four times the variance, the timeout is at most five times the worst.
//! * *Probe.* If the peer is suspected, the next probe comes after a thirty-second of that time,
//!   within the limits set, and no sooner than one timeout after the last.
//! * *Way.* There, back, and there again.
//!
//! While no node has lost its memory, the node that is to pass an entry on still has it queued or in
//! flight for those it has to pass it on to, so the bound is this per hop, times the hops: up and
//! down the tree, or across the topology if that is longer. An entry whose holder has died is
//! only found by comparing digests:
//!
//! * *Digests.* Neighbours in the topology compare at least once in the time it takes one of them
//!   to serve all of its own, at the longest interval; every fourth digest goes elsewhere. Then
//!   the entry is asked for and sent, which takes another hop as above. This happens as often as
//!   the topology has steps from one end to the other.
//! * *Strangers.* Where crashes have partitioned the topology, only the fourth digest, to a random
//!   node, is left. The bound allows for as many of them as make it a matter of one in a million
//!   that none has hit.

use std::time::Duration;

use rumormill::protocols::rumormill::config::Config;

/// A node answers direct mail within this time (`ack_policy.rs`).
const DIRECT_ACK_MS: u64 = 5_000;
/// A node that was told no topology stays quiet for this long (`anti_entropy.rs`).
const QUIET_START_MS: u64 = 15_000;
/// No grace period is longer (`anti_entropy.rs`).
const GRACE_MAX_MS: u64 = 5_000;
/// Least allowance for noise in the retransmission timeout (`rtt.rs`).
const NOISE_MS: u64 = 50;
/// e to the power of minus this is about one in a million.
const CERTAINTY: u64 = 14;

/// The conditions of the bound besides the nodes' settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Nodes in the cluster.
    pub nodes: u64,
    /// Longest way of a message from now on.
    pub delay_ms: u64,
    /// Longest round trip that a node may have measured.
    pub round_trip_ms: u64,
    /// How long a peer may have been suspected.
    pub outage_ms: u64,
    /// Most neighbours of a node in the topology.
    pub degree: u64,
    /// Steps in the topology between the two nodes farthest apart; `None` if some are not
    /// connected.
    pub distance: Option<u64>,
    /// Hops from one node to another along the tree of the route, up and down.
    pub tree: u64,
    /// Some node has lost its memory, or will never come back.
    pub forgetful: bool,
}

/// Longest intervals in which digests back off, after the last that something was amiss.
pub(super) const BACK_OFF_INTERVALS: u64 = 3;

/// The bound in longest intervals.
const INTERVALS_MAX: u32 = 20;

/// The bound, counted from the moment when messages flow again and no new value comes.
#[must_use]
pub fn convergence_bound(config: &Config, c: &Circumstances) -> Duration {
    let by_intervals = longest_interval(config) * INTERVALS_MAX;
    derived_bound(config, c).min(by_intervals + Duration::from_millis(QUIET_START_MS))
}

/// The bound that follows from the steps on an entry's way.
fn derived_bound(config: &Config, c: &Circumstances) -> Duration {
    let hop = hop_ms(config, c);
    let hops = c.tree.max(c.distance.unwrap_or(c.nodes)).max(1);
    let by_retries = hop.saturating_mul(hops);
    if !c.forgetful {
        return Duration::from_millis(by_retries);
    }
    let interval = millis(config.sync_interval_max).max(millis(config.sync_interval));
    let step = match c.distance {
        // Three of four digests go to neighbours, in turn.
        Some(_) => interval.saturating_mul(c.degree * 4 / 3 + 2),
        None => interval.saturating_mul(4 * c.nodes * CERTAINTY),
    };
    let steps = c.distance.unwrap_or(c.nodes) + 1;
    let by_digests = steps.saturating_mul(step + GRACE_MAX_MS + hop);
    Duration::from_millis((by_retries + by_digests).saturating_add(QUIET_START_MS + interval))
}

/// How long after that traffic may take to settle: until everything is confirmed, and the digests
/// have backed off.
#[must_use]
pub fn settling_bound(config: &Config, c: &Circumstances) -> Duration {
    let backing_off = millis(config.sync_interval_max).saturating_mul(BACK_OFF_INTERVALS);
    Duration::from_millis(hop_ms(config, c).saturating_mul(3).saturating_add(backing_off))
}

/// The longest time that the settings let pass between two digests or two probes.
#[must_use]
pub fn longest_interval(config: &Config) -> Duration {
    config.sync_interval_max.max(config.sync_interval).max(config.probe_max)
}

/// The longest time for which an entry waits for others at a node.
pub(super) fn longest_wait(config: &Config) -> Duration {
    config.window.unwrap_or(config.latency_budget + config.latency_budget / 20)
}

/// The longest that an entry takes from one node to the next.
fn hop_ms(config: &Config, c: &Circumstances) -> u64 {
    let wait = millis(longest_wait(config));
    let timeout = (5 * c.round_trip_ms + NOISE_MS).max(millis(config.retry_initial));
    let answer = millis(config.ack_delay).max(wait * 5 / 2).max(DIRECT_ACK_MS);
    let probe = (c.outage_ms / 32).min(millis(config.probe_max));
    let probe = probe.max(timeout).max(millis(config.probe_min));
    wait + timeout + answer + probe + 3 * c.delay_ms
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Circumstances = Circumstances {
        nodes: 25,
        delay_ms: 100,
        round_trip_ms: 200,
        outage_ms: 0,
        degree: 4,
        distance: Some(8),
        tree: 2,
        forgetful: false,
    };

    #[test]
    fn more_faults_take_longer() {
        let config = Config::default();
        let bound = |c: Circumstances| derived_bound(&config, &c);
        let calm = bound(CALM);
        assert!(calm < bound(Circumstances { outage_ms: 60_000, ..CALM }));
        assert!(calm < bound(Circumstances { round_trip_ms: 1_000, ..CALM }));
        assert!(calm < bound(Circumstances { delay_ms: 1_000, ..CALM }));
        let forgetful = Circumstances { forgetful: true, ..CALM };
        assert!(calm < bound(forgetful));
        assert!(bound(forgetful) < bound(Circumstances { distance: None, ..forgetful }));
    }

    #[test]
    fn without_loss_of_memory_digests_do_not_matter() {
        let never = Config { sync_interval_max: Duration::from_secs(3_600), ..Config::default() };
        let (some, none) = (derived_bound(&Config::default(), &CALM), derived_bound(&never, &CALM));
        assert_eq!(some, none);
    }
}
