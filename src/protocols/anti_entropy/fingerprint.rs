//! Hashes of entries' names: the same at all nodes, which number themselves by the same list.

use crate::gossip::mix;
use crate::id::EntryId;

/// The hash of an entry's name.
pub(super) fn of(id: EntryId) -> u64 {
    seeded(id, 0)
}

/// The hash of an entry's name under a seed.
pub(super) fn seeded(id: EntryId, seed: u64) -> u64 {
    let node = u64::from(id.origin.node.0);
    [node, id.origin.generation.0, id.sequence]
        .into_iter()
        .fold(mix(seed), |hash, part| mix(hash ^ part))
}
