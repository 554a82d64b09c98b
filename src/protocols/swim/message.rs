//! SWIM's message.

use serde_json::value::RawValue;

use super::member::{Liveness, Status};
use super::members::News;
use crate::cluster::Nodes;
use crate::config::Choice as _;
use crate::id::NodeId;
use crate::json::put_field;
use crate::protocol::Entry;
use crate::set::Versions;
use crate::value::Value;
use crate::wire::{Fields, Part, Wire, put_part};

crate::choice! {
    /// The kinds of messages.
    pub enum Kind {
        /// Asks for an ack.
        Ping = "ping",
        /// Asks for a ping of the target.
        PingReq = "ping-req",
        /// Acks a ping, or relays an ack.
        Ack = "ack",
        /// The target has not answered the relay yet (Lifeguard).
        Nack = "nack",
        /// All members, and the names of the values held.
        Sync = "sync",
        /// The reply: all members, the values that the sender lacks, and the names of those held; then
        /// the values that the replier lacks.
        Repair = "repair",
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its kind.
    pub kind: Kind,
    /// Number of the ping.
    pub number: u64,
    /// The target of a ping-req.
    pub target: Option<NodeId>,
    /// News of members: the member, its status, and the node that suspects it.
    pub news: Vec<News>,
    /// Values.
    pub entries: Vec<Entry>,
    /// The values held.
    pub held: Option<Versions>,
}

/// `[generation, incarnation, liveness]`.
impl Part for Status {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        let word = self.liveness.name().to_owned();
        (self.generation, self.incarnation, word).put(nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        let (generation, incarnation, word): (_, _, String) = Part::get(json, nodes)?;
        let liveness = Liveness::ALL.into_iter().find(|liveness| liveness.name() == word);
        let liveness = liveness.ok_or_else(|| format!("unknown liveness {word:?}"))?;
        Ok(Self { generation, incarnation, liveness })
    }
}

/// On the wire: `{"type":"swim","v":1,"kind":"ping","number":7,"target":node,
/// "news":[[node,[generation,incarnation,"suspect"],accuser],…],"entries":[…],"held":[…]}`.
impl Wire for Message {
    const TYPE: &'static str = "swim";
    const VERSION: u64 = 1;

    fn encode(&self, nodes: &Nodes, body: &mut Vec<u8>) {
        put_field(body, "kind", self.kind.as_str());
        put_part(body, "number", &self.number, nodes);
        put_part(body, "target", &self.target, nodes);
        put_part(body, "news", &self.news, nodes);
        put_part(body, "entries", &self.entries, nodes);
        put_part(body, "held", &self.held, nodes);
    }

    fn decode(fields: &Fields<'_>, nodes: &Nodes) -> Result<Self, String> {
        let name = fields.get("kind").string("kind")?;
        let kind = Kind::of(&name).ok_or_else(|| {
            format!("field `kind`: expected {}, got {name:?}", Kind::names().join(", "))
        })?;
        Ok(Self {
            kind,
            number: fields.get("number").part("number", nodes)?,
            target: fields.get("target").part("target", nodes)?,
            news: fields.get("news").part("news", nodes)?,
            entries: fields.get("entries").part("entries", nodes)?,
            held: fields.get("held").part("held", nodes)?,
        })
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        Part::values(&self.entries, each);
    }
}
