//! Switches for the rules of the protocol: `lab ablate` measures a cluster without one of them.
//!
//! Compiled with the feature `ablation` only. Without it [`Rule::applies`] is a constant, and the
//! switches cost nothing.

/// Declares the rules: a name for the command line and a description each.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $name:literal: $without:literal,)*) => {
        /// A rule that can be switched off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Rule {
            $(#[doc = $without] $rule,)*
        }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// The name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            /// The behaviour without the rule.
            #[must_use]
            pub const fn without(self) -> &'static str {
                match self { $(Self::$rule => $without,)* }
            }
        }
    };
}

rules! {
    PlanHysteresis = "plan-hysteresis": "A plan is dropped for any that is cheaper.",
    PeriodTolerance = "period-tolerance": "The period follows every measurement.",
    BudgetTolerance = "budget-tolerance": "A budget that is missed by 1 % is missed.",
    MeasuredMargin = "measured-margin": "The margin before a beat is always the least one.",
    Slack = "slack": "Late entries do not move the beat that children are told.",
    LateFlush = "late-flush": "Entries that missed a beat wait for the next one.",
    SmoothedPhase = "smoothed-phase": "Each message of the parent sets the phase of the beat.",
    LeafThreshold = "leaf-threshold": "A leaf acks each message.",
    BusyLeaf = "busy-leaf": "A leaf with entries of its own acks as seldom as a quiet one.",
    DirectAckDelay = "direct-ack-delay": "Direct mail is acked like any other message.",
    Piggyback = "piggyback": "Unconfirmed entries never go along with others.",
    LightPiggyback = "light-piggyback": "Unconfirmed entries go along only where much is lost.",
    BlindRepeat = "blind-repeat": "Messages to a parent are not repeated blindly.",
    LateIsNotLost = "late-is-not-lost": "A message that arrives after all still counts as lost.",
    ToldLoss = "told-loss": "A node knows of the losses only that it has measured itself.",
    LossRun = "loss-run": "Runs of losses of any length count as random loss.",
    NetworkVariation = "network-variation": "The reordering window ignores the other links.",
    KeepAlive = "keep-alive": "A parent without entries to send sends nothing.",
    GapReport = "gap-report": "A gap in the numbers is not reported at once.",
    ReorderingTimeout = "reordering-timeout": "A gap is reported as soon as it is seen.",
    ExtendOverdue = "extend-overdue": "A longer round trip does not extend deadlines.",
    Backoff = "backoff": "Timeouts are not doubled.",
    GiveUpGaps = "give-up-gaps": "Old gaps stay in the acks.",
    RequestMissing = "request-missing": "A claim of unknown entries is not followed by a request.",
    ProbeWhenHeard = "probe-when-heard": "A suspected peer that is heard is not probed soon.",
    IdleProbe = "idle-probe": "A suspected peer without queue is probed as often as any other.",
    HeartbeatTimeout = "heartbeat-timeout": "A parent that stops sending is not missed for it.",
    Pause = "pause": "A pause counts like any interval of a parent's messages.",
    Multiplier = "multiplier": "Losses do not lengthen the heartbeat timeout.",
    EvidencePto = "evidence-pto": "A peer is suspected at once although no other peer acked.",
    LossyPto = "lossy-pto": "Heavy loss gives no extra timeout.",
    Corroboration = "corroboration": "Another node that misses the parent, too, does not bring a verdict.",
    InitialTimeout = "initial-timeout": "A parent that was never heard is not probed.",
    ProbeCandidates = "probe-candidates": "The first candidates are not probed.",
    ProbeOthers = "probe-others": "No random peers are probed.",
    ProbeCargo = "probe-cargo": "Probes of candidates carry no entries.",
    ProbeSpacing = "probe-spacing": "Other peers are probed again at any time.",
    MailOwn = "mail-own": "Nothing is mailed before the parent is suspected.",
    Mail = "mail": "A node without a parent does not mail all peers.",
    StandIn = "stand-in": "A new root does not serve the nodes before it and their children.",
    LostParent = "lost-parent": "A new root does not serve a node that still names a suspected parent.",
    FreshOffer = "fresh-offer": "An offer for a lost root need not be fresher.",
    MoveQueue = "move-queue": "A new parent is not sent what a missed one has not acked.",
    MaxAge = "max-age": "Offers for unknown roots have no maximum age.",
    DetourMax = "detour-max": "A parent may be any number of hops away.",
    DepthFloor = "depth-floor": "A parent nearer to the root than preferred is better.",
    OffPreferred = "off-preferred": "The preferred parent is no better than another.",
    DisplacedForward = "displaced-forward": "A displaced node forwards like any other.",
    InnerForward = "inner-forward": "A node with nodes below it keeps what comes from the side.",
    RepairAtOnce = "repair-at-once": "Repairs are forwarded with the next flush.",
    RepairForward = "repair-forward": "Repairs are not to be forwarded.",
    NewChild = "new-child": "A new child is not sent all that it may lack.",
    RandomDigest = "random-digest": "Digests go to neighbours only.",
    EarlyStart = "early-start": "A restarted node without topology stays quiet for 15 s.",
    ReachableDigest = "reachable-digest": "Digests go to suspected neighbours as well.",
    BareDigest = "bare-digest": "A digest takes entries along that are not due.",
    Checksum = "checksum": "A digest at rest lists all that is held.",
    DigestStart = "digest-start": "The first digest comes after the shortest interval.",
    DigestBackoff = "digest-backoff": "Digests keep the shortest interval.",
    Hasten = "hasten": "Nothing brings digests sooner.",
    Grace = "grace": "Entries on their way are sent again after a digest.",
    ProbeGrace = "probe-grace": "A probe is answered with all its sender lacks.",
}

impl Rule {
    /// True unless the rule is switched off.
    #[inline]
    pub(crate) fn applies(self) -> bool {
        #[cfg(feature = "ablation")]
        let applies = switch::OFF.load(std::sync::atomic::Ordering::Relaxed) != self as u8;
        #[cfg(not(feature = "ablation"))]
        let applies = true;
        applies
    }
}

#[cfg(feature = "ablation")]
pub use switch::switch_off;

#[cfg(feature = "ablation")]
mod switch {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Rule;

    /// No rule.
    const NONE: u8 = u8::MAX;

    pub(super) static OFF: AtomicU8 = AtomicU8::new(NONE);

    /// Switches this rule off in the whole process, and all others on.
    pub fn switch_off(rule: Option<Rule>) {
        OFF.store(rule.map_or(NONE, |rule| rule as u8), Ordering::Relaxed);
    }
}
