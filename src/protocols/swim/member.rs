//! Members, and the word on them.

use crate::id::{Generation, NodeId};
use crate::time::Instant;

/// The liveness of a member. Later in this list overrides earlier, of the same incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liveness {
    /// It answers.
    Alive,
    /// It did not answer and may refute.
    Suspect,
    /// It did not refute.
    Dead,
    /// It has said goodbye.
    Left,
}

/// The word on a member. The greater status is the newer: a restart (generation) overrides
/// all, then the incarnation, then the liveness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Status {
    /// Its generation.
    pub generation: Generation,
    /// Raised by the member itself, to refute.
    pub incarnation: u64,
    /// Its liveness.
    pub liveness: Liveness,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// The newest word on it.
    pub status: Status,
    /// Since when it is suspect.
    pub suspected_at: Option<Instant>,
    /// The nodes that suspect it.
    pub accusers: Vec<NodeId>,
}

impl Liveness {
    /// All.
    pub const ALL: [Self; 4] = [Self::Alive, Self::Suspect, Self::Dead, Self::Left];

    /// The word on the wire and for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
            Self::Left => "left",
        }
    }

    /// True for members that are probed.
    #[must_use]
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

impl Member {
    /// A member that is not suspected by any node.
    #[must_use]
    pub const fn new(status: Status) -> Self {
        Self { status, suspected_at: None, accusers: Vec::new() }
    }
}
