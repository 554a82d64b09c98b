//! Duplication at random.

use super::FaultCounts;
use super::rule::{Crossing, Rule, Verdict};
use crate::dice::Dice;

/// Delivers a share of the messages twice.
#[derive(Clone, Debug)]
pub struct Duplicate {
    /// Probability that a message arrives twice.
    pub probability: f64,
    /// Its dice.
    pub dice: Dice,
}

impl Rule for Duplicate {
    fn on_send(&mut self, crossing: &Crossing) -> Verdict {
        let is_doubled = self.probability > 0.0 && self.dice.chance(self.probability);
        if is_doubled && crossing.faults_since.is_some() {
            Verdict::Duplicate
        } else {
            Verdict::Pass
        }
    }

    fn count(&self, counts: &mut FaultCounts) {
        counts.duplicated += 1;
    }
}
