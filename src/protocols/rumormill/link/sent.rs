//! Messages sent to a peer: what they carried, and which of them are lost (QUIC, RFC 9002; RACK,
//! RFC 8985).

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocols::rumormill::message::Forward;
use crate::set::{Ranges, VersionSet};
use crate::time::Instant;

/// Messages that are remembered for their acks; an ack of an older one tells nothing useful.
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

/// A message sent, for the round trip.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Instant,
}

/// The evidence in an ack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// Entries of the acked messages, as far as they were not confirmed before.
    pub(crate) entries: VersionSet,
    /// The ack is of a later message than any before it.
    pub(crate) is_new: bool,
    /// When the largest message was sent, if that is remembered and the ack is new.
    pub(crate) sent_at: Option<Instant>,
}

/// Entries of a message that are not known to have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    /// The messages that carried the entries, in order: an ack of any of them confirms these.
    numbers: Vec<u64>,
    pub(crate) sent_at: Instant,
    /// When it counts as lost.
    pub(crate) deadline: Instant,
    max_ack_delay: Duration,
    /// Below the largest acked number: late, whatever the round trip.
    is_overtaken: bool,
    entries: VersionSet,
    forward: Forward,
    /// How often these entries were sent along with others before.
    rides: u8,
}

impl Batch {
    /// The last message that carried the entries.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.last().copied().unwrap_or_default()
    }

    /// The entries.
    pub(crate) const fn entries(&self) -> &VersionSet {
        &self.entries
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
    /// Entries whose ack is not waited for, but counts: sent along with a probe, or taken for lost.
    unwaited: VecDeque<(u64, VersionSet)>,
    next_number: u64,
    remembered: VecDeque<Sent>,
    largest_acked: Option<u64>,
    /// When the newest acked message was sent.
    acked_sent_at: Option<Instant>,
}

impl SentMessages {
    /// Number of the next message.
    pub(crate) const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Entries in flight.
    pub(crate) fn in_flight(&self) -> VersionSet {
        let mut all = VersionSet::new();
        self.in_flight.iter().for_each(|batch| all.union_with(&batch.entries));
        all
    }

