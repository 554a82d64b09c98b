//! Heartbeat estimation on one direction of a link (after the φ-accrual detector, Hayashibara 2004).
//!
//! Both ends see the same intervals. The receiver suspects the sender after twice the usual
//! interval; the sender knows that, and sends a keep-alive before it, if it has nothing else to
//! send.

use std::time::Duration;

use crate::time::Instant;

/// Longest usual interval that is waited for. Messages further apart are no heartbeat: what is sent
/// the other way shows soon enough whether the peer is up.
const STEADY: Duration = Duration::from_millis(250);

/// Heartbeat timeout as a multiple of the usual interval; never below [`STEADY`].
const MISSED_FACTOR: u32 = 2;

/// A keep-alive leaves this long before the heartbeat timeout of the receiver: the scheduling delay
/// seen on a busy machine, and the variation of delays.
const EARLY: Duration = Duration::from_millis(60);

/// The interval between messages, as an exponentially weighted average.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heartbeat {
    last: Option<Instant>,
    interval: Option<Duration>,
}

impl Heartbeat {
    /// A message was sent or received.
    pub(crate) fn on_message(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.since(last);
            self.interval = Some(self.interval.map_or(gap, |usual| (usual * 7 + gap) / 8));
        }
    }

    /// Heartbeat timeout after a message. `None`: the messages are too far apart, or too few.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let steady = self.interval.filter(|&gap| gap <= STEADY)?;
        Some((steady * MISSED_FACTOR).max(STEADY))
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

    #[test]
    fn a_new_interval_weighs_an_eighth() {
        let timeouts = |times: &[u64]| {
            let mut heartbeat = Heartbeat::default();
            times.iter().for_each(|ms| heartbeat.on_message(Instant::from_micros(ms * 1_000)));
            [heartbeat.timeout(), heartbeat.keep_alive_after()].map(|time| Some(time?.as_millis()))
        };
        assert_eq!(timeouts(&[0]), [None, None]);
        assert_eq!(timeouts(&[0, 200]), [Some(400), Some(340)]);
        assert_eq!(timeouts(&[0, 200, 440]), [Some(410), Some(350)]);
        assert_eq!((timeouts(&[0, 250]), timeouts(&[0, 251])), ([Some(500), Some(440)], [None; 2]));
    }
}
