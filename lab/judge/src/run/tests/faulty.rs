//! Runs in which a node does something wrong.

use super::*;
use crate::outcome::Repeated;

/// A flood node whose answers are changed before they leave.
struct Twisted<F> {
    flood: Flood,
    twist: F,
}

impl<F: FnMut(&Value, Vec<Value>) -> Vec<Value>> Node for Twisted<F> {
    fn handle(&mut self, message: &Value) -> Vec<Value> {
        let answers = self.flood.handle(message);
        (self.twist)(message, answers)
    }
}

fn settings() -> Settings {
    Settings { rate: 10.0, time_limit_ms: 4_000, ..Settings::with_nodes(2) }
}

/// Node 0 is twisted, the others are not.
fn twisted<F>(settings: &Settings, twist: F) -> Simulation
where
    F: FnMut(&Value, Vec<Value>) -> Vec<Value> + Clone + 'static,
{
    Simulation::new(settings, move |i| {
        if i > 0 {
            return Box::new(Flood::default());
        }
        Box::new(Twisted { flood: Flood::default(), twist: twist.clone() })
    })
}

fn is(message: &Value, kind: &str) -> bool {
    message["body"]["type"] == kind
}

/// Says something else before every reply to a broadcast.
fn babbling(settings: &Settings, line: &'static str) -> Simulation {
    twisted(settings, move |message, mut answers| {
        if is(message, "broadcast") {
            answers.insert(0, Value::String(line.into()));
        }
        answers
    })
}

#[test]
fn a_bad_line_is_quoted_and_the_run_goes_on() {
    let (outcome, _, notices) = babbling(&settings(), "DEBUG got it").play();
    assert_eq!(outcome.state, State::Finished);
    assert_eq!(client_ops(&outcome, OpKind::Fail).len(), 0);
    assert!(outcome.nodes[0].errors.bad_lines > 5 && outcome.nodes[1].errors.bad_lines == 0);
    let (kind, text) = &notices[0];
    assert_eq!(*kind, NoticeKind::BadLine);
    assert!(text.contains("n0") && text.contains("DEBUG got it"), "{text}");
    assert_eq!(notices.len(), 1, "told once, then counted");
    let Repeated { count, nodes } = outcome.repeated.get(text).unwrap();
    assert_eq!((*count, nodes.len()), (outcome.nodes[0].errors.bad_lines, 1));
    assert!(outcome.nodes[0].ignored_since.is_some());
}

#[test]
fn strict_runs_crash_on_a_bad_line() {
    let outcome = babbling(&Settings { strict: true, ..settings() }, "{}").outcome();
    let State::Crashed(why) = outcome.state else { panic!("{:?}", outcome.state) };
    assert!(why.contains("n0") && why.contains("\"body\""), "{why}");
    assert!(!outcome.history.is_empty());
}

#[test]
fn with_mute_the_node_is_not_heard_any_more() {
    let mut base = settings();
    base.compat.mute = true;
    let (outcome, _, notices) = babbling(&base, "oops").play();
    assert!(outcome.nodes[0].muted && !outcome.nodes[1].muted);
    assert!(notices.iter().any(|(kind, _)| *kind == NoticeKind::Muted));
    // Its broadcast is never acknowledged: a new process, and a new client.
    let info = client_ops(&outcome, OpKind::Info);
    assert_eq!((info[0].process, &info[0].error), (Process::Client(0), &Some(OpError::Timeout)));
    let processes: BTreeSet<_> = outcome.history.iter().map(|op| op.process).collect();
    assert!(processes.contains(&Process::Client(2)));
    let reads = client_ops(&outcome, OpKind::Fail);
    assert!(reads.iter().all(|op| op.error == Some(OpError::Timeout)));
    assert_eq!(outcome.nodes[0].final_read, None);
}

