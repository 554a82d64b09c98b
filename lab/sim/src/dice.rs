//! Dice: one seeded stream per concern, so that switching one fault off leaves the others' dice
//! as they were.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng as _};

/// The dice of one concern.
///
/// The generator is named and portable, and what is made of its numbers is written here: the
/// same seed gives the same run on every machine and with every version of every crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// The dice that `seed` means for `concern`, such as `latency`.
    #[must_use]
    pub fn new(seed: u64, concern: &str) -> Self {
        Self::numbered(seed, concern, 0)
    }

    /// The dice of one of many of a kind, such as of one node.
    #[must_use]
    pub fn numbered(seed: u64, concern: &str, number: u64) -> Self {
        let mut hash = Fingerprint::default();
        hash.add_bytes(concern.as_bytes());
        hash.add(number);
        hash.add(seed);
        Self(Xoshiro256PlusPlus::seed_from_u64(hash.value()))
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to `n`, the latter excluded; 0 if there is none.
    pub fn below(&mut self, n: u64) -> u64 {
        // Lemire's multiplication, without his rejection: the bias is at most n / 2^64.
        let wide = u128::from(self.0.next_u64()) * u128::from(n);
        (wide >> 64) as u64
    }

    /// An index of a list of length `len`.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A real number from 0 to 1, the latter excluded.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Heads.
    pub fn coin(&mut self) -> bool {
        self.0.next_u64() >> 63 == 1
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Puts a list into a random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            let j = self.index(i + 1);
            list.swap(i, j);
        }
    }
}

/// A rolling hash (FNV-1a) for fingerprints and seeds: stable for ever, not for hash tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Takes a number in, all at once.
    pub fn add(&mut self, number: u64) {
        // Beyond FNV's step, spread the high bits: a whole word is taken in at once.
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// Takes a text in.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(last));
        self.add(bytes.len() as u64);
    }

    /// The hash of all that was taken in.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_concern_and_number_only() {
        let first = |mut dice: Dice| dice.next_u64();
        assert_eq!(first(Dice::new(1, "latency")), first(Dice::new(1, "latency")));
        assert_ne!(first(Dice::new(1, "latency")), first(Dice::new(2, "latency")));
        assert_ne!(first(Dice::new(1, "latency")), first(Dice::new(1, "loss")));
        assert_ne!(first(Dice::numbered(1, "node", 0)), first(Dice::numbered(1, "node", 1)));
    }

    #[test]
    fn the_stream_is_pinned() {
        // A change here means that no seed repeats its run any more.
        let mut dice = Dice::new(42, "pinned");
        let numbers: Vec<u64> = (0..3).map(|_| dice.below(1_000_000)).collect();
        assert_eq!(numbers, [238_490, 514_762, 370_060]);
    }

    #[test]
    fn a_die_shows_every_face_about_equally_often() {
        let mut dice = Dice::new(3, "faces");
        let mut faces = [0; 6];
        for _ in 0..60_000 {
            faces[dice.index(6)] += 1;
        }
        assert!(faces.iter().all(|count| (9_500..10_500).contains(count)), "{faces:?}");
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.below(1), 0);
    }

    #[test]
    fn a_shuffle_keeps_all_and_reaches_every_order() {
        let mut dice = Dice::new(4, "orders");
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let mut list = [1, 2, 3];
            dice.shuffle(&mut list);
            seen.insert(list);
        }
        assert_eq!(seen.len(), 6);
    }
}
