//! Runs under `--nemesis kill,pause`.

use super::*;
use crate::settings::{Nemesis, NodeNemesis};

fn settings(kill: bool, pause: bool) -> Settings {
    Settings {
        rate: 20.0,
        time_limit_ms: 40_000,
        node_nemesis: Some(NodeNemesis { interval_ms: 3_000, kill, pause }),
        ..Settings::with_nodes(5)
    }
}

/// The same with faults of 10 s on average: longer than clients wait.
fn patient(kill: bool, pause: bool) -> Settings {
    let node_nemesis = Some(NodeNemesis { interval_ms: 10_000, kill, pause });
    Settings { time_limit_ms: 120_000, node_nemesis, ..settings(kill, pause) }
}

/// The nemesis' lines: time in ms, name, value.
fn nemesis_lines(outcome: &Outcome) -> Vec<(u64, &str, &str)> {
    let lines = outcome.history.iter().filter_map(|op| match &op.action {
        Action::Nemesis { name, value_edn } => Some((op.time / MS, &**name, &**value_edn)),
        Action::Client { .. } => None,
    });
    lines.collect()
}

/// The nodes of which a line says this.
fn count(value: &str, effect: &str) -> usize {
    value.matches(effect).count()
}

#[test]
fn kills_and_starts_alternate_from_the_beginning_and_every_node_is_back_before_the_wait() {
    let (outcome, _, _) = Simulation::floods(&settings(true, false)).play();
    assert_eq!(outcome.state, State::Finished);
    let lines = nemesis_lines(&outcome);
    assert!(lines.len() > 20, "{lines:?}");
    let mut down = 0;
    for (at, pair) in lines.chunks(2).enumerate() {
        let [(_, name, target), (_, same, value)] = pair else { panic!("{pair:?}") };
        assert_eq!(name, same);
        // The last one may be a second start in a row.
        let is_last = at + 1 == lines.len() / 2;
        assert!(is_last || *name == ["kill", "start"][at % 2], "{lines:?}");
        if *name == "start" {
            assert_eq!((*target, count(value, " :started")), (":all", down));
            assert_eq!(count(value, " :already-running"), 5 - down);
            down = 0;
        } else {
            down += count(value, " :killed");
        }
    }
    assert_eq!((lines[0].0, down), (0, 0), "{lines:?}");
    let gaps: Vec<u64> = lines.chunks(2).map(|pair| pair[0].0).collect();
    assert!(gaps.windows(2).all(|pair| pair[1] - pair[0] <= 6_001), "{gaps:?}");
    let end = outcome.phases.iter().find(|(phase, _)| *phase == Phase::Recovery).unwrap().1;
    let last = lines.last().unwrap();
    assert_eq!(last.1, "start");
    assert!(last.0 <= end / MS);
}

#[test]
fn a_node_that_is_started_gets_init_and_no_second_topology() {
    let (outcome, log, _) = Simulation::floods(&settings(true, false)).play();
    let sent = |kind: &str| {
        let kind = format!("\"type\":\"{kind}\"");
        log.lines.iter().filter(|line| line.starts_with("sent") && line.contains(&kind)).count()
    };
    let restarted = outcome.faults.restarted as usize;
    assert!(restarted > 10);
    assert_eq!((sent("init"), sent("topology")), (5 + restarted, 5));
}

#[test]
fn clients_of_a_dead_node_go_on_and_wait_in_vain() {
    let outcome = Simulation::floods(&patient(true, false)).outcome();
    let timed_out = |kind| {
        let ops = client_ops(&outcome, kind).into_iter();
        ops.filter(|op| op.error == Some(OpError::Timeout)).count()
    };
    // Reads are known to have changed nothing; broadcasts are not.
    assert!(timed_out(OpKind::Fail) > 3 && timed_out(OpKind::Info) > 3);
    assert_eq!(outcome.indeterminate, 0, "Maelstrom counts them, too");
}

