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

/// Direct mails to many peers are this far apart at least, per receiver: however often hubs are
/// suspected (an overloaded machine makes them so), that is at most 100 messages per second and node.
const MAIL_SPACING: Duration = Duration::from_millis(10);

/// The conditions under which the messages of a peer timed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeoutConditions {
    /// Another peer has acked a message that was sent since, or misses the same parent.
    pub(crate) has_evidence: bool,
    /// The round trip to the peer was never measured.
    pub(crate) is_unmeasured: bool,
    /// A message of the peer was sent since.
    pub(crate) is_heard: bool,
    /// It is the parent, is heard, and is not missed.
    pub(crate) is_audible_parent: bool,
    /// Much is lost.
    pub(crate) is_lossy: bool,
}

impl TimeoutConditions {
    /// True if the timeout may mean no more than a slow network.
    pub(crate) fn is_excused(&self) -> bool {
        let is_unmeasured = self.is_unmeasured && Rule::UnmeasuredPto.applies();
        !self.has_evidence || (is_unmeasured && self.is_heard)
    }

    /// Timeouts in a row that are allowed before the peer is suspected.
    pub(crate) fn pto_max(&self) -> u8 {
        if self.is_excused() {
            if !Rule::EvidencePto.applies() {
                return 0;
            }
            PTO_WITHOUT_EVIDENCE
        } else {
            let is_lossy = self.is_lossy && Rule::LossyPto.applies();
            let is_audible = self.is_audible_parent && Rule::AudibleParent.applies();
            u8::from(is_lossy || is_audible)
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
    mail_at: Option<Instant>,
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

    /// True if direct mail to `receivers` peers may be sent now; if so it is not again for a while.
    pub(crate) fn take_mail(&mut self, now: Instant, receivers: u32) -> bool {
        if self.mail_at.is_some_and(|at| at > now) && Rule::MailSpacing.applies() {
            return false;
        }
        self.mail_at = Some(now.after(MAIL_SPACING * receivers));
        true
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

    const EVIDENT: TimeoutConditions = TimeoutConditions {
        has_evidence: true,
        is_unmeasured: false,
        is_heard: false,
        is_audible_parent: false,
        is_lossy: false,
    };

    #[test]
    fn a_suspicion_needs_one_timeout_with_evidence_and_three_without() {
        assert_eq!(EVIDENT.pto_max(), 0);
        let alone = TimeoutConditions { has_evidence: false, ..EVIDENT };
        assert_eq!((alone.pto_max(), alone.is_excused()), (2, true));
        // A peer that is heard and was never measured may be just far away.
        let far = TimeoutConditions { is_unmeasured: true, is_heard: true, ..EVIDENT };
        assert_eq!((far.pto_max(), far.is_excused()), (2, true));
        assert!(!TimeoutConditions { is_unmeasured: true, ..EVIDENT }.is_excused());
        assert!(!TimeoutConditions { is_heard: true, ..EVIDENT }.is_excused());
        assert_eq!(TimeoutConditions { is_lossy: true, ..EVIDENT }.pto_max(), 1);
        assert_eq!(TimeoutConditions { is_audible_parent: true, ..EVIDENT }.pto_max(), 1);
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
    fn probes_and_mails_are_spaced() {
        let mut detector = FailureDetector::default();
        assert!(detector.may_probe_others(at(0)));
        detector.on_others_probed(at(0));
        assert!(!detector.may_probe_others(at(499)) && detector.may_probe_others(at(500)));
        assert!(detector.take_mail(at(0), 25));
        assert!(!detector.take_mail(at(249), 25) && detector.take_mail(at(250), 25));
    }

    #[test]
    fn losses_stretch_the_heartbeat_timeout_and_long_runs_are_no_random_loss() {
        assert_eq!(suspicion_multiplier(false, false), 1);
        assert_eq!(suspicion_multiplier(false, true), 2);
        assert_eq!(suspicion_multiplier(true, false), 3);
        assert!(is_random_loss(2) && !is_random_loss(3));
    }
}
