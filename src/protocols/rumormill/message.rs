//! The message between nodes.

use crate::id::{Generation, NodeId, Origin};
use crate::set::Ranges;
use crate::value::Value;

/// Consecutive entries of one origin. On the wire: `[node, generation, first, [value, …]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// Where the values were broadcast.
    pub origin: Origin,
    /// Sequence number of the first value.
    pub first: u64,
    /// The values, in order of their sequence numbers.
    pub values: Vec<Value>,
}

/// Everything that somebody holds of one origin. On the wire:
/// `[node, generation, [start, end, start, end, …]]`, ends excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Have {
    /// The origin.
    pub origin: Origin,
    /// All sequence numbers held of it.
    pub ranges: Ranges,
}

/// The addressee's messages that have arrived: their entries are confirmed. On the wire:
/// `[generation, held_us, start, end, start, end, …]`, ends excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Generation of the node that the messages came from.
    pub generation: Generation,
    /// Their numbers ([`Gossip::number`]); not empty.
    pub numbers: Ranges,
    /// Time since the one with the largest number arrived, in microseconds (QUIC's "ack delay").
    pub held_us: u64,
}

impl Ack {
    /// The largest number.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        self.numbers.end().checked_sub(1)
    }
}

/// What the addressee shall do with entries that are new to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relay {
    /// Keep them: the sender, or whoever it has them from, tells the others itself.
    #[default]
    Keep,
    /// Pass them on: the sender has chosen the addressee as its hub, or as its parent in a tree.
    Up,
    /// Pass them on to all neighbours, and they to theirs.
    Flood,
}

impl Relay {
    /// The word on the wire; nothing is written for [`Relay::Keep`].
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Keep => None,
            Self::Up => Some("up"),
            Self::Flood => Some("flood"),
        }
    }
}

/// The rhythm of the root of a tree: what a node needs to send so as to arrive just before the
/// root sends. No clock is shared; all times are durations. On the wire:
/// `[period_us, age_us, distance_us]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Time from one beat to the next.
    pub period_us: u64,
    /// How long before this message was sent the root's last beat was.
    pub age_us: u64,
    /// One-way delay from the root to the sender.
    pub distance_us: u64,
}

/// Where the sender stands in a tree of hubs: said when that is not where the layout has it, and
/// to whoever asks. On the wire: `[parent or null, root, depth, age_us]`.
///
/// The root, and the hops to it, are what the bridges of a spanning tree tell each other (Perlman
/// 1985); the age of the news is what keeps a dead root from being believed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whom the sender sends up to; none if it is the root.
    pub parent: Option<NodeId>,
    /// Who is at the top.
    pub root: NodeId,
    /// Hops from there to the sender.
    pub depth: u32,
    /// How long ago the newest message of the root that the sender knows of was sent.
    pub age_us: u64,
}

/// The one message between nodes: entries, evidence, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gossip {
    /// The sender's generation. Evidence of an earlier life is void.
    pub generation: Generation,
    /// Number of this message on its link, from 0: names it for [`Ack`] and shows gaps.
    pub number: u64,
    /// The ack of the addressee's messages.
    pub ack: Option<Ack>,
    /// Entries for the addressee.
    pub values: Vec<Entries>,
    /// In a digest: for each origin, *everything* the sender holds of it.
    pub have: Vec<Have>,
    /// True for a digest: of origins not listed in `have`, the sender holds nothing.
    pub all: bool,
    /// True if the addressee is to answer at once, with all that the sender lacks and with its
    /// own place: is it there, and can it be a parent?
    pub ask: bool,
    /// What to do with the entries.
    pub relay: Relay,
    /// The rhythm to send in, from a parent to its children.
    pub pulse: Option<Pulse>,
    /// Where the sender stands, if it is not where the layout has it.
    pub place: Option<Place>,
}
