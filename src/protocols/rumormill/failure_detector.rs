//! The failure detector: when the parent is missed, and how much evidence a suspicion needs (SWIM,
//! Das 2002; Lifeguard, Dadgar 2018).
//!
//! One late message proves little. It may be lost, the peer may be far away, and the whole network
//! may have become slower, in which case no peer acks. So before a peer is suspected, another peer
//! must have acked a later message (indirect evidence). And before the parent is given up, it and
//! some other peers are probed: one that answers is the evidence, and may be the next parent.

use std::time::Duration;

use crate::protocols::rumormill::ablation::Rule;
use crate::time::Instant;

/// Other peers are not probed again before this time: each answers with all that this node lacks.
const PROBE_SPACING: Duration = Duration::from_millis(500);

/// Suspicion multiplier of the heartbeat timeout where some messages are lost, and where many are.
const MULTIPLIER_LIGHT: u32 = 2;
const MULTIPLIER_HEAVY: u32 = 3;

/// Timeouts allowed before a suspicion when no other peer has acked since, or the round trip is
/// unknown.
const PTO_WITHOUT_EVIDENCE: u8 = 2;

/// Initial timeout: a parent that was never heard is probed after this time, or after the latency
/// budget and a quarter, if that is longer. By then the first entries should have come.
const INITIAL_TIMEOUT: Duration = Duration::from_millis(400);

/// Longest run of losses that counts as random loss; a longer one is a partition or a dead peer.
const RANDOM_LOSS_RUN_MAX: u64 = 2;

/// The conditions under which the messages of a peer timed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeoutConditions {
    /// Another peer has acked a message that was sent since, or misses the same parent.
    pub(crate) has_evidence: bool,
    /// Much is lost.
    pub(crate) is_loss_heavy: bool,
}

impl TimeoutConditions {
    /// Timeouts in a row that are allowed before the peer is suspected. Without evidence against it, a
    /// timeout may mean no more than a slow network.
    pub(crate) fn pto_max(&self) -> u8 {
        match self.has_evidence {
            true => u8::from(self.is_loss_heavy && Rule::LossyPto.applies()),
            false if Rule::EvidencePto.applies() => PTO_WITHOUT_EVIDENCE,
            false => 0,
        }
    }
}

/// Watches over the parent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FailureDetector {
    /// The heartbeat timeout of the parent.
    suspect_at: Option<Instant>,
    /// Since when the parent is missed: a peer that is heard since then is up.
    missed_at: Option<Instant>,
    /// Another node misses it, too.
    is_corroborated: bool,
    probe_others_at: Option<Instant>,
}

impl FailureDetector {
    /// When the heartbeat timeout of the parent passes.
    pub(crate) const fn suspect_at(&self) -> Option<Instant> {
        self.suspect_at
    }

    /// Since when the parent is missed, if it is.
    pub(crate) const fn missed_at(&self) -> Option<Instant> {
        self.missed_at
    }

    /// True once if the heartbeat timeout has passed.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        self.suspect_at.take_if(|at| *at <= now).is_some()
    }

    /// All nodes can be written to now: the parent should be heard soon.
    pub(crate) fn on_topology(&mut self, now: Instant, budget: Duration, has_parent: bool) {
        let soon = INITIAL_TIMEOUT.max(budget * 5 / 4);
        let applies = Rule::InitialTimeout.applies();
        self.suspect_at = (has_parent && applies).then(|| now.after(soon));
    }

    /// The parent was heard: the next heartbeat is due within `timeout`, if there is one.
    pub(crate) fn on_heartbeat(&mut self, now: Instant, timeout: Option<Duration>) {
        let timeout = timeout.filter(|_| Rule::HeartbeatTimeout.applies());
        self.suspect_at = timeout.map(|timeout| now.after(timeout));
    }

    /// The parent is another one.
    pub(crate) fn on_new_parent(&mut self) {
        self.suspect_at = None;
        self.is_corroborated = false;
    }

    /// Another node misses the parent that is missed here.
    pub(crate) fn on_corroborated(&mut self) {
        self.is_corroborated = true;
    }

    /// True if another node misses the parent, too.
    pub(crate) const fn is_corroborated(&self) -> bool {
        self.is_corroborated
    }

    /// The parent is missed since `at`, if it was not missed before.
    pub(crate) fn on_missed(&mut self, at: Instant) {
        self.missed_at.get_or_insert(at);
    }

    /// The parent is suspected since `at`.
    pub(crate) fn on_parent_suspected(&mut self, at: Instant) {
        self.missed_at = Some(self.missed_at.map_or(at, |missed| missed.min(at)));
    }

    /// The parent is up after all, or this node has none.
    pub(crate) fn on_parent_found(&mut self) {
        self.missed_at = None;
        self.is_corroborated = false;
    }

    /// True if other peers may be probed now.
    pub(crate) fn may_probe_others(&self, now: Instant) -> bool {
        self.probe_others_at.is_none_or(|at| at <= now) || !Rule::ProbeSpacing.applies()
    }

    /// Other peers are probed now.
    pub(crate) fn on_others_probed(&mut self, now: Instant) {
        self.probe_others_at = Some(now.after(PROBE_SPACING));
    }
}

