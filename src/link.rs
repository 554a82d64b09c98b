//! One peer as this node sees it: what it is known to hold, what is on the way, how far it is.
//!
//! `known` is the acknowledged set of the mission. It grows only on evidence *received from that
//! peer*: an entry it sent, or a `have` it wrote. Sending proves nothing; the network loses
//! messages and never says so.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::held::{Held, OriginId};
use crate::message::Echo;
use crate::rtt::Rtt;
use crate::time::Instant;

/// Send times are kept for this many messages: an echo of an older one measures nothing useful.
const SENT_TIMES_MAX: usize = 128;

/// While a peer is silent, the next probe waits this fraction of the time it has been silent.
const PROBE_FRACTION: u32 = 16;

/// A message sent and not yet fully confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Batch {
    number: u64,
    sent_at: Instant,
    /// When it counts as lost.
    deadline: Instant,
    /// The entries it carried that are not yet known to have arrived.
    entries: Held,
}

/// A peer that left a message unanswered for too long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Silence {
    since: Instant,
    /// The first message left unanswered: an echo of it or a later one ends the silence.
    number: u64,
    last_probe: Option<Instant>,
    probe_at: Instant,
}

/// How an incoming message's generation relates to what was heard of that peer before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// The same life as before.
    Current,
    /// A life not heard of before: the peer restarted, or this is its first message.
    New,
    /// A straggler from an earlier life: its evidence is void.
    Stale,
}

/// The state of gossip with one peer.
#[derive(Clone, Debug, Default)]
pub struct Link {
    generation: Option<u64>,
    past_generations: BTreeSet<u64>,
    known: Held,
    queue: Held,
    flush_at: Option<Instant>,
    in_flight: VecDeque<Batch>,
    next_number: u64,
    sent_times: VecDeque<(u64, Instant)>,
    /// The highest of our numbers that the peer has echoed.
    answered: Option<u64>,
    newest_received: Option<(u64, Instant)>,
    silence: Option<Silence>,
    rtt: Rtt,
    /// The store's version when evidence was last sent, and what must be told again.
    pub(crate) told: u64,
    pub(crate) retell: BTreeSet<OriginId>,
    pub(crate) evidence_at: Option<Instant>,
    /// When to ask for what the peer holds and we lack, if that has not come by then.
    pub(crate) request_at: Option<Instant>,
}

impl Link {
    /// What the peer is known to hold.
    #[must_use]
    pub const fn known(&self) -> &Held {
        &self.known
    }

    /// What waits to be sent to it.
    #[must_use]
    pub const fn queue(&self) -> &Held {
        &self.queue
    }

    /// What was sent and not yet confirmed.
    #[must_use]
    pub fn in_flight(&self) -> Held {
        let mut all = Held::new();
        for batch in &self.in_flight {
            all.union_with(&batch.entries);
        }
        all
    }

    /// Since when it leaves messages unanswered, if it does.
    #[must_use]
    pub fn silent_since(&self) -> Option<Instant> {
        self.silence.as_ref().map(|silence| silence.since)
    }

    /// The round-trip time measured.
    #[must_use]
    pub const fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// The generation the peer was last heard in.
    #[must_use]
    pub const fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// Notes the generation of a message that came in. A new life starts with nothing known.
    pub(crate) fn note_generation(&mut self, generation: u64) -> Freshness {
        if self.generation == Some(generation) {
            return Freshness::Current;
        }
        if self.past_generations.contains(&generation) {
            return Freshness::Stale;
        }
        if let Some(previous) = self.generation.replace(generation) {
            self.past_generations.insert(previous);
            self.forget_memory();
        }
        Freshness::New
    }

    /// The peer restarted: it holds nothing, and knows nothing of what it was told.
    fn forget_memory(&mut self) {
        self.known = Held::new();
        self.in_flight.clear();
        self.newest_received = None;
        self.silence = None;
        self.told = 0;
        self.retell.clear();
    }

    /// Notes which of the peer's messages came in, for the echo.
    pub(crate) fn note_received(&mut self, now: Instant, number: u64) {
        if self.newest_received.is_none_or(|(newest, _)| newest < number) {
            self.newest_received = Some((number, now));
        }
    }

    /// The peer is known to hold `entries`.
    pub(crate) fn confirm(&mut self, entries: &Held) {
        self.known.union_with(entries);
        for batch in &mut self.in_flight {
            batch.entries.subtract(entries);
        }
        self.in_flight.retain(|batch| !batch.entries.is_empty());
    }

