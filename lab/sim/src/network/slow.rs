//! Slow nodes: messages from and to them take longer, all the time.

use std::collections::BTreeMap;

use super::FaultCounts;
use super::rule::{Crossing, Rule, Verdict};
use crate::time::MS;

/// Delays the messages from some nodes, and to some.
#[derive(Clone, Debug, Default)]
pub struct Slow {
    /// By node: added to the latency of the messages from it, in milliseconds.
    pub from_ms: BTreeMap<u32, u64>,
    /// The same of the messages to it.
    pub to_ms: BTreeMap<u32, u64>,
}

impl Slow {
    /// True if no node is slow.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.from_ms.is_empty() && self.to_ms.is_empty()
    }
}

impl Rule for Slow {
    fn on_send(&mut self, crossing: &Crossing) -> Verdict {
        if self.is_off() {
            return Verdict::Pass;
        }
        let from_ms = self.from_ms.get(&crossing.from).copied().unwrap_or_default();
        let to_ms = self.to_ms.get(&crossing.to).copied().unwrap_or_default();
        match from_ms.saturating_add(to_ms) {
            0 => Verdict::Pass,
            extra_ms => Verdict::Delay(extra_ms.saturating_mul(MS)),
        }
    }

    fn count(&self, counts: &mut FaultCounts) {
        counts.slowed += 1;
    }
}