#[test]
fn a_message_to_an_unknown_node_is_refused_and_not_counted() {
    let line = r#"{"src":"n0","dest":"n7","body":{"type":"hi"}}"#;
    let (outcome, _, notices) = babbling(&settings(), line).play();
    assert!(!outcome.counts.types.contains_key("hi"));
    assert!(outcome.nodes[0].errors.unknown_names > 0);
    assert_eq!(notices[0].0, NoticeKind::UnknownName);
    assert!(notices[0].1.contains("\"n7\""));
    let service = r#"{"src":"n0","dest":"lin-kv","body":{"type":"ts","msg_id":1}}"#;
    let (outcome, _, notices) = babbling(&settings(), service).play();
    assert_eq!((notices[0].0, notices.len()), (NoticeKind::Service, 1));
    assert!(notices[0].1.contains("n0 asked lin-kv what it does not know"), "{}", notices[0].1);
    let counts = outcome.counts.types["ts"];
    assert!(counts.send > 5 && counts.send == counts.recv, "{counts:?}");
    assert!(outcome.nodes[0].ignored_since.is_none(), "Maelstrom goes on listening");
}

#[test]
fn no_reply_means_info_for_a_broadcast_and_fail_for_a_read() {
    let silent = twisted(&settings(), |message, answers| {
        if is(message, "init") || is(message, "topology") { answers } else { Vec::new() }
    });
    let outcome = silent.outcome();
    let mut invoked = BTreeMap::new();
    let mut processes = BTreeSet::new();
    for op in &outcome.history {
        match op.kind {
            OpKind::Invoke => _ = invoked.insert(op.process, op.time),
            OpKind::Ok => assert_eq!(op.process, Process::Client(1)),
            kind => {
                processes.insert(op.process);
                assert_eq!(op.time - invoked[&op.process], 5_000 * MS);
                let broadcast = !op.action.is_read();
                assert_eq!(kind, if broadcast { OpKind::Info } else { OpKind::Fail });
            }
        }
    }
    assert!(processes.iter().all(|p| matches!(p, Process::Client(n) if n % 2 == 0)));
}

#[test]
fn after_an_info_the_worker_has_a_new_process_and_a_new_client() {
    let mut first = true;
    let forgetful = twisted(&settings(), move |message, answers| {
        if is(message, "broadcast") && std::mem::take(&mut first) { Vec::new() } else { answers }
    });
    let (outcome, log, _) = forgetful.play();
    let info = client_ops(&outcome, OpKind::Info);
    assert_eq!(info.len(), 1);
    let later: BTreeSet<_> =
        outcome.history.iter().filter(|op| op.index > info[0].index).map(|op| op.process).collect();
    assert_eq!(later, BTreeSet::from([1, 2].map(Process::Client)));
    // c0 to c3 for init and topology, c4 and c5 for the workers, c6 for worker 0 once more.
    assert!(log.lines.iter().any(|line| line.contains("\"src\":\"c6\",\"dest\":\"n0\"")));
    assert!(!log.lines.iter().any(|line| line.contains("\"c7\"")));
}

/// Holds its first acknowledgement back until the next request of a client other than `c4`.
fn late(settings: &Settings) -> Simulation {
    let settings = Settings { time_limit_ms: 8_000, ..settings.clone() };
    let mut held = None;
    let mut first = true;
    twisted(&settings, move |message, mut answers| {
        if is(message, "broadcast") && std::mem::take(&mut first) {
            held = Some(answers.remove(0));
        } else if message["src"] == "c6" {
            answers.extend(held.take());
        }
        answers
    })
}

#[test]
fn a_reply_to_a_client_that_is_gone_is_counted_and_harmless() {
    let (outcome, _, notices) = late(&settings()).play();
    assert_eq!(outcome.state, State::Finished);
    assert_eq!(outcome.nodes[0].errors.late_replies, 1);
    assert_eq!(notices[0].0, NoticeKind::LateReply);
    assert_eq!(client_ops(&outcome, OpKind::Info).len(), 1);
}

#[test]
fn with_mute_a_late_reply_silences_the_node() {
    let mut base = settings();
    base.compat.mute = true;
    let (outcome, _, _) = late(&base).play();
    assert!(outcome.nodes[0].muted);
    let State::Crashed(why) = late(&Settings { strict: true, ..settings() }).outcome().state else {
        panic!("strict")
    };
    assert!(why.contains("given up"), "{why}");
}

#[test]
fn schemas_are_closed_and_a_breach_makes_the_operation_indeterminate() {
    let chatty = twisted(&settings(), |message, mut answers| {
        if is(message, "read") {
            answers[0]["body"]["node"] = "n0".into();
        }
        answers
    });
    let (outcome, _, notices) = chatty.play();
    let info = client_ops(&outcome, OpKind::Info);
    assert!(info.len() > 5);
    assert!(info.iter().all(|op| op.action.is_read()));
    let Some(OpError::Exception(why)) = &info[0].error else { panic!("{:?}", info[0]) };
    assert!(why.contains("node"), "{why}");
    assert_eq!(notices[0].0, NoticeKind::MalformedReply);
}

