//! The message of the membership protocols by heartbeats, as JSON.

use std::marker::PhantomData;

use serde_json::value::RawValue;

use super::Detector;
use crate::cluster::Nodes;
use crate::id::{Generation, NodeId};
use crate::protocol::Entry;
use crate::set::Versions;
use crate::value::Value;
use crate::wire::{Fields, Part, Wire, put_part};

/// A counter of a member. A restarted member counts anew in a greater generation; a member that
/// leaves says so in its last counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heartbeat {
    /// Its generation.
    pub generation: Generation,
    /// True if the member has left.
    pub has_left: bool,
    /// Its counter.
    pub counter: u64,
}

/// The message between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<D> {
    /// The list; empty in an answer.
    pub list: Vec<(NodeId, Heartbeat)>,
    /// Values that the receiver lacks.
    pub entries: Vec<Entry>,
    /// The values that the sender holds. `None`: nothing to answer.
    pub digest: Option<Versions>,
    /// The protocol that it belongs to.
    pub(super) detector: PhantomData<D>,
}

/// `[generation, has left, counter]`.
impl Part for Heartbeat {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        (self.generation, self.has_left, self.counter).put(nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        let (generation, has_left, counter) = Part::get(json, nodes)?;
        Ok(Self { generation, has_left, counter })
    }
}

/// On the wire: `{"type":"heartbeat","v":1,"list":[[node,[generation,has left,counter]],…],
/// "entries":[…],"digest":[…]}`.
impl<D: Detector> Wire for Message<D> {
    const TYPE: &'static str = D::TYPE;
    const VERSION: u64 = 1;

    fn encode(&self, nodes: &Nodes, body: &mut Vec<u8>) {
        put_part(body, "list", &self.list, nodes);
        put_part(body, "entries", &self.entries, nodes);
        put_part(body, "digest", &self.digest, nodes);
    }

    fn decode(fields: &Fields<'_>, nodes: &Nodes) -> Result<Self, String> {
        Ok(Self {
            list: fields.get("list").part("list", nodes)?,
            entries: fields.get("entries").part("entries", nodes)?,
            digest: fields.get("digest").part("digest", nodes)?,
            detector: PhantomData,
        })
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        Part::values(&self.entries, each);
    }
}
