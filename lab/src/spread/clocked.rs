//! The driver of asynchronous time: every node has timers of its own, and messages take a while.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rumormill::cluster::{Cluster, Graph};
use rumormill::id::{EntryId, Generation, NodeId, Origin};
use rumormill::protocol::{Effects, Entry, Protocol, Rng};
use rumormill::time::Instant;
use rumormill::value::Value;

use super::cycles::{Observer, World};
use crate::random::Dice;

/// A message on its way, or a node's timer.
#[derive(Clone, Debug)]
struct Event<M> {
    at: Instant,
    number: u64,
    node: NodeId,
    message: Option<(NodeId, M)>,
}

impl<M> PartialEq for Event<M> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<M> Eq for Event<M> {}

impl<M> PartialOrd for Event<M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M> Ord for Event<M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The nodes, and the messages between them, at an instant.
#[derive(Clone, Debug)]
pub struct Clocked<P: Protocol> {
    nodes: Vec<P>,
    is_down: Vec<bool>,
    now: Instant,
    latency: Duration,
    loss: f64,
    dice: Dice,
    events: BinaryHeap<Reverse<Event<P::Message>>>,
    /// The timer that counts, by node.
    wake_at: Vec<Option<Instant>>,
    numbers: u64,
    effects: Effects<P::Message>,
}

impl<P: Protocol> Clocked<P> {
    /// A cluster in which each node can send to each, at time 0. Every message takes `latency`.
    #[must_use]
    pub fn new(world: &World, config: &P::Config, latency: Duration) -> Self {
        let graph = Arc::new(Graph::new(world.nodes, []));
        let mut seeds = Dice::numbered(world.seed, "nodes", world.run);
        let node = |node: u32| {
            let cluster = Cluster::new(NodeId(node), Arc::clone(&graph));
            let rng = Rng::seed_from_u64(seeds.next_u64());
            P::new(cluster, Generation(1), config, rng, Instant::ZERO)
        };
        let mut clocked = Self {
            nodes: (0..world.nodes).map(node).collect(),
            is_down: vec![false; world.nodes as usize],
            now: Instant::ZERO,
            latency,
            loss: world.loss,
            dice: Dice::numbered(world.seed, "loss", world.run),
            events: BinaryHeap::new(),
            wake_at: vec![None; world.nodes as usize],
            numbers: 0,
            effects: Effects::default(),
        };
        for node in (0..world.nodes).map(NodeId) {
            let (protocol, out) = (&mut clocked.nodes[node.0 as usize], &mut clocked.effects);
            protocol.on_topology(Instant::ZERO, Arc::clone(&graph), out);
            clocked.collect(node, node, &mut super::cycles::Blind);
        }
        clocked
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[P] {
        &self.nodes
    }

    /// The present instant.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The probability that a message is lost, from now on.
    pub const fn set_loss(&mut self, loss: f64) {
        self.loss = loss;
    }

    /// A node crashes for good.
    pub fn crash(&mut self, node: NodeId) {
        self.is_down[node.0 as usize] = true;
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
        self.nodes[node.0 as usize].on_submit(self.now, entry, &mut self.effects);
        self.collect(node, node, observer);
    }

    /// True if no node will send an entry by itself, and no message is on its way.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let is_idle = |(protocol, is_down): (&P, &bool)| *is_down || !protocol.is_infective();
        self.nodes.iter().zip(&self.is_down).all(is_idle)
            && self.events.iter().all(|Reverse(event)| event.message.is_none())
    }

    /// True if nothing will happen any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.events.is_empty()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration, observer: &mut impl Observer<P::Message>) {
        let end = self.now.after(time);
        while let Some(Reverse(event)) = self.events.peek() {
            if event.at > end {
                break;
            }
            let Some(Reverse(Event { at, node, message, .. })) = self.events.pop() else { break };
            self.now = at;
            self.handle(node, message, observer);
        }
        self.now = end;
    }

    fn handle(
        &mut self,
        node: NodeId,
        message: Option<(NodeId, P::Message)>,
        observer: &mut impl Observer<P::Message>,
    ) {
        let place = node.0 as usize;
        if self.is_down[place] {
            return;
        }
        let protocol = &mut self.nodes[place];
        match message {
            Some((from, message)) => {
                protocol.on_message(self.now, from, message, &mut self.effects);
                self.collect(node, from, observer);
            }
            // A stale timer: the node has chosen another instant since.
            None if self.wake_at[place] != Some(self.now) => {}
            None => {
                self.wake_at[place] = None;
                protocol.on_timeout(self.now, &mut self.effects);
                self.collect(node, node, observer);
            }
        }
    }

    fn collect(&mut self, node: NodeId, from: NodeId, observer: &mut impl Observer<P::Message>) {
        for _ in self.effects.drain_deliveries() {
            observer.on_deliver(from, node);
        }
        let at = self.now.after(self.latency);
        for (to, message) in self.effects.drain_sends() {
            observer.on_send(node, to, &message);
            if self.loss == 0.0 || !self.dice.chance(self.loss) {
                self.numbers += 1;
                let (number, message) = (self.numbers, Some((node, message)));
                self.events.push(Reverse(Event { at, number, node: to, message }));
            }
        }
        drop(self.effects.drain_log());
        drop(self.effects.drain_refusals());
        let due = self.nodes[node.0 as usize].next_timeout().map(|due| due.max(self.now));
        if due != self.wake_at[node.0 as usize] {
            self.wake_at[node.0 as usize] = due;
            if let Some(at) = due {
                self.numbers += 1;
                let number = self.numbers;
                self.events.push(Reverse(Event { at, number, node, message: None }));
            }
        }
    }
}
