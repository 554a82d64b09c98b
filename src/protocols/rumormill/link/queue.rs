//! Entries that wait to be sent to a peer.

use crate::protocols::rumormill::message::Forward;
use crate::set::VersionSet;
use crate::time::Instant;

/// The entries waiting for a peer, their deadline, and the action wanted of the peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct SendQueue {
    entries: VersionSet,
    flush_at: Option<Instant>,
    forward: Forward,
    has_retransmissions: bool,
    piggyback: VersionSet,
    piggyback_forward: Forward,
    /// When the piggyback leaves by itself, if no probe takes it along before.
    mail_at: Option<Instant>,
}

impl SendQueue {
    /// The entries waiting.
    pub(crate) const fn entries(&self) -> &VersionSet {
        &self.entries
    }

    /// The action wanted of the peer. It sticks to the entries until they are confirmed, whatever
    /// becomes of the plan that they were queued under.
    pub(crate) const fn forward(&self) -> Forward {
        self.forward
    }

    /// When it leaves.
    pub(crate) const fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// True if it contains retransmissions: the peer must ack immediately.
    pub(crate) const fn has_retransmissions(&self) -> bool {
        self.has_retransmissions
    }

    /// Adds entries, to be sent by `deadline`; those that the peer is `known` to hold are left out. True
    /// if these are the first that wait, or the queue leaves earlier than before.
    pub(crate) fn push(
        &mut self,
        entries: &VersionSet,
        known: &VersionSet,
        deadline: Instant,
    ) -> bool {
        let before = (self.entries.is_empty(), self.flush_at);
        if self.entries.add_difference(entries, known) {
            self.flush_by(deadline);
        }
        before != (self.entries.is_empty(), self.flush_at)
    }

    /// The peer is to do at least this with what waits.
    pub(crate) fn raise_forward(&mut self, forward: Forward) {
        self.forward = self.forward.max(forward);
    }

    /// The peer is to do this with what waits.
    pub(crate) fn set_forward(&mut self, forward: Forward) {
        self.forward = forward;
    }

    /// The queue contains retransmissions.
    pub(crate) fn mark_retransmissions(&mut self) {
        self.has_retransmissions = true;
    }

    /// The queue leaves by `deadline`.
    pub(crate) fn flush_by(&mut self, deadline: Instant) {
        self.flush_at = Some(self.flush_at.map_or(deadline, |at| at.min(deadline)));
    }

    /// The queue leaves at `at`, whatever was planned.
    pub(crate) fn flush_at_exactly(&mut self, at: Instant) {
        self.flush_at = Some(at);
    }

    /// Drops what waits: another link answers for it.
    pub(crate) fn clear(&mut self) {
        let Self { piggyback, piggyback_forward, mail_at, .. } = std::mem::take(self);
        *self = Self { piggyback, piggyback_forward, mail_at, ..Self::default() };
    }

    /// The peer holds `entries`.
    pub(crate) fn on_confirmed(&mut self, entries: &VersionSet) {
        self.entries.subtract(entries);
    }

    /// Takes what the next message is to carry, as far as `fits` allows.
    pub(crate) fn take(&mut self, fits: impl FnOnce(&mut VersionSet) -> VersionSet) -> VersionSet {
        self.has_retransmissions = false;
        let batch = fits(&mut self.entries);
        if self.entries.is_empty() {
            self.flush_at = None;
            self.forward = Forward::No;
        }
        batch
    }

    /// The same for a suspected peer: what is taken stays queued, since only an ack counts, but
    /// what is in `tried` is not sent again.
    pub(crate) fn copy(
        &mut self,
        tried: &mut VersionSet,
        fits: impl FnOnce(&mut VersionSet) -> VersionSet,
    ) -> VersionSet {
        self.has_retransmissions = false;
        let batch = fits(&mut self.entries.difference(tried));
        tried.union_with(&batch);
        self.flush_at = None;
        batch
    }

    /// Adds entries that go along with the next probe. Their ack is not waited for: another link
    /// answers for them.
    pub(crate) fn piggyback(&mut self, entries: &VersionSet, forward: Forward) {
        self.piggyback.union_with(entries);
        self.piggyback_forward = self.piggyback_forward.max(forward);
    }

