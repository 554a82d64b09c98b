//! Bugs on purpose: what the lab's hunter has to find to be believed.
//!
//! Compiled with the feature `mutations` only, which no released binary has.

use std::fmt;
use std::str::FromStr;

/// A bug, put where a real one might be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Entries count as received when they are sent: the peer's acknowledged set grows without evidence.
    AckWithoutEvidence,
    /// A digest names ranges without their gaps, as a version vector would.
    DigestClaimsTooMuch,
    /// Lost entries are not sent again.
    RetryNeverSent,
    /// The queue for a peer is dropped when the peer restarts.
    PendingLostAtRestart,
    /// Entries that do not fit into a message are not sent in the next one either.
    DroppedAtBatchLimit,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AckWithoutEvidence,
        Self::DigestClaimsTooMuch,
        Self::RetryNeverSent,
        Self::PendingLostAtRestart,
        Self::DroppedAtBatchLimit,
    ];

    /// The name on the lab's command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckWithoutEvidence => "ack-without-evidence",
            Self::DigestClaimsTooMuch => "digest-claims-too-much",
            Self::RetryNeverSent => "retry-never-sent",
            Self::PendingLostAtRestart => "pending-lost-at-restart",
            Self::DroppedAtBatchLimit => "dropped-at-batch-limit",
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mutation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|mutation| mutation.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|mutation| mutation.name()).collect();
            format!("expected one of {}, not {text:?}", names.join(", "))
        })
    }
}
