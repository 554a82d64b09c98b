//! Rumormill's own messages as text: the one place that knows their form.
//!
//! A message is Rumormill's if its `type` and its version `v` are those of
//! [`Gossip`], and its entries can be read. All other messages are opaque, whatever their names.

use rumormill::protocols::rumormill::message::Gossip;
use rumormill::value::Value;
use rumormill::wire::Wire as _;

use crate::envelope::string;
use crate::reply::for_each_int;
use crate::scan::{Fields, array_inside, items};

/// The `type` of Rumormill's messages between nodes.
pub(crate) const KIND: &str = Gossip::TYPE;

/// A message of Rumormill's, as far as the lab looks into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnGossip<'a> {
    /// Number of the message on its link.
    pub(crate) number: u64,
    /// True for a digest: it is sent to compare, to repair or to probe.
    pub(crate) is_digest: bool,
    /// The inside of the array of entries, if it has any: `[node, generation, first, [value, …]]`.
    entries: Option<&'a str>,
}

impl<'a> OwnGossip<'a> {
    /// Looks into a body of this `type`; `None` if it is not Rumormill's.
    pub(crate) fn of(kind: &str, body: &'a str) -> Option<Self> {
        // Most bodies end here, without another scan.
        if kind != KIND {
            return None;
        }
        let (mut is_kind, mut version) = (false, None);
        let mut gossip = Self { number: 0, is_digest: false, entries: None };
        let mut fields = Fields::of(body)?;
        while let Some((key, value)) = fields.next().ok()? {
            match &*key {
                "type" => is_kind = string(value)? == KIND,
                "v" => version = number(value),
                "n" => gossip.number = number(value)?,
                "digest" => gossip.is_digest = value == "true",
                "entries" => gossip.entries = Some(array_inside(value)?),
                _ => {}
            }
        }
        let is_own = is_kind && version == Some(Gossip::VERSION);
        (is_own && gossip.entries.is_none_or(are_entries)).then_some(gossip)
    }

    /// True if it may bring values.
    pub(crate) const fn has_values(self) -> bool {
        self.entries.is_some()
    }

    /// The values that it brings.
    pub(crate) fn values(self) -> impl Iterator<Item = Value> + 'a {
        self.arrays().flat_map(items).filter_map(|json| serde_json::from_str(json).ok())
    }

    /// Calls `each` for every value that is an integer of at least 0.
    pub(crate) fn for_each_int(self, mut each: impl FnMut(u64)) {
        for array in self.arrays() {
            for_each_int(array, &mut each);
        }
    }

    /// The insides of the arrays of values.
    fn arrays(self) -> impl Iterator<Item = &'a str> {
        let entries = self.entries.into_iter().flat_map(items);
        entries.filter_map(|entry| array_inside(items(array_inside(entry)?).nth(3)?))
    }
}

/// An integer of at least 0 that fits 64 bits.
fn number(json: &str) -> Option<u64> {
    json.parse().ok()
}

/// True if each item has the form `[node, generation, first, [value, …]]`.
fn are_entries(inside: &str) -> bool {
    let is_number = |json: &str| number(json).is_some();
    items(inside).all(|entry| {
        let Some(inside) = array_inside(entry) else { return false };
        let mut parts = items(inside);
        parts.next().is_some_and(|node| node.starts_with('"'))
            && parts.next().is_some_and(is_number)
            && parts.next().is_some_and(is_number)
            && parts.next().is_some_and(|values| values.starts_with('['))
            && parts.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::body_type;

    fn own(json: &str) -> Option<OwnGossip<'_>> {
        OwnGossip::of(&body_type(json), json)
    }

    #[test]
    fn own_gossip_shows_its_values() {
        let json = r#"{"type":"rumormill","v":1,"gen":1,"n":2,"entries":[["n1",5,0,[3,"x",4]],
            ["n2",6,9,[7]]],"have":[["n1",5,[0,1]]]}"#;
        let gossip = own(json).unwrap();
        let mut ints = Vec::new();
        gossip.for_each_int(|value| ints.push(value));
        assert_eq!(ints, [3, 4, 7]);
        let values: Vec<String> = gossip.values().map(|value| value.to_string()).collect();
        assert_eq!(values, ["3", "\"x\"", "4", "7"]);
        assert_eq!((gossip.number, gossip.is_digest), (2, false));
        let ack = own(r#"{"type":"rumormill","v":1,"gen":1,"n":2,"digest":true}"#).unwrap();
        assert!(!ack.has_values() && ack.is_digest);
    }

    #[test]
    fn own_messages_as_the_node_writes_them_are_recognised() {
        use rumormill::cluster::{Name, Nodes};
        use rumormill::id::{Generation, NodeId, Origin};
        use rumormill::maelstrom::message::{Body, Named};
        use rumormill::protocols::rumormill::message::Entries;
        use std::sync::Arc;

        let origin = Origin { node: NodeId(1), generation: Generation(5) };
        let values = vec![Entries { origin, first: 0, values: vec![Value::from(7)] }];
        let gossip = Gossip { number: 3, is_digest: true, entries: values, ..Gossip::default() };
        let nodes = Arc::new(Nodes::from(vec![Name::from("n0"), Name::from("n1")]));
        let mut json = Vec::new();
        Body::Peer(Named::new(gossip, &nodes)).write_json(&mut json);
        let json = String::from_utf8(json).unwrap();
        let own = own(&json).unwrap_or_else(|| panic!("{json}"));
        assert_eq!((own.number, own.is_digest), (3, true));
        assert_eq!(own.values().collect::<Vec<_>>(), [Value::from(7)]);
    }

    #[test]
    fn messages_of_others_are_not_own_whatever_they_are_called() {
        for json in [
            r#"{"type":"gossip","gen":1,"n":2}"#,
            r#"{"type":"rumormill"}"#,
            r#"{"type":"rumormill","message":7}"#,
            r#"{"type":"rumormill","gen":1,"n":2}"#,
            r#"{"type":"rumormill","v":2,"gen":1,"n":2}"#,
            r#"{"type":"rumormill","v":"1","gen":1,"n":2}"#,
            r#"{"type":"rumormill","v":1,"entries":[1,2]}"#,
            r#"{"type":"rumormill","v":1,"gen":1,"n":2,"entries":[["n1",1,2]]}"#,
            r#"{"type":"rumormill","v":1,"gen":1,"n":2,"entries":{"n1":[7]}}"#,
            r#"{"type":"flood","v":1,"gen":1,"n":2}"#,
            r#"{"type":7,"v":1,"gen":1,"n":2}"#,
            "null",
        ] {
            assert_eq!(own(json), None, "{json}");
        }
    }
}
