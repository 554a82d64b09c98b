//! The entries that a node has seen: the most of its memory, laid out so that a look touches little of it.
//!
//! In a simulated cluster the nodes take turns, and nothing of this is in a processor's cache when a node's
//! turn comes. Copies of an entry come from several neighbours within a few hops: the entries seen last
//! stand apart. All others are a number per origin, in a hash table that has the origins' names in its slots.

use std::collections::BTreeMap;

use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::set::{Ranges, hash_origin};

/// Entries that stand apart. Copies come within two hops of the first: at 100 ms per hop and 50 new entries
/// per second, as in the lab's measurements, these are the entries of the last three. A longer list takes
/// longer to be looked through.
pub(super) const RECENT: usize = 16;

/// An entry that no node comes to.
const NEVER: EntryId =
    EntryId { origin: Origin { node: NodeId(0), generation: Generation(0) }, sequence: u64::MAX };

/// A set of entries.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// A byte of each entry of `recent`: most of what is not among them is told by these alone.
    tags: [u8; RECENT],
    /// The entries added last.
    recent: [EntryId; RECENT],
    /// The oldest of them.
    oldest: usize,
    /// At most seven eighths are taken. An origin stands in the slot that its hash says, or in the next that
    /// was free.
    slots: Vec<Slot>,
    taken: usize,
    /// Entries behind a gap.
    behind_gaps: BTreeMap<Origin, Ranges>,
}

/// An origin and the number of its entries from 0 on that were seen: none in a free slot.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    generation: u64,
    node: u32,
    count: u32,
}

impl Slot {
    const fn origin(self) -> Origin {
        Origin { node: NodeId(self.node), generation: Generation(self.generation) }
    }
}

impl Seen {
    pub(super) const fn new() -> Self {
        Self {
            tags: [tag(NEVER); RECENT],
            recent: [NEVER; RECENT],
            oldest: 0,
            slots: Vec::new(),
            taken: 0,
            behind_gaps: BTreeMap::new(),
        }
    }

    /// Adds an entry; false if it is there already. There is no place for the very last number of an origin,
    /// which no node comes to.
    pub(super) fn insert(&mut self, id: EntryId) -> bool {
        if id.sequence == u64::MAX || self.is_recent(id) {
            return false;
        }
        self.tags[self.oldest] = tag(id);
        self.recent[self.oldest] = id;
        self.oldest = (self.oldest + 1) % RECENT;
        let at = self.find(id.origin);
        let count = self.slots[at].count;
        if id.sequence < u64::from(count) {
            return false;
        }
        if id.sequence == u64::from(count) && count < u32::MAX {
            self.lengthen(at, id.origin);
            return true;
        }
        let ranges = self.behind_gaps.entry(id.origin).or_default();
        let is_new = !ranges.contains(id.sequence);
        ranges.insert(id.sequence..id.sequence + 1);
        is_new
    }

    fn is_recent(&self, id: EntryId) -> bool {
        let tag = tag(id);
        (0..RECENT).any(|at| self.tags[at] == tag && self.recent[at] == id)
    }

    /// Adds the entry that follows those of an origin from 0 on.
    fn lengthen(&mut self, at: usize, origin: Origin) {
        let slot = &mut self.slots[at];
        self.taken += usize::from(slot.count == 0);
        let Origin { node: NodeId(node), generation: Generation(generation) } = origin;
        *slot = Slot { generation, node, count: slot.count + 1 };
        let Some(ranges) = self.behind_gaps.get_mut(&origin) else { return };
        let first = ranges.iter().next().unwrap_or_default();
        if first.start == u64::from(slot.count)
            && let Ok(end) = u32::try_from(first.end)
        {
            slot.count = end;
            ranges.remove(&first);
        }
        if ranges.is_empty() {
            self.behind_gaps.remove(&origin);
        }
    }

    /// The slot of an origin, or the free one where it belongs.
    fn find(&mut self, origin: Origin) -> usize {
        if (self.taken + 1) * 8 > self.slots.len() * 7 {
            let more = vec![Slot::default(); self.slots.len() * 3 / 2 + 8];
            let before = std::mem::replace(&mut self.slots, more);
            for slot in before.into_iter().filter(|slot| slot.count > 0) {
                let at = self.place(slot.origin());
                self.slots[at] = slot;
            }
        }
        self.place(origin)
    }

    fn place(&self, origin: Origin) -> usize {
        let count = self.slots.len();
        // The upper half of the hash as a share of all slots.
        let mut at = (((hash_origin(origin) >> 32) * count as u64) >> 32) as usize;
        while self.slots[at].count > 0 && self.slots[at].origin() != origin {
            at = if at + 1 == count { 0 } else { at + 1 };
        }
        at
    }
}

const fn tag(id: EntryId) -> u8 {
    (id.origin.node.0 as u8) ^ (id.sequence as u8).rotate_left(4)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use crate::protocol::Rng;

    fn id(node: u32, sequence: u64) -> EntryId {
        let generation = Generation(1_700_000_000_000 + u64::from(node % 3));
        EntryId { origin: Origin { node: NodeId(node / 3), generation }, sequence }
    }

    #[test]
    fn an_entry_is_new_once_in_whatever_order_entries_come() {
        let mut rng = Rng::seed_from_u64(1);
        let (mut seen, mut expected) = (Seen::new(), BTreeSet::new());
        let mut insert = |id| assert_eq!(seen.insert(id), expected.insert(id), "{id:?}");
        for _ in 0..20_000 {
            insert(id(rng.random_range(0..300), rng.random_range(0..30)));
        }
        (0..300 * 30).for_each(|i| insert(id(i / 30, u64::from(i % 30))));
        // Whole again: one number per origin.
        assert_eq!((seen.taken, seen.behind_gaps.len()), (300, 0));
        assert!(seen.slots.len() * 7 >= 300 * 8 && seen.slots.len() < 600);
    }

    #[test]
    fn numbers_that_no_node_comes_to_do_no_harm() {
        let mut seen = Seen::new();
        for (sequence, is_new) in
            [(u64::MAX, false), (u64::MAX - 1, true), (u64::from(u32::MAX), true), (0, true)]
        {
            assert_eq!(seen.insert(id(1, sequence)), is_new);
            assert!(!seen.insert(id(1, sequence)));
        }
    }
}
