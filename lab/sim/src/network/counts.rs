//! Counts of what became of messages and nodes.

/// Why a message never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropCause {
    /// A partition stood between the two when the receiver took it.
    Partition,
    /// A cut of the fault settings stood between the two.
    Cut,
    /// Lost at random.
    Loss,
    /// Its receiver was down.
    Down,
    /// Its receiver was stopped, and had a full queue.
    Full,
}

impl DropCause {
    /// The name in files and on screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Cut => "cut",
            Self::Loss => "loss",
            Self::Down => "down",
            Self::Full => "queue full",
        }
    }
}

/// How often each fault really happened: a run that was to exercise one and did not is vacuous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Messages lost at random.
    pub lost: u64,
    /// Messages that arrived twice (if nothing cut them off).
    pub duplicated: u64,
    /// Messages held up.
    pub reordered: u64,
    /// Messages from or to a slow node.
    pub slowed: u64,
    /// Messages that ran into a cut.
    pub cut: u64,
    /// Messages to a node that was down.
    pub unheard: u64,
    /// Messages that did not fit into the queue of a node that was stopped.
    pub overflowed: u64,
    /// Times that the latency changed.
    pub latency_changed: u64,
    /// Times that a node was paused.
    pub paused: u64,
    /// Times that a node's clock jumped.
    pub clock_jumped: u64,
    /// Times that a node's disk was full.
    pub disk_filled: u64,
    /// Times that a node died.
    pub crashed: u64,
    /// Times that a node came back.
    pub restarted: u64,
}
