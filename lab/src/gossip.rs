//! Rumormill's own gossip as text: told from other nodes' messages by its content.
//!
//! Any node may call its messages `gossip`. A message is Rumormill's only if it also has the
//! fields that every message of Rumormill's has, in their form; all others are opaque.

use crate::envelope::string;
use crate::reply::for_each_int;
use crate::scan::{Fields, array_inside, items};

/// The `type` of Rumormill's messages between nodes.
pub(crate) const KIND: &str = "gossip";

/// A message of Rumormill's, as far as the lab looks into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnGossip<'a> {
    /// The inside of the array of entries, if it has any: `[node, generation, first, [value, …]]`.
    entries: Option<&'a str>,
}

impl<'a> OwnGossip<'a> {
    /// Looks into a body; `None` if it is not Rumormill's gossip.
    pub(crate) fn of(body: &'a str) -> Option<Self> {
        let (mut is_kind, mut generation, mut number, mut values) = (false, false, false, None);
        let mut fields = Fields::of(body)?;
        while let Some((key, value)) = fields.next().ok()? {
            match &*key {
                "type" => is_kind = string(value)? == KIND,
                "gen" => generation = is_number(value),
                "n" => number = is_number(value),
                "values" => values = Some(array_inside(value)?),
                _ => {}
            }
        }
        let is_own = is_kind && generation && number && values.is_none_or(are_entries);
        is_own.then_some(Self { entries: values })
    }

    /// True if it may bring values.
    pub(crate) const fn has_values(self) -> bool {
        self.entries.is_some()
    }

    /// Calls `each` for every value that is an integer of at least 0.
    pub(crate) fn for_each_value(self, mut each: impl FnMut(u64)) {
        let entries = self.entries.into_iter().flat_map(items);
        let values = entries.filter_map(|entry| items(array_inside(entry)?).nth(3));
        for array in values.filter_map(array_inside) {
            for_each_int(array, &mut each);
        }
    }
}

/// True for an integer of at least 0 that fits 64 bits.
fn is_number(json: &str) -> bool {
    json.parse::<u64>().is_ok()
}

/// True if each item has the form `[node, generation, first, [value, …]]`.
fn are_entries(inside: &str) -> bool {
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

    #[test]
    fn own_gossip_shows_its_values() {
        let json = r#"{"type":"gossip","gen":1,"n":2,"values":[["n1",5,0,[3,"x",4]],
            ["n2",6,9,[7]]],"have":[["n1",5,[0,1]]]}"#;
        let mut values = Vec::new();
        OwnGossip::of(json).unwrap().for_each_value(|value| values.push(value));
        assert_eq!(values, [3, 4, 7]);
        let evidence = OwnGossip::of(r#"{"type":"gossip","gen":1,"n":2,"all":true}"#).unwrap();
        assert!(!evidence.has_values());
    }

    #[test]
    fn messages_of_others_that_are_called_gossip_are_not_own() {
        for json in [
            r#"{"type":"gossip"}"#,
            r#"{"type":"gossip","message":7}"#,
            r#"{"type":"gossip","values":[1,2]}"#,
            r#"{"type":"gossip","gen":1,"n":2,"values":[1,2]}"#,
            r#"{"type":"gossip","gen":1,"n":2,"values":[["n1",1,2]]}"#,
            r#"{"type":"gossip","gen":1,"n":2,"values":{"n1":[7]}}"#,
            r#"{"type":"gossip","gen":"a","n":2}"#,
            r#"{"type":"rumour","gen":1,"n":2}"#,
            r#"{"type":7,"gen":1,"n":2}"#,
            "null",
        ] {
            assert_eq!(OwnGossip::of(json), None, "{json}");
        }
    }
}
