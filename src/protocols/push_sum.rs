//! Push-sum (Kempe, Dobra and Gehrke, *Gossip-based computation of aggregate information*, 2003).
//!
//! Rule: Each node has a sum s, here of the integers that clients submitted to it, and a weight w. Each
//! round it sends half of both to a random node, keeps the other half, and adds what arrives. Its estimate
//! is s/w. Weight 1 at every node gives the *average*; weight 1 at one node and 0 elsewhere the *sum*,
//! and, with s = 1 at every node, the *count* of nodes.
//!
//! Cost: One message per node and round. The potential (the spread of each node's contribution over the
//! nodes) shrinks by the factor 1/2 - 1/(2n) per round, so O(ln n + ln 1/ε) rounds suffice.
//!
//! Used by: distributed averaging and in gossip learning.
//!
//! Breaks with: any lost message, which loses mass: all estimates are wrong for good. Numbers are
//! fixed-point, so without loss Σs and Σw are conserved to the last bit, messages in flight
//! included. Entries do not spread, so the broadcast workload fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::gossip::fixed_point::{UNITS, amount};
use crate::gossip::{CyclePeers, CycleTimer};
use crate::id::{Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::time::Instant;

/// Units of a weight of 1: a million nodes' weights fit.
pub const WEIGHT: i64 = 1 << 40;

crate::choice! {
    /// The aggregate that s/w approaches.
    pub enum Aggregate {
        /// The mean of the nodes' sums.
        Average = "average",
        /// The sum of all.
        Sum = "sum",
        /// The number of nodes.
        Count = "count",
    }
}

crate::settings! {
    /// The settings.
    pub struct Config {
        /// Time of a round.
        period: Duration as Interval = Duration::from_millis(100), "--period", "time of a round";
        /// The aggregate.
        aggregate: Aggregate as Choice = Aggregate::Average,
            "--aggregate", "average, sum or count";
    }
}

crate::message! {
    /// The message.
    pub enum Message: "push-sum" {
        /// A share of the sender's sum and weight.
        Push = "share" {
            /// s, in [`UNITS`].
            sum: i64,
            /// w, in units of [`WEIGHT`].
            weight: i64,
        },
    }
}

/// A share of a node's sum and weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// s, in [`UNITS`].
    pub sum: i64,
    /// w, in units of [`WEIGHT`].
    pub weight: i64,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct PushSum {
    peers: CyclePeers,
    timer: CycleTimer,
    counts_sums: bool,
    share: Share,
}

impl Share {
    /// Takes half of it out: the rest and the half together are the whole.
    #[must_use]
    pub const fn split(&mut self) -> Self {
        let half = Self { sum: self.sum / 2, weight: self.weight / 2 };
        self.sum -= half.sum;
        self.weight -= half.weight;
        half
    }

    /// Adds a share that arrived.
    pub const fn add(&mut self, other: Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.weight = self.weight.saturating_add(other.weight);
    }

    /// s/w; infinite or no number while no weight has arrived.
    #[must_use]
    pub fn estimate(self) -> f64 {
        (self.sum as f64 / UNITS as f64) / (self.weight as f64 / WEIGHT as f64)
    }
}

impl PushSum {
    /// The node's share.
    #[must_use]
    pub const fn share(&self) -> Share {
        self.share
    }
}

impl Protocol for PushSum {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, _: Instant) -> Self {
        let is_first = cluster.me() == NodeId(0);
        let has_weight = config.aggregate == Aggregate::Average || is_first;
        let counts_nodes = config.aggregate == Aggregate::Count;
        Self {
            peers: CyclePeers::new(cluster.me(), cluster.len(), &mut rng),
            timer: CycleTimer::new(config.period, &mut rng),
            counts_sums: !counts_nodes,
            share: Share {
                sum: if counts_nodes { UNITS } else { 0 },
                weight: if has_weight { WEIGHT } else { 0 },
            },
        }
    }

    fn on_topology(&mut self, now: Instant, _: Arc<Graph>, _: &mut Effects<Message>) {
        self.timer.start(now);
    }

    fn on_restore(&mut self, entry: Entry) {
        if self.counts_sums {
            self.share.add(Share { sum: amount(&entry.value), weight: 0 });
        }
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.timer.start(now);
        if self.counts_sums {
            self.share.add(Share { sum: amount(&entry.value), weight: 0 });
        }
    }

    fn on_message(&mut self, now: Instant, _: NodeId, message: Message, _: &mut Effects<Message>) {
        self.timer.start(now);
        let Message::Push { sum, weight } = message;
        self.share.add(Share { sum, weight });
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.timer.take(now) {
            if let Some(peer) = self.peers.pick(self.timer.cycle(now), 0) {
                let Share { sum, weight } = self.share.split();
                out.send(peer, Message::Push { sum, weight });
            }
            self.timer.start(now);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timer.due()
    }

    fn describe(&self, _: Instant, _: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  estimate: {}, weight {}", self.share.estimate(), self.share.weight)
    }
}

#[cfg(test)]
mod tests;
