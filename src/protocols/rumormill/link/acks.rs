//! The ack that this node owes a peer, and when it is due (QUIC, RFC 9000 section
//! 13.2).
//!
//! An ack is the ranges of the peer's message numbers that have arrived, one range while nothing is
//! missing. It goes along with messages that are sent anyway; when none is, it leaves by a deadline.

use std::time::Duration;

use super::gaps::Gaps;
use super::heartbeat::Heartbeat;
use crate::id::Generation;
use crate::protocols::rumormill::message::Ack;
use crate::set::Ranges;
use crate::time::Instant;

/// Most ranges in an ack, the latest ones. Each is a loss of the last seconds; the peer has sent the
/// entries of earlier ones again.
const RANGES_MAX: usize = 32;

/// The receiving side of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acks {
    /// Numbers of the peer's messages that have arrived; the lowest are dropped.
    received: Ranges,
    newest_at: Option<Instant>,
    /// That of the messages with entries.
    pub(crate) heartbeat: Heartbeat,
    pub(crate) gaps: Gaps,
    /// When a message leaves even if nothing else is to be sent: for the ack, as a keep-alive, or with what goes
    /// along.
    ack_at: Option<Instant>,
    /// Messages with entries that arrived since anything was sent.
    unacked: u64,
    /// The peer wants to know everything that is held here.
    is_probed: bool,
}

impl Acks {
    /// The peer restarted: its numbers begin anew.
    pub(crate) fn on_restart(&mut self) {
        let (ack_at, unacked) = (self.ack_at, self.unacked);
        *self = Self { ack_at, unacked, ..Self::default() };
    }

    /// Message `number` of the peer arrived. Returns how late it is, if it was overtaken.
    pub(crate) fn on_received(
        &mut self,
        now: Instant,
        number: u64,
        has_entries: bool,
        reordering: Duration,
    ) -> Option<Duration> {
        let expected = self.received.end();
        if number >= expected {
            self.newest_at = Some(now);
            if has_entries {
                self.heartbeat.on_message(now);
            }
        }
        self.received.insert(number..number.saturating_add(1));
        self.received.keep_last(RANGES_MAX);
        self.gaps.on_received(now, expected, number, reordering)
    }

    /// Gives up messages that are missing for longer than `after`; returns their number. What
    /// precedes them needs no ack any more.
    pub(crate) fn give_up_gaps(&mut self, now: Instant, after: Duration) -> u64 {
        let given_up = self.gaps.expire(now, after);
        if given_up > 0 {
            self.received.keep_last(1);
        }
        given_up
    }

    /// A message leaves: it carries the ack.
    pub(crate) fn on_sent(&mut self) {
        self.ack_at = None;
        self.unacked = 0;
        self.is_probed = false;
    }

    /// A probe arrived: it is answered at once, with everything held.
    pub(crate) fn on_probe(&mut self, now: Instant) {
        self.is_probed = true;
        self.schedule(now);
    }

    /// True if the next message answers a probe.
    pub(crate) const fn is_probed(&self) -> bool {
        self.is_probed
    }

    /// A message is to leave by `deadline`: whatever it is for, it carries the ack.
    pub(crate) fn schedule(&mut self, deadline: Instant) {
        self.ack_at = Some(self.ack_at.map_or(deadline, |at| at.min(deadline)));
    }

    /// A message with entries is to be acked by `deadline`. With a threshold above 1 the ack waits
    /// longer while more such messages arrive, until there are `threshold` of them. (Only a leaf's acks to its parent
    /// do, and whatever else it has for the parent leaves at once.)
    pub(crate) fn schedule_batched(&mut self, now: Instant, deadline: Instant, threshold: u64) {
        self.unacked += 1;
        if threshold <= 1 {
            self.schedule(deadline);
        } else if self.unacked >= threshold {
            self.schedule(now);
        } else if self.ack_at.is_none_or(|at| at > now) {
            self.ack_at = Some(deadline);
        }
    }

    /// When a message is due, if any is.
    pub(crate) const fn at(&self) -> Option<Instant> {
        self.ack_at
    }

    /// The ack to send now, if anything has arrived in the present generation.
    pub(crate) fn ack(&self, now: Instant, generation: Option<Generation>) -> Option<Ack> {
        let held_us = u64::try_from(now.since(self.newest_at?).as_micros()).unwrap_or(u64::MAX);
        Some(Ack { generation: generation?, numbers: self.received.clone(), held_us })
    }

    /// True if no later message of the peer has arrived than that one.
    pub(crate) fn is_newest(&self, number: u64) -> bool {
        self.received.end() <= number.saturating_add(1)
    }

