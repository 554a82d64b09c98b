//! One peer as this node sees it: what it is known to hold, what is on the way, how far it is.
//!
//! `known` is the acknowledged set of the mission. It grows only on evidence *received from that
//! peer*: an entry it sent, or a `have` it wrote. Sending proves nothing; the network loses
//! messages and never says so.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::held::{Held, OriginId, Ranges};
use crate::message::{Echo, Relay};
use crate::place::Standing;
use crate::rhythm::Rhythm;
use crate::rtt::Rtt;
use crate::time::Instant;

/// This many messages are remembered for their echo: that of an older one tells nothing useful.
const SENT_MAX: usize = 128;

/// While a peer is silent, the next probe waits this fraction of the time it has been silent.
const PROBE_FRACTION: u32 = 16;

/// A silent peer for whom there is nothing is first probed after this time, and at least this often.
const IDLE_PROBE_MIN: Duration = Duration::from_secs(1);
const IDLE_PROBE_MAX: Duration = Duration::from_secs(20);

/// A message sent and not yet fully confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) sent_at: Instant,
    /// When it counts as lost.
    pub(crate) deadline: Instant,
    within: Duration,
    overtaken: bool,
    /// The entries it carried that are not yet known to have arrived.
    pub(crate) entries: Held,
    /// What the peer was asked to do with them.
    relay: Relay,
    /// How often these entries were sent before, along with others.
    rides: u8,
}

impl Batch {
    /// The entries that are not confirmed.
    pub(crate) const fn entries(&self) -> &Held {
        &self.entries
    }
}

/// What is remembered of a message sent, for its echo.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Instant,
    /// The store's version that its evidence covered.
    version: u64,
}

/// A message that has to be answered although there is nothing in it to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Question {
    number: u64,
    sent_at: Instant,
    deadline: Instant,
}

/// A peer that left a message unanswered for too long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Silence {
    since: Instant,
    /// The first message left unanswered: an echo of it or a later one ends the silence.
    number: u64,
    last_probe: Option<Instant>,
    probe_at: Instant,
    /// Something came in since the last probe.
    heard: bool,
    /// What was sent with a probe.
    tried: Held,
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

/// What a look at the clock found lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nothing.
    Nothing,
    /// Messages; the peer answered later ones, or is silent anyway.
    Batch,
    /// Messages; later ones were answered.
    Overtaken,
    /// The peer: nothing that was sent lately was answered.
    Peer,
}

/// The state of gossip with one peer.
#[derive(Clone, Debug, Default)]
pub struct Link {
    generation: Option<u64>,
    past_generations: BTreeSet<u64>,
    /// Our first message after the present generation was met.
    met_at: u64,
    known: Held,
    queue: Held,
    flush_at: Option<Instant>,
    /// What goes along with the next question, and is not waited for: somebody else answers for it.
    pub(crate) aside: Held,
    pub(crate) aside_up: bool,
    in_flight: VecDeque<Batch>,
    next_number: u64,
    sent: VecDeque<Sent>,
    /// The highest of our numbers that the peer has echoed.
    answered: Option<u64>,
    /// When the newest of our messages that the peer has echoed was sent.
    answered_sent_at: Option<Instant>,
    newest_received: Option<(u64, Instant)>,
    /// How regularly the peer's messages come, and ours go.
    heard: Rhythm,
    spoken: Rhythm,
    /// When to tell the peer that this node is there, if there is nothing else to say.
    reassure_at: Option<Instant>,
    /// A message without entries that the peer has to answer.
    question: Option<Question>,
    /// Messages that fell due unanswered, one after the other.
    strikes: u8,
    pub(crate) backoff: u8,
    struck_at: Option<Instant>,
    struck: Option<(Instant, u64)>,
    /// What was sent is sent once more then, to be sure.
    repeat_at: Option<Instant>,
    /// Numbers of the peer's messages that were skipped over, and when to say so.
    gaps: Ranges,
    gap_at: Option<Instant>,
    /// When the oldest of them was noticed.
    gap_since: Option<Instant>,
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

