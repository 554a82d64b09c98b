//! Messages between nodes as JSON: what a protocol needs only where messages leave a process.

mod field;
mod message;
mod part;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::cluster::Nodes;
use crate::json::put_key;
use crate::value::Value;
pub use field::Field;
pub(crate) use field::excerpt;
pub use part::Part;

/// A protocol's message on the wire. Peers are numbers in the message and names on the wire.
pub trait Wire: Sized {
    /// The `type` of the messages: the protocol's name.
    const TYPE: &'static str;
    /// Version of the format. A node refuses messages of another version.
    const VERSION: u64;

    /// Appends the fields of the body, each with a comma before it: `,"key":value`. The body's
    /// `type` and version stand before them.
    fn encode(&self, nodes: &Nodes, body: &mut Vec<u8>);

    /// Reads the fields of a body.
    ///
    /// # Errors
    /// The field, what was expected, and what came.
    fn decode(fields: &Fields<'_>, nodes: &Nodes) -> Result<Self, String>;

    /// Calls `each` with every broadcast value in it: the lab counts copies.
    fn values(&self, each: &mut dyn FnMut(&Value));
}

/// Other keys of a body that are kept. No message has so many; a line with a million keys must
/// not cost a million comparisons each.
const OTHERS_MAX: usize = 64;

/// The fields of a message: those of Maelstrom that every line has, and the others by name.
#[derive(Default)]
pub struct Fields<'a> {
    pub(crate) src: Field<'a>,
    pub(crate) dest: Field<'a>,
    pub(crate) has_body: bool,
    pub(crate) kind: Field<'a>,
    pub(crate) msg_id: Field<'a>,
    pub(crate) in_reply_to: Field<'a>,
    pub(crate) message: Field<'a>,
    others: Vec<(Cow<'a, str>, Field<'a>)>,
    /// A field that stands twice.
    pub(crate) doubled: Option<String>,
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.others.iter().map(|(key, _)| &**key).collect();
        f.debug_struct("Fields").field("keys", &keys).finish_non_exhaustive()
    }
}

impl<'a> Fields<'a> {
    /// Reads a line. The flag of the error is true if the line is JSON of another shape.
    pub(crate) fn read(line: &'a str) -> (Self, Result<(), serde_json::Error>) {
        let mut fields = Self::default();
        let mut json = serde_json::Deserializer::from_str(line);
        let read = Object { fields: &mut fields, is_body: false }.deserialize(&mut json);
        (fields, read.and_then(|()| json.end()))
    }

    /// The field of that name in the body; absent if the body lacks it.
    #[must_use]
    pub fn get(&self, key: &str) -> Field<'a> {
        match key {
            "type" => self.kind,
            "msg_id" => self.msg_id,
            "in_reply_to" => self.in_reply_to,
            "message" => self.message,
            _ => {
                let found = self.others.iter().find(|(other, _)| other == key);
                found.map_or_else(Field::default, |(_, field)| *field)
            }
        }
    }

    /// The slot of a key; `None` if the key is ignored.
    fn slot(&mut self, key: &Cow<'a, str>, is_body: bool) -> Option<&mut Field<'a>> {
        match (is_body, &**key) {
            (false, "src") => Some(&mut self.src),
            (false, "dest") => Some(&mut self.dest),
            (false, _) => None,
            (true, "type") => Some(&mut self.kind),
            (true, "msg_id") => Some(&mut self.msg_id),
            (true, "in_reply_to") => Some(&mut self.in_reply_to),
            (true, "message") => Some(&mut self.message),
            (true, _) => {
                let at = self.others.iter().position(|(other, _)| other == key);
                if at.is_none() && self.others.len() < OTHERS_MAX {
                    self.others.push((key.clone(), Field::default()));
                    return self.others.last_mut().map(|(_, field)| field);
                }
                at.map(|at| &mut self.others[at].1)
            }
        }
    }
}

/// Reads a JSON object, and nothing else, into the fields: either the envelope or the body.
/// (A derived implementation would take arrays too, and copy all fields at each level.)
struct Object<'s, 'a> {
    fields: &'s mut Fields<'a>,
    is_body: bool,
}

/// An object's key, borrowed unless there are escapes in it.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { fields, is_body } = self;
        while let Some(Key(key)) = map.next_key()? {
            let came_before = if !is_body && key == "body" {
                let came_before = std::mem::replace(&mut fields.has_body, true);
                map.next_value_seed(Object { fields: &mut *fields, is_body: true })?;
                came_before
            } else {
                let value: Field<'de> = map.next_value()?;
                let slot = fields.slot(&key, is_body);
                slot.is_some_and(|slot| std::mem::replace(slot, value).is_present())
            };
            if came_before {
                fields.doubled = Some(key.into_owned());
            }
        }
        Ok(())
    }
}

/// Appends a field that is a [`Part`].
pub fn put_part(out: &mut Vec<u8>, key: &str, part: &impl Part, nodes: &Nodes) {
    put_key(out, key);
    part.put(nodes, out);
}
