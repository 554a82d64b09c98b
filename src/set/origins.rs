//! Short numbers for origins.

use super::OriginId;
use super::chunks::Chunks;
use crate::id::{Generation, NodeId, Origin};

/// A slot without a number.
const FREE: u32 = u32::MAX;

/// Origins, numbered at first sight.
///
/// The nodes of a simulated cluster have millions of them, so the hash table has only the numbers: the
/// names stand in the list.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    names: Chunks<Name>,
    /// Slots, at most seven eighths of which are taken. A number stands in the slot that its name's hash
    /// says, or in the next that was free.
    slots: Vec<u32>,
}

/// An origin in 12 bytes, where alignment makes it 16.
#[derive(Clone, Copy, Debug)]
struct Name {
    node: NodeId,
    /// The halves of the generation, the upper one first.
    generation: [u32; 2],
}

impl From<Origin> for Name {
    fn from(Origin { node, generation: Generation(generation) }: Origin) -> Self {
        Self { node, generation: [(generation >> 32) as u32, generation as u32] }
    }
}

impl From<Name> for Origin {
    fn from(Name { node, generation: [upper, lower] }: Name) -> Self {
        Self { node, generation: Generation(u64::from(upper) << 32 | u64::from(lower)) }
    }
}

impl Origins {
    /// Number of origins.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The origins by number.
    pub fn names(&self) -> impl Iterator<Item = Origin> + '_ {
        self.names.iter().copied().map(Origin::from)
    }

    /// The origin behind a number.
    #[must_use]
    pub fn name(&self, id: OriginId) -> Origin {
        self.names[id.0 as usize].into()
    }

    /// The number of `origin`, if it has one.
    #[must_use]
    pub fn get(&self, origin: Origin) -> Option<OriginId> {
        let number = *self.slots.get(self.slot(origin)?)?;
        (number != FREE).then_some(OriginId(number))
    }

    /// The number of `origin`, which is a new one at first sight.
    pub fn number(&mut self, origin: Origin) -> OriginId {
        if let Some(id) = self.get(origin) {
            return id;
        }
        // More origins than that do not fit into memory.
        let id = OriginId(self.names.len() as u32);
        if (self.names.len() + 1) * 8 > self.slots.len() * 7 {
            self.slots = vec![FREE; self.slots.len() * 3 / 2 + 4];
            (0..id.0).for_each(|number| self.put(self.name(OriginId(number)), number));
        }
        self.names.push(origin.into());
        self.put(origin, id.0);
        id
    }

    fn put(&mut self, origin: Origin, number: u32) {
        if let Some(slot) = self.slot(origin) {
            self.slots[slot] = number;
        }
    }

    /// The slot of `origin`, or the free one where it belongs; none if there are no slots.
    fn slot(&self, origin: Origin) -> Option<usize> {
        let count = self.slots.len();
        let mut slot = (((hash(origin) >> 32) * count as u64) >> 32) as usize;
        while *self.slots.get(slot)? != FREE && self.name(OriginId(self.slots[slot])) != origin {
            slot = (slot + 1) % count;
        }
        Some(slot)
    }
}

pub(crate) const fn hash(origin: Origin) -> u64 {
    let Origin { node, generation: Generation(generation) } = origin;
    mix(generation ^ (node.0 as u64).rotate_right(16))
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    #[test]
    fn an_origin_keeps_the_number_of_its_first_sight() {
        let name = |i: u64| Origin {
            node: NodeId((i % 7) as u32),
            generation: Generation(1_700_000_000_000 + i / 7),
        };
        let mut origins = Origins::default();
        for i in 0..1_000 {
            assert_eq!(origins.get(name(i)), None);
            assert_eq!(origins.number(name(i)), OriginId(i as u32));
        }
        for i in 0..1_000 {
            assert_eq!(origins.number(name(i)), OriginId(i as u32));
            assert_eq!(origins.name(OriginId(i as u32)), name(i));
        }
        assert!(origins.names().eq((0..1_000).map(name)) && origins.count() == 1_000);
        assert!(origins.slots.len() * 7 >= 8_000 && origins.slots.len() < 2_000);
    }
}
