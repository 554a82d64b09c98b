//! The link to one peer: what the peer is known to hold, what waits for it and what is on its way.
//!
//! `known` is the acknowledged set of the mission. It grows only on evidence *received from that
//! peer*: an entry it sent, a message it acked, or a digest. Sending proves nothing: the network loses
//! messages silently.

pub(crate) mod acks;
mod gaps;
mod heartbeat;
mod queue;
pub(crate) mod rtt;
pub(crate) mod sent;
pub(crate) mod session;
mod suspicion;

use std::time::Duration;

use super::ablation::Rule;
use super::message::{Ack, Forward};
use crate::id::Generation;
use crate::set::{SharedSet, VersionSet};
use crate::time::Instant;
use acks::Acks;
use heartbeat::Heartbeat;
pub(crate) use queue::Added;
use queue::SendQueue;
pub use rtt::Rtt;
use sent::{AckWait, Lost, SentMessages};
use session::{Incarnation, Session};
use suspicion::Liveness;

/// The loss found when a deadline came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// Nothing.
    Nothing,
    /// Messages; later ones were acked.
    BelowAcked,
    /// Messages, and nothing later was acked either.
    Messages,
    /// The peer: it is suspected from now on.
    Peer,
}

/// The evidence in an ack of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AckReceived {
    /// The round trip that it measures, if the message is remembered.
    pub(crate) rtt: Option<Duration>,
    /// Messages that it shows to be lost.
    pub(crate) lost: u64,
}

/// The state of gossip with one peer.
#[derive(Clone, Debug, Default)]
pub struct Link {
    session: Session,
    known: VersionSet,
    pub(crate) queue: SendQueue,
    pub(crate) sent: SentMessages,
    pub(crate) acks: Acks,
    pub(crate) liveness: Liveness,
    rtt: Rtt,
    /// Interval of the messages with entries that this node sends as a parent.
    spoken: Heartbeat,
    /// The next message is to be a probe.
    is_probe_requested: bool,
    /// When the last message is repeated blindly.
    pub(crate) repeat_at: Option<Instant>,
    /// When to request what the peer holds and this node lacks, unless it has arrived by then.
    request_at: Option<Instant>,
}

impl Link {
    /// Entries that the peer is known to hold.
    #[must_use]
    pub const fn known(&self) -> &VersionSet {
        &self.known
    }

    /// Entries that wait to be sent.
    #[must_use]
    pub fn queue(&self) -> &VersionSet {
        self.queue.entries()
    }

    /// Entries sent and not confirmed.
    #[must_use]
    pub fn in_flight(&self) -> VersionSet {
        self.sent.in_flight().difference(&self.known)
    }

    /// Entries that are to reach the peer, and that it has not confirmed: in flight or queued.
    pub(crate) fn unconfirmed(&self) -> VersionSet {
        let mut entries = self.in_flight();
        entries.union_with(self.queue());
        entries
    }

    /// The measured round-trip time.
    #[must_use]
    pub const fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// The present generation of the peer, once it was heard.
    #[must_use]
    pub const fn generation(&self) -> Option<Generation> {
        self.session.generation()
    }

    /// Since when the peer is suspected, if it is.
    #[must_use]
    pub fn suspected_since(&self) -> Option<Instant> {
        self.liveness.suspected_since()
    }

    /// True if the peer is suspected.
    pub(crate) const fn is_suspected(&self) -> bool {
        self.liveness.is_suspected()
    }

    /// Timers for people, with their deadlines.
    pub(crate) fn timers(&self) -> [(&'static str, Option<Instant>); 6] {
        [
            ("flush", self.queue.flush_at().filter(|_| !self.is_suspected())),
            ("next probe", self.probe_at()),
            ("blind repeat", self.repeat_at),
            ("bare message", self.bare_message_at()),
            ("report of a gap", self.acks.gaps.at()),
            ("request", self.request_at),
        ]
    }

    /// Takes in the generation and the number of a message, and the number of this node's message
    /// that it acks. A new generation starts with nothing known.
    pub(crate) fn on_generation(
        &mut self,
        now: Instant,
        generation: Generation,
        number: u64,
        acked: Option<u64>,
    ) -> Incarnation {
        let next = self.sent.next_number();
        let incarnation = self.session.on_message(now, generation, number, acked, next);
        if incarnation == Incarnation::Newer {
            self.on_restart(now);
        }
        incarnation
    }

    /// The peer restarted: it holds nothing and has none of this node's acks. What was on its way
    /// to the earlier generation is still this node's to send.
    fn on_restart(&mut self, now: Instant) {
        self.known = VersionSet::new();
        let lost = self.sent.on_restart();
        self.retransmit(now, &lost);
        self.acks.on_restart();
        self.repeat_at = None;
        if self.liveness.on_restart() && !self.queue().is_empty() {
            self.queue.flush_by(now); // The suspicion had taken the deadline away.
        }
    }

    /// True if the peer has acked a message.
    pub(crate) fn has_acked(&self) -> bool {
        self.sent.is_acked(0)
    }

    /// The peer holds `entries`.
    pub(crate) fn confirm(&mut self, entries: &VersionSet) {
        self.confirm_all([entries]);
    }

    fn confirm_all<'a>(&mut self, sets: impl IntoIterator<Item = &'a VersionSet>) {
        for entries in sets {
            self.known.union_with(entries);
            self.queue.on_confirmed(entries);
        }
        self.sent.on_confirmed(&self.known);
    }

