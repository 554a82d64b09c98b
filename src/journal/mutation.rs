//! Bugs on purpose: what a test of the journal has to find to be believed.
//!
//! A journal can have one only with the feature `mutations`, which no released binary has.

/// A bug, put where a real one might be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A commit returns before it is synced.
    AckBeforeSync,
    /// A commit returns though there was no space for it.
    FullDiskIgnored,
    /// A write that was not completed is taken for whole, as far as it can be read.
    TornTailTaken,
    /// A start goes on in the generation before it.
    GenerationReused,
    /// A segment is replaced by a copy that is not on disk yet.
    SegmentReplacedEarly,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AckBeforeSync,
        Self::FullDiskIgnored,
        Self::TornTailTaken,
        Self::GenerationReused,
        Self::SegmentReplacedEarly,
    ];

    /// The name on the lab's command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "ack-before-sync",
            Self::FullDiskIgnored => "full-disk-ignored",
            Self::TornTailTaken => "torn-tail-taken",
            Self::GenerationReused => "generation-reused",
            Self::SegmentReplacedEarly => "segment-replaced-early",
        }
    }
}
