//! Replies to harness clients, checked against Maelstrom's closed schemas.

use std::borrow::Cow;
use std::sync::Arc;

use rumormill::service::ReadText;

use crate::format::edn::Edn;
use crate::format::envelope::{is_integer, string};
use crate::format::scan::{Fields, array_inside};
use crate::history::errors::error_name;
use crate::history::read_set::read_set;
use crate::history::{OpValue, ReadSet};
use crate::message::Body;
use crate::message::packet::Payload;
use crate::workload::{Operation, ResultShape};

/// The request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Init,
    Topology,
    Operation(&'static Operation),
}

impl Request {
    /// The `type` of the request; that of the reply has `_ok` appended.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Topology => "topology",
            Self::Operation(operation) => operation.f,
        }
    }

    fn result(self) -> ResultShape {
        match self {
            Self::Init | Self::Topology => ResultShape::Nothing,
            Self::Operation(operation) => operation.result,
        }
    }
}

/// The reply to a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// It is done; the result, and the text of a list.
    Done(Option<OpValue>, Option<ArrayText>),
    /// An error reply.
    Error { name: String, definite: bool, text: Option<String> },
    /// Not what the protocol demands; why.
    Malformed(String),
}

impl Reply {
    /// Done, without a result.
    pub(crate) const DONE: Self = Self::Done(None, None);

    /// The set that a read returned.
    pub(crate) fn set(&self) -> Option<&ReadSet> {
        match self {
            Self::Done(Some(value), _) => value.set(),
            _ => None,
        }
    }
}

/// The inside of a JSON array, without copying it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArrayText {
    Whole(Box<str>),
    Shared(Arc<ReadText>),
}

impl ArrayText {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Whole(array) => array_inside(array).map_or(array, str::trim_ascii),
            Self::Shared(inside) => inside,
        }
    }
}

/// The meaning of a body for the client that made `request` under `msg_id`; `None` if it is not an
/// answer to that (the id must be an integer: neither `1.0` nor `"1"` will do).
pub(crate) fn read_reply(request: Request, msg_id: i64, body: &Payload) -> Option<Reply> {
    match body {
        Payload::Between(_) | Payload::Peer(_) | Payload::Operation(_) => None,
        Payload::Text(text) => {
            let fields = ReplyFields::of(text)?;
            let answered: i64 = fields.in_reply_to?.parse().ok()?;
            (answered == msg_id).then(|| read_text(request, &fields))
        }
        Payload::Typed(body) => {
            if answered(body)? == msg_id {
                read_typed(request, body)
            } else {
                None
            }
        }
    }
}

/// The type and the number that a message to a client has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Its type; empty if it has none.
    pub(crate) kind: String,
    /// Its `in_reply_to`, as JSON.
    pub(crate) in_reply_to: Option<String>,
}

/// The type and the number that a message has.
pub(crate) fn claim_of(body: &Payload) -> Claim {
    match body {
        Payload::Text(text) => claim_of_text(text),
        Payload::Typed(body) => claim_of_typed(body),
        Payload::Between(_) | Payload::Peer(_) | Payload::Operation(_) => Claim::default(),
    }
}

pub(crate) fn claim_of_text(body: &str) -> Claim {
    let fields = ReplyFields::of(body).unwrap_or_default();
    Claim {
        kind: fields.kind.and_then(string).unwrap_or_default().into_owned(),
        in_reply_to: fields.in_reply_to.map(str::to_owned),
    }
}

pub(crate) fn claim_of_typed(body: &Body) -> Claim {
    let in_reply_to = answered(body).map(|answered| answered.to_string());
    Claim { kind: body.kind().to_owned(), in_reply_to }
}

/// The number of the request that a body answers.
const fn answered(body: &Body) -> Option<i64> {
    match body {
        Body::InitOk { in_reply_to }
        | Body::TopologyOk { in_reply_to }
        | Body::Reply { in_reply_to, .. }
        | Body::Error { in_reply_to, .. } => Some(*in_reply_to),
        _ => None,
    }
}

fn read_typed(request: Request, body: &Body) -> Option<Reply> {
    // Lists are long: their text is shared with the node that made it.
    if let Body::Reply { reply, .. } = body
        && let Some((key, list)) = reply.list()
        && request.result() == ResultShape::List(key)
        && reply.kind().strip_suffix("_ok") == Some(request.kind())
    {
        let text = ArrayText::Shared(Arc::clone(list));
        return Some(Reply::Done(Some(OpValue::Set(read_set(list))), Some(text)));
    }
    let mut json = Vec::new();
    body.write_json(&mut json);
    let json = String::from_utf8(json).ok()?;
    Some(read_text(request, &ReplyFields::of(&json)?))
}

