//! Durable clusters in the simulator: every node on a disk of its own, which loses in a crash what was
//! not synced.

use rumormill::args::Options;
use rumormill::maelstrom::record::Event;
use rumormill::protocols::Name;
use rumormill::protocols::rumormill::config::Config;
use rumormill_judge::message::events::NullSink;
use rumormill_judge::outcome::State;
use rumormill_judge::results::{Results, RunInfo};
use rumormill_judge::settings::faults::{Crash, Cut, FaultSettings, Spell};
use rumormill_judge::settings::{Recovery, Settings};
use rumormill_judge::verdict::judge;
use rumormill_lab::replay::{Replay, files};
use rumormill_lab::sim::{NodeKind, Records, simulate, simulate_observed};
use rumormill_sim::network::latency::Latency;

/// Five nodes, all of which are killed at once, three times.
fn settings(seed: u64, durable: bool) -> Settings {
    let nodes = Settings::numbered_nodes(5);
    let crash = [1_000, 2_000, 3_500].into_iter().flat_map(|at_ms| {
        let crash = move |node| Crash { node, at_ms, down_ms: Some(300), forget_topology: false };
        nodes.clone().into_iter().map(crash)
    });
    let faults = FaultSettings { durable, crash: crash.collect(), ..FaultSettings::default() };
    Settings {
        rate: 200.0,
        time_limit_ms: 5_000,
        latency: Latency { mean_ms: 20, ..Latency::default() },
        faults,
        seed,
        ..Settings::with_nodes(5)
    }
}

fn results(settings: &Settings, protocol: Name) -> Results {
    let kind = NodeKind::of(Options::of(protocol)).expect("no flags");
    let simulated = simulate(settings, &kind, NullSink).expect("settings that make sense");
    assert_eq!(simulated.outcome.state, State::Finished);
    judge(settings, &simulated.outcome, &[], RunInfo::default()).expect("no limits")
}

#[test]
fn a_durable_cluster_that_is_killed_as_a_whole_keeps_what_it_acknowledged_and_another_does_not() {
    let mut lost = 0;
    for seed in 0..5 {
        for protocol in [Name::Rumormill, Name::AntiEntropy] {
            let results = results(&settings(seed, true), protocol);
            let missing = &results.rumormill.missing;
            assert!(missing.acknowledged_count > 300, "{missing:?}");
            assert_eq!(missing.missing_count, 0, "{protocol} {seed}: {missing:?}");
            assert_eq!(results.exit_code(), 0, "{protocol} {seed}");
        }
        let results = results(&settings(seed, false), Name::Rumormill);
        lost += results.rumormill.missing.lost_with_holders_count;
    }
    assert!(lost > 100, "{lost}");
}

/// One disk after the other is full for a second, and nodes die meanwhile.
#[test]
fn a_node_without_space_refuses_requests_loses_nothing_and_goes_on() {
    let full = |node: usize| Spell {
        node: format!("n{node}").into(),
        at_ms: 500 + 800 * node as u64,
        for_ms: 1_000,
    };
    for protocol in [Name::Rumormill, Name::AntiEntropy] {
        for seed in 0..5 {
            let mut settings = settings(seed, true);
            settings.faults.disk_full = (0..5).map(full).collect();
            // A worker may wait for what was accepted before the disk was found full.
            settings.concurrency = 50;
            let results = results(&settings, protocol);
            let (lab, missing) = (&results.rumormill, &results.rumormill.missing);
            assert_eq!(lab.traffic.faulted["disk full"], 5);
            let refusals = lab.error_replies.iter();
            let refusals = refusals.filter(|reply| reply.words().contains("no storage space"));
            let refused: u64 = refusals.map(|reply| reply.count).sum();
            assert!(refused > 20, "{protocol} {seed}: {:?}", lab.error_replies);
            assert!(missing.acknowledged_count > 200, "{protocol} {seed}: {missing:?}");
            assert_eq!(missing.missing_count, 0, "{protocol} {seed}: {missing:?}");
            assert!(missing.unread.is_empty(), "{protocol} {seed}: all answer in the end");
        }
    }
}

