//! Every protocol of the family keeps its promise in the broadcast workload, and those that promise
//! no repair lose values as their papers say.

use rumormill::protocols::{Name, Options, Promise};
use rumormill_judge::message::events::NullSink;
use rumormill_judge::results::{Results, RunInfo};
use rumormill_judge::settings::faults::FaultSettings;
use rumormill_judge::settings::{Nemesis, Recovery, Settings};
use rumormill_judge::verdict::judge;
use rumormill_lab::sim::{NodeKind, simulate};
use rumormill_sim::network::latency::Latency;

/// 25 nodes on a grid, 20 ms, ten seconds, and a wait in which slow protocols repair.
fn settings() -> Settings {
    Settings {
        rate: 20.0,
        time_limit_ms: 10_000,
        latency: Latency { mean_ms: 20, ..Latency::default() },
        recovery: Recovery { wait_ms: 40_000, quiet_ms: None },
        seed: 7,
        ..Settings::with_nodes(25)
    }
}

fn run(protocol: Name, settings: &Settings) -> Results {
    let kind = NodeKind::of(Options::of(protocol)).expect("default settings");
    let simulated = simulate(settings, &kind, NullSink).expect("a run");
    judge(settings, &simulated.outcome, &[], RunInfo::default()).expect("no limits")
}

/// Acknowledged values, and those of them that some node lacks.
fn missing(protocol: Name, settings: &Settings) -> (u64, u64) {
    let missing = run(protocol, settings).rumormill.missing;
    (missing.acknowledged_count, missing.missing_count)
}

/// The protocols that spread entries.
fn spreading() -> impl Iterator<Item = Name> {
    Name::ALL.into_iter().filter(|protocol| protocol.promise() != Promise::Aggregates)
}

#[test]
fn without_faults_every_protocol_delivers_everything() {
    for protocol in spreading() {
        let results = run(protocol, &settings());
        let acknowledged = results.rumormill.missing.acknowledged_count;
        assert!(acknowledged > 60, "{protocol}: {acknowledged}");
        let missing = results.rumormill.missing.missing_count;
        if protocol.promise() == Promise::Most {
            assert!(missing * 10 <= acknowledged, "{protocol}: {missing} of {acknowledged}");
        } else {
            assert_eq!((results.exit_code(), missing), (0, 0), "{protocol}");
        }
    }
}

#[test]
fn with_loss_and_partitions_a_protocol_repairs_everything_or_promises_no_repair() {
    let settings = Settings {
        faults: FaultSettings { loss: 0.1, ..FaultSettings::default() },
        nemesis: Some(Nemesis { interval_ms: 2_000 }),
        ..settings()
    };
    for protocol in spreading() {
        let (acknowledged, missing) = missing(protocol, &settings);
        match protocol.promise() {
            Promise::Repairs => assert_eq!(missing, 0, "{protocol}, of {acknowledged}"),
            Promise::Delivers => assert!(missing > 0, "{protocol} lost nothing of {acknowledged}"),
            Promise::Most | Promise::Aggregates => {}
        }
    }
}

/// Loss alone: direct mail loses the copies that are lost, a tree cuts off what is behind a lost
/// message, and n - 1 copies to each node outlive it.
#[test]
fn one_message_in_ten_lost_harms_each_protocol_as_its_paper_says() {
    let faults = FaultSettings { loss: 0.1, ..FaultSettings::default() };
    let settings = Settings { faults, ..settings() };
    let share = |protocol| {
        let (acknowledged, missing) = missing(protocol, &settings);
        missing as f64 / acknowledged as f64
    };
    // 1 - 0.9^24: hardly a value reaches all nodes.
    assert!(share(Name::DirectMail) > 0.8, "{}", share(Name::DirectMail));
    assert!(share(Name::Central) > 0.8, "{}", share(Name::Central));
    // Each corner of the grid has two neighbours: 4 · 0.1² and more.
    let flood = share(Name::Flood);
    assert!((0.04..0.6).contains(&flood), "{flood}");
    assert!(share(Name::Eager) < 1e-9);
    // A node whose copy and whose requests are lost never hears of the value again.
    assert!(share(Name::Plumtree) < 0.25, "{}", share(Name::Plumtree));
}

/// A single point of failure, and protocols that have none.
#[test]
fn a_dead_server_stops_the_central_protocol_and_no_other() {
    let crash = "crash = [{ node = 'n0', at-ms = 5000 }]";
    let faults = FaultSettings::from_toml(crash).expect("a fault");
    let settings = Settings { faults, ..settings() };
    for protocol in spreading().filter(|protocol| protocol.promise() != Promise::Most) {
        let (acknowledged, missing) = missing(protocol, &settings);
        let share = missing as f64 / acknowledged as f64;
        match protocol {
            Name::Central => assert!(share > 0.3, "{share}"),
            // The tree is not rebuilt, and n0 is a leaf of the grid's tree.
            _ => assert!(share <= 0.05, "{protocol}: {share}"),
        }
    }
}

/// Same settings, same run: no protocol depends on anything but its seed.
#[test]
fn every_protocol_is_deterministic() {
    let settings = Settings { time_limit_ms: 3_000, recovery: Recovery::FIXED, ..settings() };
    for protocol in Name::ALL {
        let kind = NodeKind::of(Options::of(protocol)).expect("default settings");
        let fingerprint = || {
            let simulated = simulate(&settings, &kind, NullSink);
            simulated.expect("a run").outcome.fingerprint
        };
        assert_eq!(fingerprint(), fingerprint(), "{protocol}");
    }
}
