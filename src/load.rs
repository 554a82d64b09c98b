//! How many new values the cluster makes per second, as far as this node sees them.

use std::time::Duration;

use crate::time::Instant;

/// Values are counted over stretches of this length; the estimate is the last whole stretch.
const STRETCH: Duration = Duration::from_secs(1);

/// A count of events per second, from the last whole second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    started_at: Instant,
    count: u64,
    per_second: Option<f64>,
}

impl Load {
    pub(crate) fn note(&mut self, now: Instant, events: u64) {
        let elapsed = now.since(self.started_at);
        if elapsed >= STRETCH {
            // The first stretch begins with the first event, not with the process.
            if self.count > 0 {
                self.per_second = Some(self.count as f64 / elapsed.as_secs_f64());
            }
            self.started_at = now;
            self.count = 0;
        }
        self.count += events;
    }

    /// Events per second, once a whole stretch was seen.
    pub(crate) const fn per_second(&self) -> Option<f64> {
        self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_the_last_whole_second() {
        let mut load = Load::default();
        for i in 0..200_u64 {
            load.note(Instant::from_micros(5_000_000 + i * 20_000), 1);
        }
        let per_second = load.per_second().unwrap();
        assert!((45.0..55.0).contains(&per_second), "{per_second}");
    }
}
