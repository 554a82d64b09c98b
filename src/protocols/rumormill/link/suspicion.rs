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

/// A message that the peer has to answer although it may carry no entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Probe {
    number: u64,
    sent_at: Instant,
    deadline: Instant,
}

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
    /// The peer is to be judged again, since another node misses it, too.
    is_judged: bool,
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
    probe: Option<Probe>,
    timeouts: ProbeTimeouts,
    suspicion: Option<Suspicion>,
    /// When to send a probe, whatever else there is to send.
    probe_requested_at: Option<Instant>,
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
        self.probe = None;
        self.timeouts = ProbeTimeouts::default();
        self.suspicion.take().is_some()
    }

    /// The peer acked message `number`. Returns true if that ends a suspicion.
    pub(crate) fn on_ack(&mut self, number: u64) -> bool {
        self.timeouts = ProbeTimeouts::default();
        self.probe = self.probe.filter(|probe| probe.number > number);
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

    /// A probe is to be sent now.
    pub(crate) fn request_probe(&mut self, now: Instant) {
        self.probe_requested_at = Some(now);
    }

    /// When a requested probe is to be sent.
    pub(crate) const fn probe_requested_at(&self) -> Option<Instant> {
        self.probe_requested_at
    }

    /// True once if a requested probe is due.
    pub(crate) fn take_requested_probe(&mut self, now: Instant) -> bool {
        self.probe_requested_at.take_if(|at| *at <= now).is_some()
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

    /// Message `number`, just sent, has to be answered at once. A probe on its way keeps its deadline:
    /// else a peer that is probed again and again would never be suspected.
    pub(crate) fn on_probe_sent(&mut self, now: Instant, number: u64, timeout: Duration) {
        let probe = Probe { number, sent_at: now, deadline: now.after(timeout) };
        self.probe.get_or_insert(probe);
    }

    /// When a probe times out.
    pub(crate) fn probe_deadline(&self) -> Option<Instant> {
        self.probe.map(|probe| probe.deadline)
    }

    /// The round trip may have become longer: a probe is waited for as long as one that is sent now.
    pub(crate) fn extend_probe(&mut self, timeout: Duration) {
        if let Some(probe) = &mut self.probe {
            probe.deadline = probe.deadline.max(probe.sent_at.after(timeout));
        }
    }

    /// True if a probe has timed out.
    pub(crate) fn probe_overdue(&self, now: Instant) -> bool {
        self.probe.is_some_and(|probe| probe.deadline <= now)
    }

    /// When the messages were sent that are overdue: a probe, and the first unacked one if the peer
    /// is to be judged again.
    pub(crate) fn overdue_since(&self, now: Instant) -> [Option<Instant>; 2] {
        let probe = self.probe.filter(|probe| probe.deadline <= now);
        let judged = self.first_unacked_at().filter(|_| self.timeouts.is_judged);
        [probe.map(|probe| probe.sent_at), judged]
    }

    /// Takes what is overdue: when it was sent, and its number.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Option<(Instant, u64)> {
        let probe = self.probe.take_if(|probe| probe.deadline <= now);
        let is_judged = std::mem::take(&mut self.timeouts.is_judged);
        let probe = probe.map(|probe| (probe.sent_at, probe.number));
        probe.or_else(|| self.timeouts.first_unacked.filter(|_| is_judged))
    }

    /// Takes the first unacked message for overdue, whatever its deadline.
    pub(crate) const fn judge(&mut self) {
        self.timeouts.is_judged = true;
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
        timeouts.is_judged = false;
        self.suspicion = Some(Suspicion {
            since,
            number,
            last_probe: None,
            probe_at: now,
            is_heard: false,
            tried: VersionSet::new(),
        });
        true
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
    fn a_probe_is_overdue_until_it_is_acked_or_taken() {
        let mut liveness = Liveness::default();
        liveness.request_probe(at(0));
        assert!(liveness.take_requested_probe(at(0)) && !liveness.take_requested_probe(at(0)));
        liveness.on_probe_sent(at(0), 7, FLOOR);
        // Another one does not put its deadline off.
        liveness.on_probe_sent(at(50), 8, FLOOR);
        assert!(!liveness.probe_overdue(at(99)));
        assert_eq!(liveness.overdue_since(at(100)), [Some(at(0)), None]);
        liveness.extend_probe(FLOOR * 2);
        assert!(!liveness.probe_overdue(at(199)) && liveness.probe_overdue(at(200)));
        assert_eq!(liveness.take_overdue(at(200)), Some((at(0), 7)));
        assert_eq!(liveness.take_overdue(at(200)), None);
        liveness.on_probe_sent(at(300), 9, FLOOR);
        liveness.on_ack(9);
        assert_eq!(liveness.probe_deadline(), None);
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
    fn a_restart_ends_a_suspicion_and_a_probe() {
        let mut liveness = Liveness::default();
        liveness.on_probe_sent(at(0), 7, FLOOR);
        liveness.on_timeout(at(0), at(0), 0, 0);
        assert!(liveness.on_restart() && !liveness.on_restart());
        assert_eq!(liveness.probe_deadline(), None);
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
    fn a_requested_probe_is_taken_when_it_is_due() {
        let mut liveness = Liveness::default();
        liveness.request_probe(at(200));
        assert_eq!(liveness.probe_requested_at(), Some(at(200)));
        assert!(!liveness.take_requested_probe(at(199)) && liveness.take_requested_probe(at(200)));
        assert_eq!(liveness.probe_requested_at(), None);
    }

    #[test]
    fn a_verdict_is_due_at_once_and_taken_once() {
        let mut liveness = Liveness::default();
        liveness.on_timeout(at(100), at(0), 3, 9);
        assert_eq!(
            (liveness.overdue_since(at(149)), liveness.take_overdue(at(149))),
            ([None; 2], None)
        );
        liveness.judge();
        assert_eq!(liveness.overdue_since(at(149)), [None, Some(at(0))]);
        assert_eq!(liveness.take_overdue(at(149)), Some((at(0), 3)));
        assert_eq!(liveness.take_overdue(at(149)), None);
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
