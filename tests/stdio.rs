//! The process and its pipes: start, end, arguments.

mod support;

use std::process::{Command, Stdio};

use serde_json::json;
use support::Process;

fn rumormill() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rumormill"))
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
    let mut child = rumormill()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let init = json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1});
    let mut input = child.stdin.take().unwrap();
    {
        use std::io::Write as _;
        writeln!(input, "{}", json!({"src": "c1", "dest": "n0", "body": init})).unwrap();
    }
    // The input stays open: the node ends because of its output.
    let end = child.wait_with_output().unwrap();
    drop(input);
    assert_eq!(end.status.code(), Some(0));
    let log = String::from_utf8(end.stderr).unwrap();
    assert_eq!(log.lines().count(), 1, "only the line at start: {log}");
}

#[test]
fn a_node_whose_log_nobody_reads_goes_on() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut child = rumormill()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let mut input = child.stdin.take().unwrap();
    let init = json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1});
    write!(input, "garbage\n{}\n", json!({"src": "c1", "dest": "n0", "body": init})).unwrap();
    let mut reply = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut reply).unwrap();
    assert!(reply.contains("init_ok"), "{reply}");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn arguments_are_read_and_mistakes_are_named() {
    let start = Process::start(&["--seed=42", "--window", "1.5s"]).end();
    assert_eq!(start.status.code(), Some(0));
    assert!(start.log.contains("seed 42"), "{}", start.log);

    let mistake = Process::start(&["--windwo", "5"]).end();
    assert_eq!(mistake.status.code(), Some(2));
    assert_eq!(mistake.log, "rumormill: unknown flag \"--windwo\"; see --help\n");

    let help = rumormill().arg("--help").output().unwrap();
    assert!(help.status.success() && help.stderr.is_empty());
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("--window TIME") && text.contains("default"), "{text}");

    let version = rumormill().arg("--version").output().unwrap();
    assert_eq!(version.stdout, format!("rumormill {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
}
