//! The hot entries of a node, and the loss of interest in them.

use super::settings::{Config, Interest};
use crate::effects::Entry;
use crate::few::Few;
use crate::gossip::Chance;
use crate::id::EntryId;
use crate::rng::Rng;

/// The hot entries.
#[derive(Clone, Debug)]
pub(super) struct HotEntries {
    interest: Interest,
    k: u64,
    resets: bool,
    coin: Chance,
    coins: u64,
    /// Ascending by name.
    entries: Few<Hot>,
}

/// A hot entry.
#[derive(Clone, Debug)]
pub(super) struct Hot {
    pub(super) entry: Entry,
    /// Useless copies so far; with resets those in a row.
    pub(super) count: u64,
    /// Learned in this cycle.
    is_fresh: bool,
    /// In this cycle it was pulled by a peer that knew it, by one that needed it.
    pulls: [bool; 2],
}

impl HotEntries {
    pub(super) fn new(config: &Config, rng: &mut Rng) -> Self {
        Self {
            interest: config.interest,
            k: config.k as u64,
            resets: config.reset.is_on(),
            coin: Chance::new(rng),
            coins: 0,
            entries: Few::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The place of an entry; `None` if it is not hot.
    pub(super) fn position(&self, id: EntryId) -> Option<usize> {
        self.search(id).ok()
    }

    fn search(&self, id: EntryId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |hot| hot.entry.id)
    }

    /// True if the entry at this place was learned in this cycle.
    pub(super) fn is_fresh(&self, at: usize) -> bool {
        self.entries[at].is_fresh
    }

    /// The useless copies of the entry at this place.
    pub(super) fn count(&self, at: usize) -> u64 {
        self.entries[at].count
    }

    /// The entries that were hot when the cycle began, ascending by name.
    pub(super) fn known(&self) -> impl Iterator<Item = &Hot> {
        self.entries.iter().filter(|hot| !hot.is_fresh)
    }

    /// A new entry is hot.
    pub(super) fn insert(&mut self, entry: Entry, is_fresh: bool) {
        if let Err(at) = self.search(entry.id) {
            self.entries.insert(at, Hot { entry, count: 0, is_fresh, pulls: [false; 2] });
        }
    }

    /// A peer pulled the entry at this place, and needed it or not: judged at the end of the cycle.
    pub(super) fn on_pull(&mut self, at: usize, was_needed: bool) {
        self.entries[at].pulls[usize::from(was_needed)] = true;
    }

    /// A copy was useful.
    pub(super) fn reset(&mut self, at: usize) {
        if self.resets {
            self.entries[at].count = 0;
        }
    }

    /// Counts a copy to a peer that knew the entry, if this node's counter is not above the peer's.
    pub(super) fn count_useless_if_smaller(&mut self, at: usize, theirs: u64) {
        if self.count(at) <= theirs {
            self.count_useless(at);
        }
    }

    /// Counts one useless copy; interest may be lost.
    pub(super) fn count_useless(&mut self, at: usize) {
        self.entries[at].count += 1;
        self.coins += 1;
        let is_over = match self.interest {
            Interest::Forever => false,
            Interest::Counter => self.count(at) >= self.k,
            Interest::Coin => self.coin.below(self.coins, 0, self.k) == 0,
        };
        if is_over {
            self.entries.remove(at);
        }
    }

    /// Judges the pulls of the cycle that ends, and its copies if they were pushed blindly. Entries
    /// learned in it are known from now on.
    pub(super) fn end_cycle(&mut self, was_blind_push: bool) {
        for at in (0..self.entries.len()).rev() {
            let hot = &mut self.entries[at];
            let was_fresh = std::mem::take(&mut hot.is_fresh);
            match std::mem::take(&mut hot.pulls) {
                _ if was_blind_push && !was_fresh => self.count_useless(at),
                [_, true] => self.reset(at),
                [true, false] => self.count_useless(at),
                [false, false] => {}
            }
        }
    }
}
