//! The process and its pipes: start, end, arguments.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rumormill::maelstrom::record::{Event, Output, Records};
use rumormill::protocols::flood::Flood;
use rumormill::protocols::rumormill::Rumormill;
use serde_json::json;
use support::{Guarded, Process, assert_replays};

/// A node with three pipes.
fn piped(args: &[&str]) -> Guarded {
    let [input, output, log] = [(); 3].map(|()| Stdio::piped());
    let mut command = Command::new(env!("CARGO_BIN_EXE_rumormill"));
    Guarded::spawn(command.args(args).stdin(input).stdout(output).stderr(log))
}

/// The text that a node prints instead of running.
fn printed(args: &[&str]) -> String {
    let child = piped(args);
    let [mut text, mut log] = [String::new(), String::new()];
    child.with(|child| child.stdout.take()).unwrap().read_to_string(&mut text).unwrap();
    child.with(|child| child.stderr.take()).unwrap().read_to_string(&mut log).unwrap();
    assert!(child.wait().success() && log.is_empty(), "{log}");
    text
}

#[test]
fn the_end_of_the_input_is_the_end_of_the_node() {
    let mut node = Process::started();
    node.assert_serves(&json!(1));
    let end = node.end();
    assert_eq!(end.status.code(), Some(0));
    assert!(end.lines.is_empty());
}

#[test]
fn the_last_line_needs_no_newline() {
    let mut node = Process::started();
    node.write(br#"{"src":"c1","dest":"n0","body":{"type":"read","msg_id":2}}"#);
    let end = node.end();
    assert_eq!(end.lines.len(), 1);
    assert_eq!(end.lines[0]["body"], json!({"type": "read_ok", "messages": [], "in_reply_to": 2}));
}

#[test]
fn no_input_at_all_is_no_error() {
    let end = Process::start(&[]).end();
    assert_eq!(end.status.code(), Some(0));
    assert!(end.lines.is_empty());
}

#[test]
fn a_node_whose_output_nobody_reads_ends_quietly() {
    let child = piped(&[]);
    drop(child.with(|child| child.stdout.take()));
    let mut input = child.with(|child| child.stdin.take()).unwrap();
    let mut log = child.with(|child| child.stderr.take()).unwrap();
    let body = json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1});
    let init = format!("{}\n", json!({"src": "c1", "dest": "n0", "body": body}));
    // The input stays open: the node ends because of its output. It may write to it a few times
    // before that, because another test's child process holds the pipe until it begins its program.
    while child.with(|child| child.try_wait().unwrap()).is_none() {
        let _ = input.write_all(init.as_bytes());
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(child.wait().code(), Some(0));
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    let is_quiet = |line: &str| line.contains("version") || line.contains("the node is n0 already");
    assert!(text.lines().all(is_quiet), "{text}");
}

#[test]
fn a_node_whose_log_nobody_reads_goes_on() {
    let child = piped(&[]);
    drop(child.with(|child| child.stderr.take()));
    let mut input = child.with(|child| child.stdin.take()).unwrap();
    let init = json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1});
    write!(input, "garbage\n{}\n", json!({"src": "c1", "dest": "n0", "body": init})).unwrap();
    let output = child.with(|child| child.stdout.take()).unwrap();
    let mut reply = String::new();
    BufReader::new(output).read_line(&mut reply).unwrap();
    assert!(reply.contains("init_ok"), "{reply}");
    drop(input);
    assert_eq!(child.wait().code(), Some(0));
}

/// A node whose stderr is a pipe that nobody drains, and which has more to say than the pipe takes.
fn assert_goes_on_undrained(args: &[&str]) {
    let child = piped(args);
    let undrained = child.with(|child| child.stderr.take());
    let mut input = child.with(|child| child.stdin.take()).unwrap();
    let output = child.with(|child| child.stdout.take()).unwrap();
    let mut replies = BufReader::new(output).lines();
    let mut request = |body: &serde_json::Value| {
        let bad_lines = format!("{}\n", "x".repeat(250)).repeat(100);
        writeln!(input, "{bad_lines}{}", json!({"src": "c1", "dest": "n0", "body": body})).unwrap();
        replies.next().unwrap().unwrap()
    };
    request(&json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1}));
    for value in 0..30 {
        let reply = request(&json!({"type": "broadcast", "message": value, "msg_id": 2}));
        assert!(reply.contains("broadcast_ok"), "{reply}");
    }
    drop(input);
    assert_eq!(child.wait().code(), Some(0));
    drop(undrained);
}

