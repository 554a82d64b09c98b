//! Chance by counters: the same node draws the same number in the same cycle, whatever it drew
//! before.
//!
//! So protocols that are run side by side with one seed make the same choices of peers in the same
//! cycles (common random numbers), even if one of them stays silent for a while.

use rand::Rng as _;

use crate::id::NodeId;
use crate::rng::Rng;

/// A stream of random numbers with random access.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    key: u64,
}

/// Uniform choice of peers.
#[derive(Clone, Copy, Debug)]
pub struct CyclePeers {
    me: NodeId,
    nodes: u32,
    chance: Chance,
}

impl Chance {
    /// A stream of its own: takes one number of the generator.
    pub fn new(rng: &mut Rng) -> Self {
        Self { key: rng.next_u64() }
    }

    /// The number at a place of the stream.
    #[must_use]
    pub const fn number(self, cycle: u64, draw: u64) -> u64 {
        mix(mix(self.key.wrapping_add(cycle.wrapping_mul(GOLDEN))).wrapping_add(draw))
    }

    /// A number below `n`; 0 if `n` is 0. The bias is at most n / 2^64.
    #[must_use]
    pub const fn below(self, cycle: u64, draw: u64, n: u64) -> u64 {
        let wide = self.number(cycle, draw) as u128 * n as u128;
        (wide >> 64) as u64
    }
}

impl CyclePeers {
    /// The peers of `me` among `nodes` nodes: takes one number of the generator.
    pub fn new(me: NodeId, nodes: u32, rng: &mut Rng) -> Self {
        Self { me, nodes, chance: Chance::new(rng) }
    }

    /// Any node but this one. `None` in a cluster of one.
    #[must_use]
    pub const fn pick(&self, cycle: u64, draw: u64) -> Option<NodeId> {
        if self.nodes < 2 {
            return None;
        }
        let drawn = self.chance.below(cycle, draw, self.nodes as u64 - 1) as u32;
        Some(NodeId(if drawn >= self.me.0 { drawn + 1 } else { drawn }))
    }

    /// Calls `each` with `count` different nodes, or with all others if there are fewer.
    pub fn pick_distinct(&self, cycle: u64, count: usize, mut each: impl FnMut(NodeId)) {
        if count == 1 {
            return self.pick(cycle, 0).into_iter().for_each(each);
        }
        let count = count.min(self.nodes.saturating_sub(1) as usize);
        let mut picked: Vec<NodeId> = Vec::with_capacity(count);
        // With few nodes and a large count repeated draws are many, and each is cheap.
        let mut draw = 0;
        while picked.len() < count {
            let Some(peer) = self.pick(cycle, draw) else { break };
            draw += 1;
            if !picked.contains(&peer) {
                picked.push(peer);
                each(peer);
            }
        }
    }
}

/// Weyl's increment of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The step of SplitMix64 (Steele, Lea and Flood 2014): a hash of a number.
pub(crate) const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn picks_are_uniform_over_the_others_and_depend_on_the_cycle_only() {
        let peers = CyclePeers::new(NodeId(3), 10, &mut Rng::seed_from_u64(1));
        let mut counts = [0_u32; 10];
        for cycle in 0..90_000 {
            counts[peers.pick(cycle, 0).unwrap().0 as usize] += 1;
        }
        assert_eq!(counts.iter().filter(|&&count| count == 0).count(), 1);
        assert_eq!(counts[3], 0);
        assert!(counts.iter().all(|&count| count == 0 || (9_600..10_400).contains(&count)));
        assert_eq!(peers.pick(7, 0), peers.pick(7, 0));
        assert_eq!(CyclePeers::new(NodeId(0), 1, &mut Rng::seed_from_u64(1)).pick(0, 0), None);
    }

    #[test]
    fn distinct_picks_are_distinct_and_at_most_all_others() {
        let peers = CyclePeers::new(NodeId(0), 5, &mut Rng::seed_from_u64(1));
        for (count, expected) in [(0, 0), (1, 1), (3, 3), (9, 4)] {
            let mut picked = Vec::new();
            peers.pick_distinct(2, count, |peer| picked.push(peer));
            picked.sort_unstable();
            picked.dedup();
            assert_eq!(picked.len(), expected);
            assert!(!picked.contains(&NodeId(0)));
        }
    }
}
