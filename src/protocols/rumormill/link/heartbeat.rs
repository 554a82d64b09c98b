//! Heartbeat estimation on one direction of a link (after the φ-accrual detector, Hayashibara 2004).
//!
//! Both ends see the same intervals. The receiver suspects the sender after twice the usual
//! interval; the sender knows that, and sends a keep-alive before it, if it has nothing else to
//! send.

use std::time::Duration;

use crate::protocols::rumormill::ablation::Rule;
use crate::time::Instant;

/// Longest usual interval that is waited for. Messages further apart are no heartbeat: what is sent
/// the other way shows soon enough whether the peer is up.
const STEADY: Duration = Duration::from_millis(250);

/// After a longer pause than this, the average begins anew: one pause would make a frequent sender seem
/// a rare one for many messages to come.
const PAUSE: Duration = Duration::from_secs(1);

/// Intervals that an average needs: two messages that happen to be close are no heartbeat.
const INTERVALS_MIN: u32 = 2;

/// Heartbeat timeout as a multiple of the usual interval; never below [`STEADY`].
const MISSED_FACTOR: u32 = 2;

/// A keep-alive leaves this long before the heartbeat timeout of the receiver: the scheduling delay
/// seen on a busy machine, and the variation of delays.
const EARLY: Duration = Duration::from_millis(60);

/// The interval between messages, as an exponentially weighted average.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heartbeat {
    last: Option<Instant>,
    average: Duration,
    /// Intervals since the last pause.
    count: u32,
}

impl Heartbeat {
    /// A message was sent or received.
    pub(crate) fn on_message(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.since(last);
            let is_pause = gap > PAUSE && Rule::Pause.applies();
            self.average = if self.count == 0 { gap } else { (self.average * 7 + gap) / 8 };
            self.count = if is_pause { 0 } else { self.count.saturating_add(1) };
        }
    }

    /// Heartbeat timeout after a message. `None`: the messages are too far apart, or too few.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let is_steady = self.count >= INTERVALS_MIN && self.average <= STEADY;
        is_steady.then(|| (self.average * MISSED_FACTOR).max(STEADY))
    }

    /// Time after a message at which a keep-alive is due.
    pub(crate) fn keep_alive_after(&self) -> Option<Duration> {
        self.timeout().map(|timeout| timeout.saturating_sub(EARLY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frequent_messages_have_a_timeout_and_the_keep_alive_precedes_it() {
        let at = |ms: u64| Instant::from_micros(ms * 1_000);
        let heartbeat = |gap_ms: u64| {
            let mut heartbeat = Heartbeat::default();
            (0..20).for_each(|i| heartbeat.on_message(at(i * gap_ms)));
            heartbeat
        };
        assert_eq!(Heartbeat::default().timeout(), None);
        assert_eq!(heartbeat(100).timeout(), Some(STEADY));
        assert_eq!(heartbeat(200).timeout(), Some(Duration::from_millis(400)));
        assert_eq!(heartbeat(300).timeout(), None);
        assert!(heartbeat(200).keep_alive_after() < heartbeat(200).timeout());
    }

    /// Heartbeat timeout and time of the keep-alive, in milliseconds, after messages at these times.
    fn timeouts(times: &[u64]) -> Option<(u128, u128)> {
        let mut heartbeat = Heartbeat::default();
        times.iter().for_each(|ms| heartbeat.on_message(Instant::from_micros(ms * 1_000)));
        let [timeout, early] = [heartbeat.timeout(), heartbeat.keep_alive_after()];
        Some((timeout?.as_millis(), early?.as_millis()))
    }

    #[test]
    fn an_average_takes_two_intervals_and_a_new_one_weighs_an_eighth() {
        assert_eq!([timeouts(&[0]), timeouts(&[0, 200])], [None; 2]);
        assert_eq!(timeouts(&[0, 200, 400]), Some((400, 340)));
        assert_eq!(timeouts(&[0, 200, 440]), Some((410, 350)));
        assert_eq!((timeouts(&[0, 250, 500]), timeouts(&[0, 251, 502])), (Some((500, 440)), None));
    }

    #[test]
    fn after_a_pause_the_average_begins_anew() {
        assert_eq!(timeouts(&[0, 1_000, 1_100, 1_200]), None, "it was no pause");
        assert_eq!(timeouts(&[0, 1_001, 1_101]), None);
        assert_eq!(timeouts(&[0, 1_001, 1_201, 1_401]), Some((400, 340)));
    }
}
