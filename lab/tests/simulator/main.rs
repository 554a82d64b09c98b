//! The simulator: whole runs of both kinds of nodes, faults of nodes, and its command.

mod command;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use rumormill::args::Options;
use rumormill::id::{Generation, NodeId};
use rumormill::protocols::Name;
use rumormill::protocols::rumormill::config::Config;
use rumormill::service::Reply;
use rumormill_judge::checker::Validity;
use rumormill_judge::message::events::NullSink;
use rumormill_judge::message::{Body, Message};
use rumormill_judge::outcome::{Outcome, Phase, State};
use rumormill_judge::results::{Results, RunInfo};
use rumormill_judge::run::Run;
use rumormill_judge::settings::faults::FaultSettings;
use rumormill_judge::settings::{Availability, Nemesis, Settings};
use rumormill_judge::topology::Topology;
use rumormill_judge::verdict::judge;
use rumormill_lab::node::Inspect as _;
use rumormill_lab::profile::Profile;
use rumormill_lab::sim::{self, NodeKind, Simulated, simulate, simulate_observed};
use rumormill_lab::store::Store;
use rumormill_lab::store::journal::Journal;
use rumormill_sim::network::latency::Latency;
use rumormill_sim::{Host, Input, MS, NodeFault, NodeFaultKind, Observer};

/// A node of ours, and the simulation of many.
type Node = sim::Node;
type Sim = rumormill_sim::Sim<Node, Run<NullSink>>;

fn settings(nodes: usize, faults: &str) -> Settings {
    let settings = Settings {
        rate: 50.0,
        time_limit_ms: 8_000,
        latency: Latency { mean_ms: 20, ..Latency::default() },
        faults: FaultSettings::from_toml(faults).expect("faults that parse"),
        seed: 3,
        ..Settings::with_nodes(nodes)
    };
    settings.check().expect("settings that make sense");
    settings
}

fn run(settings: &Settings) -> Simulated<NullSink, Vec<Host<Node>>> {
    simulate_observed(settings, &Config::default(), NullSink, &mut ())
        .expect("settings that make sense")
}

fn results(settings: &Settings, outcome: &Outcome) -> Results {
    assert_eq!(outcome.state, State::Finished);
    judge(settings, outcome, &[], RunInfo::default()).expect("no limits")
}

fn flood(settings: &Settings) -> Simulated<NullSink> {
    let kind = NodeKind::of(Options::of(Name::Flood)).expect("no settings");
    simulate(settings, &kind, NullSink).expect("settings that make sense")
}

#[test]
fn the_time_of_each_value_on_each_node_is_exact() {
    // A flood on a line: a value needs so many hops of 20 ms as the farthest node is away.
    let mut settings = settings(4, "");
    settings.topology = Topology::Line;
    settings.compat.head_of_line = false;
    let flooded = flood(&settings);
    let spread = flooded.outcome.gossiped.as_ref().expect("seen inside");
    assert!(flooded.outcome.exact && !spread.values.is_empty());
    for value in &spread.values {
        assert!([40 * MS, 60 * MS].contains(&value.since_ack(4).expect("on all nodes")));
    }
    // Each value crosses each of the three links once.
    let broadcasts = spread.values.len() as u64;
    assert_eq!(flooded.outcome.counts.servers.send, 3 * broadcasts);
    assert_eq!(results(&settings, &flooded.outcome).exit_code(), 0);
}

/// Results see into the nodes; explain, report and watch read the log of messages.
#[test]
fn the_log_and_the_results_agree_on_when_a_paused_node_gets_values() {
    let pauses = "pause = [{ node = 'n2', at-ms = 1000, for-ms = 1500 },
                           { node = 'n3', at-ms = 4000, for-ms = 700 }]";
    let settings = Settings { topology: Topology::Line, ..settings(4, pauses) };
    let base = tempfile::tempdir().expect("temporary directory");
    let store = Store::create(base.path(), "broadcast", &jiff::Zoned::now()).expect("a store");
    let kind = NodeKind::of(Options::of(Name::Flood)).expect("no settings");
    let simulated = simulate(&settings, &kind, store.sink().expect("a file")).expect("a run");
    simulated.sink.finish().expect("a file that is written");
    let seen = simulated.outcome.gossiped.expect("seen inside").values;
    let journal = Journal::load(store.dir(), &[]).expect("a log");
    let logged = journal.trace.values.iter().map(|value| journal.took_ms(value));
    let expected = seen.iter().map(|value| Some(value.since_ack(4)? as f64 / 1e6));
    assert_eq!(logged.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let late = seen.iter().filter(|value| value.since_ack(4) > Some(500 * MS));
    assert!(late.count() > 20);
}

