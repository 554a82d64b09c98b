use std::sync::Arc;

use rumormill::protocols::rumor::{Config, Judge, Mode, Rumor};
use rumormill_judge::topology::{Topology, graph};

use super::asynchronous::{self, Timing};
use super::cycles::{Order, World};
use super::rumour::{Run, Until, mean, runs};
use super::subject::{Conditions, Found, Subject};
use super::surroundings::Surroundings;
use super::{chart, output};

const NODES: u32 = 300;

fn world(order: Order) -> World {
    let graph = Arc::new(graph(Topology::Grid, NODES));
    World { graph, order, loss: 0.0, seed: 1, run: 0 }
}

fn push(k: usize) -> Config {
    Config { mode: Mode::Push, judge: Judge::Start, backup: 0, k, ..Config::default() }
}

fn spread(world: &World, config: &Config) -> Vec<Run> {
    runs::<Rumor>(world, config, Until::Silence, 40, 2)
}

fn run_asynchronous(world: &World, config: &Config, latency_ms: u64) -> Run {
    let timing = Timing { unit: config.period, warm_up: 0 };
    let surroundings = Surroundings::of_latency(latency_ms);
    asynchronous::run::<Rumor>(world, config, Until::Silence, &surroundings, timing, None).0
}

fn conditions() -> Conditions {
    Conditions {
        world: world(Order::Snapshot),
        surroundings: None,
        runs: 20,
        jobs: 2,
        until: None,
        warm_up: None,
        flags: vec![("--fanout".to_owned(), "2".to_owned())],
    }
}

fn found(words: &str, conditions: &Conditions) -> Found {
    Subject::parse(words, conditions).unwrap().run(conditions).unwrap()
}

#[test]
fn runs_depend_on_the_seed_and_not_on_the_threads() {
    let of = |seed, jobs| {
        let world = World { seed, ..world(Order::Snapshot) };
        runs::<Rumor>(&world, &push(2), Until::Silence, 9, jobs)
    };
    assert_eq!(of(1, 1), of(1, 4));
    assert_ne!(of(1, 1), of(2, 1));
    assert_ne!(of(1, 1)[0], of(1, 1)[1]);
}

#[test]
fn side_by_side_the_same_nodes_call_the_same_peers() {
    // Until the first node loses interest, k makes no difference.
    for (a, b) in spread(&world(Order::Snapshot), &push(3))
        .iter()
        .zip(&spread(&world(Order::Snapshot), &push(5)))
    {
        assert_eq!(a.learned[..5], b.learned[..5]);
    }
}

#[test]
fn a_rumour_hops_once_per_cycle_in_snapshots_and_several_times_otherwise() {
    let grows_too_fast = |run: &Run| (1..8).any(|cycle| run.known_after(cycle) > 1 << cycle);
    let snapshot = spread(&world(Order::Snapshot), &push(3));
    assert!(!snapshot.iter().any(grows_too_fast));
    let immediate = Config { judge: Judge::Now, ..push(3) };
    let immediate = spread(&world(Order::Immediate), &immediate);
    assert!(immediate.iter().any(grows_too_fast));
    let last = |runs: &[Run]| mean(runs.iter().map(Run::last)).mean;
    assert!(last(&immediate) < last(&snapshot) - 2.0);
}

#[test]
fn lost_messages_slow_a_rumour_down() {
    let lossy = World { loss: 0.3, ..world(Order::Snapshot) };
    let last = |world: &World| mean(spread(world, &push(3)).iter().map(Run::last)).mean;
    assert!(last(&lossy) > last(&world(Order::Snapshot)) + 2.0);
}

