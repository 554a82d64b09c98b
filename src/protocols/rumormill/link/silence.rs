//! A peer that leaves messages unanswered: how often that counts against it, when it is taken for
//! silent, and how it is looked after from then on.

use std::time::Duration;

use super::Link;
use crate::set::VersionSet;
use crate::time::Instant;

/// While a peer is silent, the next probe waits this fraction of the time it has been silent.
const PROBE_FRACTION: u32 = 16;

/// A silent peer for whom there is nothing is first probed after this time, and at least this often.
const IDLE_PROBE_MIN: Duration = Duration::from_secs(1);
const IDLE_PROBE_MAX: Duration = Duration::from_secs(20);

/// Timeouts are doubled so many times at most.
const BACKOFF_MAX: u8 = 3;

/// A message that has to be answered although there is nothing in it to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) number: u64,
    pub(super) sent_at: Instant,
    pub(super) deadline: Instant,
}

/// Messages that the peer has left unanswered since it last answered one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strikes {
    count: u8,
    /// When the first of those messages was sent, and its number.
    first: Option<(Instant, u64)>,
    last_at: Option<Instant>,
    /// How many of them may only be slow.
    excused: u8,
    /// When they are judged again, since somebody else has answered.
    pub(super) verdict_at: Option<Instant>,
}

impl Strikes {
    /// A message sent at `since` is overdue. One that was sent before the last strike is no news.
    fn note(&mut self, now: Instant, since: Instant, number: u64) {
        if self.last_at.is_none_or(|at| since >= at) {
            self.count = self.count.saturating_add(1);
            self.last_at = Some(now);
            self.first.get_or_insert((since, number));
        }
    }
}

/// A peer that left a message unanswered for too long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Silence {
    pub(super) since: Instant,
    /// The first message left unanswered: an echo of it or a later one ends the silence.
    pub(super) number: u64,
    last_probe: Option<Instant>,
    probe_at: Instant,
    /// Something came in since the last probe.
    heard: bool,
    /// What was sent with a probe.
    pub(super) tried: VersionSet,
}

/// What a look at the clock found lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nothing.
    Nothing,
    /// Messages; later ones were answered.
    Overtaken,
    /// Messages, and nothing later was answered either.
    Batch,
    /// The peer: nothing that was sent lately was answered.
    Peer,
}

impl Link {
    /// Since when it leaves messages unanswered, if it does.
    #[must_use]
    pub fn silent_since(&self) -> Option<Instant> {
        self.silence.as_ref().map(|silence| silence.since)
    }

    /// When the oldest message was sent that should have been answered by now.
    pub(crate) fn overdue_since(&self, now: Instant) -> Option<Instant> {
        let late = self.in_flight.iter().filter(|batch| batch.deadline <= now);
        let asked = self.question.filter(|question| question.deadline <= now);
        let is_judged = self.strikes.verdict_at.is_some_and(|at| at <= now);
        let judged = self.struck_since().filter(|_| is_judged);
        let late = late.map(|batch| batch.sent_at).min();
        [late, asked.map(|question| question.sent_at), judged].into_iter().flatten().min()
    }

    /// When the first of the messages was sent that it has left unanswered, if it is not silent yet.
    pub(crate) fn struck_since(&self) -> Option<Instant> {
        self.strikes.first.map(|(since, _)| since).filter(|_| self.silence.is_none())
    }

    /// How many messages in a row fell due unanswered.
    pub(crate) const fn unanswered(&self) -> u8 {
        self.strikes.count
    }

    /// True if it is asked whether it is there, and nothing speaks against it so far.
    pub(crate) const fn is_asked(&self) -> bool {
        (self.question.is_some() || self.ask_at.is_some()) && self.strikes.first.is_none()
    }

    /// True if a question has stayed without an answer for too long.
    pub(crate) fn question_due(&self, now: Instant) -> bool {
        self.question.is_some_and(|question| question.deadline <= now)
    }