    /// Takes in the peer's echo of our message `number`, held for `held` before it was echoed.
    ///
    /// Entries of earlier messages that should have been confirmed by now count as lost and are
    /// queued again (QUIC's time threshold, RFC 9002: reordering alone never makes a loss).
    pub(crate) fn note_echo(&mut self, now: Instant, number: u64, held: Duration) {
        if self.answered.is_some_and(|answered| number <= answered) {
            return;
        }
        self.answered = Some(number);
        if let Some(&(_, sent_at)) = self.sent_times.iter().find(|(sent, _)| *sent == number) {
            self.rtt.sample(now.since(sent_at).saturating_sub(held));
        }
        if self.silence.as_ref().is_some_and(|silence| silence.number <= number) {
            self.silence = None;
            self.flush_at = Some(now);
        }
        let Some(timeout) = self.rtt.timeout() else { return };
        let overdue = |batch: &Batch| batch.number < number && now.since(batch.sent_at) > timeout;
        self.requeue(now, overdue);
    }

    /// Anything came in from the peer: if it was silent, the next probe need not wait long.
    pub(crate) fn note_heard(&mut self, now: Instant, probe_floor: Duration) {
        if let Some(silence) = &mut self.silence {
            let soonest = silence.last_probe.map_or(now, |last| last.after(probe_floor));
            silence.probe_at = silence.probe_at.min(soonest);
        }
    }

    /// Queues entries to be sent by `deadline`, those known to be there left out.
    pub(crate) fn enqueue(&mut self, entries: &Held, deadline: Instant) {
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

    /// Batches that went unconfirmed past their deadline are queued again. Returns true if the
    /// peer fell silent by this: nothing sent since was answered either.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        let late = |batch: &&Batch| batch.deadline <= now;
        let Some(oldest) = self.in_flight.iter().find(late) else { return false };
        let (since, number) = (oldest.sent_at, oldest.number);
        let unanswered = self.answered.is_none_or(|answered| answered < number);
        if unanswered && self.silence.is_none() {
            self.silence = Some(Silence { since, number, last_probe: None, probe_at: now });
            self.requeue(now, |_| true);
            return true;
        }
        self.requeue(now, |batch| batch.deadline <= now);
        false
    }

    fn requeue(&mut self, now: Instant, is_lost: impl Fn(&Batch) -> bool) {
        let mut lost = Held::new();
        self.in_flight.retain(|batch| {
            let gone = is_lost(batch);
            if gone {
                lost.union_with(&batch.entries);
            }
            !gone
        });
        self.enqueue(&lost, now);
    }

    /// True if the peer is silent and a probe is due.
    pub(crate) fn probe_due(&self, now: Instant) -> bool {
        self.silence.as_ref().is_some_and(|silence| silence.probe_at <= now)
            && !self.queue.is_empty()
    }

    /// A probe was sent: the next one waits for a fraction of the time the peer was silent.
    pub(crate) fn note_probe(&mut self, now: Instant, floor: Duration, ceiling: Duration) {
        if let Some(silence) = &mut self.silence {
            let interval = now.since(silence.since) / PROBE_FRACTION;
            silence.last_probe = Some(now);
            silence.probe_at = now.after(interval.min(ceiling).max(floor));
        }
    }

    /// True if the window of what is queued has closed and the peer is not silent.
    pub(crate) fn flush_due(&self, now: Instant) -> bool {
        self.silence.is_none() && self.flush_at.is_some_and(|at| at <= now)
    }

    /// Takes from the queue what the next message shall carry, as far as `fits` allows.
    ///
    /// While the peer is silent, what is taken also stays queued: only evidence counts then.
    pub(crate) fn take_batch(&mut self, fits: impl FnOnce(&Held) -> Held) -> Held {
        self.queue.subtract(&self.known);
        let batch = fits(&self.queue);
        if self.silence.is_none() {
            self.queue.subtract(&batch);
        }
        if self.queue.is_empty() || self.silence.is_some() {
            self.flush_at = None;
        }
        batch
    }

    /// Numbers the next message and notes what it carries; it counts as lost at `deadline`.
    pub(crate) fn note_sent(&mut self, now: Instant, entries: Held, deadline: Instant) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        if self.sent_times.len() == SENT_TIMES_MAX {
            self.sent_times.pop_front();
        }
        self.sent_times.push_back((number, now));
        if self.silence.is_none() && !entries.is_empty() {
            self.in_flight.push_back(Batch { number, sent_at: now, deadline, entries });
        }
        number
    }

    /// The echo to send now.
    pub(crate) fn echo(&self, now: Instant) -> Option<Echo> {
        let (number, at) = self.newest_received?;
        let held_us = u64::try_from(now.since(at).as_micros()).unwrap_or(u64::MAX);
        Some(Echo { generation: self.generation?, number, held_us })
    }

    /// The link's one next deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let lost_at = self.in_flight.iter().map(|batch| batch.deadline).min();
        let send_at = match &self.silence {
            Some(silence) => Some(silence.probe_at).filter(|_| !self.queue.is_empty()),
            None => self.flush_at,
        };
        [lost_at, send_at, self.evidence_at, self.request_at].into_iter().flatten().min()
    }
}
