//! A message on its way through the network.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use rumormill::cluster::{Name, Nodes};
use rumormill::id::NodeId;
use rumormill::maelstrom::message;
use rumormill::maelstrom::parse::{self, ErrorReply, Refusal};
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::value::Value;
use rumormill::wire::Wire;
use rumormill_sim::network::{Routed, Way};

use crate::history::OpValue;
use crate::message::{Body, Message};
use crate::services::NAMES;
use crate::trace::Carried;
use crate::workload::Operation;

/// A participant, by number: names are looked up once, at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A node, by its position in the settings.
    Node(u32),
    /// A client of the workload: `c` and its number.
    Client(u32),
    /// One of Maelstrom's services, by its number.
    Service(u8),
    /// A probe, outside the history and all counts: `p` and its number.
    Probe(u32),
}

impl Peer {
    /// Its name in messages.
    #[must_use]
    pub fn name(self, nodes: &Nodes) -> Name {
        match self {
            Self::Node(node) => Name::clone(nodes.name(NodeId(node))),
            Self::Client(number) => format!("c{number}").into(),
            Self::Service(number) => NAMES[usize::from(number)].into(),
            Self::Probe(number) => format!("p{number}").into(),
        }
    }
}

/// The body of a message.
#[derive(Clone, Debug)]
pub enum Payload {
    /// The JSON text of a process, passed on untouched.
    Text(Box<str>),
    /// The JSON text of a process for another node, and the values that were found in it.
    Between(Arc<(Box<str>, Carried)>),
    /// From a harness client, or from a simulated node.
    Typed(Arc<Body>),
    /// An operation of a harness client, and its request id.
    Operation(Arc<(Asked, i64)>),
    /// From one simulated node to another.
    Peer(Arc<dyn PeerMessage>),
}

/// An operation as its client asks for it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its kind.
    pub operation: &'static Operation,
    /// Its argument.
    pub argument: OpValue,
    /// The number of what it adds, if anything is to spread.
    pub number: Option<u64>,
}

impl Asked {
    /// An operation without an argument.
    pub(crate) const fn plain(operation: &'static Operation) -> Self {
        Self { operation, argument: OpValue::Nil, number: None }
    }

    /// Appends the body as JSON.
    fn write_json(&self, msg_id: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":");
        put(out, self.operation.f);
        if let Some(key) = self.operation.argument {
            out.push(b',');
            put(out, key);
            out.push(b':');
            match &self.argument {
                OpValue::Nil | OpValue::Set(_) => out.extend_from_slice(b"null"),
                OpValue::Int(int) => put(out, int),
                OpValue::Edn(edn) => put(out, &edn.to_json()),
            }
        }
        out.extend_from_slice(b",\"msg_id\":");
        put(out, &msg_id);
        out.push(b'}');
    }
}

/// A message between simulated nodes, of any protocol.
pub trait PeerMessage: fmt::Debug + Send + Sync {
    /// The protocol's name, which is the `type`.
    fn kind(&self) -> &'static str;
    /// Appends the body as JSON. Its numbers are positions in `nodes`.
    fn write_json(&self, nodes: &Nodes, out: &mut Vec<u8>);
    /// Calls `each` for every value that it carries.
    fn values(&self, each: &mut dyn FnMut(&Value));
    /// The message itself, to be had back as what it is.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Wire + fmt::Debug + Send + Sync + 'static> PeerMessage for M {
    fn kind(&self) -> &'static str {
        M::TYPE
    }

    fn write_json(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        message::write_peer(self, nodes, out);
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        Wire::values(self, each);
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl dyn PeerMessage + '_ {
    /// Calls `each` for every integer of at least 0 among the values that it carries.
    pub(crate) fn numbers(&self, mut each: impl FnMut(u64)) {
        self.values(&mut |value| {
            if let Value::Int(int) = value
                && let Ok(int) = u64::try_from(*int)
            {
                each(int);
            }
        });
    }
}

