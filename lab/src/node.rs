//! Nodes as the lab uses them: ours, of the protocol `rumormill`, and those of any other protocol
//! behind an object, because there are many. All have the broadcast service.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use rumormill::args::Options;
use rumormill::cluster::Name;
use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::message::Named;
use rumormill::maelstrom::{message, server};
use rumormill::protocol::Protocol;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::link::Link;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::protocols::rumormill::replica::Replica;
use rumormill::protocols::rumormill::stats::Stats;
use rumormill::protocols::{self, Visitor};
use rumormill::service::{Broadcast, ReadText};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill::wire::Wire;

/// The node.
pub type Node = server::Server<Rumormill, Broadcast>;

/// Its messages.
pub type Message = message::Message<Gossip>;

/// Their bodies.
pub type Body = message::Body<Gossip>;

/// The state of our protocol; empty before `init`.
pub trait Inspect {
    /// The entries held.
    fn replica(&self) -> &Replica;
    /// Counters.
    fn stats(&self) -> Stats;
    /// The peers that the node has exchanged messages with.
    fn links(&self) -> impl Iterator<Item = (NodeId, &Link)>;
}

impl Inspect for Node {
    fn replica(&self) -> &Replica {
        static EMPTY: OnceLock<Replica> = OnceLock::new();
        let empty = || Replica::new(Origin { node: NodeId(0), generation: Generation(0) });
        self.protocol().map_or_else(|| EMPTY.get_or_init(empty), Rumormill::replica)
    }

    fn stats(&self) -> Stats {
        self.protocol().map(|protocol| *protocol.stats()).unwrap_or_default()
    }

    fn links(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.protocol().into_iter().flat_map(Rumormill::links)
    }
}

/// A message between nodes of another protocol.
pub type PeerMessage = Arc<dyn PeerContent>;

/// What the lab wants to know of such a message.
pub trait PeerContent: Any + fmt::Debug + Send + Sync {
    /// The `type` on the wire.
    fn kind(&self) -> &'static str;
    /// Appends the body as JSON.
    fn write_json(&self, out: &mut Vec<u8>);
    /// Calls `each` with every value in it.
    fn values(&self, each: &mut dyn FnMut(&Value));
}

impl<M: Wire + Clone + fmt::Debug + Send + Sync + 'static> PeerContent for Named<M> {
    fn kind(&self) -> &'static str {
        M::TYPE
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        message::Body::Peer(self.clone()).write_json(out);
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.message().values(each);
    }
}

/// What a node of another protocol sends.
#[derive(Debug)]
pub enum Transmit {
    /// To a client.
    Client(Message),
    /// To a peer, by its name.
    Peer(Name, PeerMessage),
}

/// A node of any protocol.
pub trait AnyNode: fmt::Debug + Send {
    /// Handles a message that is not of the protocol.
    fn handle_message(&mut self, now: Instant, message: Message);
    /// Handles a message of a peer. One of another protocol is dropped.
    fn handle_peer(&mut self, now: Instant, src: Name, dest: Name, message: PeerMessage);
    /// The instant of [`AnyNode::poll_timeout`] has come.
    fn handle_timeout(&mut self, now: Instant);
    /// The next message to send.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// When to call [`AnyNode::handle_timeout`].
    fn poll_timeout(&self) -> Option<Instant>;
    /// The values that clients read.
    fn read_text(&self) -> Arc<ReadText>;
}

impl<P: Protocol> AnyNode for server::Server<P, Broadcast> {
    fn handle_message(&mut self, now: Instant, message: Message) {
        let Message { src, dest, body } = message;
        if let Some(body) = body.for_protocol() {
            self.handle_message(now, message::Message { src, dest, body });
        }
    }

    fn handle_peer(&mut self, now: Instant, src: Name, dest: Name, message: PeerMessage) {
        let message: Arc<dyn Any + Send + Sync> = message;
        if let Ok(named) = message.downcast::<Named<P::Message>>() {
            let body = message::Body::Peer(Arc::unwrap_or_clone(named));
            self.handle_message(now, message::Message { src, dest, body });
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        while self.poll_log().is_some() {}
        let message::Message { src, dest, body } = self.poll_transmit()?;
        Some(match body {
            message::Body::Peer(named) => Transmit::Peer(dest, Arc::new(named)),
            body => Transmit::Client(Message { src, dest, body: body.for_protocol()? }),
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn read_text(&self) -> Arc<ReadText> {
        self.service().read_text()
    }
}

/// A protocol other than ours, with its settings: what to make nodes of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family(Options);

impl Family {
    /// The protocol and settings of a node's command line.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(options: Options) -> Result<Self, String> {
        protocols::visit(options.protocol, Make { options: &options, seed: 0, generation: 0 })?;
        Ok(Self(options))
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> protocols::Name {
        self.0.protocol
    }

    /// A node.
    ///
    /// # Panics
    /// Never: [`Family::new`] has read the settings.
    #[must_use]
    pub fn node(&self, seed: u64, generation: u64) -> Box<dyn AnyNode> {
        let make = Make { options: &self.0, seed, generation };
        protocols::visit(self.0.protocol, make).expect("settings that were read before")
    }
}

struct Make<'a> {
    options: &'a Options,
    seed: u64,
    generation: u64,
}

impl Visitor for Make<'_> {
    type Output = Result<Box<dyn AnyNode>, String>;

    fn visit<P: Protocol>(self) -> Self::Output {
        let config = self.options.settings()?;
        let generation = Generation(self.generation);
        Ok(Box::new(server::Server::<P, Broadcast>::new(config, self.seed, generation)))
    }
}