/// Residue and traffic depend little on timing (LITERATURE, section 13).
#[test]
fn asynchronous_time_has_the_residue_and_traffic_of_cycles() {
    let config = Config { judge: Judge::Now, ..push(2) };
    let asynchronous: Vec<Run> = (0..40)
        .map(|run| {
            let world = World { run, ..world(Order::Snapshot) };
            run_asynchronous(&world, &config, 5)
        })
        .collect();
    let cycles = spread(&world(Order::Snapshot), &push(2));
    let residue = |runs: &[Run]| mean(runs.iter().map(|run| run.residue(NODES))).mean;
    let copies = |runs: &[Run]| mean(runs.iter().map(|run| run.copies as f64)).mean;
    let (a, b) = (residue(&asynchronous), residue(&cycles));
    assert!(a / b < 1.7 && b / a < 1.7, "{a} {b}");
    let (a, b) = (copies(&asynchronous), copies(&cycles));
    assert!(a / b < 1.15 && b / a < 1.15, "{a} {b}");
}

/// Pull requests are always on their way: they are no rumour.
#[test]
fn asynchronous_time_is_silent_when_no_rumour_is_on_its_way() {
    let config = Config { mode: Mode::PushPull, judge: Judge::Now, backup: 0, ..Config::default() };
    let run = run_asynchronous(&world(Order::Snapshot), &config, 100);
    assert!(run.reached() > 290, "{run:?}");
    assert!(run.cycles() < 300.0, "{run:?}");
    // The last copy had the time to arrive.
    assert!(run.cycles() - run.last() >= 5.0, "{run:?}");
}

#[test]
fn every_protocol_spreads_a_rumour_in_its_own_time() {
    for (words, share) in [
        ("rumor --mode pull", 1.0),
        ("median-counter", 1.0),
        ("extrema", 1.0),
        ("heartbeat", 1.0),
        ("swim", 1.0),
        ("flood", 1.0),
        ("plumtree --view topology", 1.0),
        ("direct-mail", 1.0),
        ("push-sum", 1.0 / f64::from(NODES)),
    ] {
        let conditions = Conditions { runs: 2, ..conditions() };
        let found = found(words, &conditions);
        let reached = 1.0 - found.residue.mean;
        assert!((reached - share).abs() < 0.01, "{words}: {reached}");
    }
}

#[test]
fn flags_go_to_the_protocols_that_have_them() {
    let conditions = conditions();
    let words = |words: &str| Subject::parse(words, &conditions).map(|subject| subject.words);
    assert_eq!(words("rumor --k 1").unwrap(), "rumor --fanout 2 --backup 0 --judge start --k 1");
    assert_eq!(words("rumor --fanout 4 --backup 5 --judge now").unwrap().matches("--").count(), 3);
    assert_eq!(words("median-counter").unwrap(), "median-counter");
    for (wrong, problem) in [
        ("rumour", "no protocol \"rumour\": one of rumormill"),
        (
            "rumor --k 0",
            "rumor --fanout 2 --backup 0 --judge start --k 0: --k: expected an integer",
        ),
        ("flood --k 1", "flood --k 1: --k is no flag of protocol flood"),
    ] {
        let error = words(wrong).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
}

#[test]
fn figures_are_written_as_text_csv_json_and_svg() {
    let conditions = conditions();
    let found = [found("rumor --mode push", &conditions), found("median-counter", &conditions)];
    let screen = chart::terminal(&found);
    assert!(screen.contains('A') && screen.contains('B') && screen.contains('·'), "{screen}");
    let table = output::table(&found);
    assert!(table.contains("residue s") && table.contains("20 runs"), "{table}");
    let csv = output::csv(&found);
    assert!(csv.lines().all(|line| line.matches(',').count() == 4), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&output::json(&found, 1, 0.0)).unwrap();
    assert_eq!(json["protocols"][1]["protocol"], "median-counter");
    assert_eq!(json["protocols"][0]["runs"], 20);
    let svg = chart::svg(&found);
    roxmltree::Document::parse(&svg).unwrap();
    // Both have a model.
    assert_eq!(svg.matches("stroke-dasharray").count(), 2);
    assert!(svg.contains("median-counter"));
    assert!(output::sizes(&found).lines().count() == 4);
    assert!(output::sizes_markdown(&found).contains("| `median-counter` "));
}