    /// When the newest of the peer's messages arrived.
    pub(crate) const fn heard_at(&self) -> Option<Instant> {
        self.newest_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn is_due(acks: &Acks, ms: u64) -> bool {
        acks.at().is_some_and(|deadline| deadline <= at(ms))
    }

    fn receive(acks: &mut Acks, ms: u64, number: u64) {
        acks.on_received(at(ms), number, true, Duration::ZERO);
    }

    /// The bounds of the ranges acked.
    fn acked(acks: &Acks) -> Vec<(u64, u64)> {
        let ack = acks.ack(at(0), Some(Generation(3)));
        let bounds = |ack: Ack| ack.numbers.iter().map(|range| (range.start, range.end)).collect();
        ack.map(bounds).unwrap_or_default()
    }

    #[test]
    fn a_batched_ack_waits_until_no_more_messages_come_or_the_threshold_is_reached() {
        let mut acks = Acks::default();
        let receive = |acks: &mut Acks, ms| acks.schedule_batched(at(ms), at(ms + 100), 3);
        receive(&mut acks, 0);
        receive(&mut acks, 60);
        assert_eq!((is_due(&acks, 159), is_due(&acks, 160)), (false, true));
        receive(&mut acks, 120);
        assert!(is_due(&acks, 120));
        acks.on_sent();
        receive(&mut acks, 130);
        assert_eq!((is_due(&acks, 229), is_due(&acks, 230)), (false, true));
        // An ack that is due waits no longer.
        receive(&mut acks, 230);
        assert!(is_due(&acks, 230));
        // Messages that arrived before the threshold was known count as well.
        acks.on_sent();
        acks.schedule_batched(at(300), at(1_300), 1);
        receive(&mut acks, 310);
        assert!(!is_due(&acks, 320));
        receive(&mut acks, 320);
        assert!(is_due(&acks, 320));
    }

    #[test]
    fn an_ack_is_one_range_while_nothing_is_missing_and_gaps_show() {
        let mut acks = Acks::default();
        assert!(acked(&acks).is_empty());
        (0..5).for_each(|number| receive(&mut acks, number, number));
        assert_eq!(acked(&acks), [(0, 5)]);
        receive(&mut acks, 5, 7);
        assert_eq!(acked(&acks), [(0, 5), (7, 8)]);
        receive(&mut acks, 6, 6);
        assert_eq!(acked(&acks), [(0, 5), (6, 8)]);
        // Given up for lost: what precedes the gap was acked often enough.
        assert_eq!(acks.give_up_gaps(at(5_000), Duration::from_secs(1)), 1);
        assert_eq!(acked(&acks), [(6, 8)]);
        acks.on_restart();
        assert!(acked(&acks).is_empty());
    }

    #[test]
    fn only_the_latest_ranges_are_acked() {
        let mut acks = Acks::default();
        (0..100).for_each(|number| receive(&mut acks, 0, 2 * number));
        assert_eq!((acked(&acks).len(), acked(&acks).last()), (RANGES_MAX, Some(&(198, 199))));
    }

    #[test]
    fn the_ack_tells_how_long_the_newest_message_was_held() {
        let mut acks = Acks::default();
        receive(&mut acks, 10, 4);
        receive(&mut acks, 20, 2);
        let ack = acks.ack(at(25), Some(Generation(3))).unwrap();
        assert_eq!((ack.largest(), ack.held_us, ack.generation), (Some(4), 15_000, Generation(3)));
        assert!(acks.is_newest(4) && !acks.is_newest(3));
        assert_eq!(acks.heard_at(), Some(at(10)));
    }

    #[test]
    fn gaps_that_may_still_close_stay_in_the_ack() {
        let mut acks = Acks::default();
        receive(&mut acks, 0, 0);
        receive(&mut acks, 0, 2);
        assert_eq!(acks.give_up_gaps(at(1_000), Duration::from_secs(1)), 0);
        assert_eq!(acked(&acks), [(0, 1), (2, 3)]);
        assert_eq!((acks.gaps.at(), acks.gaps.take_due(at(0))), (Some(at(0)), Some(1)));
    }

    #[test]
    fn a_probe_is_answered_at_once_and_one_message_is_the_answer() {
        let mut acks = Acks::default();
        acks.schedule(at(500));
        acks.on_probe(at(100));
        assert!(acks.is_probed() && acks.at() == Some(at(100)));
        acks.on_sent();
        assert!(!acks.is_probed() && acks.at().is_none());
    }

    #[test]
    fn what_is_owed_to_a_peer_is_owed_after_its_restart() {
        let mut acks = Acks::default();
        receive(&mut acks, 0, 0);
        acks.schedule_batched(at(0), at(100), 2);
        acks.on_restart();
        assert_eq!((acks.at(), acks.heard_at()), (Some(at(100)), None));
        acks.schedule_batched(at(10), at(110), 2);
        assert_eq!(acks.at(), Some(at(10)));
    }

    #[test]
    fn only_messages_with_entries_that_are_newest_are_heartbeats() {
        let timeout = |number_of: fn(u64) -> u64, has_entries| {
            let mut acks = Acks::default();
            for i in 0..4 {
                acks.on_received(at(200 * i), number_of(i), has_entries, Duration::ZERO);
            }
            acks.heartbeat.timeout()
        };
        assert_eq!(timeout(|i| i, true), Some(Duration::from_millis(400)));
        assert_eq!((timeout(|i| i, false), timeout(|i| 9 - i, true)), (None, None));
    }
}
