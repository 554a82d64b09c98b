//! Maelstrom's protocol and our one message between nodes: envelope, bodies, error codes.
//!
//! Outgoing messages are typed; [`Message::write_line`] makes the line. Incoming lines are parsed
//! in `parse.rs`, where everything that is wrong with them is found.

use std::sync::Arc;

use serde::Serialize;

use crate::graph::Topology;
use crate::held::Ranges;
use crate::read_text::ReadText;
use crate::roster::Roster;
use crate::value::Value;

/// A node's or client's id in the network, such as `n0` or `c12`.
pub type Name = Arc<str>;

/// One message: who sent it, to whom, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sender.
    pub src: Name,
    /// Addressee.
    pub dest: Name,
    /// Content.
    pub body: Body,
}

/// The bodies a node understands or sends. Replies carry no key beyond Maelstrom's schemas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// The first message: the node learns its id and the cluster's.
    Init {
        /// The id to use as `src` from now on.
        node_id: Name,
        /// All nodes of the cluster, this one included.
        node_ids: Arc<Roster>,
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
    /// A client hands in a value.
    Broadcast {
        /// The value.
        message: Value,
        /// Request id.
        msg_id: i64,
    },
    /// The value is held and will not be lost.
    BroadcastOk {
        /// The request's `msg_id`.
        in_reply_to: i64,
    },
    /// A client asks for all values.
    Read {
        /// Request id.
        msg_id: i64,
    },
    /// All values held, each once.
    ReadOk {
        /// The request's `msg_id`.
        in_reply_to: i64,
        /// The inside of the JSON array, shared with the store, so that a read costs no
        /// formatting.
        #[serde(skip)]
        messages: Arc<ReadText>,
    },
    /// Node to node: entries and evidence.
    Gossip(Gossip),
    /// A request was refused.
    Error {
        /// The request's `msg_id`.
        in_reply_to: i64,
        /// Maelstrom's error code.
        code: ErrorCode,
        /// What was wrong, for people.
        text: String,
    },
}

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

/// One life of one node: its name and the boot id it drew at start.
///
/// A restarted node has forgotten its sequence numbers; with a new generation it never reuses an
/// entry's name (the incarnation of SWIM, the generation of Scuttlebutt).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The node.
    pub node: Name,
    /// Its boot id.
    pub generation: u64,
}

/// Consecutive entries of one origin. On the wire: `[node, generation, first, [value, …]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// Where the values were broadcast.
    pub origin: Origin,
    /// Sequence number of the first value.
    pub first: u64,
    /// The values, in order of their sequence numbers.
    pub values: Vec<Value>,
}

/// Everything that somebody holds of one origin. On the wire:
/// `[node, generation, [start, end, start, end, …]]`, ends excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Have {
    /// The origin.
    pub origin: Origin,
    /// All sequence numbers held of it.
    pub ranges: Ranges,
}

/// What the round-trip time is measured by. On the wire: `[generation, number, held_us]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Generation of the node that the echoed message came from.
    pub generation: u64,
    /// The newest message received from it (its [`Gossip::number`]).
    pub number: u64,
    /// How long ago that was, in microseconds (QUIC's "ack delay").
    pub held_us: u64,
}

/// What the addressee shall do with entries that are new to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relay {
    /// Keep them: the sender, or whoever it has them from, tells the others itself.
    #[default]
    Keep,
    /// Pass them on: the sender has chosen the addressee as its hub, or as its parent in a tree.
    Up,
    /// Pass them on to all neighbours, and they to theirs.
    Flood,
}

impl Relay {
    /// The word on the wire; nothing is written for [`Relay::Keep`].
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Keep => None,
            Self::Up => Some("up"),
            Self::Flood => Some("flood"),
        }
    }
}

/// The rhythm of the root of a tree: what a node needs to send so as to arrive just before the
/// root sends. No clock is shared; all times are durations. On the wire:
/// `[period_us, age_us, distance_us]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Time from one beat to the next.
    pub period_us: u64,
    /// How long before this message was sent the root's last beat was.
    pub age_us: u64,
    /// One-way delay from the root to the sender.
    pub distance_us: u64,
}

