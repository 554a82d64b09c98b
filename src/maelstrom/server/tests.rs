use super::*;
use crate::journal::Run;
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
    let foreign = r#"{"type":"rumormill","v":4,"id":[1,0]}"#;
    let newer = r#"{"type":"flood","v":2,"entries":[]}"#;
    (0..3).for_each(|_| feed(&mut node, "n1", foreign));
    (0..3).for_each(|_| feed(&mut node, "n2", newer));
    (0..3).for_each(|_| feed(&mut node, "n1", foreign));
    let lines = log(&mut node);
    let expected = [
        "refused: n1 speaks protocol rumormill version 4; this node speaks flood version 1: ",
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

/// The node `n0` of generation 8, with a journal that has `restored` in it, and not on disk yet.
fn durable(restored: Vec<Run>) -> Node {
    let mut node = unnamed().with_journal();
    feed(&mut node, "c1", INIT);
    assert_eq!(node.poll_open().as_deref(), Some("n0"));
    assert_eq!(node.poll_open(), None);
    assert!(sent(&mut node).is_empty() && node.name().is_none());
    node.handle_opened(Instant::ZERO, Generation(8));
    restored.into_iter().for_each(|run| node.handle_restored(Instant::ZERO, run).unwrap());
    node
}

fn sync(node: &mut Node) -> Vec<Run> {
    let batch = node.poll_append().unwrap();
    node.handle_synced(Instant::ZERO, batch.upto);
    batch.runs
}

fn kinds(node: &mut Node) -> Vec<&'static str> {
    sent(node).iter().map(|message| message.body.kind()).collect()
}

fn run(node: &str, generation: u64, first: u64, values: &[i64]) -> Run {
    let values = values.iter().copied().map(Value::Int).collect();
    Run { node: node.into(), generation: Generation(generation), first, values }
}

const SUBMIT: &str = r#"{"type":"broadcast","message":5,"msg_id":1}"#;
const READ: &str = r#"{"type":"read","msg_id":1}"#;
const PUSH: &str = r#"{"type":"flood","v":1,"entry":["n1",1,0],"message":6}"#;

#[test]
fn nothing_leaves_before_what_it_vouches_for_is_on_disk() {
    let mut node = durable(vec![]);
    assert!(kinds(&mut node).is_empty(), "the generation is not on disk");
    assert_eq!((sync(&mut node), kinds(&mut node)), (vec![], vec!["init_ok"]));
    feed(&mut node, "c1", READ);
    assert_eq!((kinds(&mut node), node.poll_append()), (vec!["read_ok"], None));
    feed(&mut node, "c1", SUBMIT);
    feed(&mut node, "n1", PUSH);
    feed(&mut node, "c1", READ);
    assert!(kinds(&mut node).is_empty());
    let first = node.poll_append().unwrap();
    assert_eq!(first.runs, [run("n0", 8, 0, &[5]), run("n1", 1, 0, &[6])]);
    feed(&mut node, "c1", &SUBMIT.replace('5', "7"));
    node.handle_synced(Instant::ZERO, first.upto);
    // The acknowledgement and the two pushes, the push on, and the read.
    let kinds_of_first = ["broadcast_ok", "flood", "flood", "flood", "read_ok"];
    let mut left = kinds(&mut node);
    left.sort_unstable();
    assert_eq!(left, kinds_of_first);
    assert_eq!(sync(&mut node), [run("n0", 8, 1, &[7])]);
    assert_eq!(kinds(&mut node).len(), 3);
}

#[test]
fn consecutive_entries_of_one_origin_are_written_as_one_run() {
    let mut node = durable(vec![]);
    for value in 0..3 {
        feed(&mut node, "c1", &SUBMIT.replace('5', &value.to_string()));
    }
    feed(&mut node, "n1", PUSH);
    feed(&mut node, "c1", SUBMIT);
    let runs = [run("n0", 8, 0, &[0, 1, 2]), run("n1", 1, 0, &[6]), run("n0", 8, 3, &[5])];
    assert_eq!(sync(&mut node), runs);
}