#[test]
fn a_flood_loses_in_partitions_what_ours_does_not() {
    let settings = Settings { nemesis: Some(Nemesis { interval_ms: 1_000 }), ..settings(9, "") };
    let flooded = flood(&settings);
    assert!(results(&settings, &flooded.outcome).rumormill.missing.missing_count > 0);
    let ours = run(&settings);
    let results = results(&settings, &ours.outcome);
    assert_eq!(results.rumormill.missing.missing_count, 0);
    let components = results.rumormill.components.expect("nodes were disconnected");
    assert!(components.heal_count > 0 && components.value_count > 100, "{components:?}");
    assert_eq!(components.incomplete_count, 0);
}

#[test]
fn in_a_tree_of_hubs_no_node_has_many_links() {
    // The first size at which a star would have too many.
    let nodes = 1_025;
    let mut settings = Settings { rate: 20.0, time_limit_ms: 2_000, ..settings(nodes, "") };
    settings.recovery.wait_ms = 2_000;
    let config = Config { latency_budget: Duration::from_millis(200), ..Config::default() };
    let simulated = simulate_observed(&settings, &config, NullSink, &mut ());
    let simulated = simulated.expect("settings that make sense");
    let results = results(&settings, &simulated.outcome);
    assert_eq!(results.rumormill.missing.missing_count, 0, "{:?}", results.rumormill.missing);
    let nodes = simulated.nodes.iter().map(|host| host.process().server());
    let links: Vec<usize> = nodes.map(|node| node.links().count()).collect();
    // 33 children, a parent, four neighbours, and whom digests went to by chance.
    let most = links.iter().copied().max().unwrap_or(0);
    assert!((33..60).contains(&most), "{most}");
    assert!(links.iter().filter(|count| **count > 20).count() <= 33);
}

#[test]
fn more_neighbours_than_fit_into_memory_are_refused() {
    let total = Settings { topology: Topology::Total, ..Settings::with_nodes(10_000) };
    let why = total.check().expect_err("too many").to_string();
    assert!(why.contains("10000 nodes has 99990000 neighbours"), "{why}");
    assert!(Settings { topology: Topology::Grid, ..total }.check().is_ok());
}

/// All kinds of faults at once.
const EVERYTHING: &str = "
    loss = 0.05
    duplicate = 0.05
    reorder = 0.1
    reorder-max-ms = 50
    pause-rate = 1.0
    pause-max-ms = 500
    clock-jump-rate = 2.0
    clock-jump-max-ms = 5000
    crash-rate = 1.0
    crash-max-ms = 700
    crash-forget = 0.5
    slow = [{ node = 'n2', extra-ms = 30 }]
    cut = [{ a = ['n0'], b = ['n1'], one-way = true, flap-ms = 200 }]
    latency = [{ at-ms = 4000, mean-ms = 40 }]";

#[test]
fn everything_at_once_loses_nothing_and_is_counted() {
    let settings = settings(7, EVERYTHING);
    let simulated = run(&settings);
    let results = results(&settings, &simulated.outcome);
    assert_eq!(results.rumormill.missing.missing_count, 0, "{:?}", results.rumormill.missing);
    let counts = simulated.outcome.faults;
    let happened = [
        counts.lost,
        counts.duplicated,
        counts.reordered,
        counts.slowed,
        counts.cut,
        counts.unheard,
        counts.latency_changed,
        counts.paused,
        counts.clock_jumped,
        counts.crashed,
        counts.restarted,
    ];
    assert!(happened.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(counts.crashed, counts.restarted, "all are back at the end");
    let generations: u64 = simulated.nodes.iter().map(|node| node.generation().0 - 1).sum();
    assert_eq!(generations, counts.restarted);
}

#[test]
fn a_clock_that_jumps_back_to_its_beginning_is_survived() {
    let faults = "clock-jump = [
        { node = 'n0', at-ms = 1000, by-ms = -9000000000 },
        { node = 'n1', at-ms = 2000, by-ms = 9000000000000 }]";
    let forth_only = settings(5, faults);
    let simulated = run(&forth_only);
    assert_eq!(simulated.outcome.faults.clock_jumped, 2);
    assert_eq!(results(&forth_only, &simulated.outcome).rumormill.missing.missing_count, 0);
    // Back again, all that the node had planned is thousands of years away. It answers, though.
    let back = "{ node = 'n1', at-ms = 4000, by-ms = -9000000000000 }]";
    let forth_and_back = settings(5, &faults.replace("000 }]", &format!("000 }}, {back}")));
    let simulated = run(&forth_and_back);
    assert_eq!(simulated.outcome.faults.clock_jumped, 3);
    assert_eq!(results(&forth_and_back, &simulated.outcome).rumormill.ok_fraction, 1.0);
}

