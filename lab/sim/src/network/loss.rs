//! Loss at random.

use super::rule::{Crossing, Rule, Verdict};
use super::{DropCause, FaultCounts};
use crate::dice::Dice;

/// Loses a share of the messages.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Probability that a message is lost.
    pub probability: f64,
    /// Its dice.
    pub dice: Dice,
}

impl Rule for Loss {
    fn on_send(&mut self, crossing: &Crossing) -> Verdict {
        let is_lost = self.probability > 0.0 && self.dice.chance(self.probability);
        if is_lost && crossing.faults_since.is_some() {
            Verdict::Drop(DropCause::Loss)
        } else {
            Verdict::Pass
        }
    }

    fn count(&self, counts: &mut FaultCounts) {
        counts.lost += 1;
    }
}
