//! How long a message takes between two nodes.

use crate::dice::Dice;
use crate::named;

/// Excess of the delays under the real Maelstrom 0.2.4 over `--latency`: its mean, in ms.
const MEASURED_EXCESS_MS: f64 = 6.0;

/// Its maximum on an idle machine, in ms.
pub const MEASURED_EXCESS_MAX_MS: u64 = 30;

/// Latency of the messages between nodes, in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The parameter of the distribution.
    pub mean_ms: u64,
    /// How it is spread.
    pub distribution: Distribution,
}

/// How the latency is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Always the mean.
    #[default]
    Constant,
    /// A whole number from 0 to twice the mean, the latter excluded.
    Uniform,
    /// Exponential, truncated to whole milliseconds.
    Exponential,
    /// The mean and an excess as seen under the real Maelstrom 0.2.4: exponential, 6 ms on average,
    /// 30 ms at most.
    Measured,
}

named!(
    Distribution,
    "constant" => Self::Constant,
    "uniform" => Self::Uniform,
    "exponential" => Self::Exponential,
    "measured" => Self::Measured,
);

/// Draws latencies.
#[derive(Clone, Debug)]
pub(super) struct LatencyRule {
    settings: Latency,
    dice: Dice,
}

impl LatencyRule {
    pub(super) const fn new(settings: Latency, dice: Dice) -> Self {
        Self { settings, dice }
    }

    /// Changes the mean from now on.
    pub(super) const fn set_mean_ms(&mut self, mean_ms: u64) {
        self.settings.mean_ms = mean_ms;
    }

    /// The latency of one message, in whole milliseconds. Rolls once, unless all are the same.
    pub(super) fn draw_ms(&mut self) -> u64 {
        let (mean_ms, dice) = (self.settings.mean_ms, &mut self.dice);
        match self.settings.distribution {
            Distribution::Constant => mean_ms,
            Distribution::Uniform => dice.below(mean_ms.saturating_mul(2)),
            Distribution::Exponential => exponential(dice, mean_ms as f64) as u64,
            Distribution::Measured => {
                let excess = exponential(dice, MEASURED_EXCESS_MS).round() as u64;
                mean_ms.saturating_add(excess.min(MEASURED_EXCESS_MAX_MS))
            }
        }
    }
}

fn exponential(dice: &mut Dice, mean: f64) -> f64 {
    -(1.0 - dice.unit()).ln() * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(distribution: Distribution) -> Vec<u64> {
        let settings = Latency { mean_ms: 100, distribution };
        let mut rule = LatencyRule::new(settings, Dice::new(1, "latency"));
        (0..20_000).map(|_| rule.draw_ms()).collect()
    }

    fn mean(draws: &[u64]) -> f64 {
        draws.iter().sum::<u64>() as f64 / draws.len() as f64
    }

    #[test]
    fn constant_is_constant() {
        assert!(draws(Distribution::Constant).iter().all(|ms| *ms == 100));
    }

    #[test]
    fn uniform_goes_from_zero_to_just_under_twice_the_mean() {
        let draws = draws(Distribution::Uniform);
        assert_eq!((draws.iter().min(), draws.iter().max()), (Some(&0), Some(&199)));
        assert!((98.0..101.0).contains(&mean(&draws)), "{}", mean(&draws));
    }

    #[test]
    fn measured_is_the_latency_and_a_bounded_excess() {
        let draws = draws(Distribution::Measured);
        assert_eq!((draws.iter().min(), draws.iter().max()), (Some(&100), Some(&130)));
        assert!((105.0..106.5).contains(&mean(&draws)), "{}", mean(&draws));
    }

    #[test]
    fn exponential_has_the_mean_less_the_truncation() {
        let draws = draws(Distribution::Exponential);
        assert!((97.5..101.5).contains(&mean(&draws)), "{}", mean(&draws));
        let below_median = draws.iter().filter(|ms| **ms < 69).count();
        assert!((9_700..10_300).contains(&below_median), "{below_median}");
        assert!(draws.iter().max() > Some(&600));
    }
}
