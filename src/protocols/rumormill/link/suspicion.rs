//! Whether a peer is up: probes, probe timeouts, and the suspicion that follows from them (SWIM,
//! Das 2002; QUIC's PTO, RFC 9002).

use std::time::Duration;

use crate::protocols::rumormill::ablation::Rule;
use crate::set::VersionSet;
use crate::time::Instant;

/// While a peer is suspected, the next probe waits this fraction of the time it has been suspected. A
/// larger one costs messages while the cluster is partitioned, a smaller one makes the heal longer
/// (`lab sim --profile partition-25 --seeds 25`).
const PROBE_FRACTION: u32 = 32;

/// A suspected peer for which nothing waits is probed after the shortest of these at first, and
/// after the longest at most.
const IDLE_PROBE_MIN: Duration = Duration::from_secs(1);
const IDLE_PROBE_MAX: Duration = Duration::from_secs(20);

/// Timeouts are doubled this many times at most.
const BACKOFF_MAX: u8 = 3;

/// Messages that timed out since the peer last acked one.
#[derive(Clone, Copy, Debug, Default)]
struct ProbeTimeouts {
    /// QUIC's `pto_count`.
    count: u8,
    /// When the first of those messages was sent, and its number.
    first_unacked: Option<(Instant, u64)>,
    last_at: Option<Instant>,
    /// How often the timeout was doubled.
    backoff: u8,
}

/// The suspicion of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Suspicion {
    since: Instant,
    /// The first unacked message: an ack of it or a later one ends the suspicion.
    number: u64,
    last_probe: Option<Instant>,
    probe_at: Instant,
    /// A message of the peer arrived since the last probe.
    is_heard: bool,
    /// Entries sent with a probe.
    tried: VersionSet,
}

/// This node's knowledge of whether the peer is up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Liveness {
    timeouts: ProbeTimeouts,
    suspicion: Option<Suspicion>,
}

impl Liveness {
    /// Since when the peer is suspected, if it is.
    pub(crate) fn suspected_since(&self) -> Option<Instant> {
        self.suspicion.as_ref().map(|suspicion| suspicion.since)
    }

    /// True if the peer is suspected.
    pub(crate) const fn is_suspected(&self) -> bool {
        self.suspicion.is_some()
    }

    /// Entries sent to the suspected peer with a probe.
    pub(crate) fn tried_mut(&mut self) -> Option<&mut VersionSet> {
        self.suspicion.as_mut().map(|suspicion| &mut suspicion.tried)
    }

    /// Consecutive messages that timed out.
    pub(crate) const fn pto_count(&self) -> u8 {
        self.timeouts.count
    }

    /// When the first unacked message was sent, if messages timed out and the peer is not suspected.
    pub(crate) fn first_unacked_at(&self) -> Option<Instant> {
        self.timeouts.first_unacked.map(|(since, _)| since).filter(|_| !self.is_suspected())
    }

    /// The peer restarted. Returns true if that ends a suspicion.
    pub(crate) fn on_restart(&mut self) -> bool {
        self.timeouts = ProbeTimeouts::default();
        self.suspicion.take().is_some()
    }

    /// The peer acked message `number`. Returns true if that ends a suspicion.
    pub(crate) fn on_ack(&mut self, number: u64) -> bool {
        self.timeouts = ProbeTimeouts::default();
        self.suspicion.take_if(|suspicion| suspicion.number <= number).is_some()
    }

    /// Anything arrived from the peer: a suspected one is probed soon.
    pub(crate) fn on_heard(&mut self, now: Instant, probe_floor: Duration) {
        if let Some(suspicion) = &mut self.suspicion
            && Rule::ProbeWhenHeard.applies()
        {
            let soonest = suspicion.last_probe.map_or(now, |last| last.after(probe_floor));
            suspicion.probe_at = suspicion.probe_at.min(soonest);
            suspicion.is_heard = true;
        }
    }