#[test]
fn entries_of_earlier_generations_are_held_and_neither_sent_nor_written_again() {
    let mut node = durable(vec![run("n0", 7, 0, &[1, 2]), run("n1", 1, 0, &[6])]);
    assert_eq!((sync(&mut node), kinds(&mut node)), (vec![], vec!["init_ok"]));
    assert_eq!(&**node.service().read_text(), "1,2,6");
    feed(&mut node, "n1", PUSH);
    assert!(kinds(&mut node).is_empty() && node.poll_append().is_none());
    feed(&mut node, "c1", SUBMIT);
    assert_eq!(sync(&mut node), [run("n0", 8, 0, &[5])]);
    let stranger = node.handle_restored(Instant::ZERO, run("n9", 1, 0, &[1])).unwrap_err();
    assert_eq!(stranger, "it has entries of n9, which is not in the cluster of this node");
}

#[test]
fn a_node_that_comes_back_with_entries_begins_by_itself_unless_it_is_told_its_neighbours() {
    let resume = Instant::from_micros(1_000_000);
    let back = || durable(vec![run("n0", 7, 0, &[1]), run("n1", 1, 0, &[6])]);
    assert_eq!(durable(vec![]).poll_timeout(), None);
    let mut node = back();
    assert_eq!(node.poll_timeout(), Some(resume));
    node.handle_timeout(resume);
    assert_eq!(node.poll_timeout(), None);
    let mut node = back();
    feed(&mut node, "c1", r#"{"type":"topology","topology":{"n0":["n1"]},"msg_id":2}"#);
    assert_eq!(node.poll_timeout(), None);
}

#[test]
fn while_the_disk_fails_requests_are_refused_and_nothing_is_taken_or_sent() {
    let mut node = durable(vec![]);
    sync(&mut node);
    sent(&mut node);
    feed(&mut node, "c1", SUBMIT);
    let batch = node.poll_append().unwrap();
    (0..3).for_each(|_| node.handle_disk_failure(Instant::ZERO, "no space"));
    assert_eq!(log(&mut node).len(), 1);
    for body in [SUBMIT, READ] {
        let error = (11, "the journal cannot be written: no space".to_owned());
        assert_eq!(refused(&mut node, body), error);
    }
    feed(&mut node, "n1", PUSH);
    assert!(sent(&mut node).is_empty() && node.poll_append().is_none());
    assert_eq!(log(&mut node), [""; 0]);
    node.handle_synced(Instant::ZERO, batch.upto);
    assert_eq!(log(&mut node), ["the journal can be written again"]);
    // Values accepted before are acknowledged now, and the peer's message was lost.
    assert_eq!(kinds(&mut node), ["broadcast_ok", "flood", "flood"]);
    feed(&mut node, "n1", PUSH);
    assert_eq!(sync(&mut node), [run("n1", 1, 0, &[6])]);
}

/// A protocol that gossips by a timer waits for `topology`; some workloads have none.
#[test]
fn without_a_topology_to_come_a_protocol_begins_when_all_nodes_must_be_there() {
    use crate::protocols::heartbeat::HeartbeatGossip;
    use crate::service::{AnyService, Workload};

    let begins_at = |workload| {
        let mut node: Server<HeartbeatGossip, AnyService> =
            Server::new(Default::default(), 1, Generation(7))
                .with_service(AnyService::new(workload));
        let line = format!(r#"{{"src":"c1","dest":"n0","body":{INIT}}}"#);
        let init = node.parse_line(line.as_bytes()).expect("a message");
        node.handle_message(Instant::ZERO, init);
        let begins_at = node.poll_timeout();
        if let Some(at) = begins_at {
            node.handle_timeout(at);
            // From then on it has a timer of its own.
            assert!(node.poll_timeout().is_some_and(|next| next > at));
        }
        begins_at
    };
    assert_eq!(begins_at(Workload::GSet), Some(Instant::ZERO.after(SETUP)));
    assert_eq!(begins_at(Workload::Broadcast), None);
}
