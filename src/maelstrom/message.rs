//! Maelstrom's protocol: envelope, bodies, requests and replies, error codes.
//!
//! Outgoing messages are typed; [`Message::write_line`] makes the line. Incoming lines are parsed
//! in `parse.rs`, where everything that is wrong with them is found.

use std::sync::Arc;

use serde::Serialize;

use crate::cluster::{Name, Nodes, Topology};
use crate::service::{Reply, Request};
use crate::wire::Wire;

/// Longest line that a node takes, in bytes without the newline. It bounds the memory of a node that
/// is sent a line without an end, and is beyond any sane message.
pub const LINE_BYTES_MAX: usize = 256 << 20;
/// Longest value that a client may broadcast, in bytes of its canonical text. An acknowledged value
/// has to fit into a line between nodes: the other half of the line is for what stands around it there,
/// such as names, acks and the digest.
pub const VALUE_BYTES_MAX: usize = LINE_BYTES_MAX / 2;

/// One message. `M` is the protocol's message between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<M> {
    /// Sender.
    pub src: Name,
    /// Addressee.
    pub dest: Name,
    /// Content.
    pub body: Body<M>,
}

/// The bodies a node understands or sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<M> {
    /// The first message: the node learns its id and the cluster's.
    Init {
        /// The id to use as `src` from now on.
        node_id: Name,
        /// All nodes of the cluster, this one included.
        node_ids: Arc<Nodes>,
        /// Request id.
        msg_id: i64,
    },
    /// Reply to `init`.
    InitOk {
        /// The request's `msg_id`.
        in_reply_to: i64,
    },
    /// The neighbours of every node.
    Topology {
        /// Node to neighbours.
        topology: Arc<Topology>,
        /// Request id.
        msg_id: i64,
    },
    /// Reply to `topology`.
    TopologyOk {
        /// The request's `msg_id`.
        in_reply_to: i64,
    },
    /// A request of the workload.
    Request {
        /// The request.
        request: Request,
        /// Request id.
        msg_id: i64,
    },
    /// A reply of the workload.
    Reply {
        /// The reply.
        reply: Reply,
        /// The request's `msg_id`.
        in_reply_to: i64,
    },
    /// Node to node.
    Peer(Named<M>),
    /// A request was refused.
    Error {
        /// The request's `msg_id`.
        in_reply_to: i64,
        /// Maelstrom's error code.
        code: ErrorCode,
        /// The reason, for people.
        text: String,
    },
}

/// A protocol's message together with the node list that its numbers refer to.
#[derive(Clone, Debug)]
pub struct Named<M> {
    message: M,
    nodes: Arc<Nodes>,
}

impl<M> Named<M> {
    /// A message whose numbers are positions in `nodes`.
    #[must_use]
    pub fn new(message: M, nodes: &Arc<Nodes>) -> Self {
        Self { message, nodes: Arc::clone(nodes) }
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &M {
        &self.message
    }

    /// The node list.
    #[must_use]
    pub const fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// The message alone.
    #[must_use]
    pub fn into_message(self) -> M {
        self.message
    }
}

/// Two messages are equal if their contents are: node lists are large and shared.
impl<M: PartialEq> PartialEq for Named<M> {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message
    }
}

impl<M: Eq> Eq for Named<M> {}

/// The codes of Maelstrom's protocol that this node sends. All of them are definite: the request
/// did not and will not take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// 10: the node knows no such request.
    NotSupported,
    /// 11: not now (before `init`).
    TemporarilyUnavailable,
    /// 12: a field is missing or ill-typed.
    MalformedRequest,
    /// 22: a second, different `init`.
    PreconditionFailed,
}

impl ErrorCode {
    /// The code on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::NotSupported => 10,
            Self::TemporarilyUnavailable => 11,
            Self::MalformedRequest => 12,
            Self::PreconditionFailed => 22,
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<M: Wire> Message<M> {
    /// Appends the message as one line, newline included.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"src\":");
        put(out, &self.src);
        out.extend_from_slice(b",\"dest\":");
        put(out, &self.dest);
        out.extend_from_slice(b",\"body\":");
        self.body.write_json(out);
        out.extend_from_slice(b"}\n");
    }
}

