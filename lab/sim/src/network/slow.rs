//! Slow nodes: messages from and to them take longer, all the time.

use std::collections::BTreeMap;

use super::FaultCounts;
use super::rule::{Crossing, Rule, Verdict};
use crate::MS;

/// Delays the messages from and to some nodes.
#[derive(Clone, Debug, Default)]
pub struct Slow {
    /// By node: added to the latency of its messages, in milliseconds.
    pub extra_ms: BTreeMap<u32, u64>,
}

impl Rule for Slow {
    fn on_send(&mut self, crossing: &Crossing) -> Verdict {
        if self.extra_ms.is_empty() {
            return Verdict::Pass;
        }
        let [from_ms, to_ms] = [crossing.from, crossing.to]
            .map(|node| self.extra_ms.get(&node).copied().unwrap_or_default());
        match from_ms.saturating_add(to_ms) {
            0 => Verdict::Pass,
            extra_ms => Verdict::Delay(extra_ms.saturating_mul(MS)),
        }
    }

    fn count(&self, counts: &mut FaultCounts) {
        counts.slowed += 1;
    }
}
