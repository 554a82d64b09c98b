//! Fields of messages by type: how each is written and read.
//!
//! [`message!`](crate::message) makes a protocol's message of such fields, so no protocol of the
//! family writes JSON itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{excerpt, put};
use crate::cluster::{Name, Nodes};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::Entry;
use crate::set::Ranges;
use crate::value::Value;

/// Characters of bad JSON that an error quotes.
const QUOTE_CHARS: usize = 60;

/// A type of field. Nodes are numbers in it and names on the wire.
pub trait Part: Sized {
    /// Appends the JSON.
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>);

    /// Reads the JSON.
    ///
    /// # Errors
    /// The form that was expected, and the text that came.
    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String>;

    /// Calls `each` with every broadcast value in it.
    fn values(&self, each: &mut dyn FnMut(&Value)) {
        let _ = each;
    }
}

fn expected(form: &str, json: &RawValue) -> String {
    format!("expected {form}, got {}", excerpt(json.get(), QUOTE_CHARS))
}

/// Reads JSON as a type of serde's.
fn read<T: DeserializeOwned>(json: &RawValue, form: &str) -> Result<T, String> {
    serde_json::from_str(json.get()).map_err(|_| expected(form, json))
}

/// The elements of a JSON array.
fn elements<'a>(json: &'a RawValue, form: &str) -> Result<Vec<&'a RawValue>, String> {
    serde_json::from_str(json.get()).map_err(|_| expected(form, json))
}

/// The elements of a JSON array of that length.
fn tuple<'a, const N: usize>(json: &'a RawValue, form: &str) -> Result<[&'a RawValue; N], String> {
    elements(json, form)?.try_into().map_err(|_| expected(form, json))
}

/// Types that serde writes and reads.
macro_rules! plain {
    ($($type:ty: $form:literal;)*) => {$(
        impl Part for $type {
            fn put(&self, _: &Nodes, out: &mut Vec<u8>) {
                put(out, self);
            }

            fn get(json: &RawValue, _: &Nodes) -> Result<Self, String> {
                read(json, $form)
            }
        }
    )*};
}

plain! {
    u64: "an integer from 0 to 18446744073709551615";
    i64: "an integer of at most 64 bits";
    u32: "an integer from 0 to 4294967295";
    bool: "true or false";
    String: "a string";
}

impl Part for Generation {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        self.0.put(nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        u64::get(json, nodes).map(Self)
    }
}

impl Part for NodeId {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        put(out, nodes.name(*self));
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        let name: Name = read(json, "the name of a node")?;
        nodes.id(&name).ok_or_else(|| format!("{name} is not in the cluster"))
    }
}

/// `[node, generation]`.
impl Part for Origin {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        (self.node, self.generation).put(nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        let (node, generation) = Part::get(json, nodes)?;
        Ok(Self { node, generation })
    }
}

/// `[node, generation, sequence]`.
impl Part for EntryId {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        (self.origin.node, self.origin.generation, self.sequence).put(nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        let (node, generation, sequence) = Part::get(json, nodes)?;
        Ok(Self { origin: Origin { node, generation }, sequence })
    }
}

/// Any JSON, as it was broadcast.
impl Part for Value {
    fn put(&self, _: &Nodes, out: &mut Vec<u8>) {
        put(out, self);
    }

    fn get(json: &RawValue, _: &Nodes) -> Result<Self, String> {
        Self::from_raw(json).map_err(|_| expected("a usable value", json))
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        each(self);
    }
}

/// `[[node, generation, first, [value, …]], …]`: a run of consecutive entries of one origin is
/// one row, so a batch costs little more than its values.
impl Part for Vec<Entry> {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        let follows = |a: &Entry, b: &Entry| {
            a.id.origin == b.id.origin && a.id.sequence.checked_add(1) == Some(b.id.sequence)
        };
        out.push(b'[');
        for (i, run) in self.chunk_by(follows).enumerate() {
            let EntryId { origin, sequence } = run[0].id;
            out.extend_from_slice(if i == 0 { b"[" } else { b",[" });
            put(out, nodes.name(origin.node));
            out.push(b',');
            put(out, &(origin.generation.0));
            out.push(b',');
            put(out, &sequence);
            out.push(b',');
            put(out, &run.iter().map(|entry| &entry.value).collect::<Vec<_>>());
            out.push(b']');
        }
        out.push(b']');
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        const FORM: &str = "[node, generation, first, [value, …]]";
        let mut entries = Self::new();
        for row in elements(json, "a list of rows of entries")? {
            let [node, generation, first, values] = tuple(row, FORM)?;
            let origin =
                Origin { node: Part::get(node, nodes)?, generation: Part::get(generation, nodes)? };
            let mut sequence = u64::get(first, nodes)?;
            for value in elements(values, "a list of values")? {
                let value = Part::get(value, nodes)?;
                entries.push(Entry { id: EntryId { origin, sequence }, value });
                sequence = sequence.checked_add(1).ok_or_else(|| expected(FORM, row))?;
            }
        }
        Ok(entries)
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.iter().for_each(|entry| each(&entry.value));
    }
}

