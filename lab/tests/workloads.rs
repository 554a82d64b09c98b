//! Every workload with simulated nodes of ours and of the family: what is valid, what is off, and the
//! files of a run looked at again.

use std::fs;
use std::path::Path;

use rumormill::protocols::{Name, Options};
use rumormill_judge::checker::Validity;
use rumormill_judge::message::events::NullSink;
use rumormill_judge::outcome::{Outcome, State};
use rumormill_judge::results::{Results, RunInfo};
use rumormill_judge::settings::faults::FaultSettings;
use rumormill_judge::settings::{Nemesis, Settings};
use rumormill_judge::verdict::judge;
use rumormill_judge::workload::{Spreads, WORKLOADS, Workload};
use rumormill_lab::check;
use rumormill_lab::profile::Profile;
use rumormill_lab::sim::{NodeKind, simulate};
use rumormill_lab::store::Store;
use rumormill_sim::network::latency::Latency;

/// Nine nodes for eight seconds, 20 ms apart.
fn settings(workload: &'static Workload) -> Settings {
    Settings {
        workload,
        rate: 50.0,
        time_limit_ms: 8_000,
        latency: Latency { mean_ms: 20, ..Latency::default() },
        seed: 3,
        ..Settings::with_nodes(9)
    }
}

fn named(name: &str) -> &'static Workload {
    name.parse().expect("a workload")
}

fn run(protocol: Name, settings: &Settings) -> (Outcome, Results) {
    let kind = NodeKind::of(Options::of(protocol)).expect("default settings");
    let simulated = simulate(settings, &kind, NullSink).expect("a run");
    assert_eq!(simulated.outcome.state, State::Finished);
    assert_eq!(simulated.notices, []);
    let results = judge(settings, &simulated.outcome, &[], RunInfo::default()).expect("no limits");
    (simulated.outcome, results)
}

#[test]
fn our_nodes_are_valid_in_every_workload_with_partitions_and_without() {
    for workload in WORKLOADS {
        for nemesis in [None, Some(Nemesis { interval_ms: 1_000 })] {
            let settings = Settings { nemesis, ..settings(workload) };
            let (outcome, results) = run(Name::Rumormill, &settings);
            let lab = &results.rumormill;
            assert_eq!(results.maelstrom.valid, Validity::Valid, "{workload}: {results:?}");
            assert_eq!(lab.maelstrom_valid, Validity::Valid, "{workload}");
            assert_eq!(lab.ok_fraction, 1.0, "{workload}");
            assert!(lab.operation_count > 300, "{workload}: {}", lab.operation_count);
            if workload.spreads == Spreads::Nothing {
                assert!(outcome.gossiped.is_none() && lab.convergence.best().is_none());
                continue;
            }
            let spread = lab.convergence.best().expect("seen in the simulation");
            assert_eq!(spread.incomplete_count, 0, "{workload}");
            assert!(spread.value_count > 50, "{workload}: {}", spread.value_count);
        }
    }
}

#[test]
fn a_counter_is_exact_whatever_the_network_repeats_reorders_and_loses() {
    let faults = FaultSettings {
        loss: 0.2,
        duplicate: 0.5,
        reorder: 0.5,
        reorder_max_ms: 300,
        ..FaultSettings::default()
    };
    for workload in ["g-counter", "pn-counter"].map(named) {
        let settings = Settings { faults: faults.clone(), ..settings(workload) };
        let (_, results) = run(Name::Rumormill, &settings);
        let counter = results.rumormill.counter.as_ref().expect("a counter");
        assert_eq!((results.maelstrom.valid, counter.wrong_count), (Validity::Valid, 0));
        assert!(counter.nodes.len() == 9 && counter.acknowledged_count > 100);
    }
}