/// Where the sender stands in a tree of hubs: said when that is not where the layout has it, and
/// to whoever asks. On the wire: `[parent or null, root, depth, age_us]`.
///
/// The root, and the hops to it, are what the bridges of a spanning tree tell each other (Perlman
/// 1985); the age of the news is what keeps a dead root from being believed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whom the sender sends up to; none if it is the root.
    pub parent: Option<Name>,
    /// Who is at the top.
    pub root: Name,
    /// Hops from there to the sender.
    pub depth: u32,
    /// How long ago the newest message of the root that the sender knows of was sent.
    pub age_us: u64,
}

/// The one message between nodes: entries, evidence, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gossip {
    /// The sender's generation. Evidence of an earlier life is void.
    pub generation: u64,
    /// Number of this message on its link, from 0: names it for [`Echo`] and shows gaps.
    pub number: u64,
    /// The newest message the sender got from the addressee.
    pub echo: Option<Echo>,
    /// Entries for the addressee.
    pub values: Vec<Entries>,
    /// Evidence: for each origin listed, *everything* the sender holds of it. Being cumulative,
    /// a later one makes up for one that was lost.
    pub have: Vec<Have>,
    /// True for a digest: of origins not listed in `have`, the sender holds nothing.
    pub all: bool,
    /// True if the addressee is to answer at once, with all that the sender lacks and with its
    /// own place: is it there, and can it be a parent?
    pub ask: bool,
    /// What to do with the entries.
    pub relay: Relay,
    /// The rhythm to send in, from a parent to its children.
    pub pulse: Option<Pulse>,
    /// Where the sender stands, if it is not where the layout has it.
    pub place: Option<Place>,
}

impl Serialize for Entries {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.origin.node, self.origin.generation, self.first, &self.values).serialize(serializer)
    }
}

impl Serialize for Have {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bounds: Vec<u64> = self.ranges.iter().flat_map(|r| [r.start, r.end]).collect();
        (&self.origin.node, self.origin.generation, bounds).serialize(serializer)
    }
}

impl Serialize for Gossip {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("gen", &self.generation)?;
        map.serialize_entry("n", &self.number)?;
        if let Some(echo) = self.echo {
            map.serialize_entry("echo", &(echo.generation, echo.number, echo.held_us))?;
        }
        if !self.values.is_empty() {
            map.serialize_entry("values", &self.values)?;
        }
        if !self.have.is_empty() {
            map.serialize_entry("have", &self.have)?;
        }
        if self.all {
            map.serialize_entry("all", &true)?;
        }
        if self.ask {
            map.serialize_entry("ask", &true)?;
        }
        if let Some(word) = self.relay.name() {
            map.serialize_entry("relay", word)?;
        }
        if let Some(pulse) = self.pulse {
            map.serialize_entry("pulse", &(pulse.period_us, pulse.age_us, pulse.distance_us))?;
        }
        if let Some(Place { parent, root, depth, age_us }) = &self.place {
            map.serialize_entry("place", &(parent, root, depth, age_us))?;
        }
        map.end()
    }
}

impl Message {
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

impl Body {
    /// Appends the body as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        if let Self::ReadOk { in_reply_to, messages } = self {
            out.extend_from_slice(b"{\"type\":\"read_ok\",\"messages\":[");
            out.extend_from_slice(messages.as_bytes());
            out.extend_from_slice(b"],\"in_reply_to\":");
            put(out, in_reply_to);
            out.push(b'}');
        } else {
            put(out, self);
        }
    }

    /// The `type` on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Init { .. } => "init",
            Self::InitOk { .. } => "init_ok",
            Self::Topology { .. } => "topology",
            Self::TopologyOk { .. } => "topology_ok",
            Self::Broadcast { .. } => "broadcast",
            Self::BroadcastOk { .. } => "broadcast_ok",
            Self::Read { .. } => "read",
            Self::ReadOk { .. } => "read_ok",
            Self::Gossip(_) => "gossip",
            Self::Error { .. } => "error",
        }
    }
}

fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Cannot fail: a Vec takes every write, and no type here has a map with non-string keys.
    let _ = serde_json::to_writer(out, value);
}
