//! Round-trip time of one link, smoothed as TCP does it (RFC 6298).

use std::time::Duration;

use crate::protocols::rumormill::ablation::Rule;

/// Scheduling and timer noise that a retransmission timeout must allow for (RFC 6298's clock
/// granularity G). A busy two-core machine with 25 node processes was seen to be 20 ms late.
pub(crate) const NOISE: Duration = Duration::from_millis(50);

/// The variance means nothing before this many measurements: the first one only guesses it.
pub(crate) const SAMPLES_MIN: u32 = 4;

/// Shortest estimate that may come of a standstill.
const STANDSTILL_MIN: Duration = Duration::from_secs(2);

/// How many times as long as a measurement such an estimate is.
const STANDSTILL_RATIO: u32 = 8;

/// True if an estimate came of a process that stood still: what had been sent to it was answered when
/// it went on, and the next `sample` shows that the network was not slower.
pub(crate) fn is_standstill(estimate: Duration, sample: Duration) -> bool {
    estimate > STANDSTILL_MIN.max(sample * STANDSTILL_RATIO)
}

/// True if round trips vary so much that one late answer means little.
pub(crate) fn is_jittery(usual: Duration, variation: Duration) -> bool {
    variation > (usual / 8).max(NOISE / 4)
}

/// Retransmission timeout: an answer that the peer sends at once has arrived by then, or is lost.
pub(crate) fn timeout(usual: Duration, variation: Duration) -> Duration {
    usual + (variation * 4).max(NOISE)
}

/// Smoothed round-trip time and its variance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rtt {
    smoothed: Option<Duration>,
    variance: Duration,
    samples: u32,
}

impl Rtt {
    /// Takes a measurement in, without the time that the peer held the message.
    pub fn sample(&mut self, rtt: Duration) {
        if self.smoothed.is_some_and(|smoothed| is_standstill(smoothed, rtt)) {
            *self = Self::default();
        }
        self.samples = self.samples.saturating_add(1);
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variance = rtt / 2;
            }
            Some(smoothed) => {
                // The first few weigh the same: the guess from the first one soon fades.
                let weight = self.samples.min(4);
                self.variance = (self.variance * (weight - 1) + smoothed.abs_diff(rtt)) / weight;
                self.smoothed = Some((smoothed * 7 + rtt) / 8);
            }
        }
    }

    /// The smoothed round-trip time, once there was a measurement.
    #[must_use]
    pub const fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The variation of the measurements; zero until there were a few.
    fn spread(&self) -> Duration {
        if self.samples < SAMPLES_MIN { Duration::ZERO } else { self.variance }
    }

    /// True if the delays vary so much that one late answer means little.
    #[must_use]
    pub fn is_jittery(&self) -> bool {
        self.smoothed.is_some_and(|smoothed| is_jittery(smoothed, self.spread()))
    }

    /// A message older than this is lost if a later one was acknowledged (RACK's reordering window,
    /// RFC 8985).
    #[must_use]
    pub fn reordering_window(&self, variation: Duration) -> Option<Duration> {
        let applies = Rule::NetworkVariation.applies();
        let spread = if applies { self.spread().max(variation) } else { self.spread() };
        self.smoothed.map(|smoothed| smoothed + (smoothed / 4).max(spread * 6))
    }

    /// Retransmission timeout; `None` before the first measurement.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| timeout(smoothed, self.variance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_measurements_narrow_the_timeout_and_jumps_widen_it() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), None);
        let steady = Duration::from_millis(200);
        rtt.sample(steady);
        assert_eq!(rtt.timeout(), Some(Duration::from_millis(600)));
        for _ in 0..40 {
            rtt.sample(steady);
        }
        assert_eq!(rtt.smoothed(), Some(steady));
        assert_eq!(rtt.timeout(), Some(steady + NOISE));
        assert!(!rtt.is_jittery());
        rtt.sample(Duration::from_millis(600));
        assert!(rtt.timeout() > Some(Duration::from_millis(600)));
    }

    #[test]
    fn a_process_that_stood_still_leaves_no_trace_in_the_estimate() {
        let mut rtt = Rtt::default();
        let steady = Duration::from_millis(200);
        let mut fresh = Rtt::default();
        fresh.sample(steady);
        rtt.sample(steady);
        (0..20).for_each(|_| rtt.sample(Duration::from_secs(600)));
        assert!(rtt.timeout() > Some(Duration::from_secs(60)));
        rtt.sample(steady);
        assert_eq!(rtt.timeout(), fresh.timeout());
        // Delays of a fast network that vary as much say nothing of the kind.
        let mut jittery = Rtt::default();
        (0..10).for_each(|_| jittery.sample(Duration::from_millis(400)));
        jittery.sample(Duration::from_millis(20));
        assert!(jittery.smoothed() > Some(Duration::from_millis(300)));
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_estimate_follows_rfc_6298_with_equal_weights_at_first() {
        let mut rtt = Rtt::default();
        let steps = [
            // Sample; then smoothed, timeout, reordering window on steady and on varied links.
            (160, 160, 480, 200, 760),
            (320, 180, 660, 225, 780),
            (180, 180, 500, 225, 780),
            (100, 170, 490, 650, 770),
            (170, 170, 410, 530, 770),
        ];
        assert_eq!(rtt.reordering_window(ms(0)), None);
        for (sample, smoothed, timeout, window, wide) in steps {
            rtt.sample(ms(sample));
            let windows = [0, 100].map(|variation| rtt.reordering_window(ms(variation)));
            let expected = [smoothed, timeout, window, wide].map(|time| Some(ms(time)));
            assert_eq!([rtt.smoothed(), rtt.timeout(), windows[0], windows[1]], expected);
        }
        assert!(rtt.is_jittery());
    }

    #[test]
    fn delays_are_jittery_if_they_vary_by_more_than_an_eighth_and_than_noise() {
        let after = |first, then, count| {
            let mut rtt = Rtt::default();
            rtt.sample(ms(first));
            (0..count).for_each(|_| rtt.sample(ms(then)));
            rtt
        };
        // The first measurement guesses a half; with the fourth an eighth of it is left.
        assert!(!after(192, 192, 2).is_jittery());
        assert_eq!((after(192, 192, 3).spread(), after(192, 192, 3).is_jittery()), (ms(24), false));
        assert!(after(192, 200, 3).is_jittery());
        // On a fast network only noise counts.
        assert!(!after(40, 50, 3).is_jittery() && after(40, 80, 3).is_jittery());
    }

    #[test]
    fn an_estimate_of_seconds_and_eight_times_the_sample_is_a_standstill() {
        let is = |estimate, sample| is_standstill(ms(estimate), ms(sample));
        assert_eq!((is(2_000, 100), is(2_001, 100)), (false, true));
        assert_eq!((is(8_000, 1_000), is(8_001, 1_000)), (false, true));
    }
}
