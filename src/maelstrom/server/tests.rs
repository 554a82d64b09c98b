use super::*;
use crate::protocols::flood::{Config, Flood, Push};
use crate::service::Broadcast;
use crate::value::Value;

type Node = Server<Flood, Broadcast>;

const INIT: &str = r#"{"type":"init","node_id":"n0","node_ids":["n0","n1","n2"],"msg_id":1}"#;

/// Hands the node a line as the driver does.
fn feed(node: &mut Node, src: &str, body: &str) {
    let line = format!(r#"{{"src":"{src}","dest":"n0","body":{body}}}"#);
    match node.parse_line(line.as_bytes()) {
        Ok(message) => node.handle_message(Instant::ZERO, message),
        Err(refusal) => node.handle_refusal(Instant::ZERO, refusal),
    }
}

fn sent(node: &mut Node) -> Vec<Message<Push>> {
    std::iter::from_fn(|| node.poll_transmit()).collect()
}

fn log(node: &mut Node) -> Vec<String> {
    std::iter::from_fn(|| node.poll_log()).collect()
}

/// A node that has not been told its name.
fn unnamed() -> Node {
    Node::new(Config::default(), 1, Generation(7))
}

/// The node `n0`.
fn node() -> Node {
    let mut node = unnamed();
    feed(&mut node, "c1", INIT);
    assert!(matches!(sent(&mut node)[0].body, Body::InitOk { in_reply_to: 1 }));
    node
}

/// The code and the text of the error that a request is answered with.
fn refused(node: &mut Node, body: &str) -> (u16, String) {
    feed(node, "c1", body);
    let mut replies = sent(node);
    match replies.pop().map(|reply| reply.body) {
        Some(Body::Error { in_reply_to: 1, code, text }) if replies.is_empty() => {
            (code.number(), text)
        }
        other => panic!("{body}: {other:?}, {replies:?}"),
    }
}

#[test]
fn init_names_a_list_without_repetition_that_has_the_node() {
    let init = |id: &str, ids: &str| {
        let body = format!(r#"{{"type":"init","node_id":"{id}","node_ids":{ids},"msg_id":1}}"#);
        let mut node = unnamed();
        let answer = refused(&mut node, &body);
        assert_eq!((node.name(), node.refused()), (None, 1));
        answer
    };
    let (code, text) = init("x", r#"["a","b"]"#);
    assert_eq!((code, &*text), (12, "init: node_id: x is not one of node_ids"));
    let (code, text) = init("a", r#"["a","a"]"#);
    assert_eq!((code, &*text), (12, "init: node_ids: a is listed twice"));
}

#[test]
fn a_topology_with_a_stranger_is_refused_and_changes_nothing() {
    let mut node = node();
    let before = format!("{:?}", node.protocol());
    let (code, text) =
        refused(&mut node, r#"{"type":"topology","topology":{"n0":["z"]},"msg_id":1}"#);
    assert_eq!((code, &*text), (12, "topology: z is not in the cluster"));
    assert_eq!(format!("{:?}", node.protocol()), before);
}

#[test]
fn a_submitted_value_is_read_here_before_its_acknowledgement_and_named_in_order() {
    let mut node = node();
    for (value, expected) in [(5, 1), (5, 1), (6, 2)] {
        let body = format!(r#"{{"type":"broadcast","message":{value},"msg_id":2}}"#);
        feed(&mut node, "c1", &body);
        assert_eq!(node.submitted(), expected);
        assert!(node.service().contains(&Value::Int(value)));
    }
    let (pushes, replies): (Vec<_>, Vec<_>) =
        sent(&mut node).into_iter().partition(|message| matches!(message.body, Body::Peer(_)));
    assert_eq!((pushes.len(), replies.len()), (4, 3));
    let sequences = pushes.iter().filter_map(|message| match &message.body {
        Body::Peer(push) => Some(push.message().entry().id.sequence),
        _ => None,
    });
    assert_eq!(sequences.collect::<Vec<_>>(), [0, 0, 1, 1]);
}

#[test]
fn a_peer_of_another_protocol_or_version_is_logged_once_and_counted_always() {
    let mut node = node();
    let foreign = r#"{"type":"rumormill","v":1,"gen":1,"n":0}"#;
    let newer = r#"{"type":"flood","v":2,"entries":[]}"#;
    (0..3).for_each(|_| feed(&mut node, "n1", foreign));
    (0..3).for_each(|_| feed(&mut node, "n2", newer));
    (0..3).for_each(|_| feed(&mut node, "n1", foreign));
    let lines = log(&mut node);
    let expected = [
        "refused: n1 speaks protocol rumormill version 1; this node speaks flood version 1: ",
        "refused: n2 speaks protocol flood version 2; this node speaks flood version 1: ",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{line}");
    }
    assert_eq!(node.refused(), 9);
    assert!(sent(&mut node).is_empty(), "no message between nodes is answered");
    // Strangers are logged each time: there may be any number of them.
    (0..2).for_each(|_| feed(&mut node, "n9", newer));
    assert_eq!(log(&mut node).len(), 2);
}

#[test]
fn messages_of_strangers_and_of_the_node_itself_are_refused() {
    let mut node = node();
    let push = r#"{"type":"flood","v":1,"entry":["n1",1,0],"message":5}"#;
    feed(&mut node, "n9", push);
    feed(&mut node, "n0", push);
    let lines = log(&mut node);
    assert_eq!(
        lines,
        ["n9", "n0"].map(|src| format!("refused: a message of {src}, which is not a peer"))
    );
    assert!(!node.service().contains(&Value::Int(5)));
    feed(&mut node, "n1", push);
    assert!(node.service().contains(&Value::Int(5)));
}