/// Notes what happens to one node.
#[derive(Default)]
struct Diary {
    lines: Vec<String>,
    handled: BTreeMap<u64, u64>,
    acks: u64,
}

impl Observer<Node, Run<NullSink>> for Diary {
    fn receiving(&mut self, _: &Sim, node: NodeId, input: &Input<Node>) {
        if let (NodeId(1), Input::Request(message)) = (node, input)
            && matches!(message.body, Body::Init { .. } | Body::Topology { .. })
        {
            self.lines.push(message.body.kind().to_owned());
        }
    }

    fn replied(&mut self, _: &Sim, _: NodeId, reply: &Message) {
        self.acks += u64::from(matches!(reply.body, Body::Reply { reply: Reply::BroadcastOk, .. }));
    }

    fn fault(&mut self, sim: &Sim, fault: &NodeFault) {
        let components = sim.medium().conditions().components(sim.now());
        let alone = components.iter().filter(|part| **part == components[1]).count() == 1;
        let name = match fault.kind {
            NodeFaultKind::Pause(_) => "pause",
            NodeFaultKind::Resume => "resume",
            NodeFaultKind::Crash { .. } => "crash",
            NodeFaultKind::Restart { .. } => "restart",
            NodeFaultKind::ClockJump(_) => "jump",
            NodeFaultKind::FillDisk(_) => "full",
            NodeFaultKind::FreeDisk => "free",
        };
        self.lines.push(format!("{name}, alone: {alone}"));
    }