#[test]
fn a_paused_node_loses_what_its_queue_has_no_room_for_and_gets_the_rest_in_order() {
    let mut settings = settings(false, true);
    settings.latency.mean_ms = 500;
    settings.rate = 100.0;
    let (outcome, log, _) = Simulation::floods(&settings).play();
    let lines = nemesis_lines(&outcome);
    assert_eq!(lines.last().map(|(_, name, _)| *name), Some("resume"), "{lines:?}");
    assert!(lines.iter().any(|(_, _, value)| count(value, " :paused") > 0));
    assert!(outcome.faults.overflowed > 100, "{:?}", outcome.faults);
    let full = log.lines.iter().filter(|line| line.starts_with("queue full")).count();
    assert_eq!(full as u64, outcome.faults.overflowed);
    assert_eq!(outcome.state, State::Finished);
}

#[test]
fn all_three_kinds_run_beside_each_other_and_end_in_order() {
    let nemesis = Some(Nemesis { interval_ms: 3_000 });
    let settings = Settings { nemesis, time_limit_ms: 120_000, ..settings(true, true) };
    let outcome = Simulation::floods(&settings).outcome();
    let lines = nemesis_lines(&outcome);
    let names: Vec<&str> = lines.iter().step_by(2).map(|(_, name, _)| *name).collect();
    for name in ["start-partition", "kill", "start", "pause", "resume"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(names[names.len() - 3..], ["stop-partition", "resume", "start"]);
    // A node that is paused can be killed, and one that is not running is left alone.
    assert!(lines.iter().any(|(_, _, value)| value.contains(" :not-running")), "{lines:?}");
}

#[test]
fn a_node_that_does_not_come_back_fails_the_action_and_not_the_run() {
    /// Answers `init` in its first life only.
    struct Once(Flood, bool);
    impl Node for Once {
        fn handle(&mut self, message: &Value) -> Vec<Value> {
            if self.1 { self.0.handle(message) } else { Vec::new() }
        }
    }
    let lives = std::cell::Cell::new(0);
    let nodes = move |_| -> Box<dyn Node> {
        lives.set(lives.get() + 1);
        Box::new(Once(Flood::default(), lives.get() <= 5))
    };
    let settings = Settings { init_timeout_ms: 500, ..settings(true, false) };
    let (outcome, _, _) = Simulation::new(&settings, nodes).play();
    assert_eq!(outcome.state, State::Finished);
    let failed = outcome.history.iter().filter(|op| op.process == Process::Nemesis);
    let failed: Vec<_> = failed.filter_map(|op| op.error.clone()).collect();
    assert!(format!("{failed:?}").contains("did not answer init within 500 ms"), "{failed:?}");
    // It counts as running all the same.
    let lines = nemesis_lines(&outcome);
    assert!(lines.iter().any(|(_, _, value)| value.contains(" :already-running")));
}

#[test]
fn a_workload_without_an_end_leaves_nodes_as_they_are() {
    let settings = Settings { workload: "echo".parse().unwrap(), ..settings(true, true) };
    struct Echo;
    impl Node for Echo {
        fn handle(&mut self, message: &Value) -> Vec<Value> {
            let body = &message["body"];
            let kind = format!("{}_ok", body["type"].as_str().unwrap());
            vec![reply(message, json!({"type": kind, "echo": body["echo"]}))]
        }
    }
    let outcome = Simulation::new(&settings, |_| Box::new(Echo)).outcome();
    assert_eq!(outcome.state, State::Finished);
    let phases: Vec<Phase> = outcome.phases.iter().map(|(phase, _)| *phase).collect();
    assert!(!phases.contains(&Phase::Recovery), "{phases:?}");
    let end = outcome.phases.last().unwrap().1;
    let last = nemesis_lines(&outcome).last().unwrap().0;
    assert!(last < end / MS, "nothing is done at the end");
}

#[test]
fn an_answer_that_is_late_because_its_node_was_stopped_is_excused_unless_maelstroms_rule_is_wanted()
{
    let settings = patient(false, true);
    let (outcome, _, notices) = Simulation::floods(&settings).play();
    assert!(outcome.nodes.iter().all(|node| node.errors.late_replies == 0));
    assert!(notices.iter().any(|(_, text)| text.contains("was stopped, and answered")));
    let mut mute = settings;
    mute.compat.mute = true;
    let muted = Simulation::floods(&mute).outcome();
    assert!(muted.nodes.iter().any(|node| node.muted), "as Maelstrom does");
}
