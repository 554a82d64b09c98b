//! Fields of messages by type: how each is written and read.
//!
//! [`message!`](crate::message) makes a protocol's message of such fields, so no protocol of the
//! family writes JSON itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::excerpt;
use crate::cluster::{Name, Nodes};
use crate::effects::Entry;
use crate::few::Few;
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::json::put;
use crate::set::{Ranges, Versions};
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
        put_rows(self, nodes, out);
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

/// A list, written as a `Vec` is.
impl Part for Few<Entry> {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        put_rows(self, nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        Vec::get(json, nodes).map(Self::from)
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.iter().for_each(|entry| each(&entry.value));
    }
}

fn put_rows(entries: &[Entry], nodes: &Nodes, out: &mut Vec<u8>) {
    let follows = |a: &Entry, b: &Entry| {
        a.id.origin == b.id.origin && a.id.sequence.checked_add(1) == Some(b.id.sequence)
    };
    out.push(b'[');
    for (i, run) in entries.chunk_by(follows).enumerate() {
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

/// A list, written as a `Vec` is.
impl<A: Part, B: Part> Part for Few<(A, B)> {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        put_all(&**self, nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        Vec::get(json, nodes).map(Self::from)
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.iter().for_each(|part| part.values(each));
    }
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

/// `[[[node, generation], [start, end, …]], …]`.
impl Part for Versions {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        self.by_origin().put(nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        <BTreeMap<Origin, Ranges> as Part>::get(json, nodes).map(Self::from)
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