    /// The messages sent and not yet fully confirmed, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.in_flight.iter()
    }

    /// What will be done at what time, in words; `None` where nothing is to be done.
    pub(crate) fn timers(&self) -> [(&'static str, Option<Instant>); 8] {
        [
            ("what waits leaves", self.flush_at.filter(|_| self.silence.is_none())),
            ("next probe", self.silence.as_ref().map(|silence| self.probe_at(silence))),
            ("what was sent is sent once more", self.repeat_at),
            ("evidence leaves", self.evidence_at),
            ("a gap in its numbers is told", self.gap_at),
            ("what it holds and we lack is asked for", self.request_at),
            ("it is asked whether it is there", self.ask_at),
            ("it is told that this node is there", self.reassure_at),
        ]
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

    /// True if no later message of the peer has come in than that one.
    pub(crate) fn is_newest(&self, number: u64) -> bool {
        self.newest_received.is_none_or(|(newest, _)| newest <= number)
    }

    /// When the oldest message was sent that should have been answered by now.
    pub(crate) fn overdue_since(&self, now: Instant) -> Option<Instant> {
        let late = self.in_flight.iter().filter(|batch| batch.deadline <= now);
        let asked = self.question.filter(|question| question.deadline <= now);
        late.map(|batch| batch.sent_at).chain(asked.map(|question| question.sent_at)).min()
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
        generation: u64,
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
        self.known = Held::new();
        self.requeue(now, |_| true);
        self.newest_received = None;
        self.heard = Rhythm::default();
        self.question = None;
        self.gaps = Ranges::new();
        self.gap_at = None;
        self.gap_since = None;
        self.repeat_at = None;
        self.strikes = 0;
        self.struck_at = None;
        self.struck = None;
        self.backoff = 0;
        if self.silence.take().is_some() && !self.queue.is_empty() {
            self.flush_by(now); // Silence had taken the deadline away.
        }
        self.told = 0;
        self.retell.clear();
        self.place = None;
    }

    /// Notes which of the peer's messages came in. If numbers were skipped, messages were lost or
    /// overtaken; unless they still come within `patience`, the peer is to be told
    /// ([`Link::gap_due`]). Returns how late this message is, if it was overtaken.
    pub(crate) fn note_received(
        &mut self,
        now: Instant,
        number: u64,
        patience: Duration,
    ) -> Option<Duration> {
        let expected = self.newest_received.map_or(0, |(newest, _)| newest.saturating_add(1));
        if number >= expected {
            self.newest_received = Some((number, now));
            self.heard.note(now);
            if number > expected {
                self.gaps.insert(expected..number);
                self.gap_since.get_or_insert(now);
                self.gap_at.get_or_insert_with(|| now.after(patience));
            }
            return None;
        }
        let late = self.gap_since.map(|since| now.since(since));
        self.gaps.remove(&(number..number.saturating_add(1)));
        if self.gaps.is_empty() {
            self.gap_at = None;
            self.gap_since = None;
        }
        late
    }

    pub(crate) fn last_gap(&self) -> u64 { self.gaps.iter().last().map_or(0, |r| r.end - r.start) }

    /// True if messages of the peer are missing and it is time to say so; once per gap.
    pub(crate) fn gap_due(&mut self, now: Instant) -> bool {
        self.gap_at.take_if(|at| *at <= now).is_some()
    }

    /// Messages that stayed away for so long are not waited for; returns how many.
    pub(crate) fn forget_gaps(&mut self, now: Instant, after: Duration) -> u64 {
        if self.gap_since.is_none_or(|since| now.since(since) <= after) {
            return 0;
        }
        self.gap_at = None;
        self.gap_since = None;
        std::mem::take(&mut self.gaps).count()
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
        self.strikes = 0;
        self.struck_at = None;
        self.struck = None;
        self.backoff = 0;
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
            for batch in self.in_flight.iter_mut().filter(|batch| batch.number < number) {
                batch.deadline = batch.deadline.min(batch.sent_at.after(window));
                batch.overtaken = true;
            }
            return (sample, lost as u64);
        }
        (sample, 0)
    }

    /// Evidence is to be sent by `deadline`.
    pub(crate) fn owe_evidence(&mut self, deadline: Instant) {
        self.evidence_at = Some(self.evidence_at.map_or(deadline, |at| at.min(deadline)));
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

    /// Anything came in from the peer: if it was silent, the next probe need not wait long.
    pub(crate) fn note_heard(&mut self, now: Instant, probe_floor: Duration) {
        if let Some(silence) = &mut self.silence {
            let soonest = silence.last_probe.map_or(now, |last| last.after(probe_floor));
            silence.probe_at = silence.probe_at.min(soonest);
            silence.heard = true;
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

    /// Batches that went unconfirmed past their deadline are queued again. The peer counts as
    /// silent when more than `patience` such deadlines in a row went by without an answer.
    pub(crate) fn expire(&mut self, now: Instant, patience: u8, is_parent: bool) -> Lost {
        let late = self.in_flight.iter().filter(|batch| batch.deadline <= now);
        let oldest = late.map(|batch| (batch.sent_at, batch.number)).min();
        let question = self.question.take_if(|question| question.deadline <= now);
        let asked = question.map(|question| (question.sent_at, question.number));
        let Some((since, number)) = oldest.or(asked) else { return Lost::Nothing };
        let is_unanswered = self.answered.is_none_or(|answered| answered < number);
        if is_unanswered && (crate::knob("S", 1.0) == 0.0 || self.struck_at.is_none_or(|at| since >= at)) {
            self.strikes = self.strikes.saturating_add(1);
            self.struck_at = Some(now);
            self.struck.get_or_insert((since, number));
        }
        // Where delays vary widely, being late once proves nothing.
        let patience = patience.max(u8::from(self.rtt.is_jittery()));
        if is_unanswered && self.strikes > patience && self.silence.is_none() {
            self.fall_silent(now, since, number);
            return Lost::Peer;
        }
        // What was asked without an answer is asked again.
        let is_open = |(_, asked)| self.answered.is_none_or(|answered| answered < asked);
        if is_parent && asked.is_some_and(is_open) && self.silence.is_none() {
            self.ask_at = Some(now);
        }
        self.requeue(now, |batch| batch.deadline <= now);
        if is_unanswered { Lost::Batch } else { Lost::Overtaken }
    }

    fn fall_silent(&mut self, now: Instant, since: Instant, number: u64) {
        self.silence = Some(Silence {
            since,
            number,
            last_probe: None,
            probe_at: now,
            heard: false,
            tried: Held::new(),
        });
        self.requeue(now, |_| true);
    }

    pub(crate) fn is_asked(&self) -> bool { (self.question.is_some() || self.ask_at.is_some()) && self.struck.is_none() }

    pub(crate) fn struck_since(&self) -> Option<Instant> {
        self.struck.map(|(since, _)| since).filter(|_| self.silence.is_none())
    }

    pub(crate) fn convict(&mut self, now: Instant) {
        if let Some((since, number)) = self.struck {
            self.fall_silent(now, since, number);
        }
    }

    fn requeue(&mut self, now: Instant, is_lost: impl Fn(&Batch) -> bool) {
        let mut lost = Held::new();
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

    /// Round trips have become longer: what was sent before is waited for longer, too.
    pub(crate) fn stretch(&mut self, now: Instant, timeout: Duration) {
        for batch in &mut self.in_flight {
            if batch.deadline <= now && !batch.overtaken {
                batch.deadline = batch.deadline.max(batch.sent_at.after(timeout + batch.within));
            }
        }
        if let Some(question) = &mut self.question {
            question.deadline = question.deadline.max(question.sent_at.after(timeout));
        }
    }

    /// True if the peer is silent and a probe is due.
    pub(crate) fn probe_due(&self, now: Instant) -> bool {
        self.silence.as_ref().is_some_and(|silence| self.probe_at(silence) <= now)
    }

    /// Somebody who was not heard since, and for whom there is nothing, is looked after seldom: each
    /// time after as long again.
    fn probe_at(&self, silence: &Silence) -> Instant {
        if self.queue.is_empty() && !silence.heard {
            let last = silence.last_probe.unwrap_or(silence.since);
            last.after(last.since(silence.since).clamp(IDLE_PROBE_MIN, IDLE_PROBE_MAX))
        } else {
            silence.probe_at
        }
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

    /// True if the window of what is queued has closed and the peer is not silent.
    pub(crate) fn flush_due(&self, now: Instant) -> bool {
        self.silence.is_none() && self.flush_at.is_some_and(|at| at <= now)
    }

    /// What was queued is somebody else's business now.
    pub(crate) fn drop_queue(&mut self) {
        self.queue = Held::new();
        self.flush_at = None;
        self.relay = Relay::Keep;
        self.urgent = false;
    }

    /// The store's version up to which the peer is known to have our evidence.
    pub(crate) const fn told(&self) -> u64 {
        self.told
    }

    /// The store's version up to which the messages sent carried our evidence.
    pub(crate) fn said(&self) -> u64 {
        self.sent.back().map_or(0, |sent| sent.version)
    }

    /// Takes from the queue what the next message shall carry, as far as `fits` allows.
    ///
    /// While the peer is silent, what is taken also stays queued, since only evidence counts then;
    /// but it is sent once only, until the peer is heard.
    pub(crate) fn take_batch(&mut self, fits: impl FnOnce(&Held) -> Held) -> Held {
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

    /// Notes that the message just sent carries `riders` too.
    pub(crate) fn note_riders(&mut self, now: Instant, deadline: Instant, riders: Vec<Batch>) {
        let number = self.next_number - 1;
        self.in_flight.extend(riders.into_iter().map(|batch| Batch {
            number,
            sent_at: now,
            deadline,
            rides: batch.rides + 1,
            overtaken: false,
            ..batch
        }));
    }

    /// What was just sent is sent once more at `at`, unless it is confirmed by then.
    pub(crate) fn repeat_at(&mut self, at: Instant) {
        self.repeat_at = Some(at);
    }

    /// True if it is time for that.
    pub(crate) fn repeat_due(&self, now: Instant) -> bool {
        self.repeat_at.is_some_and(|at| at <= now)
    }

    /// Numbers the next message and notes what it carries; it counts as lost at `deadline`.
    ///
    /// `version` is that of the store that its evidence covers.
    pub(crate) fn note_sent(
        &mut self,
        now: Instant,
        entries: Held,
        relay: Relay,
        deadline: Instant,
        within: Duration,
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
        self.place_asked = false;
        self.reassure_at = None;
        self.spoken.note(now);
        if self.silence.is_none() && !entries.is_empty() {
            let batch = Batch { number, sent_at: now, deadline, within, entries, relay, rides: 0, overtaken: false };
            self.in_flight.push_back(batch);
        }
        number
    }

    /// The message just sent has to be answered at once.
    pub(crate) fn note_question(&mut self, now: Instant, timeout: Duration) {
        let number = self.next_number - 1;
        self.question = Some(Question { number, sent_at: now, deadline: now.after(timeout) });
    }

    /// How long after a message of the peer the next one is missed, if it sends steadily.
    pub(crate) fn missed_after(&self) -> Option<Duration> {
        self.heard.missed_after()
    }

    /// The peer was sent entries, and may miss this node if it hears no more of it.
    pub(crate) fn note_missable(&mut self, now: Instant) {
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
        let send_at = match &self.silence {
            Some(silence) => Some(self.probe_at(silence)),
            None => self.flush_at,
        };
        let others =
            [self.gap_at, self.evidence_by(), self.request_at, self.ask_at, self.reassure_at];
        [lost_at, asked, send_at, self.repeat_at].into_iter().chain(others).flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(link: &mut Link) -> u64 {
        link.note_sent(Instant::ZERO, Held::new(), Relay::Keep, Instant::ZERO, Duration::ZERO, 0)
    }

    #[test]
    fn a_late_message_of_an_unheard_life_does_not_drown_out_the_living() {
        let (mut link, now) = (Link::default(), Instant::ZERO);
        assert_eq!(link.note_generation(now, 2, None), Freshness::New);
        assert_eq!(link.note_generation(now, 1, None), Freshness::New);
        assert_eq!(link.note_generation(now, 2, None), Freshness::Stale);
        let number = send(&mut link);
        assert_eq!(link.note_generation(now, 2, Some(number)), Freshness::New);
        assert_eq!(link.note_generation(now, 1, None), Freshness::Stale);
        assert_eq!(link.note_generation(now, 1, Some(number)), Freshness::Stale);
        assert_eq!(link.generation(), Some(2));
    }

    #[test]
    fn what_was_in_flight_to_an_earlier_life_is_sent_again() {
        let (mut link, now) = (Link::default(), Instant::ZERO);
        link.note_generation(now, 1, None);
        let mut entries = Held::new();
        entries.insert(OriginId(0), 0..3);
        link.enqueue(&entries, now);
        let batch = link.take_batch(Held::clone);
        link.note_sent(now, batch, Relay::Keep, now.after(Duration::from_secs(1)), Duration::ZERO, 0);
        assert_eq!((link.queue().count(), link.in_flight().count()), (0, 3));
        link.note_generation(now, 2, None);
        assert_eq!((link.queue().count(), link.in_flight().count()), (3, 0));
        assert!(link.flush_due(now));
    }
}
