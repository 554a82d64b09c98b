//! Extrema by push-pull gossip (Jelasity, Montresor and Babaoglu 2005, section 4; leader election by least id).
//!
//! Rule: Each node knows the entry of the least integer and the entry of the greatest that it has heard
//! of, and the least number of a node: the *leader*. Each cycle it tells them to a random peer, which answers
//! its own. Both keep the better ones. The maximum spreads as a rumour does in a push-pull epidemic without
//! end (Demers 1987, section 1.2).
//!
//! Cost: Two messages per node and cycle; log3 n + O(ln ln n) cycles, 9.1 for 1,000 nodes.
//!
//! Used by: leader election, counting nodes (the minimum of random numbers), distributed top-k.
//!
//! Breaks with: departures. Nothing is ever forgotten: the maximum of a node that is gone stays,
//! and so does its leadership. Restart in epochs if that matters. Only extremes spread, so the
//! broadcast workload fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::gossip::{CyclePeers, CycleTimer};
use crate::id::{EntryId, Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::time::Instant;
use crate::value::Value;

crate::settings! {
    /// The settings.
    pub struct Config {
        /// Time of a cycle.
        period: Duration as Interval = Duration::from_millis(100), "--period", "time of a cycle";
    }
}

crate::message! {
    /// The knowledge of the sender. The least and the greatest are one entry each, or none.
    pub enum Message: "extrema" {
        /// A call, which is answered.
        Call = "call" {
            /// The least node heard of.
            leader: NodeId,
            /// The least and the greatest entry.
            extremes: Vec<Entry>,
        },
        /// The answer.
        Answer = "answer" {
            /// The least node heard of.
            leader: NodeId,
            /// The least and the greatest entry.
            extremes: Vec<Entry>,
        },
    }
}

/// The knowledge of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extremes {
    /// The least node number heard of.
    pub leader: NodeId,
    /// The entry of the least integer.
    pub least: Option<Entry>,
    /// The entry of the greatest.
    pub greatest: Option<Entry>,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Extrema {
    peers: CyclePeers,
    timer: CycleTimer,
    known: Extremes,
}

/// The integer, and among equal ones the entry's name. `None` for other values.
fn rank(entry: &Entry) -> Option<(i64, EntryId)> {
    match entry.value {
        Value::Int(int) => Some((int, entry.id)),
        Value::Json(_) => None,
    }
}

impl Extrema {
    /// The node's knowledge.
    #[must_use]
    pub const fn known(&self) -> &Extremes {
        &self.known
    }

    fn extremes(&self) -> Vec<Entry> {
        self.known.least.iter().chain(&self.known.greatest).cloned().collect()
    }

    /// Keeps an entry if it is more extreme; true if so.
    fn keep(&mut self, entry: &Entry) -> bool {
        let Some(new) = rank(entry) else { return false };
        let is_least = self.known.least.as_ref().and_then(rank).is_none_or(|old| new < old);
        let is_greatest = self.known.greatest.as_ref().and_then(rank).is_none_or(|old| new > old);
        if is_least {
            self.known.least = Some(entry.clone());
        }
        if is_greatest {
            self.known.greatest = Some(entry.clone());
        }
        is_least || is_greatest
    }
}

impl Protocol for Extrema {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, _: Instant) -> Self {
        let me = cluster.me();
        Self {
            peers: CyclePeers::new(me, cluster.len(), &mut rng),
            timer: CycleTimer::new(config.period, &mut rng),
            known: Extremes { leader: me, least: None, greatest: None },
        }
    }

    fn on_topology(&mut self, now: Instant, _: Arc<Graph>, _: &mut Effects<Message>) {
        self.timer.start(now);
    }

    fn on_restore(&mut self, entry: Entry) {
        self.keep(&entry);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.timer.start(now);
        self.keep(&entry);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        self.timer.start(now);
        let (theirs, extremes) = match message {
            Message::Call { leader, extremes } => {
                let (leader_here, extremes_here) = (self.known.leader, self.extremes());
                out.send(from, Message::Answer { leader: leader_here, extremes: extremes_here });
                (leader, extremes)
            }
            Message::Answer { leader, extremes } => (leader, extremes),
        };
        self.known.leader = self.known.leader.min(theirs);
        for entry in extremes {
            if self.keep(&entry) {
                out.deliver(entry);
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.timer.take(now) {
            if let Some(peer) = self.peers.pick(self.timer.cycle(now), 0) {
                let (leader, extremes) = (self.known.leader, self.extremes());
                out.send(peer, Message::Call { leader, extremes });
            }
            self.timer.start(now);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timer.due()
    }

    fn describe(&self, _: Instant, nodes: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |entry: &Option<Entry>| {
            entry.as_ref().map_or_else(|| "none".to_owned(), |entry| entry.value.to_string())
        };
        let (least, greatest) = (show(&self.known.least), show(&self.known.greatest));
        let leader = nodes.name(self.known.leader);
        writeln!(f, "  least {least}, greatest {greatest}, leader {leader}")
    }
}

#[cfg(test)]
mod tests;
