//! Incoming lines: everything that can be wrong with one is found here, and named.
//!
//! One pass over the line checks that it is JSON and notes where each known field's text is; then
//! the few fields that the message's type needs are decoded, so that an error can say which one is
//! wrong, what was expected and what came.

mod field;
mod gossip;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::message::{Body, ErrorCode, Message, Name};
use field::Field;

/// How much of a refused line is quoted, in characters.
const LINE_CHARS: usize = 200;
/// How much is said about it. Ends what serde quotes in full.
const PROBLEM_CHARS: usize = 300;

/// Why a line was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error reply that is due: none if the line is not a request, or not enough of it can be
    /// read to tell who waits for what.
    pub reply: Option<ErrorReply>,
    /// What was wrong, for people: one line that quotes the beginning of the refused one.
    pub text: String,
}

/// Everything about an error reply but its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// Whom the request was addressed to.
    pub src: Name,
    /// Who sent it.
    pub dest: Name,
    /// Its `msg_id`.
    pub in_reply_to: i64,
    /// What to answer.
    pub code: ErrorCode,
}

/// Reads one message. White space around it, such as a carriage return, is ignored.
///
/// # Errors
/// If the line is not a message with everything in it that its type requires. Keys beyond that are
/// ignored. Replies are refused as well: a node sends no requests.
pub fn parse_line(line: &[u8]) -> Result<Message, Refusal> {
    let line = std::str::from_utf8(line).map_err(|error| {
        // A character takes at most four bytes.
        let start = &line[..line.len().min(4 * (LINE_CHARS + 1))];
        Refusal::new(None, &format!("not UTF-8 ({error})"), &String::from_utf8_lossy(start))
    })?;
    let mut fields = Fields::default();
    let mut json = serde_json::Deserializer::from_str(line);
    let read = Object { fields: &mut fields, is_body: false }.deserialize(&mut json);
    read.and_then(|()| json.end()).map_err(|error| {
        let problem = match (error.is_data(), fields.has_body) {
            (false, _) => format!("not JSON ({error})"),
            (true, false) => "not a JSON object".to_owned(),
            (true, true) => "field `body`: expected an object".to_owned(),
        };
        Refusal::new(None, &problem, line)
    })?;
    decode(&fields).map_err(|problem| {
        let reply = error_reply(&fields, problem.code);
        Refusal::new(reply, &problem.text, line)
    })
}

/// The fields of all messages, in the envelope and in the body.
#[derive(Default)]
struct Fields<'a> {
    src: Field<'a>,
    dest: Field<'a>,
    has_body: bool,
    kind: Field<'a>,
    msg_id: Field<'a>,
    in_reply_to: Field<'a>,
    message: Field<'a>,
    node_id: Field<'a>,
    node_ids: Field<'a>,
    topology: Field<'a>,
    generation: Field<'a>,
    number: Field<'a>,
    echo: Field<'a>,
    values: Field<'a>,
    have: Field<'a>,
    all: Field<'a>,
    relay: Field<'a>,
    pulse: Field<'a>,
    ask: Field<'a>,
    place: Field<'a>,
    /// A field that came twice.
    doubled: Option<String>,
}

impl<'a> Fields<'a> {
    /// Where to keep the envelope's field. `None` for what means nothing to a node, such as `id`.
    fn in_envelope(&mut self, key: &str) -> Option<&mut Field<'a>> {
        Some(match key {
            "src" => &mut self.src,
            "dest" => &mut self.dest,
            _ => return None,
        })
    }

    /// Where to keep the body's field.
    fn in_body(&mut self, key: &str) -> Option<&mut Field<'a>> {
        Some(match key {
            "type" => &mut self.kind,
            "msg_id" => &mut self.msg_id,
            "in_reply_to" => &mut self.in_reply_to,
            "message" => &mut self.message,
            "node_id" => &mut self.node_id,
            "node_ids" => &mut self.node_ids,
            "topology" => &mut self.topology,
            "gen" => &mut self.generation,
            "n" => &mut self.number,
            "echo" => &mut self.echo,
            "values" => &mut self.values,
            "have" => &mut self.have,
            "all" => &mut self.all,
            "relay" => &mut self.relay,
            "pulse" => &mut self.pulse,
            "ask" => &mut self.ask,
            "place" => &mut self.place,
            _ => return None,
        })
    }
}

