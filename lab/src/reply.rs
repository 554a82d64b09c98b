//! Replies to harness clients, checked against Maelstrom's closed schemas.

use std::sync::Arc;

use roaring::{RoaringBitmap, RoaringTreemap};
use rumormill::service::{self, ReadText};

use crate::envelope::{is_integer, string};
use crate::history::{OtherElements, ReadSet};
use crate::network::packet::Payload;
use crate::node::Body;
use crate::scan::{Fields, array_inside, items};

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Init,
    Topology,
    Broadcast(u64),
    Read,
}

impl Request {
    /// The `type` of the reply it wants.
    pub(crate) const fn reply_type(self) -> &'static str {
        match self {
            Self::Init => "init_ok",
            Self::Topology => "topology_ok",
            Self::Broadcast(_) => "broadcast_ok",
            Self::Read => "read_ok",
        }
    }
}

/// What a client got.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// It is done.
    Done,
    /// The values of a read, and their text.
    Values(ReadSet, ArrayText),
    /// An error reply.
    Error { name: String, definite: bool, text: Option<String> },
    /// Not what the protocol demands; why.
    Malformed(String),
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

/// What a body says to the client that made `request` under `msg_id`; `None` if it is not an
/// answer to that (the id must be an integer: neither `1.0` nor `"1"` will do).
pub(crate) fn read_reply(request: Request, msg_id: i64, body: &Payload) -> Option<Reply> {
    match body {
        Payload::Peer(_) => None,
        Payload::Text(text) | Payload::Between(text, _) => {
            let fields = ReplyFields::of(text)?;
            let answered: i64 = fields.in_reply_to?.parse().ok()?;
            (answered == msg_id).then(|| read_text(request, &fields))
        }
        Payload::Typed(body) => {
            let (Body::InitOk { in_reply_to: answered }
            | Body::TopologyOk { in_reply_to: answered }
            | Body::Reply { in_reply_to: answered, .. }
            | Body::Error { in_reply_to: answered, .. }) = **body
            else {
                return None;
            };
            (answered == msg_id).then(|| read_typed(request, body))
        }
    }
}

/// What a message to a client says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Its type; empty if it has none.
    pub(crate) kind: String,
    /// Its `in_reply_to`, as JSON.
    pub(crate) in_reply_to: Option<String>,
}

