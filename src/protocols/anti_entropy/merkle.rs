//! Digest `merkle`: a tree of hashes over the hashed names of entries (Merkle 1987; Dynamo 2007,
//! Riak's `hashtree`).
//!
//! The peers compare hashes level by level, and descend only into nodes that differ; of leaves that
//! differ they exchange the names. Cost: (differing leaves) · depth · width, not the size of the set.

use std::collections::{BTreeMap, BTreeSet};

use super::{AntiEntropy, Finding, Message, fingerprint};
use crate::id::EntryId;

/// Children per node, as a power of two.
const WIDTH_BITS: u32 = 4;
/// Levels below the root: 4,096 leaves.
const DEPTH: u32 = 3;

/// The leaves that are not empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree(BTreeMap<u64, BTreeSet<EntryId>>);

impl Tree {
    /// Adds an entry, once.
    pub(super) fn insert(&mut self, id: EntryId) {
        let leaf = fingerprint::of(id) >> (u64::BITS - DEPTH * WIDTH_BITS);
        self.0.entry(leaf).or_default().insert(id);
    }

    /// The hash of a node: the sum of those of the entries below it.
    fn hash(&self, level: u32, index: u64) -> u64 {
        let shift = (DEPTH - level) * WIDTH_BITS;
        let below = self.0.range(index << shift..(index + 1) << shift);
        below.flat_map(|(_, ids)| ids).fold(0, |sum, &id| sum.wrapping_add(fingerprint::of(id)))
    }
}

impl AntiEntropy {
    /// The initiator's first message: the root.
    pub(super) fn open_tree(&self) -> Message {
        let nodes = vec![(0, self.tree.hash(0, 0))];
        Message::Tree { by_initiator: true, level: 0, nodes }
    }

    /// Answers nodes that differ with their children, and leaves with their entries.
    pub(super) fn on_tree(&self, by_initiator: bool, level: u32, nodes: &[(u64, u64)]) -> Finding {
        let level = level.min(DEPTH);
        let differ = nodes.iter().filter(|&&(index, hash)| {
            index >> (level * WIDTH_BITS) == 0 && self.tree.hash(level, index) != hash
        });
        let by_initiator = !by_initiator;
        let reply = if level == DEPTH {
            let ids = |leaf: u64| self.tree.0.get(&leaf).into_iter().flatten().copied().collect();
            let leaves: Vec<_> = differ.map(|&(leaf, _)| (leaf, ids(leaf))).collect();
            (!leaves.is_empty()).then_some(Message::Leaves { by_initiator, leaves })
        } else {
            let children = differ.flat_map(|&(index, _)| {
                let first = index << WIDTH_BITS;
                first..first + (1 << WIDTH_BITS)
            });
            let level = level + 1;
            let nodes: Vec<_> =
                children.map(|index| (index, self.tree.hash(level, index))).collect();
            (!nodes.is_empty()).then_some(Message::Tree { by_initiator, level, nodes })
        };
        Finding { reply, ..Finding::default() }
    }

    /// Finds what either side lacks in leaves that differ.
    pub(super) fn on_leaves(&self, leaves: Vec<(u64, Vec<EntryId>)>) -> Finding {
        let mut finding = Finding::default();
        for (leaf, theirs) in leaves {
            let theirs: BTreeSet<EntryId> = theirs.into_iter().collect();
            let mine = self.tree.0.get(&leaf).into_iter().flatten();
            finding.lacks.extend(mine.filter(|id| !theirs.contains(id)));
            finding.wants.extend(theirs.iter().filter(|id| !self.store.contains(**id)));
        }
        finding
    }
}
