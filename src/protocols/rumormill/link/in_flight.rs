//! What is queued for a peer and what is on its way to it.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::message::Relay;
use super::Link;
use crate::set::VersionSet;
use crate::time::Instant;

/// How long to wait for the confirmation of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    /// The way there and back, and what that varies by.
    pub(crate) timeout: Duration,
    /// How long the peer may keep its evidence back.
    pub(crate) answer_within: Duration,
    /// So many messages the peer may confirm at once, while this node goes on sending.
    pub(crate) at_once: u64,
}

impl Allowance {
    /// When a message sent at `at` counts as lost.
    fn deadline(self, at: Instant) -> Instant {
        at.after(self.timeout + self.answer_within)
    }
}

/// A message sent and not yet fully confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) sent_at: Instant,
    /// When it counts as lost.
    pub(crate) deadline: Instant,
    /// How long the peer may keep its evidence back.
    answer_within: Duration,
    /// A later message was answered: this one is late whatever the round trip is.
    overtaken: bool,
    /// The entries it carried that are not yet known to have arrived.
    pub(crate) entries: VersionSet,
    /// What the peer was asked to do with them.
    relay: Relay,
    /// How often these entries were sent before, along with others.
    rides: u8,
}

impl Batch {
    pub(super) fn new(
        number: u64,
        now: Instant,
        allowance: Allowance,
        entries: VersionSet,
        relay: Relay,
    ) -> Self {
        let Allowance { answer_within, .. } = allowance;
        let deadline = allowance.deadline(now);
        let (overtaken, rides) = (false, 0);
        Self { number, sent_at: now, deadline, answer_within, overtaken, entries, relay, rides }
    }

    /// The entries that are not confirmed.
    pub(crate) const fn entries(&self) -> &VersionSet {
        &self.entries
    }
}

impl Link {
    /// What was sent and not yet confirmed.
    #[must_use]
    pub fn in_flight(&self) -> VersionSet {
        let mut all = VersionSet::new();
        for batch in &self.in_flight {
            all.union_with(&batch.entries);
        }
        all
    }

