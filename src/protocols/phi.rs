//! The φ accrual failure detector (Hayashibara, Défago, Yared and Katayama 2004), on the lists of
//! [`heartbeat`](super::heartbeat).
//!
//! Rule: A node keeps a window of the last intervals between two heartbeats of a member. Its suspicion is
//! φ = -log10 of the probability that the next heartbeat comes later than now. The member has
//! failed when φ exceeds a threshold: at φ = 1, 2, 3 about one decision in 10, 100, 1,000 is wrong.
//! `--tail exponential` (Cassandra): φ = t/(mean·ln 10), so φ = 8 is 18.42 means. `--tail normal` (the
//! paper): mean and deviation of the window.
//!
//! Cost: Nothing on the wire beyond the heartbeats; a window of numbers per member.
//!
//! Used by: Cassandra and Scylla (8), Akka (normal), chitchat.
//!
//! Breaks with: a pause of this node, which looks like the failure of all others. The first
//! heartbeats decide nothing: the window starts with a guess. The exponential tail reacts to the
//! mean only, so it is slow.

use std::collections::VecDeque;
use std::time::Duration;

use super::heartbeat::{Detector, Gossip, GossipConfig};
use crate::gossip::Switch;
use crate::time::Instant;

/// Intervals kept (Cassandra, Hayashibara).
const WINDOW: usize = 1_000;

crate::choice! {
    /// The distribution of intervals that is assumed.
    pub enum Tail {
        /// The exponential distribution.
        Exponential = "exponential",
        /// The normal distribution.
        Normal = "normal",
    }
}

crate::settings! {
    /// The settings.
    pub struct Config {
        /// Time between two lists of a node.
        period: Duration as Interval = Duration::from_millis(200),
            "--period", "time between two lists of a node";
        /// A member whose φ exceeds this has failed.
        threshold: usize as Count = 8, "--threshold", "a member whose phi exceeds this has failed";
        /// The distribution.
        tail: Tail as Choice = Tail::Exponential, "--tail", "exponential or normal";
        /// Members whose φ exceeds twice the threshold are forgotten.
        remove: Switch as Choice = Switch::On, "--remove", "forget failed members: on or off";
        /// Number of seeds: nodes that all nodes know, the first of the cluster.
        seeds: usize as Count = 3, "--seeds", "number of nodes that all know, the first ones";
        /// Every so many lists go to a seed, which unites separated groups; 0: only while no
        /// member is known.
        seed_every: usize as Number = 10,
            "--seed-every", "every so many lists go to a seed; 0: while no member is known";
    }
}

/// The protocol `phi`.
pub type PhiGossip = Gossip<Phi>;

/// The intervals between the heartbeats of a member.
#[derive(Clone, Debug, PartialEq)]
pub struct Phi {
    heard_at: Instant,
    /// In seconds.
    intervals: VecDeque<f64>,
    sum: f64,
    squares: f64,
}

/// φ of the exponential distribution.
#[must_use]
pub fn exponential(elapsed: f64, mean: f64) -> f64 {
    elapsed / mean * std::f64::consts::LOG10_E
}

/// φ of the normal distribution. The logarithm is taken before the tail underflows.
#[must_use]
pub fn normal(elapsed: f64, mean: f64, deviation: f64) -> f64 {
    let z = (elapsed - mean) / deviation / std::f64::consts::SQRT_2;
    // ln erfc(|z|), by Numerical Recipes' Chebyshev fit: fractional error below 1.2e-7.
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * z.abs());
    let fit = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let ln_half_erfc = (0.5 * t).ln() - z * z + fit;
    let ln_later = if z >= 0.0 { ln_half_erfc } else { (-ln_half_erfc.exp()).ln_1p() };
    -ln_later * std::f64::consts::LOG10_E
}

impl Phi {
    /// The suspicion.
    #[must_use]
    pub fn phi(&self, config: &Config, now: Instant) -> f64 {
        let elapsed = now.since(self.heard_at).as_secs_f64();
        let n = self.intervals.len().max(1) as f64;
        let mean = self.sum / n;
        match config.tail {
            Tail::Exponential => exponential(elapsed, mean),
            Tail::Normal => {
                // Without any variation every delay would be a failure.
                let deviation = (self.squares / n - mean * mean).max(0.0).sqrt();
                normal(elapsed, mean, deviation.max(mean / 10.0))
            }
        }
    }

    fn add(&mut self, interval: f64) {
        if self.intervals.len() == WINDOW
            && let Some(oldest) = self.intervals.pop_front()
        {
            self.sum -= oldest;
            self.squares -= oldest * oldest;
        }
        self.intervals.push_back(interval);
        self.sum += interval;
        self.squares += interval * interval;
    }
}

impl Detector for Phi {
    const TYPE: &'static str = "phi";
    type Config = Config;

    fn gossip(config: &Config) -> GossipConfig {
        GossipConfig {
            period: config.period,
            remove: config.remove,
            seeds: config.seeds,
            seed_every: config.seed_every,
        }
    }

    /// The first interval is a guess, as in Cassandra: twice the period.
    fn new(config: &Config, now: Instant) -> Self {
        let (intervals, sum, squares) = (VecDeque::new(), 0.0, 0.0);
        let mut phi = Self { heard_at: now, intervals, sum, squares };
        phi.add(config.period.as_secs_f64() * 2.0);
        phi
    }

    fn on_heartbeat(&mut self, _: &Config, now: Instant) {
        self.add(now.since(self.heard_at).as_secs_f64());
        self.heard_at = now;
    }

    fn is_failed(&self, config: &Config, now: Instant) -> bool {
        self.phi(config, now) > config.threshold as f64
    }

    fn is_over(&self, config: &Config, now: Instant) -> bool {
        self.phi(config, now) > 2.0 * config.threshold as f64
    }

    fn describe(&self, config: &Config, now: Instant) -> String {
        format!("phi {:.2}", self.phi(config, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_of_8_is_18_42_means_with_the_exponential_tail() {
        assert!((exponential(18.42, 1.0) - 8.0).abs() < 1e-3);
    }

    #[test]
    fn phi_of_1_2_and_3_are_a_tenth_a_hundredth_and_a_thousandth() {
        // Quantiles of the normal distribution.
        for (deviations, phi) in [(1.281_55, 1.0), (2.326_35, 2.0), (3.090_23, 3.0)] {
            let found = normal(10.0 + deviations, 10.0, 1.0);
            assert!((found - phi).abs() < 1e-4, "{found}");
        }
        assert!((normal(0.0, 1.0, 1.0) - 0.075_0).abs() < 1e-3);
        // No cap is needed: 1,000 deviations are e^-500,000.
        assert!((normal(1_001.0, 1.0, 1.0) - 217_150.0).abs() < 10.0);
    }

    #[test]
    fn the_window_keeps_the_last_intervals() {
        let config = Config::default();
        let mut now = Instant::ZERO;
        let mut phi = Phi::new(&config, now);
        let mut beat = |phi: &mut Phi, millis: u64, count: usize| {
            for _ in 0..count {
                now = now.after(Duration::from_millis(millis));
                phi.on_heartbeat(&config, now);
            }
            now
        };
        beat(&mut phi, 100, 50);
        let now = beat(&mut phi, 1_000, WINDOW);
        let at = |seconds: f64| now.after(Duration::from_secs_f64(seconds));
        assert!(!phi.is_failed(&config, at(18.4)));
        assert!(phi.is_failed(&config, at(18.5)));
        assert!(!phi.is_over(&config, at(36.8)) && phi.is_over(&config, at(36.9)));
    }
}