#[test]
fn errors_are_definite_or_not() {
    let refusing = |code: i64| {
        let node = twisted(&settings(), move |message, mut answers| {
            if is(message, "broadcast") || is(message, "read") {
                answers[0]["body"] = json!({"type": "error", "code": code, "text": "no",
                    "in_reply_to": message["body"]["msg_id"]});
            }
            answers
        });
        let outcome = node.outcome();
        let failed = client_ops(&outcome, OpKind::Fail).len();
        let info = client_ops(&outcome, OpKind::Info);
        assert!(info.iter().all(|op| !op.action.is_read()));
        let first = outcome.history.iter().find_map(|op| op.error.clone());
        (failed > 5, info.len() > 5, first)
    };
    let error = |name: &str| Some(OpError::Reply { name: name.into(), text: Some("no".into()) });
    assert_eq!(refusing(11), (true, false, error("temporarily-unavailable")));
    assert_eq!(refusing(13), (true, true, error("crash")));
    assert_eq!(refusing(777), (true, true, error("unknown")));
}

#[test]
fn a_bad_start_crashes_the_run_and_says_why() {
    let why = |node: Simulation| match node.outcome().state {
        State::Crashed(why) => why,
        other => panic!("{other:?}"),
    };
    let mute_at = |kind: &'static str| {
        twisted(
            &settings(),
            move |message, answers| {
                if is(message, kind) { Vec::new() } else { answers }
            },
        )
    };
    assert_eq!(why(mute_at("init")), "n0 did not answer init within 10 s");
    assert_eq!(why(mute_at("topology")), "n0 did not answer topology within 5 s");
    let extra = twisted(&settings(), |message, mut answers| {
        if is(message, "topology") {
            answers[0]["body"]["extra"] = 1.into();
        }
        answers
    });
    assert!(why(extra).contains("extra"));
    let refusing = twisted(&settings(), |message, mut answers| {
        if is(message, "init") {
            answers[0]["body"] = json!({"type": "error", "code": 13, "text": "no disk",
                "in_reply_to": 1});
        }
        answers
    });
    assert_eq!(why(refusing), "n0 answered init with the error crash: no disk");
}

#[test]
fn init_ok_may_say_more() {
    let chatty = twisted(&settings(), |message, mut answers| {
        if is(message, "init") {
            answers[0]["body"]["version"] = "1.2".into();
        }
        answers
    });
    assert_eq!(chatty.outcome().state, State::Finished);
}

#[test]
fn a_dead_node_ends_the_run_at_once() {
    let mut simulation = Simulation::floods(&settings());
    simulation.run.start(simulation.now);
    simulation.deliver_pending();
    simulation.run.handle_exit(simulation.now + 1_500 * MS, 1, "exit status 3");
    assert_eq!(simulation.run.poll_timeout(), None);
    let (outcome, _) = simulation.run.into_outcome(simulation.now);
    let State::Crashed(why) = outcome.state else { panic!("it goes on") };
    assert_eq!(why, "n1 died after 1.500 s (phase: main): exit status 3");
    assert_eq!(outcome.history.len(), 2, "{:?}", outcome.history);
}

#[test]
fn nothing_from_outside_makes_it_panic() {
    let mut simulation = Simulation::floods(&settings());
    let run = &mut simulation.run;
    run.handle_line(0, 0, b"too early");
    run.start(0);
    run.handle_line(0, 99, b"no such node");
    run.handle_exit(0, 99, "no such node");
    for line in [
        "",
        "\n",
        "\u{0}",
        "{\"src\":\"n0\",\"dest\":\"p1\",\"body\":{}}",
        "{\"src\":\"c0\",\"dest\":\"c1\",\"body\":null}",
        "{\"src\":\"n0\",\"dest\":\"c4294967295\",\"body\":{}}",
        "{\"src\":\"n1\",\"dest\":\"n1\",\"body\":{\"type\":\"rumormill\",\"v\":4,\"entries\":3}}",
    ] {
        run.handle_line(0, 0, line.as_bytes());
    }
    assert_eq!(*run.state(), State::Running);
    assert_eq!(run.progress().in_flight, 0);
}
