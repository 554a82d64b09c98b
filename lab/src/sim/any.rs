//! A node of any protocol, behind an object: the simulation is compiled once for all of them.

use std::fmt;

use rumormill::id::{Generation, NodeId};
use rumormill::maelstrom::message::{self, Named};
use rumormill::protocol::Protocol;
use rumormill::protocols::{self, Options, Visitor};
use rumormill::time::Instant;
use rumormill::wire::Wire;
use rumormill_sim::{Outbox, Output, Process};

use super::{Node, equip, seed_of};
use crate::network::packet::PeerMessage;
use crate::node::Message;
use crate::settings::Settings;

/// A node of any protocol.
#[derive(Debug)]
pub struct AnyNode(Box<dyn Object>);

impl AnyNode {
    /// The nodes of a run.
    ///
    /// # Errors
    /// The flag of the protocol, what was expected, and what came.
    pub fn all(options: &Options, settings: &Settings, nodes: u32) -> Result<Vec<Self>, String> {
        protocols::visit(options.protocol, Make { options, settings, nodes })
    }
}

struct Make<'a> {
    options: &'a Options,
    settings: &'a Settings,
    nodes: u32,
}

impl Visitor for Make<'_> {
    type Output = Result<Vec<AnyNode>, String>;

    fn visit<P: Protocol<Message: Wire>>(self) -> Self::Output {
        let config: P::Config = self.options.settings()?;
        let node = |number| {
            let node = Node::<P>::new(config.clone(), self.settings.seed, NodeId(number), seed_of);
            let node = equip(node, self.settings);
            AnyNode(Box::new(Typed { node, out: Outbox::default() }))
        };
        Ok((0..self.nodes).map(node).collect())
    }
}

/// A process whose messages are objects.
trait Object: fmt::Debug + Send {
    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Box<dyn PeerMessage>,
        out: &mut Outbox<AnyNode>,
    );
    fn on_request(&mut self, now: Instant, request: Message, out: &mut Outbox<AnyNode>);
    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<AnyNode>);
    fn next_timeout(&self) -> Option<Instant>;
    fn on_crash(&mut self);
    fn restart(
        &mut self,
        now: Instant,
        generation: Generation,
        topology: bool,
        out: &mut Outbox<AnyNode>,
    );
}

/// A node, and the outbox that it fills.
#[derive(Debug)]
struct Typed<P: Protocol<Message: Wire>> {
    node: Node<P>,
    out: Outbox<Node<P>>,
}

impl<P: Protocol<Message: Wire>> Typed<P> {
    /// Hands over what the node had to say.
    fn pass_on(&mut self, out: &mut Outbox<AnyNode>) {
        for entry in self.out.effects.drain_deliveries() {
            out.effects.deliver(entry);
        }
        for output in self.out.drain_outputs() {
            match output {
                Output::Reply(message::Message { src, dest, body }) => {
                    if let Some(body) = body.for_protocol() {
                        out.reply(Message { src, dest, body });
                    }
                }
                Output::Message(to, message) => {
                    if let Some(nodes) = self.node.server().nodes() {
                        out.effects.send(to, Box::new(Named::new(message, nodes)));
                    }
                }
            }
        }
    }
}

impl<P: Protocol<Message: Wire>> Object for Typed<P> {
    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Box<dyn PeerMessage>,
        out: &mut Outbox<AnyNode>,
    ) {
        // All nodes are of one protocol.
        if let Ok(named) = message.into_any().downcast::<Named<P::Message>>() {
            self.node.on_message(now, from, named.into_message(), &mut self.out);
            self.pass_on(out);
        }
    }

    fn on_request(&mut self, now: Instant, request: Message, out: &mut Outbox<AnyNode>) {
        let Message { src, dest, body } = request;
        if let Some(body) = body.for_protocol() {
            self.node.on_request(now, message::Message { src, dest, body }, &mut self.out);
            self.pass_on(out);
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<AnyNode>) {
        self.node.on_timeout(now, &mut self.out);
        self.pass_on(out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.node.next_timeout()
    }

    fn on_crash(&mut self) {
        self.node.on_crash();
    }

    fn restart(
        &mut self,
        now: Instant,
        generation: Generation,
        topology: bool,
        out: &mut Outbox<AnyNode>,
    ) {
        self.node.restart(now, generation, topology, &mut self.out);
        self.pass_on(out);
    }
}

impl Process for AnyNode {
    type Message = Box<dyn PeerMessage>;
    type Request = Message;
    type Reply = Message;

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Self::Message,
        out: &mut Outbox<Self>,
    ) {
        self.0.on_message(now, from, message, out);
    }

    fn on_request(&mut self, now: Instant, request: Message, out: &mut Outbox<Self>) {
        self.0.on_request(now, request, out);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<Self>) {
        self.0.on_timeout(now, out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.0.next_timeout()
    }

    fn on_crash(&mut self) {
        self.0.on_crash();
    }

    fn restart(
        &mut self,
        now: Instant,
        generation: Generation,
        topology: bool,
        out: &mut Outbox<Self>,
    ) {
        self.0.restart(now, generation, topology, out);
    }
}