    /// What it left unanswered is judged again at `at`.
    pub(crate) fn judge_at(&mut self, at: Instant) {
        self.strikes.verdict_at = Some(at);
    }

    /// Batches that went unconfirmed past their deadline are queued again. The peer counts as
    /// silent when more than `patience` such deadlines in a row went by without an answer.
    pub(crate) fn expire(&mut self, now: Instant, patience: u8) -> Lost {
        let late = self.in_flight.iter().filter(|batch| batch.deadline <= now);
        let late = late.map(|batch| (batch.sent_at, batch.number)).min();
        let question = self.question.take_if(|question| question.deadline <= now);
        let asked = question.map(|question| (question.sent_at, question.number));
        let verdict = self.strikes.verdict_at.take_if(|at| *at <= now).and(self.strikes.first);
        let Some((since, number)) = late.or(asked).or(verdict) else { return Lost::Nothing };
        let is_unanswered = self.answered.is_none_or(|answered| answered < number);
        if is_unanswered && self.silence.is_none() {
            self.strikes.note(now, since, number);
            // Where delays vary widely, being late once proves nothing.
            if self.strikes.count > patience.max(u8::from(self.rtt.is_jittery())) {
                self.fall_silent(now, since, number);
                return Lost::Peer;
            }
        }
        self.requeue(now, |batch| batch.deadline <= now);
        if is_unanswered { Lost::Batch } else { Lost::Overtaken }
    }

    fn fall_silent(&mut self, now: Instant, since: Instant, number: u64) {
        self.strikes.verdict_at = None;
        self.silence = Some(Silence {
            since,
            number,
            last_probe: None,
            probe_at: now,
            heard: false,
            tried: VersionSet::new(),
        });
        self.requeue(now, |_| true);
    }

    /// What fell due may only be slow: the next message is waited for twice as long.
    pub(crate) fn excuse(&mut self) {
        self.strikes.excused = (self.strikes.excused + 1).min(BACKOFF_MAX);
    }

    /// By how much its messages are waited for longer than they should take (RFC 6298 backs off
    /// like this).
    pub(crate) const fn backoff(&self) -> u32 {
        1 << self.strikes.excused
    }

    /// Anything came in from the peer: if it was silent, the next probe need not wait long.
    pub(crate) fn note_heard(&mut self, now: Instant, probe_floor: Duration) {
        if let Some(silence) = &mut self.silence {
            let soonest = silence.last_probe.map_or(now, |last| last.after(probe_floor));
            silence.probe_at = silence.probe_at.min(soonest);
            silence.heard = true;
        }
    }

    /// True if the peer is silent and a probe is due.
    pub(crate) fn probe_due(&self, now: Instant) -> bool {
        self.probe_at().is_some_and(|at| at <= now)
    }

    /// When it is probed next, if it is silent.
    ///
    /// Somebody who was not heard since, and for whom there is nothing, is looked after seldom: each
    /// time after as long again.
    pub(super) fn probe_at(&self) -> Option<Instant> {
        let silence = self.silence.as_ref()?;
        if self.queue.is_empty() && !silence.heard {
            let last = silence.last_probe.unwrap_or(silence.since);
            return Some(
                last.after(last.since(silence.since).clamp(IDLE_PROBE_MIN, IDLE_PROBE_MAX)),
            );
        }
        Some(silence.probe_at)
    }

    /// A probe was sent: the next one waits for a fraction of the time the peer was silent.
    pub(crate) fn note_probe(&mut self, now: Instant, floor: Duration, ceiling: Duration) {
        if let Some(silence) = &mut self.silence {
            let interval = now.since(silence.since) / PROBE_FRACTION;
            silence.last_probe = Some(now);
            silence.heard = false;
            silence.probe_at = now.after(interval.min(ceiling).max(floor));
        }
    }

    /// The message just sent has to be answered at once.
    pub(crate) fn note_question(&mut self, now: Instant, timeout: Duration) {
        let number = self.next_number - 1;
        self.question = Some(Question { number, sent_at: now, deadline: now.after(timeout) });
    }
}
