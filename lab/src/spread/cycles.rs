//! The driver of synchronous cycles: every node acts once per cycle, as in the papers' models.
//!
//! It drives the state machines that processes run, without names, JSON or clients. Two readings of
//! "cycle" are in use, and they differ by a quarter in the time to the last node:
//!
//! * [`Order::Snapshot`]: all nodes act first, then messages are exchanged, so that what is sent by a
//!   node was decided on the state at the cycle's start (Demers et al.);
//! * [`Order::Immediate`]: one node after another acts, in an order that is random anew in each cycle,
//!   and its exchange ends before the next acts (Jelasity et al., PeerSim).
//!
//! Answers come within the cycle either way.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rumormill::cluster::{Cluster, Graph};
use rumormill::id::{EntryId, Generation, NodeId, Origin};
use rumormill::protocol::{Effects, Entry, Protocol, Rng};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill_sim::dice::Dice;

/// The reading of "cycle".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    /// All act on the state at the cycle's start (Demers)
    // In the order of nodes from a random one on.
    #[default]
    Snapshot,
    /// One acts after another, in random order (PeerSim)
    Immediate,
}

/// The network and the cluster.
#[derive(Clone, Debug)]
pub struct World {
    /// The nodes; their neighbours, for protocols that go by the topology.
    pub graph: Arc<Graph>,
    /// The reading of "cycle".
    pub order: Order,
    /// Probability that a message is lost.
    pub loss: f64,
    /// Seed of everything.
    pub seed: u64,
    /// Number of the run: each has seeds of its own.
    pub run: u64,
}

impl World {
    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.graph.len()
    }
}

/// Receivers in a group: few enough that their states stay in a cache, and enough that a million nodes
/// make few groups, since each group's queue is a place to which memory is written at the same time. Of
/// 1,024 to 131,072, this took the least time for a rumour among a million nodes (a quarter less than
/// 1,024).
const GROUP: usize = 16_384;

/// Sees what happens.
pub trait Observer<M> {
    /// A message is sent. Lost ones count.
    fn on_send(&mut self, from: NodeId, to: NodeId, message: &M);
    /// A node got an entry that was new to it.
    fn on_deliver(&mut self, from: NodeId, node: NodeId);
}

/// A message on its way.
struct Flight<M> {
    from: NodeId,
    to: NodeId,
    message: M,
}

/// The nodes, and the messages between them.
pub struct Cycles<P: Protocol> {
    nodes: Vec<P>,
    order: Order,
    turns: Vec<u32>,
    turn_dice: Dice,
    loss: f64,
    loss_dice: Dice,
    period: u64,
    cycle: u64,
    /// Messages on their way, by groups of receivers: a group's state stays in the processor's cache while
    /// it is served. Each receiver gets its messages in the order in which they were sent.
    queue: Vec<Vec<Flight<P::Message>>>,
    /// As long as the queue, and empty: its memory is used again.
    delivered: Vec<Vec<Flight<P::Message>>>,
    queued: usize,
    effects: Effects<P::Message>,
}

impl<P: Protocol> std::fmt::Debug for Cycles<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cycles").field("cycle", &self.cycle).finish_non_exhaustive()
    }
}

