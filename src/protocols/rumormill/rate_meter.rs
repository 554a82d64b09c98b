//! The rate of events over the last seconds: new values, messages, losses.

use crate::time::Instant;

/// Length of a bucket, in microseconds.
const BUCKET_US: u64 = 1_000_000;

/// Buckets remembered, the current one included: enough that the bursts of the root's pulse average
/// out.
const BUCKETS: usize = 9;

/// A count of events over the last seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateMeter {
    first_at: Option<Instant>,
    /// Number of the current bucket; `counts` is a ring.
    bucket: u64,
    counts: [u64; BUCKETS],
}

impl RateMeter {
    /// Counts events.
    pub(crate) fn record(&mut self, now: Instant, events: u64) {
        if events == 0 {
            return;
        }
        self.first_at.get_or_insert(now);
        self.move_to(now);
        self.counts[slot(self.bucket)] += events;
    }

    /// Events per second over the last seconds, once there was more than one.
    pub(crate) fn per_second(&mut self, now: Instant) -> Option<f64> {
        self.move_to(now);
        let span_us = BUCKETS as u64 * BUCKET_US - (BUCKET_US - now.as_micros() % BUCKET_US);
        let seen_us = now.since(self.first_at?).as_micros() as u64;
        let covered_us = span_us.min(seen_us);
        let events: u64 = self.counts.iter().sum();
        (covered_us >= BUCKET_US).then(|| events as f64 / (covered_us as f64 / 1e6))
    }

    /// Takes back some of the last events: they turn out not to have happened.
    pub(crate) fn take_back(&mut self, now: Instant, events: u64) {
        self.move_to(now);
        let newest_first = (0..BUCKETS as u64).filter_map(|i| self.bucket.checked_sub(i));
        let mut left = events;
        for bucket in newest_first {
            let count = &mut self.counts[slot(bucket)];
            let taken = left.min(*count);
            *count -= taken;
            left -= taken;
        }
    }

    /// Events over the last seconds.
    pub(crate) fn recent(&mut self, now: Instant) -> u64 {
        self.move_to(now);
        self.counts.iter().sum()
    }

    fn move_to(&mut self, now: Instant) {
        let bucket = now.as_micros() / BUCKET_US;
        let passed = bucket.saturating_sub(self.bucket).min(BUCKETS as u64);
        for gone in 0..passed {
            self.counts[slot(bucket - gone)] = 0;
        }
        self.bucket = self.bucket.max(bucket);
    }
}

const fn slot(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    #[test]
    fn a_steady_stream_is_measured_after_a_second() {
        let mut meter = RateMeter::default();
        for i in 0..40 {
            meter.record(millis(5_500 + i * 20), 1);
        }
        assert_eq!(meter.per_second(millis(6_300)), None);
        for i in 40..400 {
            meter.record(millis(5_500 + i * 20), 1);
            let now = millis(5_500 + i * 20 + 10);
            let per_second = meter.per_second(now).unwrap_or(50.0);
            assert!((45.0..55.0).contains(&per_second), "{per_second} at {now}");
        }
    }

    #[test]
    fn bursts_even_out_and_silence_is_forgotten() {
        let mut meter = RateMeter::default();
        for beat in 0..20 {
            meter.record(millis(beat * 1_790), 90);
            meter.record(millis(beat * 1_790 + 900), 1);
        }
        let per_second = meter.per_second(millis(19 * 1_790 + 1_500)).unwrap();
        assert!((40.0..65.0).contains(&per_second), "{per_second}");
        assert_eq!(meter.per_second(millis(100_000)), Some(0.0));
    }

    #[test]
    fn the_rate_is_taken_of_the_time_covered() {
        let mut meter = RateMeter::default();
        meter.record(millis(500), 4);
        meter.record(millis(1_200), 2);
        let rates = [1_499, 1_500, 2_500].map(|now| meter.per_second(millis(now)));
        assert_eq!(rates, [None, Some(6.0), Some(3.0)]);
        let mut steady = RateMeter::default();
        (0..=102).for_each(|i| steady.record(millis(100 * i), 1));
        // The current second and eight before it: those since 2 s.
        assert_eq!(steady.per_second(millis(10_250)), Some(83.0 / 8.25));
    }

    #[test]
    fn events_count_for_nine_seconds_and_the_newest_are_taken_back_first() {
        let mut meter = RateMeter::default();
        meter.record(millis(0), 5);
        meter.record(millis(1_000), 3);
        assert_eq!([8_999, 9_000, 10_000].map(|now| meter.clone().recent(millis(now))), [8, 3, 0]);
        meter.take_back(millis(1_500), 4);
        assert_eq!((meter.recent(millis(1_500)), meter.recent(millis(9_000))), (4, 0));
        meter.record(millis(9_000), 1);
        meter.take_back(millis(9_000), 7);
        assert_eq!(meter.recent(millis(9_000)), 0);
    }
}
