//! Digest `full`: the database itself (Demers et al. 1987, ResolveDifference).

use super::{AntiEntropy, Finding, Message};
use crate::protocol::{Effects, Entry};
use crate::set::Versions;
use crate::time::Instant;

impl AntiEntropy {
    /// The initiator's first message: its entries, if it gives any.
    pub(super) fn open_full(&self) -> Message {
        let entries = if self.gives(true) { self.store.entries().collect() } else { Vec::new() };
        Message::Full { by_initiator: true, entries }
    }

    /// Takes the peer's entries, and finds those that are not among them.
    pub(super) fn on_full(
        &mut self,
        now: Instant,
        by_initiator: bool,
        entries: Vec<Entry>,
        out: &mut Effects<Message>,
    ) -> Finding {
        let known: Versions = entries.iter().map(|entry| entry.id).collect();
        self.take(now, entries, out);
        if !by_initiator || !self.gives(false) {
            return Finding::default();
        }
        let entries = self.store.missing_from(&known);
        let reply = Message::Full { by_initiator: false, entries };
        Finding { reply: Some(reply), ..Finding::default() }
    }
}