    /// Adds entries that leave now, with a probe or without.
    pub(crate) fn mail(&mut self, now: Instant, entries: &VersionSet) {
        self.piggyback(entries, Forward::Mail);
        self.mail_at = Some(now);
    }

    /// When mail leaves, if there is any.
    pub(crate) const fn mail_at(&self) -> Option<Instant> {
        self.mail_at
    }

    /// Takes those entries, as far as `fits` allows; what the peer is `known` to hold is left out.
    pub(crate) fn take_piggyback(
        &mut self,
        known: &VersionSet,
        fits: impl FnOnce(&mut VersionSet) -> VersionSet,
    ) -> (VersionSet, Forward) {
        self.mail_at = None;
        self.piggyback.subtract(known);
        let entries = fits(&mut self.piggyback);
        let forward = self.piggyback_forward;
        if self.piggyback.is_empty() {
            self.piggyback_forward = Forward::No;
        }
        if entries.is_empty() { (entries, Forward::No) } else { (entries, forward) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::OriginId;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn entries(range: std::ops::Range<u64>) -> VersionSet {
        let mut entries = VersionSet::new();
        entries.insert(OriginId(0), range);
        entries
    }

    fn first_three(queue: &mut VersionSet) -> VersionSet {
        queue.subtract(&entries(0..3));
        entries(0..3)
    }

    #[test]
    fn the_earliest_deadline_counts_until_all_has_left() {
        let (mut queue, none) = (SendQueue::default(), VersionSet::new());
        queue.push(&VersionSet::new(), &none, at(1));
        assert_eq!(queue.flush_at(), None);
        queue.push(&entries(0..2), &none, at(20));
        queue.push(&entries(2..4), &none, at(10));
        queue.raise_forward(Forward::Tree);
        assert_eq!(queue.flush_at(), Some(at(10)));
        assert_eq!(queue.take(first_three), entries(0..3));
        assert_eq!((queue.flush_at(), queue.forward()), (Some(at(10)), Forward::Tree));
        assert_eq!(queue.take(std::mem::take), entries(3..4));
        assert_eq!((queue.flush_at(), queue.forward()), (None, Forward::No));
    }

    #[test]
    fn what_a_suspected_peer_was_sent_stays_queued_and_is_not_repeated() {
        let (mut queue, mut tried) = (SendQueue::default(), VersionSet::new());
        queue.push(&entries(0..3), &VersionSet::new(), at(0));
        queue.on_confirmed(&entries(0..1));
        assert_eq!(queue.copy(&mut tried, std::mem::take), entries(1..3));
        assert!(queue.copy(&mut tried, std::mem::take).is_empty());
        assert_eq!((queue.entries(), queue.flush_at()), (&entries(1..3), None));
    }

    #[test]
    fn a_message_ends_the_mark_of_retransmissions_and_clear_keeps_the_piggyback() {
        let (mut queue, none) = (SendQueue::default(), VersionSet::new());
        queue.push(&entries(0..1), &none, at(0));
        queue.mark_retransmissions();
        queue.piggyback(&entries(5..7), Forward::Tree);
        queue.clear();
        assert!(queue.entries().is_empty() && !queue.has_retransmissions());
        assert_eq!(
            queue.take_piggyback(&entries(5..6), std::mem::take),
            (entries(6..7), Forward::Tree)
        );
        queue.piggyback(&entries(0..4), Forward::Tree);
        // The rest goes along with the next probe.
        assert_eq!(queue.take_piggyback(&none, first_three), (entries(0..3), Forward::Tree));
        assert_eq!(queue.take_piggyback(&none, std::mem::take), (entries(3..4), Forward::Tree));
        queue.piggyback(&entries(5..6), Forward::Tree);
        assert_eq!(
            queue.take_piggyback(&entries(5..6), std::mem::take),
            (VersionSet::new(), Forward::No)
        );
        queue.push(&entries(0..1), &none, at(0));
        queue.mark_retransmissions();
        queue.take(std::mem::take);
        assert!(!queue.has_retransmissions());
    }
}
