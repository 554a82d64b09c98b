//! How late the lab served its deadlines: the figure that tells whether the lab itself was the
//! limit.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Relative error of the figures, as a number of decimal digits.
const DIGITS: u8 = 3;

/// What [`LatenessLog`] found, and how much the nodes' pipes ever held up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Deadlines served.
    pub deadlines: u64,
    /// Half of them were at most this late.
    pub median: Duration,
    /// 99 of 100 were at most this late.
    pub p99: Duration,
    /// The latest of all.
    pub max: Duration,
}

/// Collects how late each deadline was served.
#[derive(Debug)]
pub struct LatenessLog {
    micros: Histogram<u64>,
}

impl LatenessLog {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        // Cannot fail: the only condition is that the digits are at most five.
        let micros = Histogram::new(DIGITS).unwrap_or_else(|_| unreachable!());
        Self { micros }
    }

    /// One deadline was served so late.
    pub fn record(&mut self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.micros.saturating_record(micros);
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Lateness {
        let at = |quantile| Duration::from_micros(self.micros.value_at_quantile(quantile));
        Lateness {
            deadlines: self.micros.len(),
            median: at(0.5),
            p99: at(0.99),
            max: Duration::from_micros(self.micros.max()),
        }
    }
}

impl Default for LatenessLog {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_deadlines_served() {
        let mut log = LatenessLog::new();
        assert_eq!(log.summary(), Lateness::default());
        for micros in 1..=100 {
            log.record(Duration::from_micros(micros));
        }
        let micros = Duration::from_micros;
        let expected =
            Lateness { deadlines: 100, median: micros(50), p99: micros(99), max: micros(100) };
        assert_eq!(log.summary(), expected);
    }
}