    /// When a suspected peer is probed next. If nothing waits for it and it was not heard since the
    /// last probe, the interval doubles each time.
    pub(crate) fn next_probe_at(&self, is_waited_for: bool) -> Option<Instant> {
        let suspicion = self.suspicion.as_ref()?;
        if is_waited_for || suspicion.is_heard || !Rule::IdleProbe.applies() {
            return Some(suspicion.probe_at);
        }
        let last = suspicion.last_probe.unwrap_or(suspicion.since);
        Some(last.after(last.since(suspicion.since).clamp(IDLE_PROBE_MIN, IDLE_PROBE_MAX)))
    }

    /// A probe was sent to a suspected peer.
    pub(crate) fn on_suspect_probed(&mut self, now: Instant, floor: Duration, ceiling: Duration) {
        if let Some(suspicion) = &mut self.suspicion {
            let interval = now.since(suspicion.since) / PROBE_FRACTION;
            suspicion.last_probe = Some(now);
            suspicion.is_heard = false;
            suspicion.probe_at = now.after(interval.min(ceiling).max(floor));
        }
    }

    /// Message `number`, sent at `since`, timed out. A message that was sent before the last timeout
    /// is part of the same one. Returns true if that is more than `pto_max` timeouts: the peer is
    /// suspected from now on.
    pub(crate) fn on_timeout(
        &mut self,
        now: Instant,
        since: Instant,
        number: u64,
        pto_max: u8,
    ) -> bool {
        let timeouts = &mut self.timeouts;
        if timeouts.last_at.is_none_or(|at| since >= at) {
            timeouts.count = timeouts.count.saturating_add(1);
            timeouts.last_at = Some(now);
            timeouts.first_unacked.get_or_insert((since, number));
        }
        if timeouts.count <= pto_max {
            return false;
        }
        self.suspect(now, since, number);
        true
    }

    /// The peer has left messages unacked: it is suspected from now on, however many are allowed. False if it
    /// has not, or is suspected already.
    pub(crate) fn give_up(&mut self, now: Instant) -> bool {
        let first = self.timeouts.first_unacked.filter(|_| !self.is_suspected());
        first.inspect(|(since, number)| self.suspect(now, *since, *number)).is_some()
    }

    fn suspect(&mut self, now: Instant, since: Instant, number: u64) {
        self.suspicion = Some(Suspicion {
            since,
            number,
            last_probe: None,
            probe_at: now,
            is_heard: false,
            tried: VersionSet::new(),
        });
    }

    /// The timeout may mean no more than a slow network: the next message is waited for twice as
    /// long (RFC 6298's backoff).
    pub(crate) fn back_off(&mut self) {
        if Rule::Backoff.applies() {
            self.timeouts.backoff = (self.timeouts.backoff + 1).min(BACKOFF_MAX);
        }
    }

