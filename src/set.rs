//! Sets of entries, as ranges of sequence numbers per origin.
//!
//! The set behind everything the node knows about its peers. When nothing is missing it is one
//! range per origin, however many values there are: the observation that lets QUIC acknowledge
//! packets by ranges, and a version vector with exceptions in the gossip literature.

pub(crate) mod chunks;
mod origins;
pub(crate) mod ranges;
mod shared;
mod version_set;
mod versions;

pub use origins::Origins;
pub(crate) use origins::{hash as hash_origin, mix};
pub use ranges::Ranges;
pub use shared::SharedSet;
pub use version_set::{OriginId, VersionSet};
pub use versions::Versions;

/// Makes room for one more element: for a quarter more, and not for twice as many. Most of the memory of
/// a large simulated cluster is in lists of a few hundred elements.
pub(crate) fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 4 + 4);
    }
}
