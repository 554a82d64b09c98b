//! Messages sent to a peer: what they carried, and which of them are lost (QUIC, RFC 9002; RACK,
//! RFC 8985).

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocols::rumormill::message::Forward;
use crate::set::{Ranges, SharedSet, VersionSet};
use crate::time::Instant;

/// Most messages that are remembered for their acks; an ack of an older one tells nothing useful.
const REMEMBERED_MAX: usize = 128;

/// How long to wait for the ack of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AckWait {
    /// The round trip and its variation (probe timeout).
    pub(crate) timeout: Duration,
    /// Maximum ack delay of the peer.
    pub(crate) max_ack_delay: Duration,
    /// Messages that the peer may ack at once, while this node keeps sending (ack threshold).
    pub(crate) threshold: u64,
}

impl AckWait {
    /// When a message sent at `at` counts as lost.
    fn deadline(self, at: Instant) -> Instant {
        at.after(self.timeout + self.max_ack_delay)
    }
}

/// The evidence in an ack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// Entries of each acked message.
    pub(crate) entries: Vec<SharedSet>,
    /// The ack is of a later message than any before it.
    pub(crate) is_new: bool,
    /// When the largest message was sent, if that is remembered and the ack is new.
    pub(crate) sent_at: Option<Instant>,
}

/// Entries of a message that are not known to have arrived; none, if it is a probe without any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    /// The last message that carried the entries.
    pub(crate) number: u64,
    pub(crate) sent_at: Instant,
    /// When it counts as lost.
    pub(crate) deadline: Instant,
    max_ack_delay: Duration,
    /// Below the largest acked number: late, whatever the round trip.
    is_below_acked: bool,
    /// Those that the peer is known to hold meanwhile included. A hub sends many children the same.
    entries: SharedSet,
    forward: Forward,
    /// How often these entries were sent along with others before.
    piggybacked: u8,
}

impl Batch {
    /// Entries of a message that is sent now.
    fn new(now: Instant, number: u64, wait: AckWait, entries: SharedSet, forward: Forward) -> Self {
        Self {
            number,
            sent_at: now,
            deadline: wait.deadline(now),
            max_ack_delay: wait.max_ack_delay,
            is_below_acked: false,
            entries,
            forward,
            piggybacked: 0,
        }
    }

    /// The entries, those that the peer is known to hold meanwhile included.
    pub(crate) fn entries(&self) -> &VersionSet {
        &self.entries
    }

    fn is_probe(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Lost entries, and what the peer was to do with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) entries: VersionSet,
    pub(crate) forward: Forward,
}

/// The sending side of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentMessages {
    in_flight: VecDeque<Batch>,
    /// Entries whose ack is not waited for, but counts: that went along, were sent again, or are taken for
    /// lost.
    unwaited: VecDeque<(u64, SharedSet)>,
    next_number: u64,
    /// When the latest messages were sent, as far as no later one was acked: the last is the one before
    /// `next_number`.
    sent_at: VecDeque<Instant>,
    largest_acked: Option<u64>,
    /// When the newest acked message was sent.
    acked_sent_at: Option<Instant>,
}

impl SentMessages {
    /// Number of the next message.
    pub(crate) const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Entries in flight, those that the peer is known to hold meanwhile included.
    pub(crate) fn in_flight(&self) -> VersionSet {
        let mut all = VersionSet::new();
        self.in_flight.iter().for_each(|batch| all.union_with(&batch.entries));
        all
    }

