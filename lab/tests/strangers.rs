//! `lab test` with nodes that make one mistake each: what is said about it, and where.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// A run that has ended.
struct Ended {
    store: TempDir,
    code: i32,
    screen: String,
    log: String,
}

impl Ended {
    fn results(&self) -> Value {
        let path = self.store.path().join("latest/results.json");
        let text = fs::read_to_string(path).expect("there are results");
        serde_json::from_str(&text).expect("they are JSON")
    }

    /// All that was said.
    fn said(&self) -> String {
        format!("{}{}", self.screen, self.log)
    }
}

fn stranger() -> PathBuf {
    // Cargo tells where binaries are, but not examples: they lie beside them.
    let path = Path::new(LAB).with_file_name("examples").join("stranger");
    assert!(path.is_file(), "no {}: cargo build --examples", path.display());
    path
}

fn lab(store: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(LAB);
    command.args(["test", "--time-limit", "1", "--rate", "40", "--recovery", "auto"]);
    command.args(["--node-count", "3", "--seed", "7", "--init-timeout", "400", "--store"]);
    command.arg(store).args(flags).stdin(Stdio::null());
    command
}

/// Three nodes with a mistake, for a second.
fn run(mistake: &str, flags: &[&str]) -> Ended {
    let store = tempfile::tempdir().expect("temporary directory");
    let mut command = lab(store.path(), flags);
    let output =
        command.arg("--bin").arg(stranger()).args(["--", mistake]).output().expect("run the lab");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("exit code");
    Ended { store, code, screen: text(&output.stdout), log: text(&output.stderr) }
}

#[test]
fn a_node_without_a_mistake_passes_though_its_messages_are_named_like_ours() {
    let ended = run("none", &["--availability", "total"]);
    assert_eq!(ended.code, 0, "{}", ended.said());
    let lab = &ended.results()["rumormill"];
    let seen_in = &lab["convergence"]["seen-in"];
    assert_eq!(seen_in, "message of type rumormill (found out)", "its messages are not ours");
    assert!(lab["convergence"]["message-flow"]["since-ack"]["1"].as_f64().is_some(), "{lab}");
    assert_eq!(lab["node-errors"].as_array().map(Vec::len), Some(0));
    assert!(lab["service-times"]["n2"]["0.5"].as_f64().is_some(), "{}", lab["service-times"]);
}

