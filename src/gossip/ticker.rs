//! A timer that runs as long as its node, and the random times of timers.

use std::time::Duration;

use rand::RngExt as _;

use crate::rng::Rng;
use crate::time::Instant;

/// A time that is uniform between two.
pub fn random_time(from: Duration, to: Duration, rng: &mut Rng) -> Duration {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.random_range(micros(from)..=micros(to).max(micros(from))))
}

/// A timer that fires once per period.
#[derive(Clone, Debug)]
pub struct Ticker {
    period: Duration,
    next: Instant,
}

impl Ticker {
    /// A timer that fires first between one and two periods from now. The first firing is random so
    /// that the nodes of a cluster, which start together, do not act together ever after.
    pub fn new(period: Duration, now: Instant, rng: &mut Rng) -> Self {
        Self { period, next: now.after(random_time(period, period * 2, rng)) }
    }

    /// True once per period. Periods that have passed unnoticed are left out.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next <= now;
        if is_due {
            self.next = now.after(self.period);
        }
        is_due
    }

    /// When it fires next.
    #[must_use]
    pub const fn next(&self) -> Instant {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_ticker_fires_once_per_period_and_leaves_out_what_it_missed() {
        let (second, at) = (Duration::from_secs(1), |ms: u64| Instant::from_micros(ms * 1_000));
        let mut ticker = Ticker::new(second, at(0), &mut Rng::seed_from_u64(1));
        let first = ticker.next();
        assert!((at(1_000)..=at(2_000)).contains(&first));
        assert!(!ticker.is_due(first.before(Duration::from_micros(1))));
        assert!(ticker.is_due(first) && !ticker.is_due(first));
        let late = first.after(second * 5);
        assert!(ticker.is_due(late) && !ticker.is_due(late));
        assert_eq!(ticker.next(), late.after(second));
    }
}
