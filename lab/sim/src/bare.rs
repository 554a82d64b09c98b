//! A protocol as a process without names, JSON and clients: for clusters of any size.

use std::convert::Infallible;
use std::sync::Arc;

use rand::SeedableRng as _;
use rumormill::cluster::{Cluster, Graph};
use rumormill::id::{EntryId, Generation, NodeId, Origin};
use rumormill::protocol::{Entry, Protocol, Rng};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill::wire::Wire;

use crate::dice::Dice;
use crate::medium::Plain;
use crate::process::{Outbox, Process};
use crate::sim::Sim;

/// A node that runs the protocol `P` alone. A request is a value to be submitted.
///
/// Data that all nodes share is stored once; the simulator itself needs a few dozen bytes per node.
#[derive(Clone, Debug)]
pub struct Bare<P: Protocol> {
    shared: Arc<Shared<P::Config>>,
    origin: Origin,
    next_sequence: u64,
    protocol: P,
}

#[derive(Debug)]
struct Shared<C> {
    /// The graph that connects all nodes, as before `topology`.
    members: Arc<Graph>,
    graph: Arc<Graph>,
    config: C,
    seed: u64,
}

impl<P: Protocol> Bare<P> {
    /// A cluster of nodes that know the graph, at time 0: for [`Sim::new`](crate::Sim::new).
    ///
    /// Whatever the protocol wants to send or to deliver at once comes with the first step.
    #[must_use]
    pub fn cluster(graph: &Arc<Graph>, config: &P::Config, seed: u64) -> Vec<Self> {
        let shared = Arc::new(Shared {
            members: Arc::clone(graph),
            graph: Arc::clone(graph),
            config: config.clone(),
            seed,
        });
        let node = |number| Self::new(&shared, NodeId(number), Generation(1), Instant::ZERO);
        (0..graph.len()).map(node).collect()
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> &P {
        &self.protocol
    }

    fn new(
        shared: &Arc<Shared<P::Config>>,
        node: NodeId,
        generation: Generation,
        now: Instant,
    ) -> Self {
        let number = u64::from(node.0) + (generation.0 << 32);
        let seed = Dice::numbered(shared.seed, "nodes", number).next_u64();
        let cluster = Cluster::new(node, Arc::clone(&shared.members));
        let rng = Rng::seed_from_u64(seed);
        Self {
            protocol: P::new(cluster, generation, &shared.config, rng, now),
            shared: Arc::clone(shared),
            origin: Origin { node, generation },
            next_sequence: 0,
        }
    }
}

impl<P: Protocol<Message: Wire>> Sim<Bare<P>, Plain<Bare<P>>> {
    /// The protocol of a node. Of one that is down, as it was.
    #[must_use]
    pub fn protocol(&self, node: NodeId) -> &P {
        self.hosts()[node.0 as usize].process().protocol()
    }

    /// The time that a node's own clock shows.
    #[must_use]
    pub fn clock(&self, node: NodeId) -> Instant {
        self.hosts()[node.0 as usize].clock(self.now())
    }

    /// The protocols of all nodes, in order.
    pub fn protocols(&self) -> impl Iterator<Item = &P> {
        self.hosts().iter().map(|host| host.process().protocol())
    }

    /// True if no value is on its way, and no node that is up will send one by itself.
    ///
    /// A message without values, on its way, may still change that.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let mut up = self.hosts().iter().filter(|host| host.is_up());
        self.medium().network().queued_values() == 0
            && !up.any(|host| host.process().protocol.is_infective())
    }
}

impl<P: Protocol<Message: Wire>> Process for Bare<P> {
    type Message = P::Message;
    type Request = Value;
    type Reply = Infallible;

    fn has_values(message: &P::Message) -> bool {
        let mut any = false;
        message.values(&mut |_| any = true);
        any
    }

    fn on_start(&mut self, now: Instant, out: &mut Outbox<Self>) {
        let graph = Arc::clone(&self.shared.graph);
        self.protocol.on_topology(now, graph, &mut out.effects);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: P::Message,
        out: &mut Outbox<Self>,
    ) {
        self.protocol.on_message(now, from, message, &mut out.effects);
    }

    fn on_request(&mut self, now: Instant, value: Value, out: &mut Outbox<Self>) {
        let id = EntryId { origin: self.origin, sequence: self.next_sequence };
        self.next_sequence += 1;
        let entry = Entry { id, value };
        out.effects.deliver(entry.clone());
        self.protocol.on_submit(now, entry, &mut out.effects);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<Self>) {
        self.protocol.on_timeout(now, &mut out.effects);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.protocol.next_timeout()
    }

    fn restart(
        &mut self,
        now: Instant,
        generation: Generation,
        topology: bool,
        out: &mut Outbox<Self>,
    ) {
        *self = Self::new(&Arc::clone(&self.shared), self.origin.node, generation, now);
        if topology {
            self.on_start(now, out);
        }
    }
}
