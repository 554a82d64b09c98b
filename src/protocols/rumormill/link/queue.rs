//! Entries that wait to be sent to a peer.

use crate::protocols::rumormill::message::Forward;
use crate::set::{SharedSet, VersionSet};
use crate::time::Instant;

/// Entries that are added to several queues. What waits for the children of a hub is nearly the same: queues
/// that were one set before become one again.
#[derive(Debug)]
pub(crate) struct Added<'a> {
    entries: &'a VersionSet,
    /// The set that was changed last, before and after.
    last: Option<(SharedSet, SharedSet)>,
}

impl<'a> Added<'a> {
    pub(crate) const fn new(entries: &'a VersionSet) -> Self {
        Self { entries, last: None }
    }

    /// Adds them to a queue, but for those that the peer is `known` to hold; false if it holds all.
    fn add_to(&mut self, queue: &mut SharedSet, known: &VersionSet) -> bool {
        let entries = self.entries;
        if !queue.is_shared() || !entries.is_disjoint(known) {
            return queue.change(|queue| queue.add_difference(entries, known));
        }
        match &self.last {
            Some((before, after)) if before.is(queue) => *queue = after.clone(),
            _ => {
                let before = queue.clone();
                queue.change(|queue| queue.union_with(entries));
                self.last = Some((before, queue.clone()));
            }
        }
        !entries.is_empty()
    }
}

/// The entries waiting for a peer, their deadline, and the action wanted of the peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct SendQueue {
    entries: SharedSet,
    flush_at: Option<Instant>,
    forward: Forward,
    has_retransmissions: bool,
    piggyback: SharedSet,
    piggyback_forward: Forward,
}

