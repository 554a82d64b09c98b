//! Hashes of entries' names: the same at all nodes, which number themselves by the same list.

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

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
pub(super) const fn mix(hash: u64) -> u64 {
    let hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