/// As after a kill of Maelstrom's: each node is told its name, and nothing else.
#[test]
fn a_durable_cluster_that_is_killed_as_a_whole_at_the_end_needs_no_topology_to_agree() {
    for seed in 0..5 {
        let mut settings = settings(seed, true);
        settings.faults.cut = [0, 1, 2, 3]
            .map(|node| format!("n{node}").into())
            .map(|node| Cut {
                a: vec![node],
                b: Vec::new(),
                one_way: false,
                from_ms: 4_000,
                until_ms: None,
                flap_ms: None,
            })
            .to_vec();
        settings.faults.crash.retain(|crash| crash.at_ms == 3_500);
        for crash in &mut settings.faults.crash {
            (crash.at_ms, crash.forget_topology) = (4_990, true);
        }
        // A node that knows nothing of a restart sends nothing for 15 s.
        settings.recovery = Recovery { wait_ms: 14_000, quiet_ms: None };
        let results = results(&settings, Name::Rumormill);
        assert_eq!(results.rumormill.missing.missing_count, 0, "{seed}");
        assert!(results.rumormill.missing.acknowledged_count > 300);
    }
}

#[test]
fn a_durable_set_or_counter_is_right_after_the_whole_cluster_was_killed() {
    for workload in ["broadcast", "g-set", "pn-counter"] {
        let workload = workload.parse().expect("a workload");
        let settings = Settings { workload, ..settings(1, true) };
        let results = results(&settings, Name::Rumormill);
        let wrong = results.rumormill.counter.as_ref().map_or(0, |counter| counter.wrong_count);
        assert_eq!((wrong, results.rumormill.missing.missing_count), (0, 0), "{workload}");
    }
}

#[test]
fn a_slower_disk_delays_an_acknowledgement_by_its_sync_and_deliveries_by_no_more() {
    let with = |sync: Option<u64>| {
        let faults = FaultSettings {
            durable: sync.is_some(),
            disk_sync_ms: sync,
            ..FaultSettings::default()
        };
        let settings = Settings { faults, ..settings(2, true) };
        let results = results(&settings, Name::Rumormill);
        let spread = results.rumormill.convergence.message_flow.expect("values that spread");
        let latency = results.rumormill.client_latency["broadcast"];
        let max = spread.since_ack.and_then(|times| times.max);
        (max.expect("all came"), latency.min)
    };
    let (without, _) = with(None);
    for sync_ms in [5, 50] {
        let (spread, ack) = with(Some(sync_ms));
        assert!(ack > sync_ms as f64 - 0.1, "{ack}");
        // What is made while a sync is under way waits for two.
        assert!(spread <= without + 2.0 * sync_ms as f64, "{spread} {without}");
    }
}

#[test]
fn records_of_durable_nodes_have_what_came_from_the_journal_and_replay_without_a_difference() {
    let settings = settings(1, true);
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut records = Some(Records::create(dir.path(), &settings.nodes).expect("records"));
    simulate_observed(&settings, &Config::default(), NullSink, &mut records).expect("a run");
    records.into_iter().for_each(|records| records.finish().expect("written"));
    let (mut lives, mut restored) = (0, 0);
    for file in files::find(dir.path()).expect("records") {
        for life in files::read(&file).expect("a record").lives {
            let is_restored = |(_, event): &&(u64, Event)| matches!(event, Event::Restored(..));
            restored += life.events.iter().filter(is_restored).count();
            lives += 1;
            let mut replay = Replay::new(&life).expect("a record of ours");
            while replay.step().unwrap_or_else(|parting| panic!("{parting}")).is_some() {}
        }
    }
    assert_eq!(lives, 4 * 5);
    assert!(restored > 15, "{restored}");
}
