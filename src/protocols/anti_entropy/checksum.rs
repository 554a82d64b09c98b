//! Digest `checksum`: recent entries and a checksum (Demers et al. 1987, "recent update list").
//!
//! Both send their recent entries, take the other's, and compare checksums; only if these differ
//! does the initiator start a full comparison. The age limit must be above the time in which entries
//! spread: otherwise the checksums usually differ, and the traffic is above that of `full`.

use std::collections::BTreeSet;

use super::{AntiEntropy, Finding, Message};
use crate::id::EntryId;
use crate::protocol::{Effects, Entry};
use crate::time::Instant;

impl AntiEntropy {
    /// The initiator's first message.
    pub(super) fn open_recent(&self, now: Instant) -> Message {
        self.recent(now, true, &BTreeSet::new())
    }

    /// The sender's recent entries but those that the peer has sent, and its checksum.
    fn recent(&self, now: Instant, by_initiator: bool, known: &BTreeSet<EntryId>) -> Message {
        let oldest = now.before(self.config.recent);
        let recent = self.arrivals.partition_point(|(at, _)| *at < oldest);
        let ids = self.arrivals[recent..].iter().map(|(_, id)| *id);
        let ids = ids.filter(|id| !known.contains(id) && self.gives(by_initiator));
        let entries = self.store.entries_of(ids).collect();
        Message::Recent { by_initiator, entries, checksum: self.checksum }
    }

    /// Takes the peer's recent entries; then the responder answers, and the initiator compares.
    pub(super) fn on_recent(
        &mut self,
        now: Instant,
        by_initiator: bool,
        entries: Vec<Entry>,
        checksum: u64,
        out: &mut Effects<Message>,
    ) -> Finding {
        let known = entries.iter().map(|entry| entry.id).collect();
        self.take(now, entries, out);
        let reply = if by_initiator {
            Some(self.recent(now, false, &known))
        } else {
            (checksum != self.checksum).then(|| self.open_full())
        };
        Finding { reply, ..Finding::default() }
    }
}