/// Suspicion multiplier: where messages are lost or delays vary widely, a missing one means little.
pub(crate) fn suspicion_multiplier(is_unreliable: bool, is_lossy: bool) -> u32 {
    match (is_unreliable, is_lossy) {
        _ if !Rule::Multiplier.applies() => 1,
        (true, _) => MULTIPLIER_HEAVY,
        (false, true) => MULTIPLIER_LIGHT,
        (false, false) => 1,
    }
}

/// True if a run of losses is random loss. (A partition or a dead peer loses more in a row.)
pub(crate) fn is_random_loss(in_a_row: u64) -> bool {
    in_a_row <= RANDOM_LOSS_RUN_MAX || !Rule::LossRun.applies()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_suspicion_needs_one_timeout_with_evidence_two_under_loss_and_three_without() {
        let pto_max = |has_evidence, is_loss_heavy| {
            TimeoutConditions { has_evidence, is_loss_heavy }.pto_max()
        };
        assert_eq!((pto_max(true, false), pto_max(true, true)), (0, 1));
        assert_eq!((pto_max(false, false), pto_max(false, true)), (2, 2));
    }

    #[test]
    fn the_first_message_of_the_parent_is_awaited_for_the_budget_and_a_quarter() {
        let mut detector = FailureDetector::default();
        detector.on_topology(at(0), ms(100), true);
        assert_eq!(detector.suspect_at(), Some(at(400)));
        detector.on_topology(at(0), ms(1_000), true);
        assert_eq!(detector.suspect_at(), Some(at(1_250)));
        assert!(!detector.take_due(at(1_249)) && detector.take_due(at(1_250)));
        assert!(!detector.take_due(at(1_250)));
        detector.on_topology(at(0), ms(100), false);
        assert_eq!(detector.suspect_at(), None);
    }

    #[test]
    fn a_heartbeat_moves_the_timeout_and_a_parent_without_one_has_none() {
        let mut detector = FailureDetector::default();
        detector.on_heartbeat(at(100), Some(ms(250)));
        assert_eq!(detector.suspect_at(), Some(at(350)));
        detector.on_heartbeat(at(200), None);
        assert_eq!(detector.suspect_at(), None);
        detector.on_heartbeat(at(200), Some(ms(250)));
        detector.on_new_parent();
        assert_eq!(detector.suspect_at(), None);
    }

    #[test]
    fn the_parent_is_missed_since_the_earliest_evidence() {
        let mut detector = FailureDetector::default();
        detector.on_missed(at(100));
        detector.on_missed(at(50));
        assert_eq!(detector.missed_at(), Some(at(100)));
        detector.on_parent_suspected(at(40));
        detector.on_parent_suspected(at(60));
        assert_eq!(detector.missed_at(), Some(at(40)));
        detector.on_parent_found();
        assert_eq!(detector.missed_at(), None);
    }

    #[test]
    fn probes_of_others_are_spaced() {
        let mut detector = FailureDetector::default();
        assert!(detector.may_probe_others(at(0)));
        detector.on_others_probed(at(0));
        assert!(!detector.may_probe_others(at(499)) && detector.may_probe_others(at(500)));
    }

    #[test]
    fn losses_stretch_the_heartbeat_timeout_and_long_runs_are_no_random_loss() {
        assert_eq!(suspicion_multiplier(false, false), 1);
        assert_eq!(suspicion_multiplier(false, true), 2);
        assert_eq!(suspicion_multiplier(true, false), 3);
        assert!(is_random_loss(2) && !is_random_loss(3));
    }
}