    /// Queues entries to be sent by `deadline`; those that the peer is known to hold are left out. True if
    /// that may have changed a deadline of the link.
    pub(crate) fn enqueue(&mut self, entries: &VersionSet, deadline: Instant) -> bool {
        self.enqueue_shared(&mut Added::new(entries), deadline)
    }

    /// The same with entries that are added to several queues.
    pub(crate) fn enqueue_shared(&mut self, added: &mut Added<'_>, deadline: Instant) -> bool {
        self.queue.push(added, &self.known, deadline)
    }

    fn retransmit(&mut self, now: Instant, lost: &Lost) {
        self.queue.raise_forward(lost.forward);
        if !lost.entries.is_empty() {
            self.queue.mark_retransmissions();
        }
        self.enqueue(&lost.entries, now);
    }

    /// The peer acks messages. Entries of those before the largest that should have been acked by now
    /// are lost and queued again, the others when their time has come. `variation` is that of the
    /// delays on all links.
    pub(crate) fn on_ack(&mut self, now: Instant, ack: &Ack, variation: Duration) -> AckReceived {
        let acked = self.sent.on_ack(&ack.numbers);
        self.confirm_all(acked.entries.iter().map(|entries| &**entries));
        let Some(number) = ack.largest().filter(|_| acked.is_new) else {
            return AckReceived::default();
        };
        let held = Duration::from_micros(ack.held_us);
        let rtt = acked.sent_at.map(|sent_at| now.since(sent_at).saturating_sub(held));
        if let Some(rtt) = rtt {
            self.rtt.sample(rtt);
        }
        if self.liveness.on_ack(number) {
            self.queue.flush_at_exactly(now);
        }
        let Some(window) = self.rtt.reordering_window(variation) else {
            return AckReceived { rtt, lost: 0 };
        };
        let (lost, entries) = self.sent.on_below_acked(now, number, window);
        self.retransmit(now, &entries);
        AckReceived { rtt, lost }
    }

    /// Requests what the peer holds and this node lacks at `at`, unless a request is planned.
    pub(crate) fn request_by(&mut self, at: Instant) {
        if Rule::RequestMissing.applies() {
            self.request_at.get_or_insert(at);
        }
    }

    /// True once if the request is due.
    pub(crate) fn take_due_request(&mut self, now: Instant) -> bool {
        self.request_at.take_if(|at| *at <= now).is_some()
    }

    /// When the oldest message was sent that should have been acked by now.
    pub(crate) fn overdue_since(&self, now: Instant) -> Option<Instant> {
        self.sent.oldest_overdue(now).map(|(sent_at, _)| sent_at)
    }

    /// The round trip may have become longer: what is overdue is given as long as a message that is
    /// sent now.
    pub(crate) fn extend_overdue(&mut self, now: Instant, timeout: Duration) {
        self.sent.extend_overdue(now, timeout);
    }

    /// Messages past their deadlines are queued again. The peer is suspected when more than
    /// `pto_max` such deadlines in a row have passed without an ack.
    pub(crate) fn on_deadline(&mut self, now: Instant, pto_max: u8) -> Timeout {
        let Some((since, number)) = self.sent.oldest_overdue(now) else { return Timeout::Nothing };
        let is_acked = self.sent.is_acked(number);
        let is_counted = !is_acked && !self.is_suspected();
        if is_counted && self.liveness.on_timeout(now, since, number, pto_max) {
            self.take_back(now);
            return Timeout::Peer;
        }
        let lost = self.sent.take_expired(now);
        self.retransmit(now, &lost);
        if is_acked { Timeout::BelowAcked } else { Timeout::Messages }
    }

    /// Suspects the peer at once if it has left messages unacked; true if it did.
    pub(crate) fn give_up(&mut self, now: Instant) -> bool {
        let is_given_up = self.liveness.give_up(now);
        if is_given_up {
            self.take_back(now);
        }
        is_given_up
    }

