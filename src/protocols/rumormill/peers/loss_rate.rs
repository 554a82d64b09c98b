//! The loss rate of the network, and how often unconfirmed entries are sent again because of it.
//!
//! Messages cost, bytes hardly do: an unconfirmed entry may ride on a batch that leaves anyway,
//! which repairs a loss without a message and without waiting for its detection. On a network that
//! loses nothing that would be waste, so the loss is measured first.

use std::time::Duration;

use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::rate_meter::RateMeter;
use crate::time::Instant;

/// Share of messages lost from which on unconfirmed entries are piggybacked.
const LIGHT: f64 = 0.001;

/// Share from which on they are piggybacked until confirmed, and messages to a parent are repeated.
const HEAVY: f64 = 0.03;

/// Least number of messages that the share is taken of.
const TRAFFIC_MIN: u64 = 50;

/// How often an unconfirmed entry may be piggybacked.
const PIGGYBACK_LIGHT: u8 = 1;
const PIGGYBACK_HEAVY: u8 = 8;

/// Reordering timeout as a multiple of the largest lateness of a message that arrived after all.
const REORDERING_FACTOR: u32 = 2;

/// Messages sent and found lost over the last seconds, what the parent says of them, and how late a message can
/// be without being lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LossRate {
    sent: RateMeter,
    lost: RateMeter,
    latest: Duration,
    is_told: bool,
}

impl LossRate {
    /// A message was sent.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        self.sent.record(now, 1);
    }

    /// Messages were found lost.
    pub(crate) fn on_lost(&mut self, now: Instant, messages: u64) {
        self.lost.record(now, messages);
    }

    /// A message arrived that another one had overtaken, `late` after that one: it was not lost.
    pub(crate) fn on_late(&mut self, now: Instant, late: Duration, was_counted: bool) {
        self.latest = self.latest.max(late);
        if was_counted && Rule::LateIsNotLost.applies() {
            self.lost.take_back(now, 1);
        }
    }

    /// How long to wait for a message that was overtaken before it counts as lost.
    pub(crate) fn reordering_timeout(&self) -> Duration {
        if !Rule::ReorderingTimeout.applies() {
            return Duration::ZERO;
        }
        self.latest * REORDERING_FACTOR
    }

    fn rate(&mut self, now: Instant) -> f64 {
        let (sent, lost) = (self.sent.recent(now), self.lost.recent(now));
        lost as f64 / sent.max(TRAFFIC_MIN) as f64
    }

    /// How often an unconfirmed entry may be sent again along with others.
    pub(crate) fn piggyback_max(&mut self, now: Instant) -> u8 {
        match self.rate(now) {
            _ if !Rule::Piggyback.applies() => 0,
            rate if rate >= HEAVY => PIGGYBACK_HEAVY,
            rate if rate < LIGHT || !Rule::LightPiggyback.applies() => 0,
            _ => PIGGYBACK_LIGHT,
        }
    }

    /// The parent says whether messages are lost. It measures by those of all its children: a leaf alone may not
    /// have lost one yet.
    pub(crate) const fn on_told(&mut self, is_lossy: bool) {
        self.is_told = is_lossy;
    }

    /// True if messages are lost, as measured here or as the parent says.
    pub(crate) fn is_lossy(&mut self, now: Instant) -> bool {
        (self.is_told && Rule::ToldLoss.applies()) || self.piggyback_max(now) > 0
    }

    /// True if so much is lost that waiting for its detection takes too long.
    pub(crate) fn is_heavy(&mut self, now: Instant) -> bool {
        self.rate(now) >= HEAVY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_is_lost_the_more_is_repeated() {
        let mut loss = LossRate::default();
        let at = |i: u64| Instant::from_micros(i * 10_000);
        (0..400).for_each(|i| loss.on_sent(at(i)));
        assert_eq!(loss.piggyback_max(at(400)), 0);
        loss.on_lost(at(400), 1);
        assert_eq!(loss.piggyback_max(at(400)), PIGGYBACK_LIGHT);
        loss.on_lost(at(401), 40);
        assert_eq!(loss.piggyback_max(at(401)), PIGGYBACK_HEAVY);
        assert!(loss.is_heavy(at(401)));
        (401..3_000).for_each(|i| loss.on_sent(at(i)));
        assert_eq!(loss.piggyback_max(at(3_000)), 0);
    }

    #[test]
    fn the_shares_from_which_on_entries_are_repeated() {
        let now = Instant::ZERO;
        let of = |sent, lost| {
            let mut loss = LossRate::default();
            (0..sent).for_each(|_| loss.on_sent(now));
            loss.on_lost(now, lost);
            (loss.piggyback_max(now), loss.is_heavy(now))
        };
        assert_eq!((of(1_001, 1), of(1_000, 1)), ((0, false), (PIGGYBACK_LIGHT, false)));
        assert_eq!(
            (of(1_000, 29), of(1_000, 30)),
            ((PIGGYBACK_LIGHT, false), (PIGGYBACK_HEAVY, true))
        );
        // One loss among few messages says little.
        assert_eq!((of(2, 1), of(2, 2)), ((PIGGYBACK_LIGHT, false), (PIGGYBACK_HEAVY, true)));
    }

    #[test]
    fn a_late_message_was_not_lost_and_the_next_is_waited_for_twice_as_long() {
        let (now, ms) = (Instant::ZERO, Duration::from_millis);
        let mut loss = LossRate::default();
        (0..100).for_each(|_| loss.on_sent(now));
        loss.on_lost(now, 3);
        assert_eq!(loss.reordering_timeout(), ms(0));
        loss.on_late(now, ms(30), false);
        assert!(loss.is_heavy(now));
        loss.on_late(now, ms(20), true);
        assert!(!loss.is_heavy(now) && loss.piggyback_max(now) == PIGGYBACK_LIGHT);
        assert_eq!(loss.reordering_timeout(), ms(60));
    }
}
