//! Short numbers for origins.

use super::OriginId;
use super::chunks::Chunks;
use crate::id::{Generation, NodeId, Origin};

/// A free slot.
const FREE: u32 = 0;

/// Bits of a slot that tell most names apart which share a place: a look at the name itself is a wait for memory.
/// The others count 67 million origins, more than fit into memory.
const TAG_BITS: u32 = 6;

/// Origins, numbered at first sight.
///
/// The nodes of a simulated cluster have millions of them, so the hash table has only the numbers: the
/// names stand in the list.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    names: Chunks<Name>,
    /// Slots, at most seven eighths of which are taken. A number stands in the slot that its name's hash
    /// says, or in the next that was free: with one added, and with its upper bits mixed with bits of the hash.
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
        self.find(origin).ok()
    }

    /// The number of `origin`, which is a new one at first sight.
    pub fn number(&mut self, origin: Origin) -> OriginId {
        if let Ok(id) = self.find(origin) {
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

    /// Puts a number that has no slot yet into the next free one.
    fn put(&mut self, origin: Origin, number: u32) {
        let (hash, count) = (hash(origin), self.slots.len());
        let (before, from) = self.slots.split_at_mut(first_place(hash, count));
        if let Some(slot) = from.iter_mut().chain(before).find(|slot| **slot == FREE) {
            *slot = (number + 1) ^ tag(hash);
        }
    }

    /// The number of `origin`, or the free slot where it belongs.
    fn find(&self, origin: Origin) -> Result<OriginId, usize> {
        let (hash, count) = (hash(origin), self.slots.len());
        let mut at = first_place(hash, count);
        while let Some(&slot) = self.slots.get(at)
            && slot != FREE
        {
            let number = (slot ^ tag(hash)).wrapping_sub(1);
            if self.names.get(number as usize).is_some_and(|name| Origin::from(*name) == origin) {
                return Ok(OriginId(number));
            }
            at = if at + 1 == count { 0 } else { at + 1 };
        }
        Err(at)
    }
}

/// The slot where a hash belongs, of so many.
const fn first_place(hash: u64, slots: usize) -> usize {
    (((hash >> 32) * slots as u64) >> 32) as usize
}

/// The bits of a hash that are mixed into a slot; the place comes of others.
const fn tag(hash: u64) -> u32 {
    hash as u32 & !(u32::MAX >> TAG_BITS)
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