/// `[start, end, start, end, …]`: half-open ranges.
impl Part for Ranges {
    fn put(&self, _: &Nodes, out: &mut Vec<u8>) {
        put(out, &self.iter().flat_map(|range| [range.start, range.end]).collect::<Vec<u64>>());
    }

    fn get(json: &RawValue, _: &Nodes) -> Result<Self, String> {
        const FORM: &str = "[start, end, …], ascending";
        let bounds: Vec<u64> = read(json, FORM)?;
        if !bounds.len().is_multiple_of(2) || !bounds.is_sorted() {
            return Err(expected(FORM, json));
        }
        Ok(bounds.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect())
    }
}

/// `null` or the part.
impl<T: Part> Part for Option<T> {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        match self {
            Some(part) => part.put(nodes, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        if json.get() == "null" { Ok(None) } else { T::get(json, nodes).map(Some) }
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.iter().for_each(|part| part.values(each));
    }
}

fn put_all<'a, T: Part + 'a>(
    parts: impl IntoIterator<Item = &'a T>,
    nodes: &Nodes,
    out: &mut Vec<u8>,
) {
    out.push(b'[');
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        part.put(nodes, out);
    }
    out.push(b']');
}

/// Lists of these parts. (A blanket implementation would take the rows of entries as well.)
macro_rules! lists {
    ($([$($generic:ident),*] $type:ty;)*) => {$(
        impl<$($generic: Part),*> Part for Vec<$type> {
            fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
                put_all(self, nodes, out);
            }

            fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
                elements(json, "a list")?.into_iter().map(|part| Part::get(part, nodes)).collect()
            }

            fn values(&self, each: &mut dyn FnMut(&Value)) {
                self.iter().for_each(|part| part.values(each));
            }
        }
    )*};
}

lists! {
    [] u64;
    [] bool;
    [] NodeId;
    [] EntryId;
    [] Origin;
    [A, B] (A, B);
    [A, B, C] (A, B, C);
    [A, B, C, D] (A, B, C, D);
    [A, B, C, D, E] (A, B, C, D, E);
}

/// A set is a list on the wire.
impl<T: Part + Ord> Part for BTreeSet<T> {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        put_all(self, nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        elements(json, "a list")?.into_iter().map(|part| T::get(part, nodes)).collect()
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.iter().for_each(|part| part.values(each));
    }
}

/// A map is a list of pairs on the wire.
impl<K: Part + Ord, V: Part> Part for BTreeMap<K, V> {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, (key, value)) in self.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"[" } else { b",[" });
            key.put(nodes, out);
            out.push(b',');
            value.put(nodes, out);
            out.push(b']');
        }
        out.push(b']');
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        elements(json, "a list of pairs")?.into_iter().map(|pair| Part::get(pair, nodes)).collect()
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.values().for_each(|part| part.values(each));
    }
}

/// Tuples are arrays.
macro_rules! tuples {
    ($($count:literal: $($type:ident $at:tt),*;)*) => {$(
        impl<$($type: Part),*> Part for ($($type,)*) {
            fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
                out.push(b'[');
                $(
                    if $at > 0 {
                        out.push(b',');
                    }
                    self.$at.put(nodes, out);
                )*
                out.push(b']');
            }

            fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
                let parts: [&RawValue; $count] =
                    tuple(json, concat!("an array of ", $count, " elements"))?;
                Ok(($($type::get(parts[$at], nodes)?,)*))
            }

            fn values(&self, each: &mut dyn FnMut(&Value)) {
                $(self.$at.values(each);)*
            }
        }
    )*};
}

tuples! {
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
}