/// What a message says of itself.
pub(crate) fn claim_of(body: &Payload) -> Claim {
    match body {
        Payload::Text(text) | Payload::Between(text, _) => claim_of_text(text),
        Payload::Typed(body) => claim_of_typed(body),
        Payload::Peer(_) => Claim::default(),
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
    let answered = match body {
        Body::InitOk { in_reply_to }
        | Body::TopologyOk { in_reply_to }
        | Body::Reply { in_reply_to, .. }
        | Body::Error { in_reply_to, .. } => Some(in_reply_to.to_string()),
        _ => None,
    };
    Claim { kind: body.kind().to_owned(), in_reply_to: answered }
}

fn read_typed(request: Request, body: &Body) -> Reply {
    match (request, body) {
        (Request::Init, Body::InitOk { .. })
        | (Request::Topology, Body::TopologyOk { .. })
        | (Request::Broadcast(_), Body::Reply { reply: service::Reply::BroadcastOk, .. }) => {
            Reply::Done
        }
        (Request::Read, Body::Reply { reply: service::Reply::ReadOk { messages }, .. }) => {
            let text = ArrayText::Shared(Arc::clone(messages));
            Reply::Values(read_set(messages), text)
        }
        (_, Body::Error { code, text, .. }) => {
            let (name, definite) = error_name(Some(i64::from(code.number())));
            Reply::Error { name: name.into(), definite, text: Some(text.clone()) }
        }
        (_, other) => Reply::Malformed(wrong_type(request, other.kind())),
    }
}

fn wrong_type(request: Request, got: &str) -> String {
    format!("expected a {:?} reply, got {got:?}", request.reply_type())
}

fn read_text(request: Request, fields: &ReplyFields<'_>) -> Reply {
    let kind = fields.kind.and_then(string).unwrap_or_default();
    if kind == "error" {
        let (name, definite) = error_name(fields.code.and_then(|code| code.parse().ok()));
        let text = fields.text.filter(|text| *text != "null");
        let text = text.map(|json| string(json).unwrap_or_else(|| json.into()).into_owned());
        return Reply::Error { name: name.into(), definite, text };
    }
    if kind != request.reply_type() {
        return Reply::Malformed(wrong_type(request, &kind));
    }
    if request == Request::Init {
        return Reply::Done;
    }
    if let Some(id) = fields.msg_id.filter(|id| !is_integer(id)) {
        return Reply::Malformed(format!("msg_id must be an integer, not {id}"));
    }
    let extra = fields.beyond(request);
    if !extra.is_empty() {
        let why = format!("a {} must not have the keys {extra:?}", request.reply_type());
        return Reply::Malformed(why);
    }
    if request != Request::Read {
        return Reply::Done;
    }
    match fields.messages {
        // A list that holds nothing is `null` in some languages, and Maelstrom takes it for one.
        Some("null") => Reply::Values(ReadSet::default(), ArrayText::Whole("[]".into())),
        Some(array) => match array_inside(array) {
            Some(inside) => Reply::Values(read_set(inside), ArrayText::Whole(array.into())),
            None => Reply::Malformed(format!("messages must be an array or null, not {array}")),
        },
        None => Reply::Malformed("a read_ok must have the key \"messages\"".into()),
    }
}

/// Maelstrom's name for an error code, and whether it says for sure that nothing happened.
fn error_name(code: Option<i64>) -> (&'static str, bool) {
    match code {
        Some(0) => ("timeout", false),
        Some(1) => ("node-not-found", true),
        Some(10) => ("not-supported", true),
        Some(11) => ("temporarily-unavailable", true),
        Some(12) => ("malformed-request", true),
        Some(13) => ("crash", false),
        Some(14) => ("abort", true),
        Some(20) => ("key-does-not-exist", true),
        Some(21) => ("key-already-exists", true),
        Some(22) => ("precondition-failed", true),
        Some(30) => ("txn-conflict", true),
        _ => ("unknown", false),
    }
}

/// The code that has this name in Maelstrom; `None` for `unknown`.
pub(crate) fn error_code(name: &str) -> Option<u64> {
    const MAX_CODE: i64 = 100;
    (0..MAX_CODE)
        .find(|code| name != "unknown" && error_name(Some(*code)).0 == name)
        .map(i64::unsigned_abs)
}

/// Integers below this are collected as bits: the workload's values are dense.
const MAX_BITS: u64 = 1 << 24;

/// The values in the inside of a JSON array.
pub(crate) fn read_set(inside: &str) -> ReadSet {
    let mut bits: Vec<u8> = Vec::new();
    let mut large = RoaringTreemap::new();
    let mut others = OtherElements::default();
    let collect = |int: u64| {
        if int >= MAX_BITS {
            large.insert(int);
            return;
        }
        let (byte, bit) = (int as usize / 8, 1 << (int % 8));
        if bits.len() <= byte {
            bits.resize((byte + 1).max(2 * bits.len()), 0);
        }
        bits[byte] |= bit;
    };
    let len = for_each_item(inside, collect, |text| others.add(text));
    let small = RoaringBitmap::from_lsb0_bytes(0, &bits);
    let mut ints = RoaringTreemap::from_bitmaps([(0, small)]) | large;
    // A history holds thousands of these; nearly all are a few runs.
    ints.optimize();
    ReadSet { ints, others, len }
}

/// Calls `each` for every integer of at least 0 in the inside of a JSON array, and `other` for the
/// text of every other element. Returns the number of all elements.
pub(crate) fn for_each_item<'a>(
    inside: &'a str,
    mut each: impl FnMut(u64),
    mut other: impl FnMut(&'a str),
) -> usize {
    let mut rest = inside.as_bytes();
    let mut len = 0;
    // The fast path: a list of integers of less than 19 digits.
    loop {
        rest = rest.trim_ascii_start();
        let mut int = 0;
        let mut digits = 0;
        while let Some(digit) = rest.get(digits).filter(|b| b.is_ascii_digit() && digits < 18) {
            int = int * 10 + u64::from(digit - b'0');
            digits += 1;
        }
        let after = rest[digits..].trim_ascii_start();
        if digits == 0 || after.first().is_some_and(|b| *b != b',') {
            break;
        }
        each(int);
        len += 1;
        rest = after.get(1..).unwrap_or_default();
    }
    if rest.is_empty() {
        return len;
    }
    // Elements were cut off whole, so the rest is text as well.
    for item in items(&inside[inside.len() - rest.len()..]) {
        len += 1;
        match item.parse() {
            Ok(int) => each(int),
            Err(_) => other(item),
        }
    }
    len
}

/// What a reply says, as JSON texts.
#[derive(Default)]
struct ReplyFields<'a> {
    kind: Option<&'a str>,
    in_reply_to: Option<&'a str>,
    msg_id: Option<&'a str>,
    messages: Option<&'a str>,
    code: Option<&'a str>,
    text: Option<&'a str>,
    /// Keys that mean nothing in any reply.
    others: Vec<String>,
}

