//! Round-trip time over all links: the planner's input, and the assumption for a link that was never
//! measured.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocols::rumormill::link::rtt::{SAMPLES_MIN, is_jittery, is_standstill, timeout};

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
    /// Begins with a guess, which fades: timeouts had better be too long.
    variation: Average,
    /// The same as measured.
    deviation: Average,
}

impl NetworkRtt {
    /// Takes in a measurement of a link whose round trip was `expected` before.
    pub(crate) fn sample(&mut self, sample: Duration, expected: Option<Duration>) {
        let estimate = self.variation.mean.max(self.round_trip.unwrap_or_default());
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
        let expected = expected.filter(|expected| !is_standstill(*expected, sample));
        let deviation = expected.map(|expected| sample.abs_diff(expected));
        if let Some(deviation) = deviation {
            self.deviation.add(deviation);
        }
        // The first one only guesses, as with TCP.
        let is_first = self.variation.count == 0;
        self.variation.add(if is_first { sample / 2 } else { deviation.unwrap_or_default() });
    }

    /// The round trip of the typical link, once there was a measurement.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Variation of the links from their own averages; zero until there were a few measurements.
    pub(crate) const fn variation(&self) -> Duration {
        if self.variation.count < SAMPLES_MIN { Duration::ZERO } else { self.variation.mean }
    }

    /// The same as measured, without a guess; `None` until there were many measurements.
    pub(crate) fn measured_variation(&self) -> Option<Duration> {
        (self.deviation.count == MEMORY).then_some(self.deviation.mean)
    }

    /// True if delays vary so much, on each link, that one late message means little.
    pub(crate) fn is_jittery(&self) -> bool {
        self.round_trip.is_some_and(|usual| is_jittery(usual, self.variation()))
    }

    /// Retransmission timeout of the typical link.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.round_trip.map(|usual| timeout(usual, self.variation.mean))
    }
}

/// A moving average of the last samples.
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    mean: Duration,
    /// Number of samples, at most [`MEMORY`].
    count: u32,
}

impl Average {
    fn add(&mut self, sample: Duration) {
        self.count = (self.count + 1).min(MEMORY);
        self.mean = (self.mean * (self.count - 1) + sample) / self.count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::rumormill::link::rtt::NOISE;

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

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_median_is_smoothed_and_so_are_the_deviations() {
        let mut rtt = NetworkRtt::default();
        let steps = [
            // Sample, expected; round trip and variation after it, in microseconds.
            (160, None, 160_000, 80_000),
            (320, Some(160), 170_000, 120_000),
            (200, Some(240), 171_875, 93_333),
            (200, None, 173_632, 69_999),
        ];
        for (i, (sample, expected, round_trip, variation)) in steps.into_iter().enumerate() {
            rtt.sample(ms(sample), expected.map(ms));
            assert_eq!(rtt.round_trip().map(|usual| usual.as_micros()), Some(round_trip));
            assert_eq!(rtt.variation.mean.as_micros(), variation);
            let is_known = i + 1 >= SAMPLES_MIN as usize;
            assert_eq!(rtt.measured_variation(), None);
            assert_eq!(rtt.variation(), if is_known { rtt.variation.mean } else { ms(0) });
            assert_eq!(rtt.is_jittery(), is_known);
        }
    }

    #[test]
    fn the_variation_as_measured_has_no_guess_in_it_and_needs_sixteen_measurements() {
        let mut rtt = NetworkRtt::default();
        (0..20).for_each(|_| rtt.sample(USUAL, None));
        assert_eq!(rtt.measured_variation(), None, "there was nothing to deviate from");
        (1..MEMORY).for_each(|_| rtt.sample(USUAL, Some(USUAL + ms(8))));
        assert_eq!(rtt.measured_variation(), None);
        rtt.sample(USUAL, Some(USUAL + ms(8)));
        assert_eq!(rtt.measured_variation(), Some(ms(8)));
        rtt.sample(USUAL, Some(USUAL - ms(24)));
        assert_eq!(rtt.measured_variation(), Some(ms(9)));
    }

    #[test]
    fn delays_are_jittery_if_they_vary_by_an_eighth_and_by_more_than_noise() {
        // The round trip, and how far each measurement is off that of its link.
        let rtt = |usual, off| {
            let mut rtt = NetworkRtt::default();
            (0..200).for_each(|_| rtt.sample(ms(usual), Some(ms(usual + off))));
            (rtt.is_jittery(), rtt.timeout().unwrap().as_millis())
        };
        assert_eq!((rtt(200, 24), rtt(200, 26)), ((false, 296), (true, 304)));
        assert_eq!((rtt(80, 12).0, rtt(80, 13).0), (false, true));
        assert_eq!(rtt(200, 10), (false, 250));
        let mut exact = NetworkRtt::default();
        (0..SAMPLES_MIN).for_each(|_| exact.sample(ms(192), Some(ms(192))));
        assert_eq!((exact.variation(), exact.is_jittery()), (ms(192) / 8, false));
    }
}
