//! The delays of all links together: what the latency budget is planned with, and what is assumed
//! of a link that was never measured.

use std::collections::VecDeque;
use std::time::Duration;

use crate::rtt::Rtt;

/// The round trip is the median of so many measurements, whichever links they are of: one node that
/// is much slower than the others does not make a slow network.
const RECENT: usize = 9;

/// Round-trip time and its variation over all links of a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delays {
    recent: VecDeque<Duration>,
    round_trip: Option<Duration>,
    /// As if all links were one of that round trip.
    variation: Rtt,
}

impl Delays {
    /// Takes in a measurement of a link whose round trip was `expected` before.
    pub(crate) fn sample(&mut self, sample: Duration, expected: Option<Duration>) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(sample);
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let median = sorted[sorted.len() / 2];
        let smoothed = self.round_trip.unwrap_or(median);
        self.round_trip = Some((smoothed * 15 + median) / 16);
        // Links differ; what counts is by how much each differs from itself.
        let expected = expected.unwrap_or(sample);
        self.variation.sample(if sample > expected {
            median + (sample - expected)
        } else {
            median.saturating_sub(expected - sample)
        });
    }

    /// The round trip of the typical link, once there was a measurement.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// True if delays vary so much, on the links themselves, that being late once means little.
    pub(crate) fn is_jittery(&self) -> bool {
        self.variation.is_jittery()
    }

    /// By when an answer that is given at once has come on the typical link.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.variation.timeout()
    }
}
