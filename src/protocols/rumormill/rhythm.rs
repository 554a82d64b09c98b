//! How regularly messages go one way on a link: what lets a node miss a peer soon after it is gone.
//!
//! Both ends see the same rhythm. The receiver misses the sender after twice the usual gap; the
//! sender knows that, and says that it is there when it has nothing else to say for so long.

use std::time::Duration;

use crate::time::Instant;

/// Messages that are usually further apart than this have no rhythm that anybody waits for; what
/// is sent the other way shows soon enough whether the peer is there.
const STEADY: Duration = Duration::from_millis(250);

/// A sender is missed after so many times the usual gap, and never sooner than [`STEADY`].
const MISSED_FACTOR: u32 = 2;

/// A sign of life leaves this long before the sender would be missed: what a busy machine was seen
/// to be late by, and what delays vary by.
const EARLY: Duration = Duration::from_millis(60);

/// The gaps between messages, smoothed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rhythm {
    last: Option<Instant>,
    usual_gap: Option<Duration>,
}

impl Rhythm {
    /// A message goes by.
    pub(crate) fn note(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.since(last);
            self.usual_gap = Some(self.usual_gap.map_or(gap, |usual| (usual * 7 + gap) / 8));
        }
    }

    /// How long after a message the next one is missed, if there is a rhythm.
    pub(crate) fn missed_after(&self) -> Option<Duration> {
        let steady = self.usual_gap.filter(|&gap| gap <= STEADY)?;
        Some((steady * MISSED_FACTOR).max(STEADY))
    }

    /// How long after a message a sign of life is due.
    pub(crate) fn reassure_after(&self) -> Option<Duration> {
        self.missed_after().map(|missed| missed.saturating_sub(EARLY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_often_is_missed_and_the_sign_of_life_comes_before() {
        let at = |ms: u64| Instant::from_micros(ms * 1_000);
        let rhythm = |gap_ms: u64| {
            let mut rhythm = Rhythm::default();
            (0..20).for_each(|i| rhythm.note(at(i * gap_ms)));
            rhythm
        };
        assert_eq!(Rhythm::default().missed_after(), None);
        assert_eq!(rhythm(100).missed_after(), Some(STEADY));
        assert_eq!(rhythm(200).missed_after(), Some(Duration::from_millis(400)));
        assert_eq!(rhythm(300).missed_after(), None);
        assert!(rhythm(200).reassure_after() < rhythm(200).missed_after());
    }
}
