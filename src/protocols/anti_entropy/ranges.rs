//! Digest `ranges`: range-based set reconciliation (Meyer 2022; Negentropy, Willow).
//!
//! The entries are sorted. Of a range whose fingerprints agree, nothing more is said. A range with
//! few entries is listed; any other is split into sixteen, of which the fingerprints are sent. After
//! a list both sides know what is missing. Rounds: at most log n, to the base of the branching, and
//! one.

use std::collections::BTreeSet;

use super::{AntiEntropy, Finding, Message, fingerprint};
use crate::gossip::mix;
use crate::id::EntryId;

/// Parts that a range is split into.
const BRANCHING: usize = 16;
/// A range with at most this many entries is listed, not split.
const LIST_MAX: usize = 32;

/// A bound of a range; `None` is before all, or after all.
type Bound = Option<EntryId>;
/// Start, end (exclusive), fingerprint, number of entries.
pub(super) type Fingerprint = (Bound, Bound, u64, u64);
/// Start, end (exclusive), entries.
pub(super) type List = (Bound, Bound, Vec<EntryId>);

impl AntiEntropy {
    /// The initiator's first message: the fingerprint of everything.
    pub(super) fn open_ranges(&self) -> Message {
        let ids = self.in_range(None, None);
        let fingerprints = vec![summary(None, None, &ids)];
        Message::Ranges { by_initiator: true, fingerprints, lists: Vec::new() }
    }

    /// The entries held in a range, ascending.
    fn in_range(&self, start: Bound, end: Bound) -> Vec<EntryId> {
        let ids = self.store.ids().skip_while(|id| Some(*id) < start);
        ids.take_while(|id| end.is_none_or(|end| *id < end)).collect()
    }

    /// Splits or lists the ranges that differ, and finds what is missing in those that are listed.
    pub(super) fn on_ranges(
        &self,
        by_initiator: bool,
        fingerprints: Vec<Fingerprint>,
        lists: Vec<List>,
    ) -> Finding {
        let mut finding = Finding::default();
        for (start, end, theirs) in lists {
            let theirs: BTreeSet<EntryId> = theirs.into_iter().collect();
            let mine = self.in_range(start, end);
            finding.lacks.extend(mine.into_iter().filter(|id| !theirs.contains(id)));
            finding.wants.extend(theirs.into_iter().filter(|id| !self.store.contains(*id)));
        }
        let (mut splits, mut lists) = (Vec::new(), Vec::new());
        for (start, end, hash, count) in fingerprints {
            let ids = self.in_range(start, end);
            if (start, end, hash, count) == summary(start, end, &ids) {
                continue;
            }
            if ids.len() <= LIST_MAX {
                lists.push((start, end, ids));
                continue;
            }
            let parts: Vec<&[EntryId]> = ids.chunks(ids.len().div_ceil(BRANCHING)).collect();
            for (i, part) in parts.iter().enumerate() {
                let from = if i == 0 { start } else { part.first().copied() };
                let to = parts.get(i + 1).map_or(end, |next| next.first().copied());
                splits.push(summary(from, to, part));
            }
        }
        if !splits.is_empty() || !lists.is_empty() {
            let by_initiator = !by_initiator;
            finding.reply = Some(Message::Ranges { by_initiator, fingerprints: splits, lists });
        }
        finding
    }
}

/// The fingerprint of a range: the hash of the sum of its entries' hashes and of their number.
fn summary(start: Bound, end: Bound, ids: &[EntryId]) -> Fingerprint {
    let sum = ids.iter().fold(0_u64, |sum, &id| sum.wrapping_add(fingerprint::of(id)));
    let count = ids.len() as u64;
    (start, end, mix(sum ^ mix(count)), count)
}