    /// Messages in flight, with entries or as probes, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.in_flight.iter()
    }

    /// A message was sent: numbers it.
    pub(crate) fn on_sent(&mut self, now: Instant) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        if self.sent_at.len() == REMEMBERED_MAX {
            self.sent_at.pop_front();
        }
        self.sent_at.push_back(now);
        number
    }

    /// Message `number`, just sent, carries `entries` whose ack is waited for.
    pub(crate) fn track(
        &mut self,
        now: Instant,
        number: u64,
        entries: SharedSet,
        forward: Forward,
        wait: AckWait,
    ) {
        self.rearm(now, number, wait);
        self.in_flight.push_back(Batch::new(now, number, wait, entries, forward));
    }

    /// The message just sent has to be answered: it is tracked although it may carry no entries.
    pub(crate) fn track_probe(&mut self, now: Instant, wait: AckWait) {
        let number = self.next_number - 1;
        if self.in_flight.back().is_none_or(|batch| batch.number < number) {
            self.track(now, number, SharedSet::default(), Forward::No, wait);
        }
    }

    /// Message `number`, just sent, carries `entries` whose ack is not waited for.
    pub(crate) fn track_unwaited(&mut self, number: u64, entries: SharedSet) {
        if entries.is_empty() {
            return;
        }
        if self.unwaited.len() == REMEMBERED_MAX {
            self.unwaited.pop_front();
        }
        self.unwaited.push_back((number, entries));
    }

    /// Message `number` follows those in flight: the peer may wait for it before it acks them, as
    /// many as the threshold allows.
    fn rearm(&mut self, now: Instant, number: u64, wait: AckWait) {
        let deadline = wait.deadline(now);
        let shares = |b: &&mut Batch| !b.is_below_acked && number - b.number < wait.threshold;
        for batch in self.in_flight.iter_mut().filter(shares) {
            batch.deadline = batch.deadline.max(deadline);
        }
    }

    /// The peer acks the messages with these numbers.
    pub(crate) fn on_ack(&mut self, numbers: &Ranges) -> Acked {
        let mut acked = Acked::default();
        let mut is_left = |number: u64, entries: &SharedSet| {
            let is_acked = numbers.contains(number);
            if is_acked {
                acked.entries.push(entries.clone());
            }
            !is_acked
        };
        self.in_flight.retain(|batch| is_left(batch.number, &batch.entries));
        self.unwaited.retain(|(number, entries)| is_left(*number, entries));
        let Some(largest) = numbers.end().checked_sub(1) else { return acked };
        if !self.is_acked(largest) {
            self.largest_acked = Some(largest);
            acked.is_new = true;
            let later = self.next_number.saturating_sub(numbers.end()) as usize;
            let forgotten = self.sent_at.len().saturating_sub(later);
            acked.sent_at = self.sent_at.drain(..forgotten).next_back();
            self.acked_sent_at = self.acked_sent_at.max(acked.sent_at);
        }
        acked
    }

    /// True if message `number` or a later one was acked.
    pub(crate) fn is_acked(&self, number: u64) -> bool {
        self.largest_acked.is_some_and(|acked| number <= acked)
    }

    /// True if the peer has acked a message that was sent at `at` or later.
    pub(crate) fn acked_since(&self, at: Instant) -> bool {
        self.acked_sent_at.is_some_and(|sent_at| sent_at >= at)
    }

    /// The peer is `known` to hold more than before. (A probe without entries waits for its ack.)
    pub(crate) fn on_confirmed(&mut self, known: &VersionSet) {
        self.in_flight.retain(|batch| batch.is_probe() || !batch.entries.is_subset(known));
    }

    /// Messages older than `window` that precede the acked `number` are lost; the others are, if
    /// they stay unconfirmed until then. Returns how many are lost, and their entries.
    pub(crate) fn on_below_acked(
        &mut self,
        now: Instant,
        number: u64,
        window: Duration,
    ) -> (u64, Lost) {
        let before = self.in_flight.len();
        let lost = self.take(|b| b.number < number && now.since(b.sent_at) > window);
        let count = before - self.in_flight.len();
        for batch in self.in_flight.iter_mut().filter(|batch| batch.number < number) {
            batch.deadline = batch.deadline.min(batch.sent_at.after(window));
            batch.is_below_acked = true;
        }
        (count as u64, lost)
    }

    /// The oldest message past its deadline: when it was sent, and its number.
    pub(crate) fn oldest_overdue(&self, now: Instant) -> Option<(Instant, u64)> {
        let late = self.in_flight.iter().filter(|batch| batch.deadline <= now);
        late.map(|batch| (batch.sent_at, batch.number)).min()
    }

    /// When the first message counts as lost.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.in_flight.iter().map(|batch| batch.deadline).min()
    }

    /// Takes the messages past their deadlines.
    pub(crate) fn take_expired(&mut self, now: Instant) -> Lost {
        self.take(|batch| batch.deadline <= now)
    }

    /// Takes all messages.
    pub(crate) fn take_all(&mut self) -> Lost {
        self.take(|_| true)
    }

    /// The peer restarted: no ack of an earlier message counts any more. Takes all messages.
    pub(crate) fn on_restart(&mut self) -> Lost {
        let lost = self.take_all();
        self.unwaited.clear();
        lost
    }

    /// Late acks of what is taken for lost still count.
    fn take(&mut self, is_lost: impl Fn(&Batch) -> bool) -> Lost {
        let mut lost = Lost::default();
        let (gone, left) =
            std::mem::take(&mut self.in_flight).into_iter().partition::<VecDeque<_>, _>(is_lost);
        self.in_flight = left;
        for batch in gone {
            lost.entries.union_with(&batch.entries);
            lost.forward = lost.forward.max(batch.forward);
            self.track_unwaited(batch.number, batch.entries);
        }
        lost
    }

    /// The round trip may have become longer: messages due now are given as long as one that is
    /// sent now.
    pub(crate) fn extend_overdue(&mut self, now: Instant, timeout: Duration) {
        for batch in &mut self.in_flight {
            if batch.deadline <= now && !batch.is_below_acked {
                let max_ack_delay = batch.max_ack_delay;
                let wait = AckWait { timeout, max_ack_delay, threshold: 1 };
                batch.deadline = batch.deadline.max(wait.deadline(batch.sent_at));
            }
        }
    }

    /// Takes messages in flight whose entries may be sent along with the next message once more: at
    /// most `piggyback_max` times, those that `fits` admits. The peer does the same with all entries of a
    /// message, so only those with at most that `forward`.
    pub(crate) fn take_unconfirmed(
        &mut self,
        piggyback_max: u8,
        forward: Forward,
        mut fits: impl FnMut(&VersionSet) -> bool,
    ) -> Vec<Batch> {
        if piggyback_max == 0 {
            return Vec::new();
        }
        let may_go_along = |b: &Batch| {
            let is_allowed = b.piggybacked < piggyback_max && b.forward <= forward;
            is_allowed && !b.is_probe() && fits(&b.entries)
        };
        let (unconfirmed, others) =
            self.in_flight.drain(..).partition::<VecDeque<_>, _>(may_go_along);
        self.in_flight = others;
        unconfirmed.into()
    }

    /// The message just sent carries `unconfirmed` as well.
    pub(crate) fn add_unconfirmed(&mut self, now: Instant, wait: AckWait, unconfirmed: Vec<Batch>) {
        for batch in unconfirmed {
            self.track_unwaited(batch.number, batch.entries.clone());
            let (number, piggybacked) = (self.next_number - 1, batch.piggybacked + 1);
            let again = Batch::new(now, number, wait, batch.entries, batch.forward);
            self.in_flight.push_back(Batch { piggybacked, ..again });
        }
    }
}

#[cfg(test)]
mod tests;
