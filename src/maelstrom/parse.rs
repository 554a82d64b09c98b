//! Incoming lines: everything that can be wrong with one is found here, and named.
//!
//! One pass over the line checks that it is JSON and notes where each known field's text is; then
//! the few fields that the message's type needs are decoded, so that an error can say which one is
//! wrong, what was expected and what came.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::message::{Body, ErrorCode, Message, Named, VALUE_BYTES_MAX};
use crate::cluster::{Name, Nodes};
use crate::id::NodeId;
use crate::service::Request;
use crate::value::Value;
use crate::wire::{Field, Fields, Wire, excerpt};

/// How much of a refused line is quoted, in characters.
const LINE_CHARS: usize = 200;
/// How much is said about it. Ends what serde quotes in full.
const PROBLEM_CHARS: usize = 300;

/// Why a line was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error reply that is due: none if the line is not a request, or if its sender or its
    /// `msg_id` cannot be read.
    pub reply: Option<ErrorReply>,
    /// The peer that sent the line, if it speaks another protocol or another version of this one.
    pub mismatch: Option<NodeId>,
    /// The reason, for people: one line that quotes the beginning of the refused one.
    pub text: String,
}

/// Everything about an error reply but its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// The addressee of the request.
    pub src: Name,
    /// The sender of the request.
    pub dest: Name,
    /// Its `msg_id`.
    pub in_reply_to: i64,
    /// The error code.
    pub code: ErrorCode,
}

/// Reads one message. White space around it, such as a carriage return, is ignored.
///
/// `nodes` is the node list of `init`: without it no message of a peer can be read.
///
/// # Errors
/// If the line lacks anything that its type requires. Keys beyond that are ignored. Replies are
/// refused as well: a node sends no requests.
pub fn parse_line<M: Wire>(line: &[u8], nodes: Option<&Arc<Nodes>>) -> Result<Message<M>, Refusal> {
    let line = std::str::from_utf8(line).map_err(|error| {
        // A character takes at most four bytes.
        let start = &line[..line.len().min(4 * (LINE_CHARS + 1))];
        Refusal::new(None, &format!("not UTF-8 ({error})"), &String::from_utf8_lossy(start))
    })?;
    let (fields, read) = Fields::read(line);
    read.map_err(|error| {
        let problem = match (error.is_data(), fields.has_body) {
            (false, _) => format!("not JSON ({error})"),
            (true, false) => "not a JSON object".to_owned(),
            (true, true) => "field `body`: expected an object".to_owned(),
        };
        Refusal::new(None, &problem, line)
    })?;
    decode::<M>(&fields, nodes).map_err(|problem| {
        let reply = error_reply::<M>(&fields, problem.code);
        let mismatch = problem.mismatch;
        Refusal { mismatch, ..Refusal::new(reply, &problem.text, line) }
    })
}

fn decode<M: Wire>(fields: &Fields<'_>, nodes: Option<&Arc<Nodes>>) -> Result<Message<M>, Problem> {
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
    let peer = || nodes.and_then(|nodes| nodes.id(&src));
    if kind == M::TYPE {
        let nodes = nodes.ok_or_else(|| format!("{kind} from {src} before init"))?;
        let version = fields.get("v").u64("v")?;
        if version != M::VERSION {
            return Err(Problem::mismatch::<M>(&src, peer(), &kind, version));
        }
        let message = M::decode(fields, nodes)?;
        return Ok(Message { src, dest, body: Body::Peer(Named::new(message, nodes)) });
    }
    // A message between nodes has a version and no `msg_id`, whatever the protocol.
    let version = fields.get("v");
    if version.is_given()
        && !fields.msg_id.is_given()
        && let Some(peer) = peer()
    {
        return Err(Problem::mismatch::<M>(&src, Some(peer), &kind, version.u64("v")?));
    }
    let msg_id = fields.msg_id.i64("msg_id")?;
    let body = match &*kind {
        "topology" => {
            let topology = fields.get("topology").topology("topology")?;
            Body::Topology { topology: Arc::new(topology.into()), msg_id }
        }
        "init" => Body::Init {
            node_id: fields.get("node_id").node("node_id")?,
            node_ids: Arc::new(fields.get("node_ids").nodes("node_ids")?.into()),
            msg_id,
        },
        kind => {
            if let Some(request) = decode_request(kind, fields)? {
                return Ok(Message { src, dest, body: Body::Request { request, msg_id } });
            }
            let text = format!("unknown type `{kind}`");
            return Err(Problem { code: ErrorCode::NotSupported, text, mismatch: None });
        }
    };
    Ok(Message { src, dest, body })
}

/// Reads a request of a workload; `None` if none has a request of this type.
fn decode_request(kind: &str, fields: &Fields<'_>) -> Result<Option<Request>, String> {
    Ok(Some(match kind {
        "broadcast" => Request::Broadcast { message: value(fields.message, "message")? },
        "read" => Request::Read,
        "echo" => Request::Echo { echo: value(fields.get("echo"), "echo")? },
        "generate" => Request::Generate,
        // A set is added elements to, a counter numbers.
        "add" if fields.get("delta").is_present() => {
            Request::AddDelta { delta: fields.get("delta").i64("delta")? }
        }
        "add" => Request::AddElement { element: value(fields.get("element"), "element")? },
        _ => return Ok(None),
    }))
}

/// A value that is short enough to be sent on.
fn value(field: Field<'_>, name: &str) -> Result<Value, String> {
    let value = field.value(name)?;
    let bytes = value.text_bytes();
    if bytes > VALUE_BYTES_MAX {
        return Err(format!(
            "field `{name}`: expected at most {VALUE_BYTES_MAX} bytes, got {bytes}"
        ));
    }
    Ok(value)
}

/// The fault of a line that is JSON in the shape of a message.
struct Problem {
    code: ErrorCode,
    text: String,
    mismatch: Option<NodeId>,
}

impl Problem {
    /// The sender speaks another protocol, or another version of this one. Such a message is not
    /// decoded: its fields may mean something else.
    fn mismatch<M: Wire>(src: &Name, peer: Option<NodeId>, kind: &str, version: u64) -> Self {
        let (ours, our_version) = (M::TYPE, M::VERSION);
        let text = format!(
            "{src} speaks protocol {kind} version {version}; this node speaks {ours} version \
             {our_version}"
        );
        Self { mismatch: peer, ..text.into() }
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self { code: ErrorCode::MalformedRequest, text, mismatch: None }
    }
}

/// The error reply to a message, if it is a request. Nothing else is replied to: two nodes that
/// reported each other's error replies would never stop.
fn error_reply<M: Wire>(fields: &Fields<'_>, code: ErrorCode) -> Option<ErrorReply> {
    let is_no_request = |kind: &str| kind == M::TYPE || kind == "error" || kind.ends_with("_ok");
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
        Self { reply, mismatch: None, text: one_line(&format!("{problem}: {line}")) }
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
