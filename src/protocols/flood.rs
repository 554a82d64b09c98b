//! Flooding: each value goes at once to every neighbour but the one it came from.
//!
//! No acknowledgements and no repair: what the network loses stays lost. The baseline of Gossip
//! Glomers' challenge 3b, and the lab's calibration against Maelstrom.

mod seen;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Graph, Nodes};
use crate::config::Settings;
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::json::{put, put_field};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::time::Instant;
use crate::value::Value;
use crate::wire::{Fields, Wire};
use seen::Seen;

/// One node's state: the entries seen.
#[derive(Clone, Debug)]
pub struct Flood {
    cluster: Cluster,
    seen: Seen,
}

/// Flooding has no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Settings for Config {}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push(Entry);

impl Protocol for Flood {
    type Config = Config;
    type Message = Push;

    fn new(cluster: Cluster, _: Generation, _: &Config, _: Rng, _: Instant) -> Self {
        Self { cluster, seen: Seen::new() }
    }

    fn on_restore(&mut self, entry: Entry) {
        self.seen.insert(entry.id);
    }

    fn on_topology(&mut self, _: Instant, graph: Arc<Graph>, _: &mut Effects<Push>) {
        self.cluster.set_topology(graph);
    }

    fn on_submit(&mut self, _: Instant, entry: Entry, out: &mut Effects<Push>) {
        self.seen.insert(entry.id);
        self.push(entry, None, out);
    }

    fn on_message(&mut self, _: Instant, from: NodeId, push: Push, out: &mut Effects<Push>) {
        let Push(entry) = push;
        if self.seen.insert(entry.id) {
            out.deliver(entry.clone());
            self.push(entry, Some(from), out);
        }
    }
}

impl Push {
    /// The entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.0
    }
}

impl Flood {
    fn push(&self, entry: Entry, from: Option<NodeId>, out: &mut Effects<Push>) {
        let neighbours = self.cluster.neighbours(self.cluster.me()).iter().copied();
        out.send_all(neighbours.filter(|&peer| Some(peer) != from), Push(entry));
    }
}

/// On the wire: `{"type":"flood","v":1,"entry":[node, generation, sequence],"message":value}`.
impl Wire for Push {
    const TYPE: &'static str = "flood";
    const VERSION: u64 = 1;

    fn encode(&self, nodes: &Nodes, body: &mut Vec<u8>) {
        let Entry { id: EntryId { origin, sequence }, value } = &self.0;
        put_field(body, "entry", &(nodes.name(origin.node), origin.generation.0, sequence));
        body.extend_from_slice(b",\"message\":");
        put(body, value);
    }

    fn decode(fields: &Fields<'_>, nodes: &Nodes) -> Result<Self, String> {
        let (node, generation, sequence): (crate::cluster::Name, u64, u64) =
            fields.get("entry").decode("entry", "[node, generation, sequence]")?;
        let node = nodes
            .id(&node)
            .ok_or_else(|| format!("field `entry`: {node} is not in the cluster"))?;
        let value: Value = fields.get("message").value("message")?;
        let origin = Origin { node, generation: Generation(generation) };
        Ok(Self(Entry { id: EntryId { origin, sequence }, value }))
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        each(&self.0.value);
    }
}

#[cfg(test)]
mod tests;
