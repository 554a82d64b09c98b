//! Gaps in the numbers of a peer's messages: lost, or overtaken and still on their way.

use std::time::Duration;

use crate::protocols::rumormill::ablation::Rule;
use crate::set::Ranges;
use crate::time::Instant;

/// Numbers that were skipped, and when to report them to the peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    numbers: Ranges,
    at: Option<Instant>,
    /// When the oldest of them was noticed.
    since: Option<Instant>,
}

impl Gaps {
    /// Message `number` arrived when `expected` would have been next. Skipped numbers are lost or
    /// overtaken; unless they arrive within `reordering`, the peer is to be told
    /// ([`Gaps::take_due`]). Returns how late this message is, if it was overtaken.
    pub(crate) fn on_received(
        &mut self,
        now: Instant,
        expected: u64,
        number: u64,
        reordering: Duration,
    ) -> Option<Duration> {
        if number >= expected {
            if number > expected {
                self.numbers.insert(expected..number);
                self.since.get_or_insert(now);
                if Rule::GapReport.applies() {
                    self.at.get_or_insert_with(|| now.after(reordering));
                }
            }
            return None;
        }
        let late = self.since.map(|since| now.since(since));
        self.numbers.remove(&(number..number.saturating_add(1)));
        if self.numbers.is_empty() {
            *self = Self::default();
        }
        late
    }

    /// When the peer is to be told.
    pub(crate) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// If the peer is to be told now: the length of the last gap. Once per gap.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<u64> {
        self.at.take_if(|at| *at <= now)?;
        Some(self.numbers.iter().last().map_or(0, |range| range.end - range.start))
    }

    /// Gives up messages that are missing for longer than `after`; returns their number.
    pub(crate) fn expire(&mut self, now: Instant, after: Duration) -> u64 {
        if self.since.is_none_or(|since| now.since(since) <= after) || !Rule::GiveUpGaps.applies() {
            return 0;
        }
        std::mem::take(self).numbers.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REORDERING: Duration = Duration::from_millis(20);

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    #[test]
    fn a_gap_is_reported_once_unless_it_closes_in_time() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.on_received(at(0), 3, 6, REORDERING), None);
        assert_eq!((gaps.at(), gaps.take_due(at(19))), (Some(at(20)), None));
        assert_eq!(gaps.take_due(at(20)), Some(3));
        assert_eq!(gaps.take_due(at(21)), None);
        // The overtaken messages arrive after all, and say how late they are.
        for number in 3..6 {
            assert_eq!(gaps.on_received(at(30), 7, number, REORDERING), Some(at(30).since(at(0))));
        }
        assert_eq!(gaps.expire(at(10_000), REORDERING), 0);
    }

    #[test]
    fn messages_missing_for_long_are_given_up() {
        let mut gaps = Gaps::default();
        gaps.on_received(at(0), 0, 2, REORDERING);
        assert_eq!(gaps.expire(at(1_000), Duration::from_secs(1)), 0);
        assert_eq!(gaps.expire(at(1_001), Duration::from_secs(1)), 2);
        assert_eq!(gaps.at(), None);
    }
}
