//! Violations: the quarry of the hunt.

use derive_more::Display;
use serde::{Deserialize, Serialize};

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// The node panicked.
    Panic,
    /// A message is not what its reader takes it to be.
    Malformed,
    /// A client got no reply, or one that is not due.
    Reply,
    /// Something acknowledged or read before is not in a read (invariant 1).
    Lost,
    /// A durable node came back without something that it had vouched for, or with something that no
    /// node has made.
    Restored,
    /// A durable node came back in a generation that has names of entries already.
    Generation,
    /// A node whose disk is full took a request, or sent something that waits for the disk.
    Space,
    /// A message says what is not so.
    Evidence,
    /// A peer is taken to hold what it does not (invariant 2).
    Known,
    /// An entry that a peer has yet to get was forgotten without evidence.
    Forgotten,
    /// Sent before peers can be expected to be there.
    TooEarly,
    /// A component of the partitioned cluster does not agree in time (invariant 4).
    Partitioned,
    /// The healed cluster does not agree in time (invariant 3).
    Convergence,
    /// Traffic does not die down (invariant 5).
    Restless,
    /// A link remembers more than it needs (invariant 6).
    Memory,
    /// The same case ran differently (invariant 7).
    Determinism,
    /// More events than any run should need.
    Storm,
}

impl Kind {
    /// In a few words, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Panic => "the node panicked",
            Self::Malformed => "a message is not well-formed",
            Self::Reply => "a client was not answered as it should be",
            Self::Lost => "a value is missing from a later read",
            Self::Restored => {
                "a durable node lacks what it had vouched for, or has what it should not"
            }
            Self::Generation => "a durable node uses a generation twice",
            Self::Space => "a node went on without space on its disk",
            Self::Evidence => "a message says what is not so",
            Self::Known => "a peer is taken to hold what it never held",
            Self::Forgotten => "a pending entry was forgotten without evidence",
            Self::TooEarly => "a node spoke before its peers were there",
            Self::Partitioned => {
                "a connected component of the partitioned cluster does not agree in time"
            }
            Self::Convergence => "the healed cluster does not agree in time",
            Self::Restless => "traffic does not die down",
            Self::Memory => "a link remembers more than it needs",
            Self::Determinism => "the same case ran differently",
            Self::Storm => "the traffic has no end",
        }
    }
}

/// A broken promise.
#[derive(Clone, Debug, Display, PartialEq, Eq, Serialize, Deserialize)]
#[display("{}: {text}", kind.words())]
pub struct Violation {
    /// Which promise.
    pub kind: Kind,
    /// The event in words.
    pub text: String,
}

impl Violation {
    pub(super) const fn new(kind: Kind, text: String) -> Self {
        Self { kind, text }
    }

    /// Says where it happened.
    pub(super) fn at(self, place: &str) -> Self {
        Self { text: format!("{place} {}", self.text), ..self }
    }
}

/// Ends a check: the promise that was broken, and the event in words.
macro_rules! broken {
    ($kind:expr, $($words:tt)+) => {
        return Err($crate::hunt::violation::Violation::new($kind, format!($($words)+)))
    };
}
pub(super) use broken;