    /// The messages sent and not yet fully confirmed, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.in_flight.iter()
    }

    /// The peer is known to hold `entries`.
    pub(crate) fn confirm(&mut self, entries: &VersionSet) {
        self.known.union_with(entries);
        for batch in &mut self.in_flight {
            batch.entries.subtract(entries);
        }
        self.in_flight.retain(|batch| !batch.entries.is_empty());
    }

    /// Queues entries to be sent by `deadline`, those known to be there left out.
    pub(crate) fn enqueue(&mut self, entries: &VersionSet, deadline: Instant) {
        let wanted = entries.difference(&self.known);
        if !wanted.is_empty() {
            self.queue.union_with(&wanted);
            self.flush_by(deadline);
        }
    }

    /// Whatever is queued leaves by `deadline`.
    pub(crate) fn flush_by(&mut self, deadline: Instant) {
        self.flush_at = Some(self.flush_at.map_or(deadline, |at| at.min(deadline)));
    }

    pub(super) fn requeue(&mut self, now: Instant, is_lost: impl Fn(&Batch) -> bool) {
        let mut lost = VersionSet::new();
        let relay = &mut self.relay;
        self.in_flight.retain(|batch| {
            let gone = is_lost(batch);
            if gone {
                lost.union_with(&batch.entries);
                *relay = (*relay).max(batch.relay);
            }
            !gone
        });
        self.urgent |= !lost.is_empty();
        self.enqueue(&lost, now);
    }

    /// What is due now is given as long as a message that is sent now: round trips may have become
    /// longer meanwhile.
    pub(crate) fn stretch(&mut self, now: Instant, timeout: Duration) {
        for batch in &mut self.in_flight {
            if batch.deadline <= now && !batch.overtaken {
                let answer_within = batch.answer_within;
                let allowance = Allowance { timeout, answer_within, at_once: 1 };
                batch.deadline = batch.deadline.max(allowance.deadline(batch.sent_at));
            }
        }
        if let Some(question) = &mut self.question {
            question.deadline = question.deadline.max(question.sent_at.after(timeout));
        }
    }

    /// The peer has answered message `number`: earlier ones count as lost after `window` (RACK's
    /// timer, RFC 8985).
    pub(super) fn note_overtaken(&mut self, number: u64, window: Duration) {
        for batch in self.in_flight.iter_mut().filter(|batch| batch.number < number) {
            batch.deadline = batch.deadline.min(batch.sent_at.after(window));
            batch.overtaken = true;
        }
    }

    /// True if the window of what is queued has closed and the peer is not silent.
    pub(crate) fn flush_due(&self, now: Instant) -> bool {
        self.silence.is_none() && self.flush_at.is_some_and(|at| at <= now)
    }

    /// What was queued is somebody else's business now.
    pub(crate) fn drop_queue(&mut self) {
        self.queue = VersionSet::new();
        self.flush_at = None;
        self.relay = Relay::Keep;
        self.urgent = false;
    }

    /// Takes from the queue what the next message shall carry, as far as `fits` allows.
    ///
    /// While the peer is silent, what is taken also stays queued, since only evidence counts then;
    /// but it is sent once only, until the peer is heard.
    pub(crate) fn take_batch(
        &mut self,
        fits: impl FnOnce(&VersionSet) -> VersionSet,
    ) -> VersionSet {
        self.queue.subtract(&self.known);
        self.repeat_at = None;
        self.urgent = false;
        let batch = match &mut self.silence {
            None => {
                let batch = fits(&self.queue);
                self.queue.subtract(&batch);
                batch
            }
            Some(silence) => {
                let batch = fits(&self.queue.difference(&silence.tried));
                silence.tried.union_with(&batch);
                batch
            }
        };
        if self.queue.is_empty() || self.silence.is_some() {
            self.flush_at = None;
            if self.silence.is_none() {
                self.relay = Relay::Keep;
            }
        }
        batch
    }

    /// True if there is more to be sent than fitted into the last message.
    pub(crate) fn has_more(&self) -> bool {
        self.silence.is_none() && !self.queue.is_empty()
    }

    /// Takes what is in flight and may ride again along with the next message.
    /// There may be as many of them as there is `room` for, and none that the peer shall do more
    /// with than with that message: it would do so with everything in it.
    pub(crate) fn take_riders(&mut self, rides: u8, room: u64, relay: Relay) -> Vec<Batch> {
        if rides == 0 {
            return Vec::new();
        }
        let (mut riders, mut others, mut room) = (Vec::new(), VecDeque::new(), room);
        for batch in self.in_flight.drain(..) {
            let count = batch.entries.count();
            if batch.rides < rides && count <= room && batch.relay <= relay {
                room -= count;
                riders.push(batch);
            } else {
                others.push_back(batch);
            }
        }
        self.in_flight = others;
        riders
    }

    /// Message `number` is about to follow those in flight: the peer may have waited for it before
    /// it confirms them, as many as it may confirm at once.
    pub(super) fn defer(&mut self, now: Instant, number: u64, allowance: Allowance) {
        let deadline = allowance.deadline(now);
        let shares = |b: &&mut Batch| !b.overtaken && number - b.number < allowance.at_once;
        for batch in self.in_flight.iter_mut().filter(shares) {
            batch.deadline = batch.deadline.max(deadline);
        }
    }

    /// Notes that the message just sent carries `riders` too.
    pub(crate) fn note_riders(&mut self, now: Instant, allowance: Allowance, riders: Vec<Batch>) {
        let number = self.next_number - 1;
        self.in_flight.extend(riders.into_iter().map(|batch| Batch {
            number,
            sent_at: now,
            deadline: allowance.deadline(now),
            answer_within: allowance.answer_within,
            rides: batch.rides + 1,
            overtaken: false,
            ..batch
        }));
    }

    /// Entries to go along with the next question, for the peer to do `relay` with.
    pub(crate) fn put_aside(&mut self, entries: &VersionSet, relay: Relay) {
        self.aside.union_with(entries);
        self.aside_relay = self.aside_relay.max(relay);
    }

    /// Takes them, those known to be there left out.
    pub(crate) fn take_aside(&mut self) -> (VersionSet, Relay) {
        let (mut aside, relay) =
            (std::mem::take(&mut self.aside), std::mem::take(&mut self.aside_relay));
        aside.subtract(&self.known);
        if aside.is_empty() { (aside, Relay::Keep) } else { (aside, relay) }
    }
}
