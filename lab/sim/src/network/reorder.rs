//! Reordering: a message is held up at random, and so overtaken by later ones.

use super::FaultCounts;
use super::rule::{Crossing, Rule, Verdict};
use crate::dice::Dice;
use crate::time::MS;

/// Holds up a share of the messages.
#[derive(Clone, Debug)]
pub struct Reorder {
    /// Probability that a message is held up.
    pub probability: f64,
    /// By how much at most, in milliseconds.
    pub max_ms: u64,
    /// Its dice.
    pub dice: Dice,
}

impl Rule for Reorder {
    fn on_send(&mut self, crossing: &Crossing) -> Verdict {
        if self.probability <= 0.0 {
            return Verdict::Pass;
        }
        let is_held_up = self.dice.chance(self.probability);
        let by_ms = 1 + self.dice.below(self.max_ms);
        if is_held_up && crossing.faults_since.is_some() {
            Verdict::Delay(by_ms.saturating_mul(MS))
        } else {
            Verdict::Pass
        }
    }

    fn count(&self, counts: &mut FaultCounts) {
        counts.reordered += 1;
    }
}
