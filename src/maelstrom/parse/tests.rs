use std::collections::BTreeMap;
use std::sync::OnceLock;

use rand::rngs::Xoshiro256PlusPlus as Random;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::id::{Generation, NodeId, Origin};
use crate::maelstrom::message::LINE_BYTES_MAX;
use crate::protocols::rumormill::message::{Ack, Entries, Forward, Gossip, Have, Pulse, TreeOffer};
use crate::set::Ranges;
use crate::value::Value;

type Message = super::Message<Gossip>;

/// Names of the cluster's nodes, and of clients.
const NAMES: [&str; 9] = ["n0", "n1", "n2", "c12", "", "ü\u{1f600}", "a\"b\\c", "\0\n\t", "\u{7f}"];

/// The node list of the node that reads the lines.
fn nodes() -> &'static Arc<Nodes> {
    static NODES: OnceLock<Arc<Nodes>> = OnceLock::new();
    NODES.get_or_init(|| Arc::new(NAMES.map(Name::from).to_vec().into()))
}

fn parse_bytes(line: &[u8]) -> Result<Message, Refusal> {
    parse_line::<Gossip>(line, Some(nodes()))
}

fn parse(line: &str) -> Result<Message, Refusal> {
    parse_bytes(line.as_bytes())
}

/// Puts a body into an envelope from `c1` to `n0`.
fn request(body: &str) -> String {
    format!(r#"{{"id":3,"src":"c1","dest":"n0","body":{body}}}"#)
}

/// The refusal's text, if it is a reply to request 7 of `c1` with that code.
fn replied(line: &str, code: ErrorCode) -> String {
    let refusal = parse(line).unwrap_err();
    let reply = ErrorReply { src: "n0".into(), dest: "c1".into(), in_reply_to: 7, code };
    assert_eq!(refusal.reply, Some(reply), "{line}");
    refusal.text
}

/// The refusal's text, if no peer is to be told.
fn unreplied(line: &str) -> String {
    let refusal = parse(line).unwrap_err();
    assert_eq!(refusal.reply, None, "{line}");
    refusal.text
}

#[test]
fn the_largest_value_fits_into_a_message_between_nodes() {
    let origin = Origin { node: NodeId(5), generation: Generation(u64::MAX) };
    // As many as stand in an ack at most, and origins with two gaps each in a digest.
    let far =
        |count| (0..count).map(|i| u64::MAX - 3 * i - 2..u64::MAX - 3 * i).collect::<Ranges>();
    let ack = Ack { generation: origin.generation, numbers: far(32), held_us: u64::MAX };
    let value = Value::Json("\"\"".into());
    let have = vec![Have { origin, ranges: far(3) }; 100_000];
    let gossip = Gossip {
        generation: origin.generation,
        number: u64::MAX,
        ack: Some(ack),
        entries: [Entries { origin, first: u64::MAX - 1, values: [value].into() }].into(),
        have,
        is_digest: true,
        is_probe: true,
        ..Gossip::default()
    };
    let body = Body::Peer(Named::new(gossip, nodes()));
    let mut line = Vec::new();
    Message { src: "n1".into(), dest: "n0".into(), body }.write_line(&mut line);
    assert!(line.len() + VALUE_BYTES_MAX < LINE_BYTES_MAX, "{} bytes around a value", line.len());
}

#[test]
fn lines_without_a_readable_request_are_only_logged() {
    for (line, problem) in [
        ("", "not JSON"),
        ("hello", "not JSON"),
        (r#"{"src":"c1","#, "not JSON"),
        (r#"{"src":"c1"} {}"#, "not JSON"),
        ("{\"src\":\"c\0\"}", "not JSON"),
        ("[]", "not a JSON object"),
        (r#"["c1","n0",{"type":"read","msg_id":7}]"#, "not a JSON object"),
        ("7", "not a JSON object"),
        ("null", "not a JSON object"),
        (r#""read""#, "not a JSON object"),
        (r#"{"src":"c1","dest":"n0"}"#, "field `body` is missing"),
        (r#"{"src":"c1","dest":"n0","body":null}"#, "field `body`: expected an object"),
        (&request("7"), "field `body`: expected an object"),
        (&request(r#"["read",7]"#), "field `body`: expected an object"),
        (r#"{"dest":"n0","body":{"type":"read","msg_id":7}}"#, "field `src` is missing"),
        (r#"{"src":"c1","body":{"type":"read","msg_id":7}}"#, "field `dest` is missing"),
        (r#"{"src":1,"dest":"n0","body":{"type":"read","msg_id":7}}"#, "field `src`: expected a s"),
        (&request(r#"{"type":"read"}"#), "field `msg_id` is missing"),
        (&request(r#"{"type":"read","msg_id":null}"#), "field `msg_id`: expected an integer"),
        (&request(r#"{"type":"read","msg_id":"7"}"#), "got \"7\""),
        (&request(r#"{"type":"read","msg_id":7.0}"#), "got 7.0"),
        (&request(r#"{"type":"read","msg_id":9223372036854775808}"#), "of at most 64 bits"),
        (&request("{}"), "field `type` is missing"),
    ] {
        let text = unreplied(line);
        assert!(text.contains(problem), "{line}: {text}");
    }
    let refusal = parse_bytes(b"{\"src\":\"\xff\"}").unwrap_err();
    assert_eq!(refusal.reply, None);
    assert!(refusal.text.contains("not UTF-8"), "{}", refusal.text);
}

#[test]
fn unknown_requests_are_answered_with_error_10() {
    let line = request(r#"{"type":"cas","msg_id":7}"#);
    assert!(replied(&line, ErrorCode::NotSupported).starts_with("unknown type `cas`: {\"id\""));
}

#[test]
fn requests_with_bad_fields_are_answered_with_error_12_and_the_fields_name() {
    for (body, problem) in [
        (r#"{"msg_id":7}"#, "field `type` is missing"),
        (r#"{"type":5,"msg_id":7}"#, "field `type`: expected a string, got 5"),
        (r#"{"type":"\ud800","msg_id":7}"#, "field `type`: expected a string"),
        (r#"{"type":"broadcast","msg_id":7}"#, "field `message` is missing"),
        (r#"{"type":"broadcast","msg_id":7,"message":"\ud800"}"#, "field `message`: expected"),
        (r#"{"type":"topology","msg_id":7}"#, "field `topology` is missing"),
        (r#"{"type":"topology","msg_id":7,"topology":["n0"]}"#, "field `topology`: expected an"),
        (r#"{"type":"topology","msg_id":7,"topology":{"n0":"n1"}}"#, "got {\"n0\":\"n1\"}"),
        (r#"{"type":"topology","msg_id":7,"topology":{"n0":[1]}}"#, "field `topology`"),
        (r#"{"type":"topology","msg_id":7,"topology":{"a":[],"a":[]}}"#, "`a` comes twice"),
        (r#"{"type":"init","msg_id":7,"node_ids":[]}"#, "field `node_id` is missing"),
        (r#"{"type":"init","msg_id":7,"node_id":"n0"}"#, "field `node_ids` is missing"),
        (r#"{"type":"init","msg_id":7,"node_id":[],"node_ids":[]}"#, "got []"),
        (r#"{"type":"init","msg_id":7,"node_id":"n0","node_ids":{}}"#, "field `node_ids`"),
        (r#"{"type":"init","msg_id":7,"node_id":"n0","node_ids":[0]}"#, "a list of node names"),
        (r#"{"type":"read","type":"read","msg_id":7}"#, "`type` comes twice"),
        (r#"{"type":"broadcast","message":1,"message":2,"msg_id":7}"#, "`message` comes twice"),
    ] {
        let text = replied(&request(body), ErrorCode::MalformedRequest);
        assert!(text.contains(problem), "{body}: {text}");
    }
    let line = r#"{"src":"c1","src":"c1","dest":"n0","body":{"type":"read","msg_id":7}}"#;
    assert!(replied(line, ErrorCode::MalformedRequest).starts_with("field `src` comes twice"));
}

#[test]
fn what_is_no_request_is_never_answered() {
    for body in [
        r#"{"type":"broadcast_ok","in_reply_to":1,"msg_id":7}"#,
        r#"{"type":"broadcast_ok","msg_id":7}"#,
        r#"{"type":"error","code":10,"msg_id":7}"#,
        r#"{"type":"error","in_reply_to":1,"code":10,"text":"no"}"#,
        r#"{"type":"cas","in_reply_to":"x","msg_id":7}"#,
        r#"{"type":"read","in_reply_to":1,"msg_id":7}"#,
        r#"{"type":"rumormill","msg_id":7}"#,
        r#"{"type":"rumormill","v":4,"msg_id":7}"#,
        r#"{"type":"rumormill","type":"rumormill","v":4,"msg_id":7}"#,
    ] {
        unreplied(&request(body));
    }
    // Some client libraries write out the fields that they leave empty.
    parse(&request(r#"{"type":"read","in_reply_to":null,"msg_id":7}"#)).unwrap();
}

#[test]
fn bad_gossip_is_refused() {
    for (fields, problem) in [
        ("", "field `id` is missing"),
        (r#""id":7"#, "field `id`"),
        (r#""id":[-1,0]"#, "field `id`: expected an integer from 0"),
        (r#""id":[1]"#, "field `id`"),
        (r#""id":[1,18446744073709551616]"#, "field `id`"),
        (r#""id":[1,18446744073709551615]"#, "field `id`: out of range"),
        (r#""id":[1,0,0]"#, "field `id`: expected"),
        (r#""id":[1,0,0,5]"#, "field `id`: bad ranges"),
        (r#""id":[1,0,0,5,0]"#, "field `id`: bad ranges"),
        (r#""id":[1,0,0,5,4,3]"#, "field `id`: bad ranges"),
        (r#""id":[1,0,0,5,-4,3]"#, "field `id`: expected"),
        (r#""id":[1,0,0,-5,3]"#, "field `id`: expected"),
        (r#""id":[1,0,18446744073709551615,5,3]"#, "field `id`: expected"),
        (r#""id":[1,0,null]"#, "field `id`: expected"),
        (r#""id":[1,0],"flags":true"#, "field `flags`: expected a string, got true"),
        (r#""id":[1,0],"flags":"dx""#, "field `flags`: 'x' has no meaning"),
        (r#""id":[1,0],"entries":{}"#, "field `entries`"),
        (r#""id":[1,0],"entries":[1,1,0]"#, "field `entries`"),
        (r#""id":[1,0],"entries":[1,1,0,[5],6]"#, "field `entries`"),
        (r#""id":[1,0],"entries":["n1",1,0,[5]]"#, "field `entries`: expected an integer"),
        (r#""id":[1,0],"entries":[-1,1,0,[5]]"#, "the cluster has no node number -1"),
        (r#""id":[1,0],"entries":[1,1,0,5,9223372036854775807,0,0,6]"#, "the cluster has no node"),
        (r#""id":[1,0],"entries":[1,1,-1,[5]]"#, "expected an integer from 0"),
        (r#""id":[1,0],"entries":[1,1,0,"5"]"#, "field `entries`"),
        (r#""id":[1,0],"entries":[1,1,0,18446744073709551615]"#, "field `entries`"),
        (r#""id":[1,0],"entries":[1,1,0,5,6]"#, "field `entries`"),
        (r#""id":[1,0],"entries":[1,1,0,[]]"#, "an entry without values"),
        (r#""id":[1,0],"entries":[1,1,0,["\udc00"]]"#, "field `entries`"),
        (r#""id":[1,0],"entries":[1,1,18446744073709551615,[5]]"#, "out of range"),
        (r#""id":[1,0],"have":[1,1,-5]"#, "field `have`"),
        (r#""id":[1,0],"have":[1,1,0]"#, "bad ranges of n1"),
        (r#""id":[1,0],"have":[1,1,[0]]"#, "bad ranges of n1"),
        (r#""id":[1,0],"have":[1,1,[0,2,3]]"#, "bad ranges"),
        (r#""id":[1,0],"have":[1,1,[2,2]]"#, "bad ranges"),
        (r#""id":[1,0],"have":[1,1,[3,2]]"#, "bad ranges"),
        (r#""id":[1,0],"have":[1,1,[4,5,0,1]]"#, "bad ranges"),
        (r#""id":[1,0],"have":[1,1,[0,5,3,8]]"#, "bad ranges"),
        (r#""id":[1,0],"have":[1,1,[0,5,5,8]]"#, "bad ranges"),
        (r#""id":[1,0],"have":[1,1,[-1,5]]"#, "field `have`"),
        (r#""id":[1,0],"have":[1,1,[0,1],-1,1,[0,1],1,-1,[2,3]]"#, "n1 comes twice"),
        (
            r#""id":[1,0],"entries":[9,1,0,[5]]"#,
            "field `entries`: the cluster has no node number 9",
        ),
        (r#""id":[1,0],"have":[9,1,[0,1]]"#, "field `have`: the cluster has no node number 9"),
        (r#""id":[1,0],"offer":["n9","n0",1,0]"#, "field `offer`: n9 is not in the cluster"),
        (r#""id":[1,0],"offer":[null,"n9",1,0]"#, "field `offer`: n9 is not in the cluster"),
        (r#""id":[1,0],"have":[],"have":[]"#, "`have` comes twice"),
    ] {
        let separator = if fields.is_empty() { "" } else { "," };
        let text =
            unreplied(&request(&format!(r#"{{"type":"rumormill","v":4{separator}{fields}}}"#)));
        assert!(text.contains(problem), "{fields}: {text}");
    }
}

#[test]
fn a_message_of_another_version_is_refused_and_not_decoded() {
    let from = |src: &str, fields: &str| {
        let body = format!(r#"{{"type":"rumormill"{fields},"id":[1,0]}}"#);
        format!(r#"{{"src":"{src}","dest":"n0","body":{body}}}"#)
    };
    assert!(parse(&from("n1", r#","v":4"#)).is_ok());
    assert!(unreplied(&from("n1", "")).starts_with("field `v` is missing: "));
    assert!(unreplied(&from("n1", r#","v":null"#)).starts_with("field `v`: expected an integer"));
    assert!(unreplied(&from("n1", r#","v":"1""#)).starts_with("field `v`: expected an integer"));
    for (src, peer) in [("n1", Some(NodeId(1))), ("n9", None)] {
        for version in [0, 2, u64::MAX] {
            // This node cannot know the meaning of the other version's fields.
            let fields = format!(r#","v":{version},"have":{{}}"#);
            let refusal = parse(&from(src, &fields)).unwrap_err();
            let text = format!(
                "{src} speaks protocol rumormill version {version}; this node speaks rumormill \
                 version 4: "
            );
            assert!(refusal.text.starts_with(&text), "{}", refusal.text);
            assert_eq!((refusal.reply, refusal.mismatch), (None, peer));
        }
    }
}

#[test]
fn a_message_of_another_protocol_is_named_as_such_if_a_peer_sent_it() {
    let from = |src: &str, body: &str| {
        parse(&format!(r#"{{"src":"{src}","dest":"n0","body":{body}}}"#)).unwrap_err()
    };
    let push = r#"{"type":"flood","v":1,"entry":["n1",1,0],"message":5}"#;
    let refusal = from("n1", push);
    let text = "n1 speaks protocol flood version 1; this node speaks rumormill version 4: ";
    assert!(refusal.text.starts_with(text), "{}", refusal.text);
    assert_eq!((refusal.reply, refusal.mismatch), (None, Some(NodeId(1))));
    // A protocol that this build has not heard of.
    let text = from("n2", r#"{"type":"plumtree","v":3}"#).text;
    assert!(text.starts_with("n2 speaks protocol plumtree version 3; this node "), "{text}");

    let refusal = from("c1", push);
    assert!(refusal.text.starts_with("field `msg_id` is missing"), "{}", refusal.text);
    assert_eq!(refusal.mismatch, None);
    let refusal = from("n1", r#"{"type":"flood","v":1,"msg_id":7}"#);
    assert!(refusal.text.starts_with("unknown type `flood`"), "{}", refusal.text);
    assert!(refusal.reply.is_some() && refusal.mismatch.is_none());
}

#[test]
fn before_init_no_message_of_a_peer_is_read() {
    let line = r#"{"src":"n1","dest":"n0","body":{"type":"rumormill","v":4,"id":[1,0]}}"#;
    let refusal = parse_line::<Gossip>(line.as_bytes(), None).unwrap_err();
    assert!(refusal.text.starts_with("rumormill from n1 before init: "), "{}", refusal.text);
    assert_eq!((refusal.reply, refusal.mismatch), (None, None));
}

#[test]
fn null_is_a_value_and_unknown_keys_are_ignored() {
    let line = request(r#"{"type":"broadcast","message":null,"msg_id":7,"extra":{"a":[1]}}"#);
    let null = Value::Json("null".into());
    let broadcast = Request::Broadcast { message: null };
    assert_eq!(parse(&line).unwrap().body, Body::Request { request: broadcast, msg_id: 7 });
    let read = request(r#" { "msg_id" : 7 , "type" : "\u0072ead" } "#);
    let body = Body::Request { request: Request::Read, msg_id: 7 };
    assert_eq!(parse(&format!("\t{read} \r")).unwrap().body, body);
}

#[test]
fn long_lines_are_quoted_in_part_and_on_one_line() {
    let long = "ü".repeat(100_000);
    for body in [
        format!(r#"{{"type":"{long}","msg_id":7}}"#),
        format!(r#"{{"type":"topology","topology":"{long}","msg_id":7}}"#),
        format!(r#"{{"type":"init","node_id":["{long}"],"node_ids":[],"msg_id":7}}"#),
        format!(r#"{{"type":"rumormill","v":4,"id":[1,1],"have":["{long}",1,[1]]}}"#),
        r#"{"type":"a\nb\u001b","msg_id":7}"#.to_owned(),
        long.clone(),
    ] {
        let text = parse(&request(&body)).unwrap_err().text;
        assert!(text.chars().count() <= PROBLEM_CHARS + LINE_CHARS + 50, "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    let text = parse_bytes(&[0xc3; 5000]).unwrap_err().text;
    assert!(text.chars().count() <= PROBLEM_CHARS + LINE_CHARS + 50, "{text}");
}

/// Draws any message that can be parsed.
struct Generator(Random);

impl Generator {
    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    fn list<T>(&mut self, max: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(max + 1)).map(|_| item(self)).collect()
    }

    fn name(&mut self) -> Name {
        NAMES[self.below(NAMES.len())].into()
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.below(NAMES.len()) as u32)
    }

    fn generation(&mut self) -> Generation {
        Generation(self.u64())
    }

    fn u64(&mut self) -> u64 {
        match self.below(4) {
            0 => 0,
            1 => u64::MAX,
            2 => self.0.random(),
            _ => self.0.random_range(0..1000),
        }
    }

    fn i64(&mut self) -> i64 {
        self.u64().cast_signed()
    }

    fn value(&mut self, depth: usize) -> Value {
        let json = match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => ["-0", "1.50", "1e400", "true", "null", "123456789012345678901234567890"]
                [self.below(6)]
            .to_owned(),
            1 => serde_json::to_string(&self.name()).unwrap(),
            4 => {
                let items = self.list(3, |random| random.value(depth - 1));
                serde_json::to_string(&items).unwrap()
            }
            5 => {
                let fields = self.list(3, |random| (random.name(), random.value(depth - 1)));
                serde_json::to_string(&fields.into_iter().collect::<BTreeMap<_, _>>()).unwrap()
            }
            _ => return Value::Int(self.i64()),
        };
        serde_json::from_str(&json).unwrap()
    }

    fn origin(&mut self) -> Origin {
        Origin { node: self.node(), generation: self.generation() }
    }

    fn entries(&mut self) -> Entries {
        let only_integers = self.below(2) == 0;
        let mut values = self.list(5, |random| random.value(if only_integers { 0 } else { 2 }));
        values.retain(|value| !only_integers || matches!(value, Value::Int(_)));
        values.push(Value::Int(self.i64()));
        Entries {
            origin: self.origin(),
            first: self.u64().min(u64::MAX - 6),
            values: values.into(),
        }
    }

    fn have(&mut self) -> Have {
        let mut bounds = self.list(6, Self::u64);
        bounds.sort_unstable();
        let ranges: Ranges = bounds.as_chunks().0.iter().map(|&[start, end]| start..end).collect();
        Have { origin: self.origin(), ranges }
    }

    fn gossip(&mut self) -> Gossip {
        let mut have = self.list(4, Self::have);
        have.sort_by_key(|have| have.origin);
        have.dedup_by(|a, b| a.origin == b.origin);
        let ack = (self.below(2) == 0).then(|| {
            let mut numbers = self.have().ranges;
            numbers.insert(7..8);
            Ack { generation: self.generation(), numbers, held_us: self.u64() }
        });
        let pulse = (self.below(2) == 0).then(|| Pulse {
            period_us: self.u64(),
            age_us: self.u64(),
            distance_us: self.u64(),
        });
        let offer = (self.below(2) == 0).then(|| TreeOffer {
            parent: (self.below(2) == 0).then(|| self.node()),
            root: self.node(),
            depth: self.below(9) as u32,
            age_us: self.u64(),
        });
        Gossip {
            generation: self.generation(),
            number: self.u64().min(u64::MAX - 1),
            ack,
            entries: self.list(3, Self::entries).into(),
            have,
            checksum: (self.below(2) == 0).then(|| (self.u64(), self.u64())),
            is_digest: self.below(2) == 0,
            is_probe: self.below(2) == 0,
            forward: [Forward::No, Forward::Mail, Forward::Tree, Forward::Flood][self.below(4)],
            is_paced: self.below(2) == 0,
            is_lossy: self.below(2) == 0,
            pulse,
            offer,
        }
    }

    fn message(&mut self) -> Message {
        let msg_id = self.i64();
        let body = match self.below(6) {
            0 => {
                let node_id = self.name();
                let node_ids = Arc::new(self.list(5, Self::name).into());
                Body::Init { node_id, node_ids, msg_id }
            }
            1 => {
                let edges = self.list(4, |random| (random.name(), random.list(3, Self::name)));
                let edges: BTreeMap<_, _> = edges.into_iter().collect();
                Body::Topology { topology: Arc::new(edges.into()), msg_id }
            }
            2 => {
                let request = Request::Broadcast { message: self.value(3) };
                Body::Request { request, msg_id }
            }
            3 => Body::Request { request: Request::Read, msg_id },
            _ => Body::Peer(Named::new(self.gossip(), nodes())),
        };
        Message { src: self.name(), dest: self.name(), body }
    }
}

fn line_of(message: &Message) -> Vec<u8> {
    let mut line = Vec::new();
    message.write_line(&mut line);
    line
}

#[test]
fn what_is_written_is_read_back_exactly() {
    let mut random = Generator(Random::seed_from_u64(1));
    for _ in 0..20_000 {
        let message = random.message();
        let line = line_of(&message);
        assert_eq!(parse_bytes(&line), Ok(message), "{}", String::from_utf8_lossy(&line));
    }
}

#[test]
fn damaged_lines_are_read_or_refused_in_one_short_line() {
    let mut random = Generator(Random::seed_from_u64(2));
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut line = line_of(&random.message());
        for _ in 0..=random.below(3) {
            let (at, length) = (random.below(line.len()), random.below(4));
            match random.below(4) {
                0 => line[at] = random.0.random(),
                1 => line.truncate(at + 1),
                2 => drop(line.drain(at..(at + length).min(line.len()))),
                _ => {
                    let other = b"[]{}\",:-0null\\"[random.below(14)];
                    line.insert(at, other);
                }
            }
            if line.is_empty() {
                line.push(b' ');
            }
        }
        match parse_bytes(&line) {
            // An accepted message is one like any other.
            Ok(message) => assert_eq!(parse_bytes(&line_of(&message)), Ok(message)),
            Err(refusal) => {
                refused += 1;
                assert!(refusal.text.chars().count() < 1000 && !refusal.text.contains('\n'));
            }
        }
    }
    assert!(refused > 10_000, "{refused}");
}
