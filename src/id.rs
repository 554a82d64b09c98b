//! Names of nodes, of their generations, and of entries, as numbers.

use std::fmt;

/// A node, by its position in the node list of `init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// One generation of a node: it begins when the process starts and ends with it (SWIM's
/// incarnation, Scuttlebutt's generation). A later generation of a node has another number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One generation of one node: the origin of the entries that clients submit to it.
///
/// A restarted node has lost its sequence numbers. Its new generation makes it a new origin, so
/// the name of an entry is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The node.
    pub node: NodeId,
    /// Its generation.
    pub generation: Generation,
}

/// The name of an entry: unique in a cluster, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Where the entry was submitted.
    pub origin: Origin,
    /// Its number among the entries of its origin, from 0.
    pub sequence: u64,
}