    fn handled(&mut self, sim: &Sim, node: NodeId) -> ControlFlow<String> {
        let host = &sim.hosts()[node.0 as usize];
        assert!(host.is_up() && !host.is_paused());
        if node == NodeId(1) && sim.medium().phase() == Phase::Main {
            *self.handled.entry(sim.now() / (100 * MS)).or_default() += 1;
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn nothing_happens_to_a_paused_or_dead_node_and_it_is_alone() {
    let faults = "
        pause = [{ node = 'n1', at-ms = 1000, for-ms = 1000 }]
        crash = [{ node = 'n1', at-ms = 4000, down-ms = 1000, forget-topology = true }]";
    let mut diary = Diary::default();
    let settings = settings(5, faults);
    let simulated =
        simulate_observed(&settings, &Config::default(), NullSink, &mut diary).expect("a run");
    let events = [
        "init",
        "topology",
        "pause, alone: true",
        "resume, alone: false",
        "crash, alone: true",
        "restart, alone: false",
        "init",
    ];
    assert_eq!(diary.lines, events);
    let quiet = |tenths: std::ops::Range<u64>| diary.handled.range(tenths).count() == 0;
    assert!(quiet(11..19) && quiet(41..49) && !quiet(20..22) && !quiet(50..55));
    assert_eq!(simulated.nodes[1].generation(), Generation(2));
    // While its node is down a client rests; what was asked before is lost, at most.
    let results = results(&settings, &simulated.outcome);
    assert!(results.rumormill.ok_fraction > 0.99, "{}", results.rumormill.ok_fraction);
    assert!(diary.acks >= results.rumormill.missing.acknowledged_count);
    assert_eq!(results.rumormill.missing.missing_count, 0);
}

#[test]
fn a_node_that_died_for_good_is_not_asked_for_anything() {
    let settings = settings(5, "crash = [{ node = 'n0', at-ms = 3000 }]");
    let simulated = run(&settings);
    assert!(!simulated.nodes[0].is_up());
    let results = results(&settings, &simulated.outcome);
    assert!(results.rumormill.missing.unread.is_empty());
    assert_eq!(results.rumormill.convergence.best().expect("seen inside").incomplete_count, 0);
    assert_eq!(results.exit_code(), 0);
}

#[test]
fn what_is_open_at_a_dying_node_is_left_out_of_availability_and_nothing_else() {
    let judged = |faults: &str| {
        let total = Some(Availability::Total);
        let settings = Settings { availability: total, ..settings(5, faults) };
        results(&settings, &run(&settings).outcome)
    };
    // Paused, the node has not answered what it dies with.
    let dying = "
        crash = [{ node = 'n0', at-ms = 4000, down-ms = 500 }]
        pause = [{ node = 'n0', at-ms = 3000, for-ms = 1500 }";
    let died = judged(&format!("{dying}]"));
    assert_eq!((died.exit_code(), died.rumormill.indeterminate_count), (0, 1));
    assert_eq!(died.rumormill.maelstrom_valid, Validity::Invalid);
    assert!(died.rumormill.ok_fraction < 1.0, "Maelstrom counts it");
    let deaf = "{ node = 'n1', at-ms = 1000, for-ms = 6000 }";
    let living = judged(&format!("{dying}, {deaf}]"));
    assert_eq!((living.exit_code(), living.rumormill.indeterminate_count), (1, 1));
    assert_eq!(living.rumormill.missing.missing_count, 0);
    assert_eq!(living.maelstrom.valid, Validity::Invalid);
}

#[test]
fn a_silence_is_wrong_from_the_heal_on_and_without_faults_there_is_none() {
    // With two nodes there is no other that could be silent; it takes them some seconds.
    let report = |faults: &str| {
        let simulated = run(&Settings { time_limit_ms: 40_000, ..settings(2, faults) });
        simulated.outcome.suspicions.expect("seen inside")
    };
    assert_eq!(report("").count, 0);
    let cut = "cut = [{ a = ['n0'], from-ms = 1000, until-ms = 12000 }]";
    let healed = report(cut).longest.expect("the heal is not known at once");
    assert!(healed.at >= 12_000 * MS && healed.lasted > 0, "{healed:?}");
    // Far away is not silent, but a node cannot know it before the first answer.
    let far = report("latency = [{ at-ms = 1000, mean-ms = 12000 }]");
    let far = far.longest.expect("answers take 24 s");
    assert!(far.at > 1_000 * MS && far.lasted > 100 * MS, "{far:?}");
    // One way is not enough to be heard.
    let cut_off = report("cut = [{ a = ['n0'], one-way = true, from-ms = 1000 }]");
    let main_end = 39_900 * MS;
    assert!(cut_off.longest.is_none_or(|longest| longest.at >= main_end), "{cut_off:?}");
}

/// Breaks the run off at the first acknowledgement.
struct Impatient(bool);

impl Observer<Node, Run<NullSink>> for Impatient {
    fn replied(&mut self, _: &Sim, _: NodeId, reply: &Message) {
        self.0 |= matches!(reply.body, Body::Reply { reply: Reply::BroadcastOk, .. });
    }

    fn handled(&mut self, _: &Sim, _: NodeId) -> ControlFlow<String> {
        if self.0 {
            ControlFlow::Break("seen enough".to_owned())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn an_observer_can_break_a_run_off() {
    let (settings, mut impatient) = (settings(3, ""), Impatient(false));
    let simulated =
        simulate_observed(&settings, &Config::default(), NullSink, &mut impatient).expect("a run");
    assert!(simulated.broken_off);
    assert_eq!(simulated.outcome.state, State::Crashed("seen enough".to_owned()));
}

#[test]
fn every_builtin_profile_makes_sense() {
    for (name, description) in Profile::builtin() {
        let profile = Profile::load(name).unwrap_or_else(|error| panic!("{error:#}"));
        assert!(!description.is_empty(), "{name}");
        profile.into_settings().unwrap_or_else(|error| panic!("{name}: {error:#}"));
    }
}

#[test]
fn two_restarts_before_the_first_init_arrives_are_survived() {
    let mut settings = settings(
        3,
        "crash = [{ node = 'n1', at-ms = 5000, down-ms = 10 }, { node = 'n1', at-ms = 5500, \
         down-ms = 10 }]",
    );
    settings.latency.mean_ms = 2_000;
    assert_eq!(run(&settings).outcome.state, State::Finished);
}
