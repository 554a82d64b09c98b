use std::path::Path;

use rumormill::config::Choice as _;
use rumormill::id::Generation;
use rumormill::maelstrom::record::{Header, Records, Writer};
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::route::Route;
use rumormill_judge::message::events::NullSink;
use rumormill_judge::settings::{Nemesis, Settings};
use rumormill_sim::network::latency::Latency;

use super::*;
use crate::sim;

/// A simulated run with partitions, recorded.
fn simulate(dir: &Path, route: Route) {
    let settings = Settings {
        nodes: (0..5).map(|i| format!("n{i}").into()).collect(),
        rate: 50.0,
        time_limit_ms: 20_000,
        latency: Latency { mean_ms: 100, ..Latency::default() },
        nemesis: Some(Nemesis { interval_ms: 4_000 }),
        seed: 7,
        ..Settings::default()
    };
    let config = Config { route, ..Config::default() };
    let mut records = sim::Records::create(dir, &settings.nodes).unwrap();
    let run = sim::simulate_observed(&settings, &config, NullSink, &mut records).unwrap();
    assert!(!run.broken_off);
    records.finish().unwrap();
}

fn record_of_n3(route: Route) -> String {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path(), route);
    std::fs::read_to_string(dir.path().join("n3.record")).unwrap()
}

fn parse(text: &str) -> Record {
    Records::read(text.as_bytes()).unwrap().lives.remove(0)
}

/// Changes the settings of the recorded node.
fn set(record: &mut Record, change: impl FnOnce(&mut Config)) {
    let mut config = record.header.config::<Rumormill>().unwrap();
    change(&mut config);
    record.header.config = serde_json::to_value(config).unwrap();
}

/// Replays all of it.
fn replay(record: &Record) -> Result<(u64, u64), Box<Divergence>> {
    let mut replay = Replay::new(record).unwrap();
    while replay.step()?.is_some() {}
    Ok(replay.counts())
}

#[test]
fn simulated_nodes_replay_without_a_difference() {
    for &route in Route::ALL {
        let dir = tempfile::tempdir().unwrap();
        simulate(dir.path(), route);
        let files = files::find(dir.path()).unwrap();
        assert_eq!(files.len(), 5);
        for file in files {
            let records = files::read(&file).unwrap();
            let (inputs, outputs) = replay(&records.lives[0]).unwrap();
            assert!(inputs > 200 && outputs > 200, "{inputs} {outputs}");
        }
    }
}

#[test]
fn a_changed_record_is_found_where_it_was_changed() {
    let text = record_of_n3(Route::Auto);
    let lines: Vec<&str> = text.lines().collect();
    let gossip =
        |line: &&str| line.starts_with("{\"out\":") && line.contains("\"type\":\"rumormill\"");
    let at = lines.iter().position(gossip).unwrap();
    let number = at as u64 + 1;

    let changed = text.replacen(lines[at], &lines[at].replacen("\"id\":[1,0", "\"id\":[1,1", 1), 1);
    let found = replay(&parse(&changed)).unwrap_err();
    assert_eq!(found.line, number);
    assert!(found.recorded.contains("[1,1") && found.replayed.contains("[1,0"), "{found}");
    assert!(found.state_before.starts_with("n3 at "), "{found}");
    assert!(found.to_string().contains("the same up to character"), "{found}");

    let without: Vec<&str> =
        lines.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, line)| *line).collect();
    let found = replay(&parse(&(without.join("\n") + "\n"))).unwrap_err();
    assert!(found.line <= number && found.recorded.starts_with("nothing more"), "{found}");

    let twice = text.replacen(lines[at], &format!("{}\n{}", lines[at], lines[at]), 1);
    let found = replay(&parse(&twice)).unwrap_err();
    assert_eq!((found.line, &*found.replayed), (number + 1, "nothing more"));
}

#[test]
fn a_timer_that_was_not_due_and_a_message_that_is_none_part_too() {
    let text = record_of_n3(Route::Auto);
    let timeout = text.lines().find(|line| line.contains("\"on\":\"timeout\"")).unwrap();
    let early = text.replacen(timeout, "{\"t\":1,\"on\":\"timeout\"}", 1);
    let found = replay(&parse(&early)).unwrap_err();
    assert!(found.replayed.starts_with("the next deadline is "), "{found}");

    let read = text.lines().find(|line| line.contains("\"type\":\"read\"")).unwrap();
    let unknown = text.replacen(read, &read.replace("\"read\"", "\"raed\""), 1);
    let found = replay(&parse(&unknown)).unwrap_err();
    assert!(found.replayed.starts_with("refused now: "), "{found}");
}