#[test]
fn a_protocol_that_repairs_nothing_leaves_wrong_sums_and_the_lab_says_what_is_lacking() {
    let nemesis = Some(Nemesis { interval_ms: 1_000 });
    let settings = Settings { nemesis, rate: 10.0, ..settings(named("pn-counter")) };
    let (_, results) = run(Name::Flood, &settings);
    assert_eq!(results.exit_code(), 1);
    let counter = results.rumormill.counter.as_ref().expect("a counter");
    assert!(counter.wrong_count > 0 && counter.worst_off_by > 0);
    for node in counter.nodes.iter().filter(|node| node.off_by != 0) {
        // The additions lacked are what the sum is off by, and each is listed: they are few.
        let deltas = node.lacks.iter().map(|words| {
            let (delta, _) = words.split_once(' ').expect("a delta and words");
            delta.parse::<i64>().expect("a delta")
        });
        assert!(node.lacks_count.is_some_and(|count| count as usize == node.lacks.len()));
        assert_eq!(deltas.sum::<i64>(), -node.off_by, "{node:?}");
    }
}

#[test]
fn the_family_serves_sets_and_counters_too() {
    for protocol in [Name::Flood, Name::AntiEntropy, Name::Plumtree, Name::TreeAck] {
        for workload in ["g-set", "pn-counter", "unique-ids"].map(named) {
            let (_, results) = run(protocol, &settings(workload));
            assert_eq!(results.exit_code(), 0, "{protocol}, {workload}: {results:?}");
        }
    }
}

#[test]
fn a_run_is_titled_with_its_workload_and_no_topology_that_no_node_is_told() {
    assert!(settings(named("echo")).shape().starts_with("echo, 9 nodes, latency 20 ms"));
    assert!(settings(named("broadcast")).shape().starts_with("9 nodes, grid, latency 20 ms"));
}

#[test]
fn a_restarted_node_gives_out_other_ids() {
    let faults = FaultSettings::from_toml(
        "[[crash]]\nnode = 'n0'\nat-ms = 2000\ndown-ms = 100\n\
         [[crash]]\nnode = 'n1'\nat-ms = 3000\ndown-ms = 100",
    );
    let faults = faults.expect("faults that parse");
    let settings = Settings { faults, ..settings(named("unique-ids")) };
    let (outcome, results) = run(Name::Rumormill, &settings);
    assert_eq!(outcome.faults.restarted, 2);
    assert_eq!(results.maelstrom.workload.valid(), Validity::Valid);
}

/// Runs with files, and looks at them again.
fn stored(dir: &Path, settings: &Settings) -> check::Checked {
    let store = Store::create(dir, settings.workload.name, &jiff::Zoned::now()).expect("a store");
    let kind = NodeKind::of(Options::of(Name::Rumormill)).expect("default settings");
    let sink = store.sink().expect("files");
    let simulated = simulate(settings, &kind, sink).expect("a run");
    simulated.sink.finish().expect("files");
    let results = judge(settings, &simulated.outcome, &[], RunInfo::default()).expect("no limits");
    store.write_results(&results).expect("files");
    check::check(store.dir(), &Profile::default(), None).expect("files that can be read")
}

#[test]
fn the_files_of_every_workload_say_what_its_results_say() {
    for workload in WORKLOADS {
        let dir = tempfile::tempdir().expect("temporary directory");
        let checked = stored(dir.path(), &settings(workload));
        assert_eq!(checked.comparison.differences, [], "{workload}");
        assert!(checked.comparison.compared > 20, "{workload}");
        assert_eq!(checked.verdict(), Validity::Valid, "{workload}");
        // A history that was tampered with does not say the same.
        let run = fs::read_dir(dir.path().join(workload.name)).expect("runs").next();
        let path = run.expect("a run").expect("a run").path().join("history.edn");
        let text = fs::read_to_string(&path).expect("a history");
        let line = text.lines().find(|line| line.contains(":type :ok")).expect("an answer");
        fs::write(&path, text.replacen(&format!("{line}\n"), "", 1)).expect("a history");
        let dir = path.parent().expect("a directory");
        let checked = check::check(dir, &Profile::default(), None).expect("files");
        assert_ne!(checked.comparison.differences, [], "{workload}");
    }
}