impl<P: Protocol> Cycles<P> {
    /// A cluster in which each node can send to each, at cycle 0.
    ///
    /// `period` is the protocol's own.
    #[must_use]
    pub fn new(world: &World, config: &P::Config, period: Duration) -> Self {
        let (graph, count) = (Arc::clone(&world.graph), world.nodes());
        let mut seeds = Dice::numbered(world.seed, "nodes", world.run);
        let node = |node: u32| {
            let cluster = Cluster::new(NodeId(node), Arc::clone(&graph));
            let rng = Rng::seed_from_u64(seeds.next_u64());
            P::new(cluster, Generation(1), config, rng, Instant::ZERO)
        };
        let groups = || {
            let last = Self::group(world.order, count.saturating_sub(1));
            (0..=last).map(|_| Vec::new()).collect()
        };
        let mut cycles = Self {
            nodes: (0..count).map(node).collect(),
            order: world.order,
            turns: (0..count).collect(),
            turn_dice: Dice::numbered(world.seed, "turns", world.run),
            loss: world.loss,
            loss_dice: Dice::numbered(world.seed, "loss", world.run),
            period: u64::try_from(period.as_micros()).unwrap_or(u64::MAX),
            cycle: 0,
            queue: groups(),
            delivered: groups(),
            queued: 0,
            effects: Effects::default(),
        };
        for node in 0..count {
            let (protocol, out) = (&mut cycles.nodes[node as usize], &mut cycles.effects);
            protocol.on_topology(Instant::ZERO, Arc::clone(&graph), out);
            cycles.collect(NodeId(node), None, &mut Blind);
        }
        cycles
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[P] {
        &self.nodes
    }

    /// Number of cycles that have ended.
    #[must_use]
    pub const fn cycle(&self) -> u64 {
        self.cycle
    }

    /// A client submits a value to a node.
    pub fn submit(
        &mut self,
        node: NodeId,
        sequence: u64,
        value: i64,
        observer: &mut impl Observer<P::Message>,
    ) {
        let origin = Origin { node, generation: Generation(1) };
        let entry = Entry { id: EntryId { origin, sequence }, value: Value::Int(value) };
        let now = self.now();
        self.nodes[node.0 as usize].on_submit(now, entry, &mut self.effects);
        self.collect(node, None, observer);
    }

    /// True if no node will send an entry by itself.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.queued == 0 && !self.nodes.iter().any(Protocol::is_infective)
    }

    /// Runs one cycle.
    pub fn run_cycle(&mut self, observer: &mut impl Observer<P::Message>) {
        self.cycle += 1;
        let now = self.now();
        // In a snapshot only the order at a common receiver can matter (connection limits): a random
        // start is fair to all nodes, and memory is read in order.
        let first = match self.order {
            Order::Snapshot => self.turn_dice.index(self.turns.len()),
            Order::Immediate => {
                self.turn_dice.shuffle(&mut self.turns);
                0
            }
        };
        // A node that has something to do since another's turn acts in its own turn.
        let latest = match self.order {
            Order::Snapshot => now,
            Order::Immediate => now.after(Duration::from_micros(self.period)),
        };
        let count = self.turns.len();
        for turn in (first..count).chain(0..first) {
            let node = self.turns[turn];
            let protocol = &mut self.nodes[node as usize];
            if let Some(due) = protocol.next_timeout().filter(|due| *due <= latest) {
                protocol.on_timeout(due.max(now), &mut self.effects);
                self.collect(NodeId(node), None, observer);
                if self.order == Order::Immediate {
                    self.exchange(observer);
                }
            }
        }
        self.exchange(observer);
    }

    const fn now(&self) -> Instant {
        Instant::from_micros(self.period.saturating_mul(self.cycle))
    }

    /// Delivers messages and their answers until there are none.
    fn exchange(&mut self, observer: &mut impl Observer<P::Message>) {
        let now = self.now();
        let mut generation = std::mem::take(&mut self.delivered);
        while self.queued > 0 {
            self.queued = 0;
            std::mem::swap(&mut generation, &mut self.queue);
            for group in &mut generation {
                for Flight { from, to, message } in group.drain(..) {
                    if self.loss > 0.0 && self.loss_dice.chance(self.loss) {
                        continue;
                    }
                    self.nodes[to.0 as usize].on_message(now, from, message, &mut self.effects);
                    self.collect(to, Some(from), observer);
                }
            }
        }
        self.delivered = generation;
    }

    const fn group(order: Order, node: u32) -> usize {
        match order {
            Order::Snapshot => node as usize / GROUP,
            // There are never more than a few messages.
            Order::Immediate => 0,
        }
    }

    fn collect(
        &mut self,
        node: NodeId,
        from: Option<NodeId>,
        observer: &mut impl Observer<P::Message>,
    ) {
        for _ in self.effects.drain_deliveries() {
            observer.on_deliver(from.unwrap_or(node), node);
        }
        for (to, message) in self.effects.drain_sends() {
            observer.on_send(node, to, &message);
            let group = Self::group(self.order, to.0);
            self.queue[group].push(Flight { from: node, to, message });
            self.queued += 1;
        }
        self.effects.drain_log().for_each(drop);
        self.effects.drain_refusals().for_each(drop);
    }
}

/// Sees nothing.
#[derive(Clone, Copy, Debug)]
pub struct Blind;

impl<M> Observer<M> for Blind {
    fn on_send(&mut self, _: NodeId, _: NodeId, _: &M) {}
    fn on_deliver(&mut self, _: NodeId, _: NodeId) {}
}
