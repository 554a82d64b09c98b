//! Round-trip time over all links: the planner's input, and the assumption for a link that was never
//! measured.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocols::rumormill::link::{NOISE, SAMPLES_MIN, is_standstill};

/// The round trip is the median of this many measurements, of any links: one node that is much slower
/// than the others does not make a slow network.
const RECENT: usize = 9;

/// The newest measurement weighs 1/16; the first 16 weigh the same.
const MEMORY: u32 = 16;

/// Round-trip time over all links, and the variation of each link from its own average.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkRtt {
    recent: VecDeque<Duration>,
    round_trip: Option<Duration>,
    variation: Duration,
    samples: u32,
}

impl NetworkRtt {
    /// Takes in a measurement of a link whose round trip was `expected` before.
    pub(crate) fn sample(&mut self, sample: Duration, expected: Option<Duration>) {
        let estimate = self.variation.max(self.round_trip.unwrap_or_default());
        if is_standstill(estimate, sample) {
            *self = Self::default();
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(sample);
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let median = sorted[sorted.len() / 2];
        let smoothed = self.round_trip.unwrap_or(median);
        self.round_trip = Some((smoothed * (MEMORY - 1) + median) / MEMORY);
        // The first one only guesses, as with TCP.
        let deviation = if self.samples == 0 {
            sample / 2
        } else {
            let expected = expected.filter(|expected| !is_standstill(*expected, sample));
            expected.map_or(Duration::ZERO, |expected| sample.abs_diff(expected))
        };
        self.samples = (self.samples + 1).min(MEMORY);
        self.variation = (self.variation * (self.samples - 1) + deviation) / self.samples;
    }

    /// The round trip of the typical link, once there was a measurement.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Variation of the links from their own averages; zero until there were a few measurements.
    pub(crate) const fn variation(&self) -> Duration {
        if self.samples < SAMPLES_MIN { Duration::ZERO } else { self.variation }
    }

    /// The same; `None` until there were a few measurements.
    pub(crate) fn measured_variation(&self) -> Option<Duration> {
        (self.samples >= SAMPLES_MIN).then_some(self.variation)
    }

    /// True if delays vary so much, on each link, that one late message means little.
    pub(crate) fn is_jittery(&self) -> bool {
        self.samples >= SAMPLES_MIN
            && self.round_trip.is_some_and(|usual| self.variation > (usual / 8).max(NOISE / 4))
    }

    /// Retransmission timeout of the typical link.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.round_trip.map(|usual| usual + (self.variation * 4).max(NOISE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_millis(200);

    /// Measurements that take turns, each on a link of its own that always takes as long.
    fn steady_links(round_trips_ms: &[u64]) -> NetworkRtt {
        let mut rtt = NetworkRtt::default();
        for i in 0..60 {
            let sample = Duration::from_millis(round_trips_ms[i % round_trips_ms.len()]);
            rtt.sample(sample, (i >= round_trips_ms.len()).then_some(sample));
        }
        rtt
    }

    #[test]
    fn one_slow_node_makes_no_slow_network_and_links_that_differ_do_not_vary() {
        assert_eq!(steady_links(&[200, 200, 2_000, 200]).round_trip(), Some(USUAL));
        let mixed = steady_links(&[20, 200, 600]);
        assert!(!mixed.is_jittery(), "{mixed:?}");
        assert!(steady_links(&[600]).round_trip() > Some(USUAL));
    }

    #[test]
    fn a_node_that_stood_still_is_forgotten_with_the_next_answer() {
        let mut rtt = steady_links(&[200]);
        let before = rtt.timeout();
        (0..20).for_each(|_| rtt.sample(Duration::from_secs(600), Some(USUAL)));
        assert!(rtt.timeout() > Some(Duration::from_secs(60)));
        rtt.sample(USUAL, Some(Duration::from_secs(100)));
        assert_eq!(rtt.round_trip(), Some(USUAL));
        for _ in 0..60 {
            rtt.sample(USUAL, Some(Duration::from_secs(100)));
        }
        assert_eq!(rtt.timeout(), before);
    }

    #[test]
    fn a_link_that_differs_from_itself_varies() {
        let mut rtt = steady_links(&[200]);
        assert!(!rtt.is_jittery());
        for sample_ms in [20, 500, 90, 400, 10, 350] {
            rtt.sample(Duration::from_millis(sample_ms), Some(USUAL));
        }
        assert!(rtt.is_jittery());
        assert!(rtt.timeout() > Some(USUAL + NOISE));
    }
}
