//! One peer as this node sees it: what it is known to hold, what is on the way, how far it is.
//!
//! `known` is the acknowledged set of the mission. It grows only on evidence *received from that
//! peer*: an entry it sent, or a `have` it wrote. Sending proves nothing; the network loses
//! messages and never says so.

mod gaps;
mod in_flight;
mod silence;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::message::{Echo, Relay};
use super::place::Standing;
use super::rhythm::Rhythm;
use super::rtt::Rtt;
use crate::id::Generation;
use crate::set::{OriginId, VersionSet};
use crate::time::Instant;
use gaps::Gaps;
pub(crate) use in_flight::{Allowance, Batch};
pub(crate) use silence::Lost;
use silence::{Question, Silence, Strikes};

/// This many messages are remembered for their echo: that of an older one tells nothing useful.
const SENT_MAX: usize = 128;

/// What is remembered of a message sent, for its echo.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Instant,
    /// The store's version that its evidence covered.
    version: u64,
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
    generation: Option<Generation>,
    past_generations: BTreeSet<Generation>,
    /// Our first message after the present generation was met.
    met_at: u64,
    known: VersionSet,
    queue: VersionSet,
    flush_at: Option<Instant>,
    /// What goes along with the next question, and what the peer shall do with it. It is not waited
    /// for: another link answers for these entries.
    aside: VersionSet,
    aside_relay: Relay,
    in_flight: VecDeque<Batch>,
    next_number: u64,
    sent: VecDeque<Sent>,
    /// The highest of our numbers that the peer has echoed.
    answered: Option<u64>,
    /// When the newest of our messages that the peer has echoed was sent.
    answered_sent_at: Option<Instant>,
    newest_received: Option<(u64, Instant)>,
    /// How regularly the peer's entries come, and ours go.
    heard: Rhythm,
    spoken: Rhythm,
    /// When to tell the peer that this node is there, if there is nothing else to say.
    reassure_at: Option<Instant>,
    /// A message without entries that the peer has to answer.
    question: Option<Question>,
    /// Messages that fell due unanswered, one after the other.
    strikes: Strikes,
    /// What was sent is sent once more then, to be sure.
    repeat_at: Option<Instant>,
    pub(crate) gaps: Gaps,
    silence: Option<Silence>,
    rtt: Rtt,
    /// The store's version up to which the peer is known to have our evidence.
    told: u64,
    /// What must be told again: the peer sent what it could have known to be here.
    pub(crate) retell: BTreeSet<OriginId>,
    /// What the peer shall do with what is queued. It sticks to the entries until they are
    /// confirmed, whatever becomes of the plan they were queued under.
    pub(crate) relay: Relay,
    /// The queue has entries that were lost once: whoever gets them must not dawdle.
    pub(crate) urgent: bool,
    evidence_at: Option<Instant>,
    /// Messages to be confirmed that came since anything was sent.
    unconfirmed: u64,
    /// When to ask the peer whether it is there, whatever there is to say.
    pub(crate) ask_at: Option<Instant>,
    /// Where the peer stands in the tree of hubs, if that is not where the layout has it.
    pub(crate) place: Option<Standing>,
    /// The peer wants to know where this node stands.
    pub(crate) place_asked: bool,
    /// When to ask for what the peer holds and we lack, if that has not come by then.
    pub(crate) request_at: Option<Instant>,
}

impl Link {
    /// What the peer is known to hold.
    #[must_use]
    pub const fn known(&self) -> &VersionSet {
        &self.known
    }

    /// What waits to be sent to it.
    #[must_use]
    pub const fn queue(&self) -> &VersionSet {
        &self.queue
    }

