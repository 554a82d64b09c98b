//! The clock of cycles: one tick per period, at a phase of the node's own.

use std::time::Duration;

use rand::Rng as _;

use crate::rng::Rng;
use crate::time::Instant;

/// A timer of one tick per period. Nodes tick at different phases, as unsynchronised nodes do.
#[derive(Clone, Copy, Debug)]
pub struct CycleTimer {
    period: u64,
    phase: u64,
    due: Option<Instant>,
}

impl CycleTimer {
    /// A stopped timer: takes one number of the generator for the phase.
    pub fn new(period: Duration, rng: &mut Rng) -> Self {
        let period = u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1);
        Self { period, phase: rng.next_u64() % period, due: None }
    }

    /// The next tick, if the timer runs.
    #[must_use]
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Starts the timer, unless it runs.
    pub fn start(&mut self, now: Instant) {
        self.due.get_or_insert_with(|| Self::next(self.period, self.phase, now));
    }

    /// True if a tick is due: it is taken, and the timer stopped.
    pub fn take(&mut self, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.due = None;
        }
        is_due
    }

    /// Number of this node's ticks until `now`, whether the timer ran or not.
    #[must_use]
    pub const fn cycle(&self, now: Instant) -> u64 {
        (now.as_micros() + (self.period - self.phase)) / self.period
    }

    /// The first tick after `now`.
    fn next(period: u64, phase: u64, now: Instant) -> Instant {
        let now = now.as_micros();
        let since = (now + (period - phase)) % period;
        Instant::from_micros(now.saturating_add(period - since))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn ticks_are_a_period_apart_and_counted_while_the_timer_stands() {
        for seed in 0..50 {
            let mut timer =
                CycleTimer::new(Duration::from_millis(10), &mut Rng::seed_from_u64(seed));
            assert_eq!(timer.due(), None);
            timer.start(Instant::ZERO);
            let first = timer.due().unwrap();
            assert!(first > Instant::ZERO && first <= Instant::from_micros(10_000), "{first}");
            assert!(!timer.take(Instant::ZERO));
            assert!(timer.take(first));
            let cycle = timer.cycle(first);
            timer.start(first);
            assert_eq!(timer.due(), Some(first.after(Duration::from_millis(10))));
            // A host that is late skips ticks; the phase stays.
            let late = first.after(Duration::from_millis(25));
            assert!(timer.take(late));
            timer.start(late);
            assert_eq!(timer.due(), Some(first.after(Duration::from_millis(30))));
            assert_eq!(timer.cycle(late), cycle + 2);
        }
    }
}