#[test]
fn a_node_whose_log_is_not_drained_goes_on() {
    assert_goes_on_undrained(&[]);
    assert_goes_on_undrained(&["--record"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_node_whose_record_cannot_be_written_says_so_once_and_goes_on() {
    let mut node = Process::start(&["--record", "/dev/full"]);
    node.init();
    (0..3).for_each(|value| node.assert_serves(&json!(value)));
    let end = node.end();
    assert_eq!(end.status.code(), Some(0));
    assert_eq!(end.log.matches("recording has ended: No space left").count(), 1, "{}", end.log);
}

#[test]
fn arguments_are_read_and_mistakes_are_named() {
    let start = Process::start(&["--seed=42", "--window", "1.5s"]).end();
    assert_eq!(start.status.code(), Some(0));
    assert!(start.log.contains("seed 42"), "{}", start.log);

    let mistake = Process::start(&["--windwo", "5"]).end();
    assert_eq!(mistake.status.code(), Some(2));
    assert_eq!(mistake.log, "rumormill: unknown flag \"--windwo\"; see --help\n");

    let text = printed(&["--help"]);
    assert!(text.contains("--window TIME") && text.contains("default"), "{text}");

    assert_eq!(printed(&["--version"]), format!("rumormill {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_record_on_stderr_replays_among_other_lines() {
    let mut node = Process::start(&["--record", "--seed=7"]);
    node.init();
    node.write(b"garbage\n{\"src\":1}\n\xff\xfe\n");
    node.assert_serves(&json!({"any": ["json", 1.50, "\u{e9}"]}));
    (0..2_000).for_each(|value| node.assert_serves(&json!(value)));
    let end = node.end();
    let records = assert_replays(end.log.as_bytes());
    let [life] = &*records.lives else { panic!("{records:?}") };
    assert_eq!(life.header.seed, 7);
    assert!(matches!(life.events.last(), Some((_, Event::End(_)))));
    assert!(records.other_lines >= 4 && !records.is_cut, "{}", records.other_lines);
    let is_long = |output: &Output| output.to_string().contains("\"count\":");
    assert!(
        life.events
            .iter()
            .any(|(_, event)| matches!(event, Event::Output(output) if is_long(output)))
    );
}

#[test]
fn a_killed_node_leaves_a_record_of_all_it_answered() {
    let path = format!("{}/killed.record", env!("CARGO_TARGET_TMPDIR"));
    let child = piped(&["--record", &path]);
    let mut input = child.with(|child| child.stdin.take()).unwrap();
    let mut replies = BufReader::new(child.with(|child| child.stdout.take()).unwrap()).lines();
    let init = json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1});
    writeln!(input, "{}", json!({"src": "c1", "dest": "n0", "body": init})).unwrap();
    replies.next().unwrap().unwrap();
    for value in 0..100 {
        let body = json!({"type": "broadcast", "message": value, "msg_id": value + 2});
        writeln!(input, "{}", json!({"src": "c1", "dest": "n0", "body": body})).unwrap();
        replies.next().unwrap().unwrap();
    }
    child.with(|child| child.kill().unwrap());
    child.wait();
    let records = assert_replays(&std::fs::read(&path).unwrap());
    let outputs = records.lives[0].events.iter().filter(|(_, e)| matches!(e, Event::Output(_)));
    assert_eq!(outputs.count(), 101);
}

#[test]
fn a_file_that_cannot_be_recorded_to_is_an_error() {
    let end = Process::start(&["--record=/"]).end();
    assert_eq!(end.status.code(), Some(1));
    assert!(end.log.contains("cannot record to /: "), "{}", end.log);
}

/// A node of the cluster of `n0` and `n1`.
fn member(name: &str, args: &[&str]) -> Process {
    let mut node = Process::start(args);
    let node_ids = ["n0", "n1"];
    tell(
        &mut node,
        "c1",
        &json!({"type": "init", "node_id": name, "node_ids": node_ids, "msg_id": 1}),
    );
    assert_eq!(next(&mut node)["body"], json!({"type": "init_ok", "in_reply_to": 1}));
    node
}

fn tell(node: &mut Process, src: &str, body: &serde_json::Value) {
    let message = json!({"src": src, "dest": "any", "body": body});
    node.write(format!("{message}\n").as_bytes());
}

fn next(node: &mut Process) -> serde_json::Value {
    serde_json::from_slice(&node.line()).unwrap()
}

const FLOOD: [&str; 2] = ["--protocol", "flood"];

#[test]
fn nodes_that_flood_pass_each_value_on_once() {
    let (mut n0, mut n1) = (member("n0", &FLOOD), member("n1", &FLOOD));
    tell(&mut n0, "c1", &json!({"type": "broadcast", "message": [1, null], "msg_id": 2}));
    let sent = [next(&mut n0), next(&mut n0)];
    let (pushes, replies): (Vec<_>, Vec<_>) =
        sent.into_iter().partition(|message| message["dest"] == "n1");
    assert_eq!(replies[0]["body"], json!({"type": "broadcast_ok", "in_reply_to": 2}));
    let push = &pushes[0]["body"];
    assert_eq!((&push["type"], &push["v"]), (&json!("flood"), &json!(1)), "{push}");
    assert_eq!(push["message"], json!([1, null]), "{push}");

    (0..2).for_each(|_| tell(&mut n1, "n0", push));
    tell(&mut n1, "c2", &json!({"type": "read", "msg_id": 3}));
    let read_ok = json!({"type": "read_ok", "messages": [[1, null]], "in_reply_to": 3});
    assert_eq!(next(&mut n1)["body"], read_ok);
    for node in [n0, n1] {
        let end = node.end();
        assert!(end.status.success() && end.lines.is_empty(), "{:?}", end.lines);
        assert!(end.log.contains(", flood, broadcast, seed "), "{}", end.log);
        assert_eq!(end.log.lines().count(), 1, "{}", end.log);
    }
}

#[test]
fn a_flag_of_one_protocol_is_a_mistake_with_another() {
    let end = Process::start(&["--route", "hub", "--protocol", "flood"]).end();
    assert_eq!(end.status.code(), Some(2));
    assert_eq!(end.log, "rumormill: --route is no flag of protocol flood; see --help\n");
    let text = printed(&["--protocol", "flood", "--help"]);
    assert!(text.contains("* flood") && !text.contains("--route"), "{text}");
}

#[test]
fn a_peer_of_another_protocol_is_named_once() {
    let mut node = member("n1", &[]);
    let push = json!({"type": "flood", "v": 1, "entry": ["n0", 7, 0], "message": 5});
    (0..3).for_each(|_| tell(&mut node, "n0", &push));
    tell(&mut node, "c1", &json!({"type": "read", "msg_id": 2}));
    let read_ok = json!({"type": "read_ok", "messages": [], "in_reply_to": 2});
    assert_eq!(next(&mut node)["body"], read_ok);
    let log = node.end().log;
    let words = "n0 speaks protocol flood version 1; this node speaks rumormill version 4";
    assert_eq!(log.matches(words).count(), 1, "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
}

#[test]
fn a_record_names_the_protocol() {
    let mut node = member("n0", &["--protocol=flood", "--record"]);
    tell(&mut node, "c1", &json!({"type": "read", "msg_id": 2}));
    next(&mut node);
    let records = Records::read(node.end().log.as_bytes()).unwrap();
    let header = &records.lives[0].header;
    assert_eq!((&*header.protocol, &header.config), ("flood", &json!({})));
    assert!(header.config::<Flood>().is_ok());
    let problem = header.config::<Rumormill>().unwrap_err();
    assert_eq!(problem, "a record of protocol flood, not of rumormill");
}