    /// What will be done at what time, in words; `None` where nothing is to be done.
    pub(crate) fn timers(&self) -> [(&'static str, Option<Instant>); 8] {
        [
            ("what waits leaves", self.flush_at.filter(|_| self.silence.is_none())),
            ("next probe", self.probe_at()),
            ("what was sent is sent once more", self.repeat_at),
            ("evidence leaves", self.evidence_at),
            ("a gap in its numbers is told", self.gaps.at()),
            ("what it holds and we lack is asked for", self.request_at),
            ("it is asked whether it is there", self.ask_at),
            ("it is told that this node is there", self.reassure_at),
        ]
    }

    /// The round-trip time measured.
    #[must_use]
    pub const fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// The generation the peer was last heard in.
    #[must_use]
    pub const fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// True if no later message of the peer has come in than that one.
    pub(crate) fn is_newest(&self, number: u64) -> bool {
        self.newest_received.is_none_or(|(newest, _)| newest <= number)
    }

    /// True if the peer has answered something that was sent to it since.
    pub(crate) fn answered_since(&self, at: Instant) -> bool {
        self.answered_sent_at.is_some_and(|sent_at| sent_at >= at)
    }

    /// When the newest of the peer's messages came in.
    pub(crate) fn heard_at(&self) -> Option<Instant> {
        self.newest_received.map(|(_, at)| at)
    }

    /// Notes the generation of a message that came in, and which of our messages it echoed. A new
    /// life starts with nothing known.
    ///
    /// Messages of an earlier life may come late, even when nothing was heard of that life while
    /// it lasted: then they look like those of a new one. But who echoes what was sent since the
    /// present life was met is alive, and the present one is not.
    pub(crate) fn note_generation(
        &mut self,
        now: Instant,
        generation: Generation,
        echoed: Option<u64>,
    ) -> Freshness {
        if self.generation == Some(generation) {
            return Freshness::Current;
        }
        let is_alive = echoed.is_some_and(|number| number >= self.met_at);
        if self.past_generations.contains(&generation) && !is_alive {
            return Freshness::Stale;
        }
        self.past_generations.remove(&generation);
        if let Some(previous) = self.generation.replace(generation) {
            self.past_generations.insert(previous);
            self.forget_memory(now);
        }
        self.met_at = self.next_number;
        Freshness::New
    }

    /// The peer restarted: it holds nothing, and knows nothing of what it was told. What was on
    /// its way to the earlier life is still this node's to send.
    fn forget_memory(&mut self, now: Instant) {
        self.known = VersionSet::new();
        self.requeue(now, |_| true);
        self.newest_received = None;
        self.heard = Rhythm::default();
        self.question = None;
        self.gaps = Gaps::default();
        self.repeat_at = None;
        self.strikes = Strikes::default();
        if self.silence.take().is_some() && !self.queue.is_empty() {
            self.flush_by(now); // Silence had taken the deadline away.
        }
        self.told = 0;
        self.retell.clear();
        self.place = None;
    }

    /// Takes in the peer's echo of our message `number`, held for `held` before it was echoed.
    ///
    /// Entries of earlier messages that should have been confirmed by now count as lost and are
    /// queued again, the others when their time has come (QUIC's time threshold, RFC 9002:
    /// reordering alone never makes a loss). `variation` is by how much delays vary on all links.
    /// Returns the round-trip time measured, if the message is remembered, and how many messages
    /// were found lost.
    pub(crate) fn note_echo(
        &mut self,
        now: Instant,
        number: u64,
        held: Duration,
        variation: Duration,
    ) -> (Option<Duration>, u64) {
        if self.answered.is_some_and(|answered| number <= answered) {
            return (None, 0);
        }
        self.answered = Some(number);
        self.strikes = Strikes::default();
        self.question = self.question.filter(|question| question.number > number);
        let sample = self.sent.iter().find(|sent| sent.number == number).map(|sent| {
            self.told = self.told.max(sent.version);
            self.answered_sent_at = self.answered_sent_at.max(Some(sent.at));
            now.since(sent.at).saturating_sub(held)
        });
        if let Some(sample) = sample {
            self.rtt.sample(sample);
        }
        if self.silence.as_ref().is_some_and(|silence| silence.number <= number) {
            self.silence = None;
            self.flush_at = Some(now);
        }
        if let Some(window) = self.rtt.reordering_window(variation) {
            let overdue = |b: &Batch| b.number < number && now.since(b.sent_at) > window;
            let lost = self.in_flight.iter().filter(|batch| overdue(batch)).count();
            self.requeue(now, overdue);
            self.note_overtaken(number, window);
            return (sample, lost as u64);
        }
        (sample, 0)
    }

    /// Evidence is to be sent by `deadline`.
    pub(crate) fn owe_evidence(&mut self, deadline: Instant) {
        self.evidence_at = Some(self.evidence_at.map_or(deadline, |at| at.min(deadline)));
    }

    /// A message is to be confirmed by `deadline`. If several may be confirmed at once, that waits
    /// as long as more of them come, until there are `most`.
    pub(crate) fn owe_confirmation(&mut self, now: Instant, deadline: Instant, most: u64) {
        self.unconfirmed += 1;
        if most <= 1 {
            self.owe_evidence(deadline);
        } else if self.unconfirmed >= most {
            self.owe_evidence(now);
        } else if self.evidence_at.is_none_or(|at| at > now) {
            self.evidence_at = Some(deadline);
        }
    }

    /// True if evidence waits to be sent.
    pub(crate) const fn owes_evidence(&self) -> bool {
        self.evidence_at.is_some()
    }

    /// True if evidence has waited long enough. A silent peer gets it with the next probe.
    pub(crate) fn evidence_due(&self, now: Instant) -> bool {
        self.evidence_by().is_some_and(|at| at <= now)
    }

    fn evidence_by(&self) -> Option<Instant> {
        self.evidence_at.filter(|_| self.silence.is_none())
    }

    /// The store's version up to which the peer is known to have our evidence.
    pub(crate) const fn told(&self) -> u64 {
        self.told
    }

    /// The store's version up to which the messages sent carried our evidence.
    pub(crate) fn said(&self) -> u64 {
        self.sent.back().map_or(0, |sent| sent.version)
    }

    /// What was just sent is sent once more at `at`, unless it is confirmed by then.
    pub(crate) fn repeat_at(&mut self, at: Instant) {
        self.repeat_at = Some(at);
    }

    /// True if it is time for that.
    pub(crate) fn repeat_due(&self, now: Instant) -> bool {
        self.repeat_at.is_some_and(|at| at <= now)
    }

    /// Notes which of the peer's messages came in; returns how late it is, if it was overtaken.
    pub(crate) fn note_received(
        &mut self,
        now: Instant,
        number: u64,
        has_entries: bool,
        patience: Duration,
    ) -> Option<Duration> {
        let expected = self.newest_received.map_or(0, |(newest, _)| newest.saturating_add(1));
        if number >= expected {
            self.newest_received = Some((number, now));
            if has_entries {
                self.heard.note(now);
            }
        }
        self.gaps.note(now, expected, number, patience)
    }

    /// Numbers the next message and notes what it carries, and how long to wait for an answer.
    ///
    /// `version` is that of the store that its evidence covers.
    pub(crate) fn note_sent(
        &mut self,
        now: Instant,
        entries: VersionSet,
        relay: Relay,
        allowance: Allowance,
        version: u64,
    ) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { number, at: now, version });
        self.retell.clear();
        self.evidence_at = None;
        self.unconfirmed = 0;
        self.place_asked = false;
        self.reassure_at = None;
        if self.silence.is_none() && !entries.is_empty() {
            self.defer(now, number, allowance);
            self.in_flight.push_back(Batch::new(number, now, allowance, entries, relay));
        }
        number
    }

    /// How long after a message of the peer the next one is missed, if it sends steadily.
    pub(crate) fn missed_after(&self) -> Option<Duration> {
        self.heard.missed_after()
    }

    /// The peer was sent entries, and may miss this node if it hears no more of it.
    pub(crate) fn note_missable(&mut self, now: Instant) {
        self.spoken.note(now);
        self.reassure_at = self.spoken.reassure_after().map(|after| now.after(after));
    }

    /// True if it is time to tell the peer that this node is there.
    pub(crate) fn reassure_due(&self, now: Instant) -> bool {
        self.reassure_at.is_some_and(|at| at <= now)
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
        let asked = self.question.map(|question| question.deadline);
        let flush_at = self.flush_at.filter(|_| self.silence.is_none());
        let send_at = self.probe_at().or(flush_at);
        let others =
            [self.gaps.at(), self.evidence_by(), self.request_at, self.ask_at, self.reassure_at];
        [lost_at, asked, send_at, self.repeat_at, self.strikes.verdict_at]
            .into_iter()
            .chain(others)
            .flatten()
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(link: &mut Link) -> u64 {
        link.note_sent(Instant::ZERO, VersionSet::new(), Relay::Keep, Allowance::default(), 0)
    }

    #[test]
    fn a_late_message_of_an_unheard_life_does_not_drown_out_the_living() {
        let (mut link, now) = (Link::default(), Instant::ZERO);
        assert_eq!(link.note_generation(now, Generation(2), None), Freshness::New);
        assert_eq!(link.note_generation(now, Generation(1), None), Freshness::New);
        assert_eq!(link.note_generation(now, Generation(2), None), Freshness::Stale);
        let number = send(&mut link);
        assert_eq!(link.note_generation(now, Generation(2), Some(number)), Freshness::New);
        assert_eq!(link.note_generation(now, Generation(1), None), Freshness::Stale);
        assert_eq!(link.note_generation(now, Generation(1), Some(number)), Freshness::Stale);
        assert_eq!(link.generation(), Some(Generation(2)));
    }

    #[test]
    fn a_confirmation_of_many_waits_until_no_more_come_or_there_are_enough() {
        let (mut link, at) = (Link::default(), |ms: u64| Instant::from_micros(ms * 1_000));
        let receive = |link: &mut Link, ms| link.owe_confirmation(at(ms), at(ms + 100), 3);
        receive(&mut link, 0);
        receive(&mut link, 60);
        assert_eq!((link.evidence_due(at(159)), link.evidence_due(at(160))), (false, true));
        receive(&mut link, 120);
        assert!(link.evidence_due(at(120)));
        send(&mut link);
        receive(&mut link, 130);
        assert_eq!((link.evidence_due(at(229)), link.evidence_due(at(230))), (false, true));
        // What is due already waits no longer.
        receive(&mut link, 230);
        assert!(link.evidence_due(at(230)));
        // Those that came before it was known how often values are broadcast count, too.
        send(&mut link);
        link.owe_confirmation(at(300), at(1_300), 1);
        receive(&mut link, 310);
        assert!(!link.evidence_due(at(320)));
        receive(&mut link, 320);
        assert!(link.evidence_due(at(320)));
    }

    #[test]
    fn what_is_confirmed_at_leisure_is_waited_for_as_long() {
        let (mut link, at) = (Link::default(), |ms: u64| Instant::from_micros(ms * 1_000));
        let timeout = Duration::from_millis(100);
        let allowance = Allowance { timeout, at_once: 3, ..Allowance::default() };
        for i in 0..5 {
            let mut entries = VersionSet::new();
            entries.insert(OriginId(0), i..i + 1);
            link.note_sent(at(i * 60), entries, Relay::Keep, allowance, 0);
        }
        let deadlines: Vec<Instant> = link.batches().map(|batch| batch.deadline).collect();
        assert_eq!(deadlines, [220, 280, 340, 340, 340].map(at));
    }

    #[test]
    fn what_was_in_flight_to_an_earlier_life_is_sent_again() {
        let (mut link, now) = (Link::default(), Instant::ZERO);
        link.note_generation(now, Generation(1), None);
        let mut entries = VersionSet::new();
        entries.insert(OriginId(0), 0..3);
        link.enqueue(&entries, now);
        let batch = link.take_batch(VersionSet::clone);
        let allowance = Allowance { timeout: Duration::from_secs(1), ..Allowance::default() };
        link.note_sent(now, batch, Relay::Keep, allowance, 0);
        assert_eq!((link.queue().count(), link.in_flight().count()), (0, 3));
        link.note_generation(now, Generation(2), None);
        assert_eq!((link.queue().count(), link.in_flight().count()), (3, 0));
        assert!(link.flush_due(now));
    }
}
