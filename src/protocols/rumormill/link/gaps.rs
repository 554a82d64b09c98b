//! The numbers of a peer's messages that were skipped: what was lost, or was overtaken and may still
//! come.

use std::time::Duration;

use crate::set::Ranges;
use crate::time::Instant;

/// Numbers skipped, and when to say so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    numbers: Ranges,
    at: Option<Instant>,
    /// When the oldest of them was noticed.
    since: Option<Instant>,
}

impl Gaps {
    /// Message `number` came in when `expected` would have been next. If numbers were skipped,
    /// messages were lost or overtaken; unless they still come within `patience`, the peer is to be
    /// told ([`Gaps::take_due`]). Returns how late this message is, if it was overtaken.
    pub(super) fn note(
        &mut self,
        now: Instant,
        expected: u64,
        number: u64,
        patience: Duration,
    ) -> Option<Duration> {
        if number >= expected {
            if number > expected {
                self.numbers.insert(expected..number);
                self.since.get_or_insert(now);
                self.at.get_or_insert_with(|| now.after(patience));
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
    pub(super) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// If it is time to tell the peer that messages are missing: how many the last gap is of. Once
    /// per gap.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<u64> {
        self.at.take_if(|at| *at <= now)?;
        Some(self.numbers.iter().last().map_or(0, |range| range.end - range.start))
    }

    /// Messages that stayed away for so long are not waited for; returns how many.
    pub(crate) fn forget(&mut self, now: Instant, after: Duration) -> u64 {
        if self.since.is_none_or(|since| now.since(since) <= after) {
            return 0;
        }
        std::mem::take(self).numbers.count()
    }
}
