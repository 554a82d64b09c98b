//! The values of entries.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::few::Few;
use crate::set::OriginId;
use crate::set::chunks::Chunks;
use crate::value::Value;

/// The values of all origins: runs of consecutive entries.
///
/// There is one run as a rule, from the first entry on, and in a large cluster it is short.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// By origin: the values from the first on, up to a gap.
    first: Chunks<Few<Value>>,
    /// The runs beyond a gap, by their first sequence numbers.
    later: BTreeMap<(OriginId, u64), Few<Value>>,
}

impl Log {
    /// Begins the log of `origin`, which is the next one if it is new.
    pub(super) fn begin(&mut self, origin: OriginId) {
        if origin.0 as usize == self.first.len() {
            self.first.push(Few::new());
        }
    }

    /// Puts entries in of which none is there.
    pub(super) fn insert(&mut self, origin: OriginId, first: u64, values: &[Value]) {
        self.run_until(origin, first).extend(values.iter().cloned());
        let end = first + values.len() as u64;
        if let Some(next) = self.later.remove(&(origin, end)) {
            self.run_until(origin, end).extend(next);
        }
    }

    /// The run to which the entry `end` belongs as its next one; an empty one, if none ends there.
    fn run_until(&mut self, origin: OriginId, end: u64) -> &mut Few<Value> {
        let first = &mut self.first[origin.0 as usize];
        if first.len() as u64 == end {
            return first;
        }
        let before = self.later.range((origin, 0)..(origin, end)).next_back();
        let start = match before {
            Some((&(_, start), run)) if start + run.len() as u64 == end => start,
            _ => end,
        };
        self.later.entry((origin, start)).or_default()
    }

    /// The entries in `range`, up to the first gap.
    pub(super) fn values(&self, origin: OriginId, range: &Range<u64>) -> &[Value] {
        let run = &self.first[origin.0 as usize];
        let (start, run) = if range.start < run.len() as u64 {
            (0, run)
        } else {
            let before = self.later.range((origin, 0)..=(origin, range.start)).next_back();
            let Some((&(_, start), run)) = before else { return &[] };
            (start, run)
        };
        let from = ((range.start - start) as usize).min(run.len());
        let to = ((range.end - start) as usize).clamp(from, run.len());
        &run[from..to]
    }
}