impl<'a> ReplyFields<'a> {
    fn of(body: &'a str) -> Option<Self> {
        let mut found = Self::default();
        let mut fields = Fields::of(body)?;
        while let Some((key, value)) = fields.next().ok()? {
            let slot = match &*key {
                "type" => &mut found.kind,
                "in_reply_to" => &mut found.in_reply_to,
                "msg_id" => &mut found.msg_id,
                "messages" => &mut found.messages,
                "code" => &mut found.code,
                "text" => &mut found.text,
                _ => {
                    found.others.push(key.into_owned());
                    continue;
                }
            };
            *slot = Some(value);
        }
        Some(found)
    }

    /// Keys that the reply to this request must not have.
    fn beyond(&self, request: Request) -> Vec<&str> {
        let known = [
            ("messages", self.messages.is_some() && request != Request::Read),
            ("code", self.code.is_some()),
            ("text", self.text.is_some()),
        ];
        let known = known.into_iter().filter(|(_, extra)| *extra).map(|(key, _)| key);
        known.chain(self.others.iter().map(String::as_str)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Payload {
        Payload::Text(json.into())
    }

    fn reply(request: Request, json: &str) -> Reply {
        let json = json.replacen('{', "{\"in_reply_to\":1,", 1);
        read_reply(request, 1, &text(&json)).unwrap()
    }

    fn malformed(request: Request, json: &str) -> String {
        match reply(request, json) {
            Reply::Malformed(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_an_integer_makes_it_a_reply() {
        let answers = |json| read_reply(Request::Init, 7, &text(json)).is_some();
        assert!(answers(r#"{"type":"init_ok","in_reply_to":7}"#));
        assert!(answers(r#"{"type":"error","code":11,"in_reply_to":7}"#));
        let others = [r#"{"in_reply_to":7.0}"#, r#"{"in_reply_to":"7"}"#, r#"{"in_reply_to":6}"#];
        for json in others.into_iter().chain(["{}", "null"]) {
            assert!(!answers(json), "{json}");
        }
        let typed = |body| read_reply(Request::Init, 7, &Payload::Typed(Arc::new(body)));
        assert_eq!(typed(Body::InitOk { in_reply_to: 7 }), Some(Reply::Done));
        assert_eq!(typed(Body::InitOk { in_reply_to: 8 }), None);
        assert_eq!(typed(Body::Request { request: service::Request::Read, msg_id: 7 }), None);
    }

    #[test]
    fn good_replies() {
        let ok = r#"{"type":"broadcast_ok","msg_id":9}"#;
        assert_eq!(reply(Request::Broadcast(0), ok), Reply::Done);
        let init = r#"{"type":"init_ok","anything":[]}"#;
        assert_eq!(reply(Request::Init, init), Reply::Done);
        let read = r#"{"type":"read_ok","messages":[ 2, 0,2 ]}"#;
        let Reply::Values(set, array) = reply(Request::Read, read) else { panic!() };
        assert_eq!((set.ints.iter().collect::<Vec<_>>(), set.len), (vec![0, 2], 3));
        assert_eq!(array.as_str(), "2, 0,2");
    }

    #[test]
    fn null_is_an_empty_list_and_nothing_else_is() {
        let null = r#"{"type":"read_ok","messages":null}"#;
        let Reply::Values(set, array) = reply(Request::Read, null) else { panic!() };
        assert_eq!((set.len, array.as_str()), (0, ""));
        for other in ["\"\"", "{}", "0", "false"] {
            let json = format!(r#"{{"type":"read_ok","messages":{other}}}"#);
            assert!(malformed(Request::Read, &json).contains("array or null"), "{other}");
        }
        // In the reply to a broadcast it is a key too many, whatever it holds.
        let extra = r#"{"type":"broadcast_ok","messages":null}"#;
        assert!(malformed(Request::Broadcast(0), extra).contains("messages"));
        let id = r#"{"type":"read_ok","messages":[],"msg_id":null}"#;
        assert!(malformed(Request::Read, id).contains("msg_id"));
    }

    #[test]
    fn the_schemas_are_closed() {
        let broadcast = Request::Broadcast(0);
        let extra = r#"{"type":"broadcast_ok","message":5}"#;
        assert!(malformed(broadcast, extra).contains("\"message\""));
        let messages = r#"{"type":"broadcast_ok","messages":[]}"#;
        assert!(malformed(broadcast, messages).contains("\"messages\""));
        let id = r#"{"type":"broadcast_ok","msg_id":"a"}"#;
        assert!(malformed(broadcast, id).contains("msg_id"));
        let other = r#"{"type":"read_ok","messages":[]}"#;
        assert!(malformed(broadcast, other).contains("broadcast_ok"));
        let missing = r#"{"type":"read_ok"}"#;
        assert!(malformed(Request::Read, missing).contains("messages"));
        let object = r#"{"type":"read_ok","messages":{}}"#;
        assert!(malformed(Request::Read, object).contains("array"));
        assert!(malformed(Request::Topology, r#"{"x":0}"#).contains("topology_ok"));
        let init = r#"{"type":"ok"}"#;
        assert!(malformed(Request::Init, init).contains("init_ok"));
    }

    #[test]
    fn errors_have_names_and_may_be_definite() {
        let error = |json: &str| match reply(Request::Read, json) {
            Reply::Error { name, definite, text } => (name, definite, text),
            other => panic!("{other:?}"),
        };
        let busy = error(r#"{"type":"error","code":11,"text":"later","x":2}"#);
        assert_eq!(busy, ("temporarily-unavailable".into(), true, Some("later".into())));
        assert_eq!(error(r#"{"type":"error","code":13}"#), ("crash".into(), false, None));
        assert!(!error(r#"{"type":"error","code":0}"#).1);
        assert_eq!(error(r#"{"type":"error","code":99}"#), ("unknown".into(), false, None));
        assert_eq!(error(r#"{"type":"error"}"#).0, "unknown");
        let definite = [1, 10, 11, 12, 14, 20, 21, 22, 30];
        for code in 0..100 {
            let json = format!(r#"{{"type":"error","code":{code}}}"#);
            assert_eq!(error(&json).1, definite.contains(&code), "{code}");
        }
    }

    #[test]
    fn reads_of_anything_are_sets_of_the_integers_in_them() {
        let set = |inside: &str| {
            let set = read_set(inside);
            (set.ints.iter().collect::<Vec<_>>(), set.len)
        };
        assert_eq!(set(""), (vec![], 0));
        assert_eq!(set("7"), (vec![7], 1));
        assert_eq!(set("3,1 , 2,3"), (vec![1, 2, 3], 4));
        assert_eq!(set(r#"1,"0",0.0,-4,null,[5,6],{"a":7},8"#), (vec![1, 8], 8));
        assert_eq!(set("18446744073709551615,99999999999999999999"), (vec![u64::MAX], 2));
        let others = read_set(r#"1,"0",-4,"0",2.0"#).others;
        assert_eq!(others.count, 4);
        assert_eq!(others.texts.iter().map(|t| &**t).collect::<Vec<_>>(), ["\"0\"", "-4", "2.0"]);
    }
}