/// The output of a command of the lab about a run.
fn told(ended: &Ended, args: &[&str]) -> String {
    let latest = ended.store.path().join("latest");
    let output = Command::new(LAB).arg(args[0]).arg(latest).args(&args[1..]).output();
    let output = output.expect("run the lab");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_node_that_drops_what_it_is_sent_is_named_everywhere_with_sender_and_time() {
    let ended = run("drop", &[]);
    assert_eq!(ended.code, 1, "{}", ended.said());
    let node = &ended.results()["rumormill"]["missing"]["nodes"][1];
    let sent = &node["sent"][0];
    let (value, from) = (&sent["value"], sent["from"].as_str().expect("a sender"));
    assert_eq!(node["missing-count"], node["sent"].as_array().map_or(0, Vec::len));
    let begin = format!("n1 was sent {value} (by {from} at ");
    let report = fs::read_to_string(ended.store.path().join("latest/report.html")).expect("report");
    for said in [
        ended.screen.clone(),
        told(&ended, &["explain"]),
        told(&ended, &["explain", "--lost"]),
        told(&ended, &["explain", &value.to_string()]),
        told(&ended, &["watch", "--once"]),
        report,
    ] {
        assert!(said.contains(&begin) && said.contains("and never returned it"), "{said}");
    }
}

#[test]
fn values_are_followed_where_the_user_says_that_they_stand() {
    let ended = run("none", &["--values-at", "body.message"]);
    let lab = &ended.results()["rumormill"];
    assert_eq!(lab["convergence"]["seen-in"], "message of type rumormill (as --values-at says)");
    let summary = told(&ended, &["explain"]);
    assert!(summary.contains("(as --values-at says)"), "as the run was told: {summary}");
    let nowhere = told(&ended, &["explain", "--values-at", "body.nowhere"]);
    assert!(nowhere.contains("seen in reads of clients only"), "{nowhere}");
}

#[test]
fn null_is_an_empty_read() {
    let ended = run("null", &["--availability", "total"]);
    assert_eq!(ended.code, 0, "{}", ended.said());
    assert!(ended.results()["availability"]["ok-fraction"] == 1.0, "{}", ended.screen);
}

#[test]
fn a_node_that_does_not_answer_init_is_told_why() {
    for (mistake, words) in [
        ("no-newline", "bytes that no newline ends: {\"body\":"),
        ("silent", "has written nothing to stdout"),
        ("text-id", "sent an init_ok to c0 whose in_reply_to is \"1\", not the number 1"),
        ("no-id", "sent an init_ok to c0 that has no in_reply_to"),
    ] {
        let ended = run(mistake, &[]);
        assert_eq!(ended.code, 255, "{mistake}: {}", ended.said());
        assert!(ended.log.contains("did not answer init within 0.4 s"), "{}", ended.log);
        assert!(ended.log.contains(words), "{mistake}: {}", ended.log);
    }
}

#[test]
fn maelstroms_verdict_is_not_claimed_for_nodes_it_would_have_ignored() {
    for (mistake, words) in [
        ("banner", "that is not JSON"),
        ("mark", "begins with a byte order mark (U+FEFF), which is not JSON: \\u{feff}"),
        ("twice", "a second answer to a request that had its answer"),
    ] {
        let ended = run(mistake, &[]);
        let said = ended.said();
        if mistake == "mark" {
            // The mark is before the answer to init.
            assert_eq!(ended.code, 255, "{said}");
            assert!(said.contains(words), "{said}");
            let why = "did not answer init within 0.4 s: n0 wrote a line that begins with";
            assert!(said.contains(why), "{said}");
            continue;
        }
        assert_eq!(ended.code, 2, "{mistake}: {said}");
        assert!(ended.screen.starts_with("UNKNOWN  Passed here; Maelstrom would have"), "{said}");
        assert!(ended.screen.contains("ignored n0, n1, n2 from "), "{said}");
        assert!(said.contains(words), "{mistake}: {said}");
        let results = ended.results();
        assert_eq!(results["rumormill"]["maelstrom-valid?"], "unknown");
        assert_eq!(results["valid?"], "unknown");
        // The same warning about all nodes is one line.
        assert!(said.contains("on 3 nodes)"), "{said}");
        let checked = Command::new(LAB).arg("check").arg(ended.store.path()).output().unwrap();
        assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    }
    let ended = run("banner", &["--limit", "bad-lines=0"]);
    assert_eq!(ended.code, 1, "{}", ended.said());
}

#[test]
fn error_replies_are_shown_with_code_and_text() {
    let ended = run("refuse", &[]);
    assert_eq!(ended.code, 1, "{}", ended.said());
    let words = "of broadcast: not-supported (10) no handler for broadcast";
    assert!(ended.screen.contains(words), "{}", ended.screen);
    let replies = &ended.results()["rumormill"]["error-replies"][0];
    assert_eq!((replies["code"].as_u64(), &replies["f"]), (Some(10), &"broadcast".into()));
}

#[test]
fn a_refused_final_read_is_not_a_missing_one() {
    let ended = run("refuse-reads", &[]);
    let said = ended.said();
    assert!(said.contains("n0 refused its final read: temporarily-unavailable"), "{said}");
    assert!(said.contains("unknown: no node could be read"), "{said}");
    let ended = run("word", &[]);
    let report = fs::read_to_string(ended.store.path().join("latest/report.html")).unwrap();
    assert!(report.contains("<dt>missing at the end</dt><dd><strong>unknown</strong>"));
    assert!(report.contains("refused its final read"), "{}", ended.said());
}

#[test]
fn elements_that_no_client_can_have_sent_are_phantoms() {
    for (mistake, example) in [("negative", "-7"), ("text", "\"0\"")] {
        let ended = run(mistake, &["--limit", "phantoms=0", "--limit", "duplicates=0"]);
        assert_eq!(ended.code, 1, "{}", ended.said());
        let reads = &ended.results()["rumormill"]["reads"];
        assert_eq!(reads["duplicate-count"], 0);
        assert_eq!((&reads["phantom-count"], &reads["phantoms"][0]), (&1.into(), &example.into()));
        assert!(ended.screen.contains(example), "{}", ended.screen);
    }
}

#[test]
fn a_node_with_anothers_name_is_named() {
    let ended = run("false-name", &[]);
    assert!(ended.said().contains(" speaks as n0: "), "{}", ended.said());
    assert!(ended.results()["rumormill"]["node-errors"][0]["false-names"].as_u64() > Some(0));
}

#[test]
fn a_slow_node_is_named_with_its_service_time() {
    let ended = run("slow", &["--rate", "5"]);
    assert!(ended.screen.contains("ms to answer a request (median)"), "{}", ended.said());
    let report = fs::read_to_string(ended.store.path().join("latest/report.html")).unwrap();
    assert!(report.contains("service time, ms"));
}

#[test]
fn a_crash_leaves_a_full_store() {
    let ended = run("crash", &[]);
    assert_eq!(ended.code, 255, "{}", ended.said());
    assert!(!ended.log.contains('\u{1b}'), "escape sequences of a node stay its own");
    let lab = &ended.results()["rumormill"];
    let crash = &lab["crash"];
    assert_eq!((&crash["node"], &crash["phase"]), (&"n1".into(), &"main".into()), "{crash}");
    assert_eq!(crash["status"], "exited with status 3");
    assert!(crash["last-lines"][0].as_str().unwrap().contains("about to fail"), "{crash}");
    assert!(crash["last-message"].as_str().unwrap().contains("\"dest\":\"n1\""), "{crash}");
    assert!(crash["at-ms"].as_f64() > Some(0.0));
    assert_eq!(lab["seed"], 7);
    assert!(lab["run"]["command"].as_str().unwrap().contains("--seed 7"));
    let report = fs::read_to_string(ended.store.path().join("latest/report.html")).unwrap();
    assert!(report.contains("CRASHED") && report.contains("n1 died"), "the report knows");
}

#[test]
fn runs_that_crashed_are_left_out_of_a_comparison_with_a_word() {
    let ended = run("crash", &["--no-report"]);
    let store = ended.store.path();
    for _ in 0..2 {
        let mut command = lab(store, &["--no-report", "--bin"]);
        assert!(command.arg(stranger()).output().unwrap().status.success());
    }
    let runs = fs::read_dir(store.join("broadcast")).unwrap().map(|entry| entry.unwrap().path());
    let output = Command::new(LAB).arg("compare").args(runs).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("left out") && text.contains("n1 died"), "{text}");
    assert!(text.contains("msgs-per-op"), "{text}");
}

