//! The probe of a period, and the prober's own health (Lifeguard).

use crate::id::NodeId;
use crate::time::Instant;

/// S: the worst health of a node (Lifeguard).
const HEALTH_MAX: u32 = 8;

/// The ping of this period.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    target: NodeId,
    number: u64,
    is_acked: bool,
    /// When other members are asked; `None` if they have been.
    indirect_at: Option<Instant>,
    nacks_missing: u32,
}

impl Probe {
    pub(super) const fn new(target: NodeId, number: u64, indirect_at: Instant) -> Self {
        let indirect_at = Some(indirect_at);
        Self { target, number, is_acked: false, indirect_at, nacks_missing: 0 }
    }

    pub(super) const fn target(&self) -> NodeId {
        self.target
    }

    /// The number of the ping.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn is_acked(&self) -> bool {
        self.is_acked
    }

    /// When other members are asked, unless an ack comes before.
    pub(super) const fn indirect_at(&self) -> Option<Instant> {
        self.indirect_at
    }

    /// True if other members are to be asked now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.indirect_at.is_some_and(|at| at <= now)
    }

    /// Other members have been asked, of which so many would send a nack.
    pub(super) const fn on_asked_others(&mut self, nacks: u32) {
        (self.indirect_at, self.nacks_missing) = (None, nacks);
    }

    /// The target has acked, itself or through another member.
    pub(super) const fn on_ack(&mut self) {
        (self.is_acked, self.indirect_at) = (true, None);
    }

    /// A member that was asked has heard nothing.
    pub(super) const fn on_nack(&mut self) {
        self.nacks_missing = self.nacks_missing.saturating_sub(1);
    }

    /// Members that were asked, and sent neither ack nor nack: this node may be the slow one.
    pub(super) const fn nacks_missing(&self) -> u32 {
        self.nacks_missing
    }
}

/// A node's belief in its own timeliness (Lifeguard): 0 is best. Always that without Lifeguard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    score: u32,
    is_on: bool,
}

impl Health {
    pub(super) const fn new(is_on: bool) -> Self {
        Self { score: 0, is_on }
    }

    pub(super) const fn score(self) -> u32 {
        self.score
    }

    /// The factor of the node's own interval and timeout.
    pub(super) const fn multiplier(self) -> u32 {
        self.score + 1
    }

    /// A probe was acked.
    pub(super) const fn improve(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// A probe or a nack stayed away, or the node had to refute.
    pub(super) fn worsen(&mut self) {
        if self.is_on {
            self.score = (self.score + 1).min(HEALTH_MAX);
        }
    }
}
