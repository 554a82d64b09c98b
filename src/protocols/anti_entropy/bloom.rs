//! Digest `bloom`: a Bloom filter of the entries held (Bloom 1970; Solana's pull requests).
//!
//! A false positive hides an entry, which is not sent. So each filter has a fresh random seed: the
//! next one hides others. With the same seeds, entries are hidden for ever (solana #1619).

use std::fmt::Write as _;

use rand::RngExt as _;

use super::{AntiEntropy, Finding, Message, Mode, fingerprint};
use crate::gossip::mix;
use crate::id::EntryId;

/// Bits per entry. With six hash functions 2.2 % of the entries are hidden from an exchange.
const BITS_PER_ENTRY: usize = 8;
/// Hash functions: the best number is ln 2 times the bits per entry.
const HASHES: u64 = 6;

/// A filter: four bits per element.
struct Filter {
    seed: u64,
    digits: Vec<u8>,
}

impl Filter {
    fn new(entries: usize, seed: u64) -> Self {
        Self { seed, digits: vec![0; (entries * BITS_PER_ENTRY).div_ceil(4).max(1)] }
    }

    /// The positions of an entry: double hashing (Kirsch and Mitzenmacher 2006).
    fn positions(&self, id: EntryId) -> impl Iterator<Item = usize> + use<> {
        let bits = self.digits.len() as u64 * 4;
        let first = fingerprint::seeded(id, self.seed);
        let step = mix(first) | 1;
        (0..HASHES).map(move |i| (first.wrapping_add(i.wrapping_mul(step)) % bits) as usize)
    }

    fn insert(&mut self, id: EntryId) {
        for position in self.positions(id) {
            self.digits[position / 4] |= 1 << (position % 4);
        }
    }

    fn contains(&self, id: EntryId) -> bool {
        self.positions(id).all(|position| self.digits[position / 4] & (1 << (position % 4)) != 0)
    }

    fn read(seed: u64, bits: &str) -> Option<Self> {
        let digit = |digit: char| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Option<Vec<u8>> = bits.chars().map(digit).collect();
        digits.filter(|digits| !digits.is_empty()).map(|digits| Self { seed, digits })
    }
}

impl AntiEntropy {
    /// A filter of the entries held, with a fresh seed.
    pub(super) fn filter(&mut self, by_initiator: bool) -> Message {
        let mut filter = Filter::new(self.store.len(), self.rng.random());
        self.store.ids().for_each(|id| filter.insert(id));
        let mut bits = String::with_capacity(filter.digits.len());
        for digit in &filter.digits {
            // Writing to a String cannot fail.
            let _ = write!(bits, "{digit:x}");
        }
        Message::Filter { by_initiator, seed: filter.seed, bits }
    }

    /// Finds the entries that are not in the filter; the responder sends its own if entries are
    /// pushed.
    pub(super) fn on_filter(&mut self, by_initiator: bool, seed: u64, bits: &str) -> Finding {
        let Some(filter) = Filter::read(seed, bits) else { return Finding::default() };
        let lacks = self.store.ids().filter(|id| !filter.contains(*id)).collect();
        let answers = by_initiator && self.config.mode != Mode::Pull;
        let reply = answers.then(|| self.filter(false));
        Finding { reply, lacks, ..Finding::default() }
    }
}