#[test]
fn an_interrupted_run_is_judged_for_what_there_is() {
    let store = tempfile::tempdir().expect("temporary directory");
    let mut command = lab(store.path(), &["--time-limit", "1000", "--bin"]);
    let child = command.arg(stranger()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("lab");
    let history = store.path().join("current/history.edn");
    while fs::read_to_string(&history).map_or(0, |text| text.lines().count()) < 20 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    rustix::process::kill_process(Pid::from_child(&child), Signal::INT).expect("signal");
    let output = child.wait_with_output().expect("wait");
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(screen.starts_with("STOPPED  Interrupted by SIGINT"), "{screen}");
    assert!(screen.contains("messages per operation"), "{screen}");
    let text = fs::read_to_string(store.path().join("latest/results.json")).expect("results");
    let results: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(results["rumormill"]["crash"]["interrupted?"], true, "{results}");
}

#[test]
fn a_script_that_cannot_be_run_is_told_why() {
    use std::os::unix::fs::PermissionsExt as _;
    let store = tempfile::tempdir().expect("temporary directory");
    let script = |name: &str, text: &str| {
        let path = store.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    for (path, words) in [
        (
            script("a", "#!/usr/bin/no-such-thing -u\nhi\n"),
            "names /usr/bin/no-such-thing, which is not there",
        ),
        (script("b", "#!/bin/sh\r\necho\n"), "ends in a carriage return"),
        (script("c", "print('hello')\n"), "has no #! line"),
        (PathBuf::from("sh"), "PATH is not searched: try "),
    ] {
        let output = lab(store.path(), &["--bin"]).arg(&path).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{log}");
        assert!(log.contains(words), "{log}");
    }
}
