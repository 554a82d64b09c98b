//! Digest `peel-back`: entries in the order of their arrival, newest first, in batches that double,
//! until the checksums agree (Demers et al. 1987; here by local activity, as in their combination
//! with rumour mongering).
//!
//! Cost: about the difference and what is newer than it.

use super::{AntiEntropy, Finding, Message};

/// Entries in the first batch.
const BATCH: u64 = 8;

impl AntiEntropy {
    /// The initiator's first message.
    pub(super) fn open_peel(&self) -> Message {
        self.peel(true, 0, 0)
    }

    /// The next batch after `peeled` entries; the peer has peeled `yours`.
    fn peel(&self, by_initiator: bool, peeled: u64, yours: u64) -> Message {
        let count = self.arrivals.len() as u64;
        let end = if self.gives(by_initiator) {
            peeled.saturating_add(peeled.max(BATCH)).min(count)
        } else {
            count
        };
        let ids = self.arrivals.iter().rev().map(|(_, id)| *id);
        let batch = ids.take(end as usize).skip(peeled as usize);
        let entries = if self.gives(by_initiator) {
            self.store.entries_of(batch).collect()
        } else {
            Vec::new()
        };
        let (checksum, is_last) = (self.checksum, end == count);
        Message::Peel { by_initiator, entries, checksum, peeled: end, yours, is_last }
    }

    /// Goes on if the checksums differ and either side has more.
    pub(super) fn on_peel(
        &self,
        by_initiator: bool,
        checksum: u64,
        peeled: u64,
        yours: u64,
        is_last: bool,
    ) -> Finding {
        let has_more = self.gives(!by_initiator) && yours < self.arrivals.len() as u64;
        let goes_on = checksum != self.checksum && (!is_last || has_more);
        let reply = goes_on.then(|| self.peel(!by_initiator, yours, peeled));
        Finding { reply, ..Finding::default() }
    }
}
