//! Flooding: each value goes at once to every neighbour but the one it came from.
//!
//! No acknowledgements and no repair: what the network loses stays lost. The baseline of Gossip
//! Glomers' challenge 3b, and the lab's calibration against Maelstrom.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Graph, Nodes};
use crate::config::Settings;
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::time::Instant;
use crate::value::Value;
use crate::wire::{Fields, Wire, put, put_field};

/// One node's state: the entries seen.
#[derive(Clone)]
pub struct Flood {
    cluster: Cluster,
    /// Only ever asked for a name: its iteration order is never seen.
    seen: HashSet<EntryId>,
}

/// The number of entries; the order of the hash table differs from run to run.
impl fmt::Debug for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flood: {} entries seen", self.seen.len())
    }
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
        Self { cluster, seen: HashSet::new() }
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
        out.send_all(neighbours.filter(|&peer| Some(peer) != from), &Push(entry));
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
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::maelstrom::message::{Body, Message, Named};
    use crate::maelstrom::parse::{Refusal, parse_line};
    use crate::protocols::testing::entry;

    /// Node 0 of a star of four, of which it is the centre.
    fn flood() -> Flood {
        let graph = Graph::new(4, [1, 2, 3].map(|leaf| (NodeId(0), NodeId(leaf))));
        let cluster = Cluster::new(NodeId(0), Arc::new(graph));
        Flood::new(cluster, Generation(1), &Config {}, Rng::seed_from_u64(1), Instant::ZERO)
    }

    /// The receivers, and the number of entries delivered. All messages must carry the entry.
    fn drain(out: &mut Effects<Push>, expected: &Entry) -> (Vec<u32>, usize) {
        let sends: Vec<(NodeId, Push)> = out.drain_sends().collect();
        assert!(sends.iter().all(|(_, push)| push.entry() == expected), "{sends:?}");
        let delivered: Vec<Entry> = out.drain_deliveries().collect();
        assert!(delivered.iter().all(|entry| entry == expected), "{delivered:?}");
        (sends.iter().map(|(to, _)| to.0).collect(), delivered.len())
    }

    #[test]
    fn an_entry_submitted_here_goes_to_every_neighbour_and_is_not_delivered_again() {
        let (mut flood, mut out, own) = (flood(), Effects::default(), entry(0, 0));
        flood.on_submit(Instant::ZERO, own.clone(), &mut out);
        assert_eq!(drain(&mut out, &own), (vec![1, 2, 3], 0));
        // It comes back round a circle.
        flood.on_message(Instant::ZERO, NodeId(2), Push(own.clone()), &mut out);
        assert_eq!(drain(&mut out, &own), (vec![], 0));
    }

    #[test]
    fn an_entry_of_a_peer_is_delivered_once_and_goes_to_every_neighbour_but_the_sender() {
        let (mut flood, mut out, theirs) = (flood(), Effects::default(), entry(3, 0));
        flood.on_message(Instant::ZERO, NodeId(2), Push(theirs.clone()), &mut out);
        assert_eq!(drain(&mut out, &theirs), (vec![1, 3], 1));
        for copy_of in [2, 3, 1] {
            flood.on_message(Instant::ZERO, NodeId(copy_of), Push(theirs.clone()), &mut out);
            assert_eq!(drain(&mut out, &theirs), (vec![], 0));
        }
        // The same value in another entry is another entry.
        let other = entry(3, 1);
        flood.on_message(Instant::ZERO, NodeId(3), Push(other.clone()), &mut out);
        assert_eq!(drain(&mut out, &other), (vec![1, 2], 1));
        assert_eq!(flood.next_timeout(), None);
    }

    #[test]
    fn the_topology_decides_which_nodes_are_neighbours() {
        let (mut flood, mut out, own) = (flood(), Effects::default(), entry(0, 0));
        let graph = Arc::new(Graph::new(4, [(NodeId(0), NodeId(3))]));
        flood.on_topology(Instant::ZERO, graph, &mut out);
        flood.on_submit(Instant::ZERO, own.clone(), &mut out);
        assert_eq!(drain(&mut out, &own), (vec![3], 0));
    }

    fn nodes() -> Arc<Nodes> {
        Arc::new(["n0", "n\"1"].map(crate::cluster::Name::from).to_vec().into())
    }

    fn parse(body: &str) -> Result<Message<Push>, Refusal> {
        let line = format!(r#"{{"src":"n0","dest":"n0","body":{body}}}"#);
        parse_line::<Flood>(line.as_bytes(), Some(&nodes()))
    }

    #[test]
    fn a_push_is_written_and_read_back() {
        for (id, value) in [
            (entry(1, u64::MAX).id, Value::Int(-3)),
            (entry(0, 0).id, Value::Json("{\"a\":[null,1.50]}".into())),
        ] {
            let body = Body::Peer(Named::new(Push(Entry { id, value }), &nodes()));
            let mut json = Vec::new();
            body.write_json(&mut json);
            let json = String::from_utf8(json).unwrap();
            assert!(json.starts_with(r#"{"type":"flood","v":1,"entry":["n"#), "{json}");
            assert_eq!(parse(&json).unwrap().body, body, "{json}");
        }
    }

    #[test]
    fn a_push_that_names_no_entry_of_the_cluster_is_refused() {
        for (fields, problem) in [
            (r#""message":5"#, "field `entry` is missing"),
            (r#""entry":["n0",1,0]"#, "field `message` is missing"),
            (r#""entry":["n0",1],"message":5"#, "field `entry`: expected [node, generation, seq"),
            (r#""entry":["n0",1,-1],"message":5"#, "field `entry`: expected"),
            (r#""entry":["n9",1,0],"message":5"#, "field `entry`: n9 is not in the cluster"),
        ] {
            let refusal = parse(&format!(r#"{{"type":"flood","v":1,{fields}}}"#)).unwrap_err();
            assert!(refusal.text.starts_with(problem), "{fields}: {}", refusal.text);
            assert_eq!(refusal.reply, None);
        }
    }
}