    /// Queues everything in flight again.
    fn take_back(&mut self, now: Instant) {
        let lost = self.sent.take_all();
        self.retransmit(now, &lost);
    }

    /// Takes from the queue what the next message is to carry, as far as `fits` allows. While the
    /// peer is suspected, what is taken stays queued, but is sent once only.
    pub(crate) fn take_batch(
        &mut self,
        fits: impl FnOnce(&mut SharedSet) -> SharedSet,
    ) -> SharedSet {
        self.repeat_at = None;
        match self.liveness.tried_mut() {
            None => self.queue.take(fits),
            Some(tried) => self.queue.copy(tried, fits),
        }
    }

    /// Takes the entries that go along with the next message, as far as `fits` allows.
    pub(crate) fn take_piggyback(
        &mut self,
        fits: impl FnOnce(&mut SharedSet) -> SharedSet,
    ) -> (SharedSet, Forward) {
        self.queue.take_piggyback(&self.known, fits)
    }

    /// True if there is more to be sent than fitted into the last message.
    pub(crate) fn has_more(&self) -> bool {
        !self.is_suspected() && !self.queue().is_empty()
    }

    /// The ack to send now.
    pub(crate) fn ack(&self, now: Instant) -> Option<Ack> {
        let ack = || self.acks.ack(now, self.session.generation());
        self.session.challenge(now).or_else(ack)
    }

    /// A message leaves with these entries from the queue, and with `piggyback`, whose ack is not
    /// waited for; numbers it.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        entries: impl Into<SharedSet>,
        forward: Forward,
        wait: AckWait,
        piggyback: impl Into<SharedSet>,
    ) -> u64 {
        let entries = entries.into();
        let number = self.sent.on_sent(now);
        self.session.on_sent();
        self.acks.on_sent();
        self.sent.track_unwaited(number, piggyback.into());
        if self.is_suspected() {
            self.sent.track_unwaited(number, entries);
        } else if !entries.is_empty() {
            self.sent.track(now, number, entries, forward, wait);
        }
        number
    }

    /// The message just sent has to be answered, although it may carry no entries.
    pub(crate) fn on_probe_sent(&mut self, now: Instant, wait: AckWait) {
        self.is_probe_requested = false;
        if !self.is_suspected() {
            self.sent.track_probe(now, wait);
        }
    }

    /// A probe is to be sent now, whatever else there is to send.
    pub(crate) fn request_probe(&mut self, now: Instant) {
        self.is_probe_requested = true;
        self.acks.schedule(now);
    }

    /// True if the next message is to be a probe.
    pub(crate) const fn is_probe_requested(&self) -> bool {
        self.is_probe_requested
    }

    /// The message just sent carries entries for a child: it suspects this node if the next one
    /// stays away.
    pub(crate) fn on_heartbeat_sent(&mut self, now: Instant) {
        self.spoken.on_message(now);
        if let Some(after) = self.spoken.keep_alive_after().filter(|_| Rule::KeepAlive.applies()) {
            self.acks.schedule(now.after(after));
        }
    }

    /// True if the blind repeat is due.
    pub(crate) fn repeat_due(&self, now: Instant) -> bool {
        self.repeat_at.is_some_and(|at| at <= now)
    }

    /// True if retransmissions are due.
    pub(crate) fn retransmission_due(&self, now: Instant) -> bool {
        self.queue.has_retransmissions() && self.flush_due(now)
    }

    /// True if the window of what is queued has closed and the peer is not suspected.
    pub(crate) fn flush_due(&self, now: Instant) -> bool {
        !self.is_suspected() && self.queue.flush_at().is_some_and(|at| at <= now)
    }

    /// True if a message is due even if nothing is queued: an ack, a keep-alive, mail or a requested probe.
    pub(crate) fn bare_message_due(&self, now: Instant) -> bool {
        self.bare_message_at().is_some_and(|at| at <= now)
    }

    /// True if the peer is suspected and a probe is due.
    pub(crate) fn suspect_probe_due(&self, now: Instant) -> bool {
        self.probe_at().is_some_and(|at| at <= now)
    }

    fn probe_at(&self) -> Option<Instant> {
        self.liveness.next_probe_at(!self.queue().is_empty())
    }

    /// A suspected peer gets all that with the next probe.
    fn bare_message_at(&self) -> Option<Instant> {
        self.acks.at().filter(|_| !self.is_suspected())
    }

    /// The link's next deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let timers = self.timers().into_iter().filter_map(|(_, at)| at);
        timers.chain(self.sent.next_deadline()).min()
    }
}

#[cfg(test)]
mod tests;