#[test]
fn another_seed_or_setting_is_another_node() {
    let text = record_of_n3(Route::Auto);
    let mut record = parse(&text);
    set(&mut record, |config| config.ack_delay *= 2);
    assert!(replay(&record).is_err());
    let mut record = parse(&text);
    record.header.seed += 1;
    assert!(replay(&record).is_err());
}

#[test]
fn a_record_that_ends_within_an_answer_is_the_same_so_far() {
    let text = record_of_n3(Route::Auto);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for end in [lines.len() / 2, lines.len() / 2 + 1, lines.len() / 2 + 2, lines.len() / 2 + 3] {
        replay(&parse(&lines[..end].concat())).unwrap();
    }
}

#[test]
fn a_case_holds_and_tells_what_a_node_must_not_do() {
    let dir = tempfile::tempdir().unwrap();
    let text = record_of_n3(Route::Auto);
    let record = parse(&text);
    let path = case::write(&record, "sample", dir.path()).unwrap();
    assert!(case::write(&record, "sample", dir.path()).is_err(), "there is one already");
    assert!(case::write(&record, "../sample", dir.path()).is_err());
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(!written.contains("{\"out\":{\"src\":\"n3\",\"dest\":\"n"), "gossip is not kept");
    case::check(&parse(&written)).unwrap();
    // It can be replayed like any record, as far as it goes.
    replay(&parse(&written)).unwrap();

    // Timers and routes may change: what clients are told does not.
    let mut tuned = parse(&written);
    set(&mut tuned, |config| config.latency_budget *= 3);
    tuned.header.seed += 1;
    case::check(&tuned).unwrap();

    let ack = written.lines().find(|line| line.starts_with("{\"ok\":")).unwrap();
    let fewer = written.replacen(&format!("{ack}\n"), "", 1);
    assert!(case::check(&parse(&fewer)).is_err());
    let last = written.lines().last().map(|line| format!("{line}\n{ack}\n")).unwrap();
    let more = format!("{}{last}", &written[..written.trim_end().rfind('\n').unwrap() + 1]);
    assert!(format!("{:#}", case::check(&parse(&more)).unwrap_err()).contains("never came"));
}

#[test]
fn every_case_that_is_kept_holds() {
    for file in files::find(&case::directory()).unwrap() {
        let records = files::read(&file).unwrap();
        for life in &records.lives {
            case::check(life).unwrap_or_else(|why| panic!("{}: {why:#}", file.display()));
        }
    }
}

#[test]
fn the_state_can_be_looked_at_anywhere() {
    let text = record_of_n3(Route::Hub);
    let record = parse(&text);
    let mut replay = Replay::new(&record).unwrap();
    assert!(replay.state().contains("not initialised"));
    let condition: Condition = "value 3".parse().unwrap();
    let turn = std::iter::from_fn(|| replay.step().unwrap()).find(|turn| condition.holds(turn));
    assert!(describe(turn.unwrap().input).contains('3'));
    // A broadcast value is handed on when the batch of input is through.
    replay.step().unwrap();
    assert!(replay.state().contains("plan: up a tree"), "{}", replay.state());
}

#[test]
fn a_record_of_another_protocol_or_setting_is_refused_in_words() {
    let mut record = parse(&record_of_n3(Route::Auto));
    record.header.config["rout"] = "hub".into();
    let problem = Replay::new(&record).unwrap_err();
    assert!(problem.starts_with("settings: unknown setting `rout`"), "{problem}");
    record.header.protocol = "flood".to_owned();
    let problem = Replay::new(&record).unwrap_err();
    assert_eq!(problem, "a record of protocol flood, not of rumormill");
    assert!(format!("{:#}", case::check(&record).unwrap_err()).contains("protocol flood"));
}

#[test]
fn files_without_a_record_are_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(format!("{:#}", files::find(dir.path()).unwrap_err()).contains("no .log"));
    std::fs::create_dir(dir.path().join("node-logs")).unwrap();
    let log = dir.path().join("node-logs").join("n1.log");
    std::fs::write(&log, "hello\n").unwrap();
    let files = files::find(dir.path()).unwrap();
    assert_eq!(files, [log]);
    let error = format!("{:#}", files::read(&files[0]).unwrap_err());
    assert!(error.contains("n1.log: there is no record in it"), "{error}");

    let mut empty = Vec::new();
    drop(Writer::new(&mut empty, &Header::new::<Rumormill>(&Config::default(), 1, Generation(2))));
    assert_eq!(replay(&Records::read(&*empty).unwrap().lives[0]).unwrap(), (0, 0));
}