fn wrong_type(request: Request, got: &str) -> String {
    format!("expected a \"{}_ok\" reply, got {got:?}", request.kind())
}

fn read_text(request: Request, fields: &ReplyFields<'_>) -> Reply {
    let kind = fields.kind.and_then(string).unwrap_or_default();
    if kind == "error" {
        let (name, definite) = error_name(fields.code.and_then(|code| code.parse().ok()));
        let text = fields.text.filter(|text| *text != "null");
        let text = text.map(|json| string(json).unwrap_or_else(|| json.into()).into_owned());
        return Reply::Error { name: name.into(), definite, text };
    }
    if kind.strip_suffix("_ok") != Some(request.kind()) {
        return Reply::Malformed(wrong_type(request, &kind));
    }
    if request == Request::Init {
        return Reply::DONE;
    }
    if let Some(id) = fields.msg_id.filter(|id| !is_integer(id)) {
        return Reply::Malformed(format!("msg_id must be an integer, not {id}"));
    }
    let extra = fields.beyond(request.result().key());
    if !extra.is_empty() {
        let why = format!("a {kind} must not have the keys {extra:?}");
        return Reply::Malformed(why);
    }
    let Some(key) = request.result().key() else { return Reply::DONE };
    let Some(json) = fields.get(key) else {
        return Reply::Malformed(format!("a {kind} must have the key {key:?}"));
    };
    match read_result(request.result(), json, fields) {
        Ok((value, text)) => Reply::Done(Some(value), text),
        Err(why) => Reply::Malformed(why),
    }
}

/// Reads the result of an operation.
fn read_result(
    shape: ResultShape,
    json: &str,
    fields: &ReplyFields<'_>,
) -> Result<(OpValue, Option<ArrayText>), String> {
    Ok(match shape {
        ResultShape::Nothing => (OpValue::Nil, None),
        // A list that holds nothing is `null` in some languages, and Maelstrom takes it for one.
        ResultShape::List(_) if json == "null" => {
            (OpValue::Set(ReadSet::default()), Some(ArrayText::Whole("[]".into())))
        }
        ResultShape::List(key) => match array_inside(json) {
            Some(inside) => (OpValue::Set(read_set(inside)), Some(ArrayText::Whole(json.into()))),
            None => return Err(format!("{key} must be an array or null, not {json}")),
        },
        ResultShape::Integer(key) => match json.parse() {
            Ok(int) if is_integer(json) => (OpValue::Int(int), None),
            _ => return Err(format!("{key} must be an integer of at most 64 bits, not {json}")),
        },
        ResultShape::Any(_) => (Edn::of_json(json).into(), None),
        ResultShape::Body(key) => {
            let all = [
                ("type", fields.kind),
                (key, Some(json)),
                ("in_reply_to", fields.in_reply_to),
                ("msg_id", fields.msg_id),
            ];
            let present = all.into_iter().filter_map(|(key, json)| Some((key, json?)));
            (Edn::map(present.map(|(key, json)| (key, Edn::of_json(json)))).into(), None)
        }
    })
}

/// The parts of a reply, as JSON texts.
#[derive(Default)]
struct ReplyFields<'a> {
    kind: Option<&'a str>,
    in_reply_to: Option<&'a str>,
    msg_id: Option<&'a str>,
    code: Option<&'a str>,
    text: Option<&'a str>,
    /// The keys that no other reply has.
    others: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> ReplyFields<'a> {
    fn of(body: &'a str) -> Option<Self> {
        let mut found = Self::default();
        let mut fields = Fields::of(body)?;
        while let Some((key, value)) = fields.next_field().ok()? {
            let slot = match &*key {
                "type" => &mut found.kind,
                "in_reply_to" => &mut found.in_reply_to,
                "msg_id" => &mut found.msg_id,
                "code" => &mut found.code,
                "text" => &mut found.text,
                _ => {
                    found.others.push((key, value));
                    continue;
                }
            };
            *slot = Some(value);
        }
        Some(found)
    }

    /// The text of a key; of one that comes twice the last one.
    fn get(&self, key: &str) -> Option<&'a str> {
        self.others.iter().rev().find(|(other, _)| other == key).map(|(_, value)| *value)
    }

    /// Keys that a reply with a result under this key must not have.
    fn beyond(&self, result: Option<&str>) -> Vec<&str> {
        let known = [("code", self.code.is_some()), ("text", self.text.is_some())];
        let known = known.into_iter().filter(|(_, extra)| *extra).map(|(key, _)| key);
        let others = self.others.iter().map(|(key, _)| &**key);
        known.chain(others.filter(|key| result != Some(*key))).collect()
    }
}

#[cfg(test)]
mod tests;
