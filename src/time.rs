//! Time as the state machine sees it: whole microseconds since the node's start.
//!
//! The core never reads a clock. Drivers pass `now` in, so the simulator needs no wall-clock
//! sample, records hold plain integers, and a replay sees the very same instants.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// A point in time: microseconds since the driver's origin (for a process, its start).
///
/// Arithmetic saturates: no input from outside can make it panic.
///
/// Stored with one added, so that an `Option` of it is no longer than it is: every link has a dozen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The driver's origin.
    pub const ZERO: Self = Self(NonZeroU64::MIN);
    /// Later than every instant a driver will ever pass in.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// The instant `micros` microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(micros))
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }

    /// This instant moved later by `duration`, at most [`Instant::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This instant moved earlier by `duration`, at least [`Instant::ZERO`].
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self::from_micros(self.as_micros().saturating_sub(micros(duration)))
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.get().saturating_sub(earlier.0.get()))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Default for Instant {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_micros()).finish()
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.as_micros();
        write!(f, "{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Instant::MAX.after(Duration::MAX), Instant::MAX);
        assert_eq!(Instant::ZERO.since(Instant::MAX), Duration::ZERO);
        assert_eq!(Instant::from_micros(5).before(Duration::from_millis(1)), Instant::ZERO);
        assert_eq!(Instant::ZERO.after(Duration::from_millis(2)).as_micros(), 2_000);
        assert_eq!(
            Instant::from_micros(7).since(Instant::from_micros(3)),
            Duration::from_micros(4)
        );
    }
}
