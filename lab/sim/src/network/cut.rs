//! Cuts: links that let nothing through for some time, or on and off.

use super::rule::{Crossing, Rule, Verdict};
use super::{DropCause, FaultCounts};
use crate::time::Nanos;

/// One cut. Times count from the beginning of the faults.
#[derive(Clone, Debug)]
pub struct Cut {
    /// By node: on which sides it is.
    pub sides: Vec<(bool, bool)>,
    /// Only messages from the first side to the second are dropped.
    pub is_one_way: bool,
    /// Begins at.
    pub from: Nanos,
    /// Ends at.
    pub until: Nanos,
    /// A flapping link: cut for this long, whole for this long, and so on.
    pub flap: Option<Nanos>,
}

/// All cuts.
#[derive(Clone, Debug, Default)]
pub struct Cuts(pub Vec<Cut>);

impl Rule for Cuts {
    fn on_arrival(&self, crossing: &Crossing) -> Verdict {
        let Some(elapsed) = crossing.faults_since else { return Verdict::Pass };
        if self.0.iter().any(|cut| cut.blocks(elapsed, crossing.from, crossing.to)) {
            Verdict::Drop(DropCause::Cut)
        } else {
            Verdict::Pass
        }
    }

    fn count(&self, counts: &mut FaultCounts) {
        counts.cut += 1;
    }
}

impl Cuts {
    /// The next time after this one at which a cut begins or ends.
    #[must_use]
    pub fn next_change(&self, elapsed: Nanos) -> Option<Nanos> {
        self.0.iter().filter_map(|cut| cut.next_change(elapsed)).min()
    }
}

impl Cut {
    fn blocks(&self, elapsed: Nanos, from: u32, to: u32) -> bool {
        if elapsed < self.from || elapsed >= self.until {
            return false;
        }
        if self.flap.is_some_and(|flap| (elapsed - self.from) / flap % 2 == 1) {
            return false;
        }
        let side = |node: u32| self.sides.get(node as usize).copied().unwrap_or_default();
        let (from, to) = (side(from), side(to));
        (from.0 && to.1) || (!self.is_one_way && from.1 && to.0)
    }

    fn next_change(&self, elapsed: Nanos) -> Option<Nanos> {
        if elapsed < self.from {
            return Some(self.from);
        }
        let flap = self.flap.map(|flap| self.from + (elapsed - self.from) / flap * flap + flap);
        let end = (elapsed < self.until && self.until < Nanos::MAX).then_some(self.until);
        flap.filter(|at| *at < self.until).or(end)
    }
}
