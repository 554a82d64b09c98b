//! The message between nodes.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::few::Few;
use crate::id::{Generation, NodeId, Origin};
use crate::set::Ranges;
use crate::value::Value;

/// Consecutive entries of one origin. On the wire: `node, generation, first, [value, …]`, node and generation as
/// differences from those of the row before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// Where the values were broadcast.
    pub origin: Origin,
    /// Sequence number of the first value.
    pub first: u64,
    /// The values, in order of their sequence numbers.
    pub values: Few<Value>,
}

/// The entries of a message. A hub sends many children the same: their messages share the list, and its text.
#[derive(Clone, Default)]
pub struct EntryList(Option<Arc<Shared>>);

struct Shared {
    rows: Vec<Entries>,
    /// As it was first written, and the generation of the sender, which the text is relative to.
    text: OnceLock<(Generation, Vec<u8>)>,
}

impl EntryList {
    /// True if both are the same list in memory, or empty.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.as_ref().map(Arc::as_ptr) == other.0.as_ref().map(Arc::as_ptr)
    }

    /// Appends the text that `write` writes of the list in a message of this generation.
    pub(crate) fn put(
        &self,
        generation: Generation,
        out: &mut Vec<u8>,
        write: impl Fn(&mut Vec<u8>, &[Entries]),
    ) {
        let Some(Shared { rows, text }) = self.0.as_deref() else { return };
        let written = || {
            let mut text = Vec::new();
            write(&mut text, rows);
            (generation, text)
        };
        match text.get_or_init(written) {
            (relative_to, text) if *relative_to == generation => out.extend_from_slice(text),
            _ => write(out, rows),
        }
    }
}

impl Deref for EntryList {
    type Target = [Entries];

    fn deref(&self) -> &[Entries] {
        self.0.as_ref().map_or(&[], |shared| &shared.rows)
    }
}

impl From<Vec<Entries>> for EntryList {
    fn from(rows: Vec<Entries>) -> Self {
        Self((!rows.is_empty()).then(|| Arc::new(Shared { rows, text: OnceLock::new() })))
    }
}

impl<const N: usize> From<[Entries; N]> for EntryList {
    fn from(rows: [Entries; N]) -> Self {
        Vec::from(rows).into()
    }
}

impl PartialEq for EntryList {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for EntryList {}

impl fmt::Debug for EntryList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Everything that a node holds of one origin. On the wire:
/// `node, generation, end or [start, end, …]`, ends excluded; a start of 0 is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Have {
    /// The origin.
    pub origin: Origin,
    /// All sequence numbers held of it.
    pub ranges: Ranges,
}

/// The addressee's messages that have arrived: their entries are confirmed. On the wire it follows the number of
/// the message: `difference of generations, held_us, start, end, …`, ends excluded; a start of 0 is left out.
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

/// The addressee's action for entries that are new to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forward {
    /// It keeps them: the other nodes get them from the sender, or from where the sender has them.
    #[default]
    No,
    /// It forwards them along the tree unless it misses its parent, too, and owes no ack: the sender misses
    /// its parent, and mails them to all.
    Mail,
    /// It forwards them along the tree: the sender has chosen it as its hub, or as its parent.
    Tree,
    /// It forwards them to all neighbours, and they to theirs.
    Flood,
}

/// The pulse of the root of a tree: what a node needs to send so as to arrive just before the root
/// sends. No clock is shared; all times are durations. On the wire:
/// `[period_us, age_us, distance_us]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Time from one beat to the next.
    pub period_us: u64,
    /// Time from the root's last beat to the sending of this message.
    pub age_us: u64,
    /// One-way delay from the root to the sender.
    pub distance_us: u64,
}

/// A tree offer (BPDU of IEEE 802.1D): the sender's place in the tree of hubs. Sent if that is not
/// where the preferred tree has it, and to a peer that probes. On the wire:
/// `[parent or null, root, depth, age_us]`.
///
/// The age keeps a dead root from being chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeOffer {
    /// The sender's parent; none if it is the root.
    pub parent: Option<NodeId>,
    /// The root.
    pub root: NodeId,
    /// Hops from the root to the sender.
    pub depth: u32,
    /// Age of the newest message of the root that the sender knows of.
    pub age_us: u64,
}

/// The one message between nodes: entries, an ack, a digest, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gossip {
    /// The sender's generation.
    pub generation: Generation,
    /// Number of this message on its link, from 0: names it for [`Ack`] and shows gaps.
    pub number: u64,
    /// The ack of the addressee's messages.
    pub ack: Option<Ack>,
    /// Entries for the addressee.
    pub entries: EntryList,
    /// In a digest, and in the answer to a probe: for each origin, *everything* the sender holds.
    pub have: Vec<Have>,
    /// In place of a digest: the number of entries that the sender holds, and a hash of their names.
    pub checksum: Option<(u64, u64)>,
    /// True for a digest: the sender holds nothing of the origins that `have` lacks, and is sent what
    /// it lacks.
    pub is_digest: bool,
    /// True for a probe: the addressee answers at once, with its tree offer and all that the sender
    /// lacks.
    pub is_probe: bool,
    /// The action wanted for the entries.
    pub forward: Forward,
    /// True if the entries were sent for a beat of the root.
    pub is_paced: bool,
    /// True if messages are lost, as the sender has measured or its parent says.
    pub is_lossy: bool,
    /// The pulse, from a parent to its children.
    pub pulse: Option<Pulse>,
    /// The sender's place in the tree.
    pub offer: Option<TreeOffer>,
}
