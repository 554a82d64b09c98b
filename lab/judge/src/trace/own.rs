//! Messages of our own protocols, decoded by their own [`Wire`]: what they show.
//!
//! A message is ours if its `type`, its version and all of its content are. All others are another
//! node's, whatever their names.

use std::any::Any;
use std::sync::Arc;

use rumormill::cluster::Nodes;
use rumormill::family::{ProtocolName as _, Visitor};
use rumormill::id::EntryId;
use rumormill::maelstrom::message::Body;
use rumormill::maelstrom::parse::parse_line;
use rumormill::protocol::Protocol;
use rumormill::protocols::Name;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::value::Value;
use rumormill::wire::Wire;

/// The parts of a message of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its number on its link, if it has one.
    pub number: Option<u64>,
    /// True for a digest: it is sent to compare, to repair or to probe.
    pub is_digest: bool,
}

/// The content of a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) facts: Facts,
    pub(crate) values: Vec<Value>,
    /// The names of the entries; only the protocol `rumormill` shows them.
    pub(crate) entries: Vec<EntryId>,
}

/// Decodes a line.
struct Decode<'a> {
    line: &'a [u8],
    nodes: &'a Arc<Nodes>,
}

impl Visitor for Decode<'_> {
    type Output = Option<Own>;

    fn visit<P: Protocol<Message: Wire>>(self) -> Option<Own> {
        let Body::Peer(named) = parse_line::<P::Message>(self.line, Some(self.nodes)).ok()?.body
        else {
            return None;
        };
        let message = named.into_message();
        let mut values = Vec::new();
        message.values(&mut |value| values.push(value.clone()));
        let gossip = (&message as &dyn Any).downcast_ref::<Gossip>();
        let facts =
            gossip.map(|gossip| Facts { number: Some(gossip.number), is_digest: gossip.is_digest });
        let entries = gossip.into_iter().flat_map(|gossip| &*gossip.entries).flat_map(|entries| {
            let sequences = (entries.first..=u64::MAX).take(entries.values.len());
            sequences.map(|sequence| EntryId { origin: entries.origin, sequence })
        });
        let entries = entries.collect();
        Some(Own { facts: facts.unwrap_or_default(), values, entries })
    }
}

/// Looks into a body of this `type`; `None` if it is not of our protocols.
pub(crate) fn read(kind: &str, body: &str, nodes: &Arc<Nodes>) -> Option<Own> {
    // Most bodies end here, without another scan.
    let name = Name::ALL.into_iter().find(|name| name.as_str() == kind)?;
    let line = format!("{{\"src\":\"\",\"dest\":\"\",\"body\":{body}}}");
    name.visit(Decode { line: line.as_bytes(), nodes })
}

#[cfg(test)]
mod tests {
    use rumormill::cluster;
    use rumormill::id::{Generation, NodeId, Origin};
    use rumormill::maelstrom::message::Named;
    use rumormill::protocols::rumormill::message::Entries;

    use crate::format::envelope::body_type;

    use super::*;

    fn nodes() -> Arc<Nodes> {
        Arc::new(Nodes::from(["n0", "n1", "n2"].map(cluster::Name::from).to_vec()))
    }

    fn own(json: &str) -> Option<Own> {
        read(&body_type(json), json, &nodes())
    }

    #[test]
    fn own_messages_as_the_node_writes_them_are_recognised() {
        let origin = Origin { node: NodeId(1), generation: Generation(5) };
        let values = vec![Value::from(7), Value::from(3)];
        let entries = [Entries { origin, first: 0, values: values.clone().into() }].into();
        let gossip = Gossip { number: 3, is_digest: true, entries, ..Gossip::default() };
        let mut json = Vec::new();
        Body::Peer(Named::new(gossip, &nodes())).write_json(&mut json);
        let own = own(&String::from_utf8(json).unwrap()).unwrap();
        assert_eq!(own.facts, Facts { number: Some(3), is_digest: true });
        assert_eq!(own.values, values);
        assert_eq!(own.entries, [0, 1].map(|sequence| EntryId { origin, sequence }));
    }

    #[test]
    fn a_flood_shows_its_value() {
        let own = own(r#"{"type":"flood","v":1,"entry":["n0",1,0],"message":7}"#).unwrap();
        assert_eq!((own.values, own.facts), (vec![Value::from(7)], Facts::default()));
    }

    #[test]
    fn messages_of_others_are_not_own_whatever_they_are_called() {
        for json in [
            r#"{"type":"gossip","id":[1,2]}"#,
            r#"{"type":"rumormill"}"#,
            r#"{"type":"rumormill","message":7}"#,
            r#"{"type":"rumormill","id":[1,2]}"#,
            r#"{"type":"rumormill","v":1,"id":[1,2]}"#,
            r#"{"type":"rumormill","v":"2","id":[1,2]}"#,
            r#"{"type":"rumormill","v":4,"entries":[1,2]}"#,
            r#"{"type":"rumormill","v":4,"id":[1,2],"entries":[1,1,2]}"#,
            r#"{"type":"rumormill","v":4,"id":[1,2],"entries":[9,1,0,[7]]}"#,
            r#"{"type":"rumormill","v":4,"id":[1,2],"entries":{"n1":[7]}}"#,
            r#"{"type":"flood","v":1,"id":[1,2]}"#,
            r#"{"type":"flood","message":7}"#,
            r#"{"type":7,"v":1,"id":[1,2]}"#,
            "null",
        ] {
            assert_eq!(own(json), None, "{json}");
        }
    }
}