/// Makes the message of a protocol: an enum, and its form on the wire.
///
/// Each variant has a name on the wire (the field `kind`) and fields, each of a type that is a
/// [`Part`]. On the wire: `{"type":"plumtree","v":1,"kind":"ihave","ids":[…]}`.
#[macro_export]
macro_rules! message {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident: $type:literal {
            $(
                $(#[$variant_meta:meta])*
                $variant:ident = $kind:literal {
                    $($(#[$field_meta:meta])* $field:ident: $part:ty),* $(,)?
                }
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $vis enum $name {
            $($(#[$variant_meta])* $variant { $($(#[$field_meta])* $field: $part),* }),*
        }

        impl $crate::wire::Wire for $name {
            const TYPE: &'static str = $type;
            const VERSION: u64 = 1;

            fn encode(&self, nodes: &$crate::cluster::Nodes, body: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        $crate::wire::put_field(body, "kind", $kind);
                        $($crate::wire::put_part(body, stringify!($field), $field, nodes);)*
                    })*
                }
                let _ = nodes;
            }

            fn decode(
                fields: &$crate::wire::Fields<'_>,
                nodes: &$crate::cluster::Nodes,
            ) -> Result<Self, String> {
                let _ = nodes;
                match &*fields.get("kind").string("kind")? {
                    $($kind => Ok(Self::$variant {
                        $($field: fields.get(stringify!($field)).part(stringify!($field), nodes)?),*
                    }),)*
                    other => Err(format!(
                        "field `kind`: expected {}, got {other:?}",
                        [$($kind),*].join(", "),
                    )),
                }
            }

            fn values(&self, each: &mut dyn FnMut(&$crate::value::Value)) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        $($crate::wire::Part::values($field, each);)*
                    })*
                }
                let _ = each;
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::maelstrom::message::{Body, Named};
    use crate::wire::{Fields, Wire as _};

    message! {
        /// One of each.
        enum Sample: "sample" {
            /// Everything.
            Full = "full" {
                /// Entries.
                entries: Vec<Entry>,
                /// Ranges by origin.
                held: BTreeMap<Origin, Ranges>,
                /// A node, if any.
                node: Option<NodeId>,
                /// Names of entries, with a number.
                ids: Vec<(EntryId, u32)>,
                /// A set.
                set: BTreeSet<u64>,
            },
            /// Nothing.
            Bare = "bare" {},
        }
    }

    fn nodes() -> Arc<Nodes> {
        Arc::new(["n0", "n\"1"].map(Name::from).to_vec().into())
    }

    fn id(node: u32, sequence: u64) -> EntryId {
        EntryId { origin: Origin { node: NodeId(node), generation: Generation(7) }, sequence }
    }

    fn full() -> Sample {
        let entry = |node, sequence, value| Entry { id: id(node, sequence), value };
        Sample::Full {
            entries: vec![
                entry(1, 4, Value::Int(-3)),
                entry(1, 5, Value::Json("{\"a\":[null,1.50]}".into())),
                entry(1, 7, Value::Int(8)),
                entry(0, 8, Value::Int(9)),
            ],
            held: BTreeMap::from([(id(0, 0).origin, [0..3, 5..6].into_iter().collect())]),
            node: Some(NodeId(1)),
            ids: vec![(id(0, 1), 2)],
            set: BTreeSet::from([3, 1]),
        }
    }

    fn json(message: &Sample) -> String {
        let mut json = Vec::new();
        Body::Peer(Named::new(message.clone(), &nodes())).write_json(&mut json);
        String::from_utf8(json).unwrap()
    }

    fn parse(body: &str) -> Result<Sample, String> {
        let line = format!("{{\"body\":{body}}}");
        let (fields, read) = Fields::read(&line);
        read.unwrap();
        Sample::decode(&fields, &nodes())
    }

    #[test]
    fn a_message_is_written_in_runs_and_read_back() {
        let text = json(&full());
        let entries =
            r#""entries":[["n\"1",7,4,[-3,{"a":[null,1.50]}]],["n\"1",7,7,[8]],["n0",7,8,[9]]]"#;
        assert!(text.starts_with(r#"{"type":"sample","v":1,"kind":"full","#), "{text}");
        assert!(text.contains(entries), "{text}");
        assert!(text.contains(r#""held":[[["n0",7],[0,3,5,6]]]"#), "{text}");
        assert_eq!(parse(&text), Ok(full()));
        assert_eq!(json(&Sample::Bare {}), r#"{"type":"sample","v":1,"kind":"bare"}"#);
        assert_eq!(parse(r#"{"kind":"bare"}"#), Ok(Sample::Bare {}));
    }

    #[test]
    fn the_values_of_a_message_are_found() {
        let mut values = Vec::new();
        full().values(&mut |value| values.push(value.clone()));
        assert_eq!(values.len(), 4);
        assert_eq!(values[3], Value::Int(9));
    }

    #[test]
    fn a_field_that_is_wrong_is_named() {
        let good = json(&full());
        for (from, to, problem) in [
            ("\"full\"", "\"half\"", "field `kind`: expected full, bare, got \"half\""),
            ("[0,3,5,6]", "[0,3,5]", "field `held`: expected [start, end, …], ascending, got [0"),
            ("[0,3,5,6]", "[3,0]", "field `held`: expected [start, end, …], ascending, got [3"),
            ("[1,3]", "[1,-3]", "field `set`: expected an integer from 0 to 18446744073709551615"),
            ("\"node\":\"n\\\"1\"", "\"node\":\"n9\"", "field `node`: n9 is not in the cluster"),
            ("\"node\":\"n\\\"1\"", "\"x\":1", "field `node` is missing"),
            (",7,4,[", ",7,18446744073709551615,[", "field `entries`: expected [node, generation"),
            ("[\"n0\",7,8,[9]]", "[\"n0\",7,8]", "field `entries`: expected [node, generation"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            let got = parse(&bad).unwrap_err();
            assert!(got.starts_with(problem), "{to}: {got}");
        }
    }
}