    /// Factor on timeouts.
    pub(crate) const fn backoff(&self) -> u32 {
        1 << self.timeouts.backoff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    const FLOOR: Duration = Duration::from_millis(100);
    const CEILING: Duration = Duration::from_secs(10);

    #[test]
    fn a_peer_is_suspected_after_more_timeouts_than_allowed() {
        let mut liveness = Liveness::default();
        assert!(!liveness.on_timeout(at(100), at(0), 3, 1));
        // Sent before the last timeout: part of it.
        assert!(!liveness.on_timeout(at(120), at(50), 4, 1));
        assert_eq!((liveness.pto_count(), liveness.first_unacked_at()), (1, Some(at(0))));
        assert!(liveness.on_timeout(at(200), at(110), 5, 1));
        assert_eq!(liveness.suspected_since(), Some(at(110)));
        // An ack of an earlier message does not end it.
        assert!(!liveness.on_ack(4));
        assert!(liveness.on_ack(5) && !liveness.is_suspected());
        assert_eq!(liveness.pto_count(), 0);
    }

    #[test]
    fn probes_of_a_suspect_become_rarer_and_any_message_of_it_brings_one_forward() {
        let mut liveness = Liveness::default();
        liveness.on_timeout(at(0), at(0), 0, 0);
        assert_eq!(liveness.next_probe_at(true), Some(at(0)));
        // Nothing waits for it: after 1 s at first, then twice the time since.
        assert_eq!(liveness.next_probe_at(false), Some(at(1_000)));
        liveness.on_suspect_probed(at(3_200), FLOOR, CEILING);
        assert_eq!(liveness.next_probe_at(true), Some(at(3_300)));
        assert_eq!(liveness.next_probe_at(false), Some(at(6_400)));
        liveness.on_suspect_probed(at(6_400), FLOOR, CEILING);
        assert_eq!(liveness.next_probe_at(true), Some(at(6_600)));
        liveness.on_suspect_probed(at(640_000), FLOOR, CEILING);
        assert_eq!(liveness.next_probe_at(true), Some(at(650_000)));
        assert_eq!(liveness.next_probe_at(false), Some(at(660_000)));
        liveness.on_heard(at(640_010), FLOOR);
        assert_eq!(liveness.next_probe_at(false), Some(at(640_100)));
    }

    #[test]
    fn timeouts_double_three_times_at_most() {
        let mut liveness = Liveness::default();
        let factors: Vec<u32> = (0..5)
            .map(|_| {
                liveness.back_off();
                liveness.backoff()
            })
            .collect();
        assert_eq!(factors, [2, 4, 8, 8, 8]);
        liveness.on_ack(0);
        assert_eq!(liveness.backoff(), 1);
    }

    #[test]
    fn a_restart_ends_a_suspicion() {
        let mut liveness = Liveness::default();
        liveness.on_timeout(at(0), at(0), 0, 0);
        assert!(liveness.on_restart() && !liveness.on_restart());
    }

    #[test]
    fn a_timeout_counts_if_its_message_was_sent_after_the_last_one() {
        let mut liveness = Liveness::default();
        liveness.on_timeout(at(100), at(0), 0, 9);
        liveness.on_timeout(at(150), at(99), 1, 9);
        assert_eq!((liveness.pto_count(), liveness.first_unacked_at()), (1, Some(at(0))));
        liveness.on_timeout(at(200), at(100), 2, 9);
        assert_eq!((liveness.pto_count(), liveness.first_unacked_at()), (2, Some(at(0))));
        assert!(liveness.on_timeout(at(300), at(200), 3, 2));
        assert_eq!(liveness.first_unacked_at(), None);
    }

    #[test]
    fn a_peer_that_has_left_messages_unacked_is_given_up_once() {
        let mut liveness = Liveness::default();
        assert!(!liveness.give_up(at(100)), "nothing timed out");
        liveness.on_timeout(at(100), at(0), 3, 9);
        liveness.on_timeout(at(200), at(150), 4, 9);
        assert!(liveness.give_up(at(210)) && !liveness.give_up(at(210)));
        assert_eq!(
            (liveness.suspected_since(), liveness.next_probe_at(true)),
            (Some(at(0)), Some(at(210)))
        );
        assert!(liveness.on_ack(3) && !liveness.give_up(at(300)));
    }

    #[test]
    fn a_suspect_that_is_heard_before_any_probe_is_probed_now() {
        let mut liveness = Liveness::default();
        liveness.on_timeout(at(0), at(0), 0, 0);
        liveness.on_suspect_probed(at(0), FLOOR, CEILING);
        assert_eq!(liveness.next_probe_at(true), Some(at(100)));
        liveness.on_heard(at(10), FLOOR / 2);
        assert_eq!(liveness.next_probe_at(true), Some(at(50)));
        liveness.on_heard(at(10), FLOOR * 2);
        assert_eq!(liveness.next_probe_at(true), Some(at(50)), "never later");
    }
}