impl<M> Message<M> {
    /// The same message for nodes of another protocol; `None` for a message between nodes.
    #[must_use]
    pub fn for_protocol<N>(self) -> Option<Message<N>> {
        let Self { src, dest, body } = self;
        Some(Message { src, dest, body: body.for_protocol()? })
    }
}

impl<M> Body<M> {
    fn for_protocol<N>(self) -> Option<Body<N>> {
        Some(match self {
            Self::Init { node_id, node_ids, msg_id } => Body::Init { node_id, node_ids, msg_id },
            Self::InitOk { in_reply_to } => Body::InitOk { in_reply_to },
            Self::Topology { topology, msg_id } => Body::Topology { topology, msg_id },
            Self::TopologyOk { in_reply_to } => Body::TopologyOk { in_reply_to },
            Self::Request { request, msg_id } => Body::Request { request, msg_id },
            Self::Reply { reply, in_reply_to } => Body::Reply { reply, in_reply_to },
            Self::Error { in_reply_to, code, text } => Body::Error { in_reply_to, code, text },
            Self::Peer(_) => return None,
        })
    }
}

impl<M: Wire> Named<M> {
    /// Appends the message as the JSON of a body.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write_peer(&self.message, &self.nodes, out);
    }
}

/// Appends a protocol's message, whose numbers are positions in `nodes`, as the JSON of a body.
pub fn write_peer<M: Wire>(message: &M, nodes: &Nodes, out: &mut Vec<u8>) {
    begin(out, M::TYPE);
    write_peer_fields(message, nodes, out);
    out.push(b'}');
}

fn write_peer_fields<M: Wire>(message: &M, nodes: &Nodes, out: &mut Vec<u8>) {
    field(out, "v", &M::VERSION);
    message.encode(nodes, out);
}

impl<M: Wire> Body<M> {
    /// Appends the body as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        begin(out, self.kind());
        match self {
            Self::Init { node_id, node_ids, msg_id } => {
                field(out, "node_id", node_id);
                field(out, "node_ids", &**node_ids);
                field(out, "msg_id", msg_id);
            }
            Self::Topology { topology, msg_id } => {
                field(out, "topology", &**topology);
                field(out, "msg_id", msg_id);
            }
            Self::Request { request, msg_id } => {
                request.write_fields(out);
                field(out, "msg_id", msg_id);
            }
            Self::InitOk { in_reply_to } | Self::TopologyOk { in_reply_to } => {
                field(out, "in_reply_to", in_reply_to);
            }
            Self::Reply { reply, in_reply_to } => {
                reply.write_fields(out);
                field(out, "in_reply_to", in_reply_to);
            }
            Self::Peer(named) => write_peer_fields(&named.message, &named.nodes, out),
            Self::Error { in_reply_to, code, text } => {
                field(out, "in_reply_to", in_reply_to);
                field(out, "code", code);
                field(out, "text", text);
            }
        }
        out.push(b'}');
    }

    /// The `type` on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Init { .. } => "init",
            Self::InitOk { .. } => "init_ok",
            Self::Topology { .. } => "topology",
            Self::TopologyOk { .. } => "topology_ok",
            Self::Request { request, .. } => request.kind(),
            Self::Reply { reply, .. } => reply.kind(),
            Self::Peer(_) => M::TYPE,
            Self::Error { .. } => "error",
        }
    }
}

/// Begins a body with its type.
fn begin(out: &mut Vec<u8>, kind: &str) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
}

fn field(out: &mut Vec<u8>, key: &str, value: &(impl Serialize + ?Sized)) {
    crate::json::put_field(out, key, value);
}

fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    crate::json::put(out, value);
}
