//! Whatever comes in, the node answers or logs one line, and goes on serving.

mod support;

use rumormill::maelstrom::message::VALUE_BYTES_MAX;
use serde_json::{Value, json};
use support::Process;

/// What a node does with a bad line.
enum Expect {
    /// An error reply to request 7 with this code, whose text contains this.
    Error(u16, &'static str),
    /// A line on stderr that contains this, and no reply.
    Log(&'static str),
}
use Expect::{Error, Log};

/// Sends the line to a running node and checks its reaction and that it goes on.
fn assert_reaction(line: &[u8], expect: &Expect) {
    let shown = String::from_utf8_lossy(&line[..line.len().min(300)]).into_owned();
    let mut node = Process::started();
    node.write(line);
    node.write(b"\n");
    if let Error(code, text) = expect {
        let body = node.body();
        assert_eq!(body["type"], "error", "{shown}: {body}");
        assert_eq!((&body["in_reply_to"], &body["code"]), (&json!(7), &json!(code)), "{shown}");
        assert!(body["text"].as_str().unwrap().contains(text), "{shown}: {body}");
    }
    node.assert_serves(&json!(5));
    let end = node.end();
    assert!(end.status.success() && end.lines.is_empty(), "{shown}: {:?}", end.lines);
    if let Log(text) = expect {
        let lines = end.log.lines().filter(|line| line.contains(text)).count();
        assert_eq!(lines, 1, "{shown}: {}", end.log);
    }
    assert!(!end.log.contains("panicked"), "{shown}: {}", end.log);
}

fn assert_reactions(cases: &[(&str, Expect)]) {
    for (line, expect) in cases {
        assert_reaction(line.as_bytes(), expect);
    }
}

fn assert_reactions_to_bodies(cases: &[(&str, Expect)]) {
    for (body, expect) in cases {
        let line = format!(r#"{{"src":"c1","dest":"n0","body":{body}}}"#);
        assert_reaction(line.as_bytes(), expect);
    }
}

#[test]
fn lines_that_are_no_message_are_logged() {
    assert_reactions(&[
        ("hello", Log("not JSON")),
        ("{\"src\":\"c1\",", Log("not JSON")),
        ("{\"src\":\"c1\0\"}", Log("not JSON")),
        ("\0\0\0", Log("not JSON")),
        ("[1,2]", Log("not a JSON object")),
        ("17", Log("not a JSON object")),
        (r#"{"src":"c1","dest":"n0"}"#, Log("`body` is missing")),
        (r#"{"src":"c1","dest":"n0","body":"read"}"#, Log("`body`: expected an object")),
        (r#"{"dest":"n0","body":{"type":"read","msg_id":7}}"#, Log("`src` is missing")),
        (r#"{"src":{},"dest":"n0","body":{"type":"read","msg_id":7}}"#, Log("`src`: expected")),
    ]);
    assert_reaction(b"{\"src\":\"c\xff\"}", &Log("not UTF-8"));
    assert_reaction(&[0xff; 100_000], &Log("not UTF-8"));
    let deep = "[".repeat(1_000_000);
    assert_reaction(deep.as_bytes(), &Log("not a JSON object"));
}

#[test]
fn requests_that_cannot_be_met_are_answered() {
    assert_reactions_to_bodies(&[
        (r#"{"type":"cas","msg_id":7}"#, Error(10, "`cas`")),
        (r#"{"msg_id":7}"#, Error(12, "`type` is missing")),
        (r#"{"type":["read"],"msg_id":7}"#, Error(12, "`type`: expected a string")),
        (r#"{"type":"broadcast","msg_id":7}"#, Error(12, "`message` is missing")),
        (r#"{"type":"broadcast","message":"\ud800","msg_id":7}"#, Error(12, "`message`")),
        (r#"{"type":"topology","msg_id":7}"#, Error(12, "`topology` is missing")),
        (r#"{"type":"topology","topology":7,"msg_id":7}"#, Error(12, "`topology`: expected")),
        (r#"{"type":"init","node_id":7,"node_ids":[],"msg_id":7}"#, Error(12, "`node_id`")),
        (r#"{"type":"init","node_id":"n0","msg_id":7}"#, Error(12, "`node_ids` is missing")),
        (r#"{"type":"read","type":"read","msg_id":7}"#, Error(12, "`type` comes twice")),
    ]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"type":"broadcast","message":{deep},"msg_id":7}}"#);
    assert_reactions_to_bodies(&[(&body, Error(12, "`message`"))]);
}

#[test]
fn requests_that_cannot_be_answered_are_logged() {
    assert_reactions_to_bodies(&[
        (r#"{"type":"read"}"#, Log("`msg_id` is missing")),
        (r#"{"type":"broadcast","message":5}"#, Log("`msg_id` is missing")),
        (r#"{"type":"read","msg_id":null}"#, Log("`msg_id`: expected an integer")),
        (r#"{"type":"read","msg_id":1.5}"#, Log("`msg_id`: expected an integer")),
        (r#"{"type":"read","msg_id":1e999}"#, Log("`msg_id`: expected an integer")),
        (r#"{"type":"read","msg_id":99999999999999999999}"#, Log("`msg_id`: expected an integer")),
        (r#"{"type":"broadcast_ok","in_reply_to":7}"#, Log("a reply")),
        (r#"{"type":"error","in_reply_to":7,"code":10,"text":"no"}"#, Log("a reply")),
        (r#"{"type":"cas","in_reply_to":1,"msg_id":7}"#, Log("a reply")),
    ]);
}

#[test]
fn bad_gossip_is_logged_and_never_answered() {
    let cases = [
        (r#"{"type":"rumormill","v":4,"msg_id":7}"#, "`id` is missing"),
        (r#"{"type":"rumormill","v":4,"id":[1,0],"entries":7}"#, "`entries`"),
        (r#"{"type":"rumormill","v":4,"id":[1,0],"entries":[0,1,0,[]]}"#, "without values"),
        (r#"{"type":"rumormill","v":4,"id":[1,0],"have":[0,1,[4,4]]}"#, "bad ranges"),
        (r#"{"type":"rumormill","v":4,"id":[1,0],"have":[0,1,[0,1,2]]}"#, "bad ranges"),
    ];
    for (body, text) in cases {
        let line = format!(r#"{{"src":"n1","dest":"n0","body":{body}}}"#);
        assert_reaction(line.as_bytes(), &Log(text));
    }
}

#[test]
fn requests_before_init_are_answered_with_error_11() {
    let mut node = Process::start(&[]);
    for kind in ["broadcast", "read", "topology"] {
        node.send(&json!({"type": kind, "message": 1, "topology": {}, "msg_id": 7}));
        let body = node.body();
        assert_eq!((&body["type"], &body["code"]), (&json!("error"), &json!(11)), "{body}");
    }
    node.init();
    node.assert_serves(&json!(5));
    assert!(node.end().status.success());
}

#[test]
fn a_second_init_is_answered_with_error_22() {
    let mut node = Process::started();
    node.send(&json!({"type": "init", "node_id": "n1", "node_ids": ["n0", "n1"], "msg_id": 7}));
    let body = node.body();
    assert_eq!((&body["type"], &body["code"]), (&json!("error"), &json!(22)), "{body}");
    node.assert_serves(&json!(5));
}

#[test]
fn gossip_from_a_stranger_is_logged() {
    let line = r#"{"src":"n9","dest":"n0","body":{"type":"rumormill","v":4,"id":[1,0]}}"#;
    assert_reaction(line.as_bytes(), &Log("n9"));
}

#[test]
fn blank_lines_and_carriage_returns_are_no_errors() {
    let mut node = Process::started();
    node.write(b"\n\r\n  \t \n\n");
    let read = r#"{"src":"c1","dest":"n0","body":{"type":"read","msg_id":2}}"#;
    node.write(format!("{read}\r\n").as_bytes());
    assert_eq!(node.body(), json!({"type": "read_ok", "messages": [], "in_reply_to": 2}));
    let end = node.end();
    assert!(end.status.success() && end.lines.is_empty());
    assert_eq!(end.log.lines().count(), 1, "only the line at start: {}", end.log);
}

#[test]
fn null_is_a_value() {
    let mut node = Process::started();
    node.assert_serves(&Value::Null);
}

#[test]
fn a_line_of_100_mb_of_garbage_is_logged_in_part() {
    let garbage = vec![b'x'; 100_000_000];
    assert_reaction(&garbage, &Log("not JSON"));
}

#[test]
fn a_value_too_large_for_a_message_between_nodes_is_refused() {
    let value = "x".repeat(VALUE_BYTES_MAX - 1);
    let body = format!(r#"{{"type":"broadcast","message":"{value}","msg_id":7}}"#);
    assert_reactions_to_bodies(&[(&body, Error(12, "`message`: expected at most"))]);
}

#[test]
fn a_value_of_100_mb_is_a_value() {
    const BYTES: usize = 100_000_000;
    let mut node = Process::started();
    node.write(br#"{"src":"c1","dest":"n0","body":{"type":"broadcast","msg_id":2,"message":""#);
    node.write(&vec![b'x'; BYTES]);
    node.write(b"\"}}\n");
    assert_eq!(node.body(), json!({"type": "broadcast_ok", "in_reply_to": 2}));
    node.send(&json!({"type": "read", "msg_id": 3}));
    let reply = node.line();
    assert_eq!(reply.iter().filter(|&&byte| byte == b'x').count(), BYTES);
    assert!(node.end().status.success());
}
