//! The Maelstrom node as a process: the protocol `P` behind a server, with clients and names.

use std::fmt;
use std::ops::Deref;

use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::message::Message;
use rumormill::maelstrom::server::{Outgoing, Server};
use rumormill::protocol::{Entry, Protocol};
use rumormill::service::{Refusal, Reply, Request, Service};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill::wire::Wire;

use crate::process::{Outbox, Process};

/// The seed of a node's generation: from the seed of the run and the number of the node.
pub type SeedRule = fn(seed: u64, node: u64, generation: Generation) -> u64;

/// A Maelstrom node as a process. A request is a message of a client, a reply one to a client.
#[derive(Clone, Debug)]
pub struct Maelstrom<P: Protocol, S: Service> {
    server: Server<P, Noting<S>>,
    config: P::Config,
    run_seed: u64,
    node: NodeId,
    seed_rule: SeedRule,
    /// The service at the beginning of every generation.
    service: S,
}

impl<P: Protocol<Message: Wire>, S: Service> Maelstrom<P, S> {
    /// A node in its first generation that has not been told its name yet.
    #[must_use]
    pub fn new(config: P::Config, run_seed: u64, node: NodeId, seed_rule: SeedRule) -> Self {
        let seed = seed_rule(run_seed, u64::from(node.0), Generation(1));
        let server = Server::new(config.clone(), seed, Generation(1));
        Self { server, config, run_seed, node, seed_rule, service: S::default() }
    }

    /// The same node with another service. To be called before any input.
    #[must_use]
    pub fn with_service(mut self, service: S) -> Self {
        self.service = service;
        self.server = self.server.with_service(Noting::new(self.service.clone()));
        self
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &Server<P, Noting<S>> {
        &self.server
    }

    /// The settings of the protocol.
    #[must_use]
    pub const fn config(&self) -> &P::Config {
        &self.config
    }

    /// The seed of the present generation.
    #[must_use]
    pub fn seed(&self) -> u64 {
        (self.seed_rule)(self.run_seed, u64::from(self.node.0), self.server.generation())
    }

    /// Takes what the server has delivered, and has to say.
    fn collect(&mut self, out: &mut Outbox<Self>) {
        for entry in self.server.service_mut().notes.drain(..) {
            out.effects.deliver(entry);
        }
        while let Some(outgoing) = self.server.poll_outgoing() {
            match outgoing {
                Outgoing::Peer(to, message) => out.effects.send(to, message),
                Outgoing::Client(message) => out.replies.push(message),
            }
        }
        while self.server.poll_log().is_some() {}
    }
}

impl<P: Protocol<Message: Wire>, S: Service> Process for Maelstrom<P, S> {
    type Message = P::Message;
    type Request = Message<P::Message>;
    type Reply = Message<P::Message>;

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: P::Message,
        out: &mut Outbox<Self>,
    ) {
        self.server.handle_peer(now, from, message);
        self.collect(out);
    }

    fn on_request(&mut self, now: Instant, request: Self::Request, out: &mut Outbox<Self>) {
        self.server.handle_message(now, request);
        self.collect(out);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<Self>) {
        self.server.handle_timeout(now);
        self.collect(out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout()
    }

    fn restart(&mut self, _: Instant, generation: Generation, _: bool, _: &mut Outbox<Self>) {
        let seed = (self.seed_rule)(self.run_seed, u64::from(self.node.0), generation);
        self.server = Server::new(self.config.clone(), seed, generation)
            .with_service(Noting::new(self.service.clone()));
    }
}

/// A service that notes what is delivered to it.
#[derive(Clone, Default)]
pub struct Noting<S> {
    service: S,
    /// The entries delivered since the notes were taken.
    notes: Vec<Entry>,
}

impl<S> Noting<S> {
    const fn new(service: S) -> Self {
        Self { service, notes: Vec::new() }
    }
}

/// The service alone: notes are taken after every event.
impl<S: fmt::Debug> fmt::Debug for Noting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.service.fmt(f)
    }
}

impl<S> Deref for Noting<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.service
    }
}

impl<S: Service> Service for Noting<S> {
    fn on_request(
        &mut self,
        origin: Origin,
        request: Request,
        submit: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        self.service.on_request(origin, request, submit)
    }

    fn on_deliver(&mut self, entry: &Entry) {
        self.service.on_deliver(entry);
        self.notes.push(entry.clone());
    }

    fn has_topology(&self) -> bool {
        self.service.has_topology()
    }
}
