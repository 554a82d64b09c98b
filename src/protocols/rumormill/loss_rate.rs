//! How many messages the network loses, and what is done about it before anybody asks.
//!
//! Messages cost, bytes hardly do: an entry that is not confirmed yet may ride again on a batch
//! that leaves anyway, which repairs a loss without a message and without waiting for the news of
//! it. On a network that loses nothing that would only be waste, so the loss is measured first.

use std::time::Duration;

use super::rate_meter::RateMeter;
use crate::time::Instant;

/// From this share of messages lost on, unconfirmed entries ride along once more.
const LIGHT: f64 = 0.001;

/// Where delays vary widely, what is only late is easily taken for lost.
const LIGHT_JITTERY: f64 = 0.02;

/// From this share on they ride until they are confirmed, and what goes up a tree is sent twice.
const HEAVY: f64 = 0.03;

/// Fewer messages than this say nothing about heavy loss.
const TRAFFIC_MIN: u64 = 50;

/// How often an unconfirmed entry may ride again.
const RIDES_LIGHT: u8 = 2;
const RIDES_HEAVY: u8 = 8;

/// A message overtaken by another one is waited for this much longer than the latest of late.
const PATIENCE_FACTOR: u32 = 2;

/// Counts messages sent and found lost, over the last seconds, and learns how late messages can
/// be without being lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LossRate {
    sent: RateMeter,
    lost: RateMeter,
    latest: Duration,
}

impl LossRate {
    pub(crate) fn note_sent(&mut self, now: Instant) {
        self.sent.note(now, 1);
    }

    pub(crate) fn note_lost(&mut self, now: Instant, messages: u64) {
        self.lost.note(now, messages);
    }

    /// A message came in that another one had overtaken, `late` after that one: it was not lost.
    pub(crate) fn note_late(&mut self, now: Instant, late: Duration, was_counted: bool) {
        self.latest = self.latest.max(late);
        if was_counted {
            self.lost.take_back(now, 1);
        }
    }

    /// How long to wait for a message that was overtaken.
    pub(crate) fn patience(&self) -> Duration {
        self.latest * PATIENCE_FACTOR
    }

    fn rate(&mut self, now: Instant) -> f64 {
        let (sent, lost) = (self.sent.recent(now), self.lost.recent(now));
        lost as f64 / sent.max(TRAFFIC_MIN) as f64
    }

    /// How often an entry that is not confirmed may be sent again along with others.
    pub(crate) fn rides(&mut self, now: Instant, is_jittery: bool) -> u8 {
        let light = if is_jittery { LIGHT_JITTERY } else { LIGHT };
        match self.rate(now) {
            rate if rate >= HEAVY => RIDES_HEAVY,
            rate if rate >= light => RIDES_LIGHT,
            _ => 0,
        }
    }

    /// True if so much is lost that waiting for the news of it takes too long.
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
        (0..400).for_each(|i| loss.note_sent(at(i)));
        assert_eq!(loss.rides(at(400), false), 0);
        loss.note_lost(at(400), 1);
        assert_eq!(loss.rides(at(400), false), RIDES_LIGHT);
        loss.note_lost(at(401), 40);
        assert_eq!(loss.rides(at(401), false), RIDES_HEAVY);
        assert!(loss.is_heavy(at(401)));
        (401..3_000).for_each(|i| loss.note_sent(at(i)));
        assert_eq!(loss.rides(at(3_000), false), 0);
    }
}