    /// Messages with entries in flight, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.in_flight.iter()
    }

    /// A message was sent: numbers it.
    pub(crate) fn on_sent(&mut self, now: Instant) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(Sent { number, at: now });
        number
    }

    /// Message `number`, just sent, carries `entries` whose ack is waited for.
    pub(crate) fn track(
        &mut self,
        now: Instant,
        number: u64,
        entries: VersionSet,
        forward: Forward,
        wait: AckWait,
    ) {
        self.rearm(now, number, wait);
        let (deadline, max_ack_delay) = (wait.deadline(now), wait.max_ack_delay);
        let (is_overtaken, rides) = (false, 0);
        self.in_flight.push_back(Batch {
            numbers: vec![number],
            sent_at: now,
            deadline,
            max_ack_delay,
            is_overtaken,
            entries,
            forward,
            rides,
        });
    }

    /// Message `number`, just sent, carries `entries` whose ack is not waited for.
    pub(crate) fn track_unwaited(&mut self, number: u64, entries: VersionSet) {
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
        let shares = |b: &&mut Batch| !b.is_overtaken && number - b.number() < wait.threshold;
        for batch in self.in_flight.iter_mut().filter(shares) {
            batch.deadline = batch.deadline.max(deadline);
        }
    }

    /// The peer acks the messages with these numbers.
    pub(crate) fn on_ack(&mut self, numbers: &Ranges) -> Acked {
        let mut acked = Acked::default();
        self.in_flight.retain(|batch| {
            let is_acked = batch.numbers.iter().any(|&number| numbers.contains(number));
            if is_acked {
                acked.entries.union_with(&batch.entries);
            }
            !is_acked
        });
        self.unwaited.retain(|(number, entries)| {
            let is_acked = numbers.contains(*number);
            if is_acked {
                acked.entries.union_with(entries);
            }
            !is_acked
        });
        let Some(largest) = numbers.end().checked_sub(1) else { return acked };
        if !self.is_acked(largest) {
            self.largest_acked = Some(largest);
            acked.is_new = true;
            let sent = self.remembered.iter().find(|sent| sent.number == largest);
            acked.sent_at = sent.map(|sent| sent.at);
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

    /// The peer holds `entries`.
    pub(crate) fn on_confirmed(&mut self, entries: &VersionSet) {
        for batch in &mut self.in_flight {
            batch.entries.subtract(entries);
        }
        self.in_flight.retain(|batch| !batch.entries.is_empty());
    }

    /// Messages older than `window` that precede the acked `number` are lost; the others are, if
    /// they stay unconfirmed until then. Returns how many are lost, and their entries.
    pub(crate) fn on_overtaken(
        &mut self,
        now: Instant,
        number: u64,
        window: Duration,
    ) -> (u64, Lost) {
        let before = self.in_flight.len();
        let lost = self.take(|b| b.number() < number && now.since(b.sent_at) > window);
        let count = before - self.in_flight.len();
        for batch in self.in_flight.iter_mut().filter(|batch| batch.number() < number) {
            batch.deadline = batch.deadline.min(batch.sent_at.after(window));
            batch.is_overtaken = true;
        }
        (count as u64, lost)
    }

    /// The oldest message past its deadline: when it was sent, and its number.
    pub(crate) fn oldest_overdue(&self, now: Instant) -> Option<(Instant, u64)> {
        let late = self.in_flight.iter().filter(|batch| batch.deadline <= now);
        late.map(|batch| (batch.sent_at, batch.number())).min()
    }

    /// When the first message with entries counts as lost.
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
            for number in batch.numbers {
                self.track_unwaited(number, batch.entries.clone());
            }
        }
        lost
    }

    /// The round trip may have become longer: messages due now are given as long as one that is
    /// sent now.
    pub(crate) fn extend_overdue(&mut self, now: Instant, timeout: Duration) {
        for batch in &mut self.in_flight {
            if batch.deadline <= now && !batch.is_overtaken {
                let max_ack_delay = batch.max_ack_delay;
                let wait = AckWait { timeout, max_ack_delay, threshold: 1 };
                batch.deadline = batch.deadline.max(wait.deadline(batch.sent_at));
            }
        }
    }

    /// Takes messages in flight whose entries may be sent along with the next message once more: at
    /// most `rides` times, those that `fits` admits. The peer does the same with all entries of a
    /// message, so only those with at most that `forward`.
    pub(crate) fn take_riders(
        &mut self,
        rides: u8,
        forward: Forward,
        mut fits: impl FnMut(&VersionSet) -> bool,
    ) -> Vec<Batch> {
        if rides == 0 {
            return Vec::new();
        }
        let may_ride = |b: &Batch| b.rides < rides && b.forward <= forward && fits(&b.entries);
        let (riders, others) = self.in_flight.drain(..).partition::<VecDeque<_>, _>(may_ride);
        self.in_flight = others;
        riders.into()
    }

    /// The message just sent carries `riders` as well.
    pub(crate) fn add_riders(&mut self, now: Instant, wait: AckWait, riders: Vec<Batch>) {
        let number = self.next_number - 1;
        self.in_flight.extend(riders.into_iter().map(|mut batch| {
            batch.numbers.push(number);
            Batch {
                sent_at: now,
                deadline: wait.deadline(now),
                max_ack_delay: wait.max_ack_delay,
                rides: batch.rides + 1,
                is_overtaken: false,
                ..batch
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::OriginId;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn entries(range: std::ops::Range<u64>) -> VersionSet {
        let mut entries = VersionSet::new();
        entries.insert(OriginId(0), range);
        entries
    }

    fn numbers(range: std::ops::Range<u64>) -> Ranges {
        std::iter::once(range).collect()
    }

    fn send(
        sent: &mut SentMessages,
        now: u64,
        sequence: u64,
        forward: Forward,
        wait: AckWait,
    ) -> u64 {
        let number = sent.on_sent(at(now));
        sent.track(at(now), number, entries(sequence..sequence + 1), forward, wait);
        number
    }

    fn wait(timeout: u64) -> AckWait {
        AckWait { timeout: ms(timeout), max_ack_delay: Duration::ZERO, threshold: 1 }
    }

    #[test]
    fn a_batched_ack_is_waited_for_as_long_as_the_threshold_allows() {
        let mut sent = SentMessages::default();
        let wait = AckWait { threshold: 3, ..wait(100) };
        (0..5).for_each(|i| {
            send(&mut sent, i * 60, i, Forward::No, wait);
        });
        let deadlines: Vec<Instant> = sent.batches().map(|batch| batch.deadline).collect();
        assert_eq!(deadlines, [220, 280, 340, 340, 340].map(at));
        assert_eq!(sent.next_deadline(), Some(at(220)));
    }

    #[test]
    fn messages_before_an_acked_one_are_lost_after_the_reordering_window() {
        let mut sent = SentMessages::default();
        for i in 0..3 {
            send(&mut sent, i * 50, i, Forward::No, wait(1_000));
        }
        let acked = sent.on_ack(&numbers(2..3));
        assert_eq!((acked.sent_at, acked.entries), (Some(at(100)), entries(2..3)));
        let (count, lost) = sent.on_overtaken(at(200), 2, ms(160));
        assert_eq!((count, lost.entries), (1, entries(0..1)));
        // Message 1 has until the end of the window.
        assert_eq!(sent.next_deadline(), Some(at(210)));
        // An overtaken message is not given more time.
        sent.extend_overdue(at(300), ms(500));
        assert_eq!(sent.oldest_overdue(at(300)), Some((at(50), 1)));
        assert_eq!(sent.take_expired(at(300)).entries, entries(1..2));
    }

    #[test]
    fn an_ack_confirms_the_entries_of_its_messages_and_is_new_once() {
        let mut sent = SentMessages::default();
        for i in 0..4 {
            send(&mut sent, i * 10, i, Forward::No, wait(1_000));
        }
        let gap: Ranges = [0..1, 2..3].into_iter().collect();
        let acked = sent.on_ack(&gap);
        let mut confirmed = entries(0..1);
        confirmed.union_with(&entries(2..3));
        assert_eq!(acked, Acked { entries: confirmed, is_new: true, sent_at: Some(at(20)) });
        assert_eq!(sent.in_flight().count(), 2);
        assert_eq!(sent.on_ack(&gap), Acked::default());
        assert!(sent.acked_since(at(20)) && !sent.acked_since(at(21)));
        assert!(sent.is_acked(1) && !sent.is_acked(3));
        // An earlier message that was late: its entries count, the ack is not new.
        let acked = sent.on_ack(&numbers(0..3));
        assert_eq!((acked.entries, acked.is_new), (entries(1..2), false));
    }

    #[test]
    fn a_late_ack_of_what_was_taken_for_lost_counts_unless_the_peer_restarted() {
        let mut sent = SentMessages::default();
        send(&mut sent, 0, 0, Forward::No, wait(100));
        assert_eq!(sent.take_expired(at(100)).entries, entries(0..1));
        let number = sent.on_sent(at(100));
        sent.track_unwaited(number, entries(5..6));
        let mut both = sent.clone();
        let mut expected = entries(0..1);
        expected.union_with(&entries(5..6));
        assert_eq!(both.on_ack(&numbers(0..2)).entries, expected);
        sent.on_restart();
        assert!(sent.on_ack(&numbers(0..2)).entries.is_empty());
    }

    #[test]
    fn a_longer_round_trip_extends_the_deadlines_of_overdue_messages() {
        let mut sent = SentMessages::default();
        let delayed = AckWait { max_ack_delay: ms(30), ..wait(100) };
        send(&mut sent, 0, 0, Forward::No, delayed);
        send(&mut sent, 50, 1, Forward::No, delayed);
        sent.extend_overdue(at(130), ms(300));
        let deadlines: Vec<Instant> = sent.batches().map(|batch| batch.deadline).collect();
        assert_eq!(deadlines, [330, 180].map(at));
    }

    #[test]
    fn confirmed_entries_are_no_longer_in_flight() {
        let mut sent = SentMessages::default();
        send(&mut sent, 0, 0, Forward::No, wait(100));
        send(&mut sent, 0, 1, Forward::Tree, wait(100));
        sent.on_confirmed(&entries(0..1));
        assert_eq!(sent.in_flight(), entries(1..2));
        assert_eq!(sent.take_all(), Lost { entries: entries(1..2), forward: Forward::Tree });
        assert!(sent.in_flight().is_empty());
    }

    #[test]
    fn entries_ride_so_often_where_there_is_room_and_the_relay_allows() {
        let mut sent = SentMessages::default();
        send(&mut sent, 0, 0, Forward::No, wait(100));
        send(&mut sent, 0, 1, Forward::Tree, wait(100));
        assert!(sent.take_riders(0, Forward::Tree, |_| true).is_empty());
        let riders = sent.take_riders(1, Forward::No, |_| true);
        assert_eq!(riders.iter().map(Batch::number).collect::<Vec<_>>(), [0]);
        let number = sent.on_sent(at(40));
        sent.add_riders(at(40), wait(100), riders);
        let last = sent.batches().last().unwrap();
        assert_eq!((last.number(), last.deadline), (number, at(140)));
        // An ack of the first message that carried them confirms them as well.
        assert_eq!(sent.clone().on_ack(&numbers(0..1)).entries, entries(0..1));
        // It has had its ride; the other one finds no room.
        assert!(sent.take_riders(1, Forward::Tree, |_| false).is_empty());
        assert_eq!(sent.in_flight(), entries(0..2));
    }
}