impl SendQueue {
    /// The entries waiting.
    pub(crate) fn entries(&self) -> &VersionSet {
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
        added: &mut Added<'_>,
        known: &VersionSet,
        deadline: Instant,
    ) -> bool {
        let before = (self.entries.is_empty(), self.flush_at);
        if added.add_to(&mut self.entries, known) {
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
        let Self { piggyback, piggyback_forward, .. } = std::mem::take(self);
        *self = Self { piggyback, piggyback_forward, ..Self::default() };
    }

    /// The peer holds `entries`.
    pub(crate) fn on_confirmed(&mut self, entries: &VersionSet) {
        if !self.entries.is_disjoint(entries) {
            self.entries.change(|waiting| waiting.subtract(entries));
        }
    }

    /// Takes what the next message is to carry, as far as `fits` allows.
    pub(crate) fn take(&mut self, fits: impl FnOnce(&mut SharedSet) -> SharedSet) -> SharedSet {
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
        fits: impl FnOnce(&mut SharedSet) -> SharedSet,
    ) -> SharedSet {
        self.has_retransmissions = false;
        let batch = fits(&mut self.entries.difference(tried).into());
        tried.union_with(&batch);
        self.flush_at = None;
        batch
    }

    /// Adds entries that go along with the next message. Their ack is not waited for: another link
    /// answers for them.
    pub(crate) fn piggyback(&mut self, entries: &VersionSet, forward: Forward) {
        self.piggyback.change(|waiting| waiting.union_with(entries));
        self.piggyback_forward = self.piggyback_forward.max(forward);
    }

    /// The action wanted of the peer for those entries.
    pub(crate) const fn piggyback_forward(&self) -> Forward {
        self.piggyback_forward
    }

    /// Takes those entries; what the peer is `known` to hold, and what `fits` does not admit, is left out.
    pub(crate) fn take_piggyback(
        &mut self,
        known: &VersionSet,
        fits: impl FnOnce(&mut SharedSet) -> SharedSet,
    ) -> (SharedSet, Forward) {
        let mut waiting = std::mem::take(&mut self.piggyback);
        let forward = std::mem::take(&mut self.piggyback_forward);
        if !waiting.is_empty() {
            waiting.change(|waiting| waiting.subtract(known));
        }
        let entries = fits(&mut waiting);
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

    fn entries(range: std::ops::Range<u64>) -> SharedSet {
        VersionSet::from_iter([(OriginId(0), std::iter::once(range).collect())]).into()
    }

    fn first_three(queue: &mut SharedSet) -> SharedSet {
        queue.change(|queue| queue.subtract(&entries(0..3)));
        entries(0..3)
    }

    fn push(queue: &mut SendQueue, range: std::ops::Range<u64>, ms: u64) {
        queue.push(&mut Added::new(&entries(range)), &VersionSet::new(), at(ms));
    }

    #[test]
    fn the_earliest_deadline_counts_until_all_has_left() {
        let mut queue = SendQueue::default();
        push(&mut queue, 0..0, 1);
        assert_eq!(queue.flush_at(), None);
        push(&mut queue, 0..2, 20);
        push(&mut queue, 2..4, 10);
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
        push(&mut queue, 0..3, 0);
        queue.on_confirmed(&entries(0..1));
        assert_eq!(queue.copy(&mut tried, std::mem::take), entries(1..3));
        assert!(queue.copy(&mut tried, std::mem::take).is_empty());
        assert_eq!((queue.entries(), queue.flush_at()), (&*entries(1..3), None));
    }

    #[test]
    fn a_message_ends_the_mark_of_retransmissions_and_clear_keeps_the_piggyback() {
        let (mut queue, none) = (SendQueue::default(), VersionSet::new());
        push(&mut queue, 0..1, 0);
        queue.mark_retransmissions();
        queue.piggyback(&entries(5..7), Forward::Tree);
        queue.clear();
        assert!(queue.entries().is_empty() && !queue.has_retransmissions());
        assert_eq!(
            queue.take_piggyback(&entries(5..6), std::mem::take),
            (entries(6..7), Forward::Tree)
        );
        queue.piggyback(&entries(0..4), Forward::Tree);
        assert_eq!(queue.take_piggyback(&none, first_three), (entries(0..3), Forward::Tree));
        // Another link answers for the rest.
        let nothing = (SharedSet::default(), Forward::No);
        assert_eq!(queue.take_piggyback(&none, std::mem::take), nothing);
        queue.piggyback(&entries(5..6), Forward::Tree);
        assert_eq!(
            queue.take_piggyback(&entries(5..6), std::mem::take),
            (SharedSet::default(), Forward::No)
        );
        push(&mut queue, 0..1, 0);
        queue.mark_retransmissions();
        queue.take(std::mem::take);
        assert!(!queue.has_retransmissions());
    }

    #[test]
    fn queues_that_were_one_set_become_one_again_and_the_others_are_left_alone() {
        let mut queues: [SendQueue; 5] = Default::default();
        // The third peer knows an entry of the first addition, and the last one of the second.
        for (range, known_by, known) in [(0..2, 2, 1..2), (2..4, 4, 2..3)] {
            let (all, some) = (entries(range), entries(known));
            let added = &mut Added::new(&all);
            for (i, queue) in queues.iter_mut().enumerate() {
                let known = if i == known_by { some.clone() } else { SharedSet::default() };
                assert_eq!(queue.push(added, &known, at(5)), queue.entries.count() <= 2);
            }
        }
        let same = queues.each_ref().map(|queue| queues[0].entries.is(&queue.entries));
        assert_eq!(same, [true, true, false, true, false]);
        let counts = queues.each_ref().map(|queue| queue.entries.count());
        assert_eq!((counts, queues[0].entries.clone()), ([4, 4, 3, 4, 3], entries(0..4)));
        queues[3].on_confirmed(&entries(7..9));
        assert!(queues[3].entries.is(&queues[0].entries));
        queues[3].on_confirmed(&entries(3..9));
        assert_eq!(queues.map(|queue| queue.entries.count()), [4, 4, 3, 3, 3]);
    }
}