impl Payload {
    /// Appends the JSON.
    pub fn write_json(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Between(text) => out.extend_from_slice(text.0.as_bytes()),
            Self::Typed(body) => body.write_json(out),
            Self::Operation(asked) => asked.0.write_json(asked.1, out),
            Self::Peer(message) => message.write_json(nodes, out),
        }
    }
}

/// A message on its way. Large simulations have many, so it is small: it has numbers, and the list of nodes
/// their names.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Number of the message in the run, over all parties.
    pub id: u64,
    /// Sender, as the message claims.
    pub src: Peer,
    /// Addressee.
    pub dest: Peer,
    /// A client is at either end: no latency, no faults, counted apart. As in Maelstrom, a name with the
    /// first letter `c` is that of a client.
    pub is_client: bool,
    /// Content.
    pub body: Payload,
    /// Its `type`, as a number that the journal gave it.
    pub(crate) kind: u16,
    /// Its link, as a number that the journal gave it.
    pub(crate) link: u32,
    /// Length of its body as JSON.
    pub(crate) bytes: u32,
    /// May bring a value to a node (see [`crate::settings::Recovery::quiet_ms`]).
    pub(crate) carries_values: bool,
}

impl Packet {
    /// A message that no journal counts.
    pub fn uncounted(id: u64, ends: (Peer, Peer), body: Payload) -> Self {
        let (src, dest) = ends;
        let is_client = [src, dest].iter().any(|end| matches!(end, Peer::Client(_)));
        Self { id, src, dest, is_client, body, kind: 0, link: 0, bytes: 0, carries_values: false }
    }

    /// Appends the line for a process, newline included.
    pub fn write_line(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        put(out, &self.id);
        out.extend_from_slice(b",\"src\":");
        put(out, &*self.src.name(nodes));
        out.extend_from_slice(b",\"dest\":");
        put(out, &*self.dest.name(nodes));
        out.extend_from_slice(b",\"body\":");
        self.body.write_json(nodes, out);
        out.extend_from_slice(b"}\n");
    }

    /// The message of a client for a simulated node; `None` if it is of anything else.
    #[must_use]
    pub fn into_message(self, nodes: &Nodes) -> Option<ClientMessage> {
        match self.body {
            Payload::Text(_) | Payload::Between(_) | Payload::Peer(_) => None,
            Payload::Typed(body) => Some(ClientMessage::Taken(Message {
                src: self.src.name(nodes),
                dest: self.dest.name(nodes),
                body: Arc::unwrap_or_clone(body),
            })),
            Payload::Operation(_) => {
                let mut line = Vec::new();
                self.write_line(nodes, &mut line);
                Some(match parse::parse_line::<Gossip>(&line, None) {
                    Ok(message) => ClientMessage::Taken(message),
                    Err(Refusal { reply, text, .. }) => {
                        let ErrorReply { src, dest, in_reply_to, code } = reply?;
                        let body = Body::Error { in_reply_to, code, text };
                        ClientMessage::Refused(Message { src, dest, body })
                    }
                })
            }
        }
    }
}

/// Through the network between the nodes, to one of them.
impl Routed for Packet {
    fn way(&self) -> Way {
        let from = match self.src {
            Peer::Node(from) => Some(from),
            // Beyond all nodes: delayed like them, and never cut off.
            Peer::Service(number) => Some(u32::MAX - u32::from(number)),
            Peer::Client(_) | Peer::Probe(_) => None,
        };
        let to = match self.dest {
            Peer::Node(to) => to,
            // They have ways of their own.
            Peer::Client(_) | Peer::Probe(_) | Peer::Service(_) => u32::MAX,
        };
        Way { from, to, is_exempt: self.is_client, has_values: self.carries_values }
    }
}

/// A message to be written to a node's stdin, or given to a simulated node, now.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Which node.
    pub node: usize,
    /// What.
    pub packet: Packet,
}

/// A message of a client as a simulated node reads it.
#[derive(Debug)]
pub enum ClientMessage {
    /// It is handed to the node.
    Taken(Message),
    /// The node knows no such request: its reply.
    Refused(Message),
}

fn put(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // Cannot fail: a Vec takes every write, and numbers and strings serialise.
    let _ = serde_json::to_writer(out, value);
}
