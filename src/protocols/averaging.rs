//! Push-pull averaging (Jelasity, Montresor and Babaoglu, *Gossip-based aggregation in large dynamic
//! networks*, 2005).
//!
//! Rule: Each node has a number, here the sum of the integers that clients submitted to it. Once per
//! cycle it tells a random peer its number x. The peer, whose number is y, answers the difference that
//! moves x to the mean, (y - x)/2, and moves its own the other way. All numbers approach their mean.
//!
//! Cost: Two messages per node and cycle. If each node calls once per cycle, one after another, the
//! variance shrinks by the factor 1/(2√e) = 0.3033 per cycle, whatever the number of nodes.
//!
//! Used by: PeerSim's examples and in size estimation (one node has 1, the others 0: the mean is 1/n).
//!
//! Breaks with: a lost answer, which loses mass: the peer has moved and the caller has not. An
//! exchange must be atomic, so a node that awaits an answer refuses calls. Numbers are fixed-point:
//! the sum is conserved to the last bit unless an answer is lost. A crash takes its share of the
//! sum along. Entries do not spread, so the broadcast workload fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::gossip::fixed_point::{UNITS, amount};
use crate::gossip::{CyclePeers, CycleTimer};
use crate::id::{Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::time::Instant;

crate::settings! {
    /// The settings.
    pub struct Config {
        /// Time of a cycle.
        period: Duration as Interval = Duration::from_millis(100), "--period", "time of a cycle";
    }
}

crate::message! {
    /// The message. Numbers are fixed-point: see [`UNITS`].
    pub enum Message: "averaging" {
        /// A call.
        Call = "call" {
            /// Number of the call.
            call: u64,
            /// The caller's number.
            number: i64,
        },
        /// The answer.
        Answer = "answer" {
            /// Number of the call.
            call: u64,
            /// The amount that the caller's number moves by: 0 if the call is refused.
            by: i64,
        },
    }
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Averaging {
    peers: CyclePeers,
    timer: CycleTimer,
    number: i64,
    /// The call that awaits its answer: the peer and the call's number.
    waiting: Option<(NodeId, u64)>,
}

/// The amount that moves `x` to the mean of both and `y` towards it: moving both by it, in opposite
/// directions, conserves their sum exactly.
#[must_use]
pub const fn half_difference(x: i64, y: i64) -> i64 {
    y.saturating_sub(x) / 2
}

impl Averaging {
    /// The node's estimate of the mean, in [`UNITS`].
    #[must_use]
    pub const fn number(&self) -> i64 {
        self.number
    }
}

impl Protocol for Averaging {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, _: Instant) -> Self {
        let peers = CyclePeers::new(cluster.me(), cluster.len(), &mut rng);
        let timer = CycleTimer::new(config.period, &mut rng);
        Self { peers, timer, number: 0, waiting: None }
    }

    fn on_topology(&mut self, now: Instant, _: Arc<Graph>, _: &mut Effects<Message>) {
        self.timer.start(now);
    }

    fn on_restore(&mut self, entry: Entry) {
        self.number = self.number.saturating_add(amount(&entry.value));
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.timer.start(now);
        self.number = self.number.saturating_add(amount(&entry.value));
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        self.timer.start(now);
        match message {
            Message::Call { call, .. } if self.waiting.is_some() => {
                out.send(from, Message::Answer { call, by: 0 });
            }
            Message::Call { call, number: theirs } => {
                let by = half_difference(theirs, self.number);
                self.number = self.number.saturating_sub(by);
                out.send(from, Message::Answer { call, by });
            }
            Message::Answer { call, by } => {
                // A late answer moves the number all the same: the peer has moved.
                self.number = self.number.saturating_add(by);
                if self.waiting == Some((from, call)) {
                    self.waiting = None;
                }
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.timer.take(now) {
            let cycle = self.timer.cycle(now);
            self.waiting = self.peers.pick(cycle, 0).map(|peer| (peer, cycle));
            if let Some((peer, call)) = self.waiting {
                out.send(peer, Message::Call { call, number: self.number });
            }
            self.timer.start(now);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timer.due()
    }

    fn describe(&self, _: Instant, _: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  estimate of the mean: {}", self.number as f64 / UNITS as f64)
    }
}

#[cfg(test)]
mod tests;