/// Reads a JSON object, and nothing else, into the fields: either the envelope or the body.
/// (A derived implementation would take arrays too, and carry the fields from hand to hand.)
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
                let slot = if is_body { fields.in_body(&key) } else { fields.in_envelope(&key) };
                match slot {
                    Some(field) => std::mem::replace(field, map.next_value()?).is_present(),
                    None => {
                        map.next_value::<IgnoredAny>()?;
                        false
                    }
                }
            };
            if came_before {
                fields.doubled = Some(key.into_owned());
            }
        }
        Ok(())
    }
}

fn decode(fields: &Fields<'_>) -> Result<Message, Problem> {
    if let Some(key) = &fields.doubled {
        return Err(format!("field `{key}` comes twice").into());
    }
    let src = fields.src.node("src")?;
    let dest = fields.dest.node("dest")?;
    if !fields.has_body {
        return Err("field `body` is missing".to_owned().into());
    }
    if fields.in_reply_to.is_given() {
        return Err("a reply, and this node has sent no request".to_owned().into());
    }
    let kind = fields.kind.string("type")?;
    if kind == "gossip" {
        return Ok(Message { src, dest, body: Body::Gossip(gossip::decode(fields)?) });
    }
    let msg_id = fields.msg_id.i64("msg_id")?;
    let body = match &*kind {
        "broadcast" => Body::Broadcast { message: fields.message.value("message")?, msg_id },
        "read" => Body::Read { msg_id },
        "topology" => {
            let topology = fields.topology.topology("topology")?;
            Body::Topology { topology: Arc::new(topology.into()), msg_id }
        }
        "init" => Body::Init {
            node_id: fields.node_id.node("node_id")?,
            node_ids: Arc::new(fields.node_ids.nodes("node_ids")?.into()),
            msg_id,
        },
        unknown => {
            let text = format!("unknown type `{unknown}`");
            return Err(Problem { code: ErrorCode::NotSupported, text });
        }
    };
    Ok(Message { src, dest, body })
}

/// What is wrong with a line that is JSON in the shape of a message.
struct Problem {
    code: ErrorCode,
    text: String,
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self { code: ErrorCode::MalformedRequest, text }
    }
}

/// The error reply to a message, if somebody waits for one. Only requests are ever replied to: two
/// nodes that complained about each other's complaints would never stop.
fn error_reply(fields: &Fields<'_>, code: ErrorCode) -> Option<ErrorReply> {
    let is_no_request = |kind: &str| kind == "gossip" || kind == "error" || kind.ends_with("_ok");
    if fields.in_reply_to.is_given() || fields.kind.string("type").is_ok_and(|k| is_no_request(&k))
    {
        return None;
    }
    let in_reply_to = fields.msg_id.i64("msg_id").ok()?;
    Some(ErrorReply {
        src: fields.dest.node("dest").ok()?,
        dest: fields.src.node("src").ok()?,
        in_reply_to,
        code,
    })
}

impl Refusal {
    /// A refusal of `line`, of which as much is quoted as is good for people.
    #[must_use]
    pub fn new(reply: Option<ErrorReply>, problem: &str, line: &str) -> Self {
        let problem = excerpt(problem, PROBLEM_CHARS);
        let line = excerpt(line.trim(), LINE_CHARS);
        Self { reply, text: one_line(&format!("{problem}: {line}")) }
    }
}

/// The text's beginning, with an ellipsis if there is more.
fn excerpt(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Nothing from outside gets to the terminal that could end the line or move the cursor.
fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}
