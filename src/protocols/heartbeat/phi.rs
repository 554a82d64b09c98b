//! The φ accrual failure detector (Hayashibara, Défago, Yared and Katayama 2004), on the lists of
//! [`heartbeat`](super).
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

use super::{Detector, Gossip, GossipConfig};
use crate::gossip::{Switch, phi};
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

impl Phi {
    /// The suspicion.
    #[must_use]
    pub fn phi(&self, config: &Config, now: Instant) -> f64 {
        let elapsed = now.since(self.heard_at).as_secs_f64();
        let n = self.intervals.len().max(1) as f64;
        let mean = self.sum / n;
        match config.tail {
            Tail::Exponential => phi::exponential(elapsed, mean),
            Tail::Normal => {
                // Without any variation every delay would be a failure.
                let deviation = (self.squares / n - mean * mean).max(0.0).sqrt();
                phi::normal(elapsed, mean, deviation.max(mean / 10.0))
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
        let mut new = Self { heard_at: now, intervals, sum, squares };
        new.add(config.period.as_secs_f64() * 2.0);
        new
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
mod tests;
