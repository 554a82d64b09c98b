//! Runs in which nothing goes wrong but the network.

use rumormill_sim::network::DropCause;
use rumormill_sim::network::latency::{Distribution, Latency};

use super::*;
use crate::outcome::{NodeReport, Phase};
use crate::settings::{Nemesis, Recovery};
use crate::topology::Topology;
use crate::verdict::judge;

/// How many values a node's final read returned.
fn final_values(node: &NodeReport) -> Option<u64> {
    Some(node.final_read.as_ref()?.set()?.ints.len())
}

fn settings(nodes: usize) -> Settings {
    Settings { rate: 50.0, time_limit_ms: 4_000, ..Settings::with_nodes(nodes) }
}

fn slow(nodes: usize, mean_ms: u64) -> Settings {
    let latency = Latency { mean_ms, distribution: Distribution::Constant };
    Settings { latency, ..settings(nodes) }
}

#[test]
fn all_counts_of_a_quiet_run() {
    let (outcome, log, notices) = Simulation::floods(&settings(5)).play();
    assert_eq!(outcome.state, State::Finished);
    assert_eq!(notices, []);
    let invoked = client_ops(&outcome, OpKind::Invoke).len() as u64;
    assert!((150..250).contains(&invoked), "{invoked}");
    assert_eq!(client_ops(&outcome, OpKind::Ok).len() as u64, invoked);
    assert_eq!(log.ops, outcome.history.len());
    let counts = &outcome.counts;
    assert_eq!(counts.clients.send, 2 * invoked + 4 * 5);
    assert_eq!(counts.clients.recv, counts.clients.send);
    let broadcasts = counts.types["broadcast"].send;
    // A flood over the 5 links of this grid that skips the sender: 6 messages per value.
    assert_eq!(counts.servers.send, 6 * broadcasts);
    assert_eq!(counts.servers, counts.servers);
    assert_eq!(counts.all.msg, counts.clients.msg + counts.servers.msg);
    assert_eq!(counts.types["tell"].send, counts.servers.send);
    assert_eq!(counts.links.values().map(|link| link.send).sum::<u64>(), counts.servers.send);
    assert_eq!(counts.links.values().map(|link| link.bytes).sum::<u64>(), counts.server_bytes);
    assert_eq!(counts.links.len(), 10);
    assert_eq!(counts.dropped, BTreeMap::new());
}

#[test]
fn the_phases_and_the_final_reads() {
    let outcome = Simulation::floods(&settings(5)).outcome();
    let phases: Vec<Phase> = outcome.phases.iter().map(|(phase, _)| *phase).collect();
    use Phase::{Done, FinalReads, Init, Main, Recovery, Topology};
    assert_eq!(phases, [Init, Topology, Main, Recovery, FinalReads, Done]);
    let times: Vec<Nanos> = outcome.phases.iter().map(|(_, time)| *time).collect();
    assert_eq!(outcome.zero, times[1]);
    assert_eq!(times[4] - times[3], 10_000 * MS);
    assert!(outcome.recovery.is_some_and(|r| r.waited == 10_000 * MS && !r.quiet));
    let main = times[3] - times[2];
    assert!(main < 4_000 * MS && main > 3_900 * MS, "{main}");
    let invoked = client_ops(&outcome, OpKind::Invoke);
    assert_eq!(invoked[0].time, 0);
    let last: Vec<&&Op> = invoked.iter().rev().take_while(|op| op.is_final).collect();
    let readers: BTreeSet<Process> = last.iter().map(|op| op.process).collect();
    assert_eq!((last.len(), readers.len()), (5, 5));
    let broadcasts = outcome.counts.types["broadcast"].send;
    for node in &outcome.nodes {
        assert_eq!(final_values(node), Some(broadcasts));
    }
}

/// Keeps everything that it is told in `lin-kv`, and answers when that has.
#[derive(Default)]
struct Keeper {
    name: String,
    asked: Vec<Value>,
}

impl Node for Keeper {
    fn handle(&mut self, message: &Value) -> Vec<Value> {
        let body = &message["body"];
        let kind = body["type"].as_str().unwrap();
        match kind {
            "init" => {
                self.name = body["node_id"].as_str().unwrap().into();
                vec![reply(message, json!({"type": "init_ok"}))]
            }
            "topology" => vec![reply(message, json!({"type": "topology_ok"}))],
            "read" => vec![reply(message, json!({"type": "read_ok", "messages": []}))],
            "broadcast" => {
                self.asked.push(message.clone());
                let body = json!({"type": "write", "key": body["message"], "value": self.name,
                    "msg_id": self.asked.len() - 1});
                vec![json!({"src": self.name, "dest": "lin-kv", "body": body})]
            }
            "write_ok" => {
                assert_eq!(message["src"], "lin-kv");
                let asked = &self.asked[body["in_reply_to"].as_u64().unwrap() as usize];
                vec![reply(asked, json!({"type": "broadcast_ok"}))]
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn services_are_delayed_and_counted_like_nodes_and_never_cut_off() {
    let nemesis = Some(Nemesis { interval_ms: 300 });
    let settings = Settings { nemesis, ..slow(5, 100) };
    let outcome = Simulation::new(&settings, |_| Box::new(Keeper::default())).outcome();
    let added: Vec<&Op> = client_ops(&outcome, OpKind::Ok)
        .into_iter()
        .filter(|op| op.action.added().is_some())
        .collect();
    let counts = &outcome.counts;
    assert_eq!(added.len() as u64, counts.types["broadcast"].send, "each was kept");
    assert_eq!(counts.types["write"].recv, counts.types["broadcast"].send);
    assert_eq!(counts.servers.send, 2 * counts.types["write"].send);
    let invoked: BTreeMap<Option<u64>, Nanos> = client_ops(&outcome, OpKind::Invoke)
        .into_iter()
        .map(|op| (op.action.added(), op.time))
        .collect();
    for op in added {
        // There and back, each up to 1 ms less.
        let took = op.time - invoked[&op.action.added()];
        assert!(took >= 198 * MS, "{took}");
    }
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_seed_others() {
    let latency = Latency { mean_ms: 30, distribution: Distribution::Exponential };
    let base = Settings {
        latency,
        nemesis: Some(Nemesis { interval_ms: 500 }),
        probe_ms: Some(100),
        ..settings(9)
    };
    let (first, first_log, _) = Simulation::floods(&base).play();
    let (second, second_log, _) = Simulation::floods(&base).play();
    assert!(first_log.lines == second_log.lines);
    assert_eq!(first.fingerprint, second.fingerprint);
    let other = Simulation::floods(&Settings { seed: 1, ..base }).outcome();
    assert_ne!(first.fingerprint, other.fingerprint);
}

#[test]
fn the_first_worker_uses_client_2n_and_worker_0_has_two_turns() {
    let (outcome, log, _) = Simulation::floods(&settings(5)).play();
    let first = log.lines.iter().find(|line| line.contains("\"src\":\"c10\"")).unwrap();
    assert!(first.contains("\"msg_id\":1"), "{first}");
    assert!(log.lines.iter().any(|line| line.contains("\"dest\":\"c14\"")));
    assert!(!log.lines.iter().any(|line| line.contains("\"c15\"")));
    let invoked = client_ops(&outcome, OpKind::Invoke);
    let order: Vec<Process> = invoked.iter().take(12).map(|op| op.process).collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 0].map(Process::Client));
}

#[test]
fn latency_is_between_nodes_only_and_a_line_needs_all_its_hops() {
    let base = Settings { topology: Topology::Line, probe_ms: Some(5), ..slow(5, 100) };
    let (outcome, log, _) = Simulation::floods(&base).play();
    let probed = outcome.probed.unwrap();
    // From one end of the line to the other it is 4 hops, from the middle 2; probes see it at
    // most 5 ms later, the consumer may hold the request up for one latency. Sleeps are cut to
    // whole milliseconds, so a hop may be up to 1 ms short.
    for spread in &probed.values {
        let all = spread.since_invoke(5).unwrap();
        assert!(all > 198 * MS && all <= 505 * MS, "{all}");
    }
    assert!(!log.lines.iter().any(|line| line.contains("\"p0\"")));
    let counts = outcome.counts;
    let invoked = outcome.history.iter().filter(|op| op.kind == OpKind::Invoke).count() as u64;
    assert_eq!(counts.clients.send, 2 * invoked + 4 * 5, "probes are not counted");
}

#[test]
fn a_request_waits_behind_the_message_in_hand() {
    let delays = |head_of_line: bool| {
        let mut base = slow(5, 100);
        base.compat.head_of_line = head_of_line;
        let outcome = Simulation::floods(&base).outcome();
        let mut invoked = BTreeMap::new();
        let mut longest = 0;
        for op in &outcome.history {
            match op.kind {
                OpKind::Invoke => _ = invoked.insert(op.process, op.time),
                _ => longest = longest.max(op.time - invoked[&op.process]),
            }
        }
        longest
    };
    assert_eq!(delays(false), 0);
    assert!((50 * MS..=100 * MS).contains(&delays(true)));
}

#[test]
fn a_flood_loses_values_in_partitions_and_the_history_tells_of_them() {
    let base = Settings { nemesis: Some(Nemesis { interval_ms: 500 }), ..slow(5, 10) };
    let outcome = Simulation::floods(&base).outcome();
    let nemesis: Vec<_> =
        outcome.history.iter().filter(|op| op.process == Process::Nemesis).collect();
    assert!(nemesis.len() >= 4 && nemesis.iter().all(|op| op.kind == OpKind::Info));
    let last = &nemesis[nemesis.len() - 1].action;
    let healed =
        Action::Nemesis { name: "stop-partition".into(), value_edn: ":network-healed".into() };
    assert_eq!(*last, healed);
    let dropped = outcome.counts.dropped[&DropCause::Partition];
    assert!(dropped > 0);
    assert_eq!(outcome.counts.servers.send - outcome.counts.servers.recv, dropped);
    assert_eq!(outcome.counts.clients.send, outcome.counts.clients.recv);
    let final_reads: BTreeSet<Vec<u64>> =
        client_ops(&outcome, OpKind::Ok).into_iter().filter(|op| op.is_final).map(values).collect();
    assert!(final_reads.len() > 1, "nodes differ");
}

#[test]
fn a_quiet_cluster_ends_the_wait_early() {
    let base = Settings { recovery: Recovery::AUTO, ..slow(5, 100) };
    let outcome = Simulation::floods(&base).outcome();
    let recovery = outcome.recovery.unwrap();
    assert!(recovery.quiet);
    assert!((1_000 * MS..1_700 * MS).contains(&recovery.waited), "{}", recovery.waited);
}

#[test]
fn nodes_without_a_worker_are_read_outside_the_history() {
    let outcome = Simulation::floods(&Settings { concurrency: 2, ..settings(5) }).outcome();
    let final_ops = client_ops(&outcome, OpKind::Ok).into_iter().filter(|op| op.is_final);
    assert_eq!(final_ops.count(), 2);
    let reads = outcome.nodes.iter().map(|node| final_values(node).unwrap());
    assert!(reads.clone().all(|len| len > 0 && Some(len) == reads.clone().next()));
    let invoked = client_ops(&outcome, OpKind::Invoke).len() as u64;
    assert_eq!(outcome.counts.clients.send, 2 * invoked + 4 * 5);
}

#[test]
fn more_workers_than_nodes_share_them() {
    let (outcome, log, _) = Simulation::floods(&Settings { concurrency: 7, ..settings(3) }).play();
    let final_ops = client_ops(&outcome, OpKind::Ok).into_iter().filter(|op| op.is_final);
    assert_eq!(final_ops.count(), 7);
    // Clients c6 to c12 belong to the workers in order; worker 4 talks to node 1.
    let from_c10 = |line: &&String| line.contains("\"src\":\"c10\"");
    assert!(log.lines.iter().filter(from_c10).all(|line| line.contains("\"dest\":\"n1\"")));
}

/// A flood node that calls its messages something else.
struct Renamed {
    flood: Flood,
    kind: &'static str,
}

impl Node for Renamed {
    fn handle(&mut self, message: &Value) -> Vec<Value> {
        let mut message = message.clone();
        if message["body"]["type"] == self.kind {
            message["body"]["type"] = "tell".into();
        }
        let mut out = self.flood.handle(&message);
        for sent in out.iter_mut().filter(|sent| sent["body"]["type"] == "tell") {
            sent["body"]["type"] = self.kind.into();
        }
        out
    }
}

#[test]
fn the_name_of_a_message_decides_nothing() {
    let run = |kind: &'static str| {
        let mut base =
            Settings { topology: Topology::Line, recovery: Recovery::AUTO, ..slow(12, 300) };
        base.compat.head_of_line = false;
        let node = move |_| Box::new(Renamed { flood: Flood::default(), kind }) as Box<dyn Node>;
        let outcome = Simulation::new(&base, node).outcome();
        let values = outcome.counts.types["broadcast"].send;
        let held = |node: &NodeReport| final_values(node) == Some(values);
        assert!(outcome.nodes.iter().all(held), "{kind}");
        (outcome.history.len(), outcome.counts.valueless, outcome.gossiped, outcome.entries)
    };
    assert_eq!(run("rumormill"), run("rumour"));
}

#[test]
fn deliveries_of_a_flood_are_seen_in_its_messages_to_the_hop() {
    let mut base = Settings { topology: Topology::Line, ..slow(5, 100) };
    base.compat.head_of_line = false;
    let outcome = Simulation::floods(&base).outcome();
    let seen = outcome.gossiped.as_ref().unwrap();
    let values = outcome.counts.types["broadcast"].send;
    assert_eq!((seen.nodes, seen.values.len() as u64), (5, values));
    // On a line of five it is two to four hops to the last node.
    for spread in &seen.values {
        let took = spread.since_ack(5).unwrap() / MS;
        assert!([200, 300, 400].contains(&took), "{took}");
    }
    let entries = outcome.entries.unwrap();
    assert_eq!((entries.sent, entries.repeated), (4 * values, 0));
    let trace = outcome.trace.unwrap();
    assert_eq!(trace.source.words(), "message of type tell (found out)");
    assert!(trace.values.iter().all(|value| value.unreturned.is_empty()));
}

/// A flood node that is sent every value, and does not keep every seventh.
struct Sieve(Flood);

impl Node for Sieve {
    fn handle(&mut self, message: &Value) -> Vec<Value> {
        let value = message["body"]["message"].as_u64();
        if message["body"]["type"] == "tell" && value.is_some_and(|value| value % 7 == 3) {
            return Vec::new();
        }
        self.0.handle(message)
    }
}

#[test]
fn what_a_node_is_sent_and_never_returns_it_does_not_hold() {
    let base = Settings { topology: Topology::Total, ..slow(4, 20) };
    let node = |i| match i {
        3 => Box::new(Sieve(Flood::default())) as Box<dyn Node>,
        _ => Box::new(Flood::default()),
    };
    let outcome = Simulation::new(&base, node).outcome();
    let settings = base;
    let results = judge(&settings, &outcome, &[], Default::default()).unwrap();
    let missing = &results.rumormill.missing;
    let lacking = missing.nodes[3].missing_count.unwrap();
    assert!(lacking > 5 && missing.missing_count == lacking, "{missing:?}");
    // Messages brought it there, so by them alone all nodes would hold it.
    let seen = results.rumormill.convergence.message_flow.as_ref().unwrap();
    assert_eq!(seen.incomplete_count, lacking);
    assert_eq!(missing.nodes[3].sent.len() as u64, lacking);
    let told = missing.nodes[3].diagnosis().unwrap();
    let first = &missing.nodes[3].sent[0];
    let from = first.from.as_ref().unwrap();
    let begin = format!("n3 was sent {} (by {from} at {:.0} ms)", first.value, first.at_ms);
    assert!(told.starts_with(&begin) && told.contains("and never returned it, nor "), "{told}");
}

#[test]
fn nodes_that_show_nothing_say_so_and_what_to_do() {
    /// Tells values as text that only itself can read.
    struct Opaque(Flood);
    impl Node for Opaque {
        fn handle(&mut self, message: &Value) -> Vec<Value> {
            let mut message = message.clone();
            if let Some(text) = message["body"]["data"].as_str().and_then(|t| t.strip_prefix("v")) {
                let value: u64 = text.parse().unwrap();
                message["body"] = json!({"type": "tell", "message": value});
            }
            let mut out = self.0.handle(&message);
            for sent in out.iter_mut().filter(|sent| sent["body"]["type"] == "tell") {
                let text = format!("v{}", sent["body"]["message"]);
                sent["body"] = json!({"type": "tell", "data": text});
            }
            out
        }
    }
    let base = slow(3, 20);
    let outcome = Simulation::new(&base, |_| Box::new(Opaque(Flood::default()))).outcome();
    assert!(outcome.gossiped.is_none() && outcome.entries.is_none());
    let results = judge(&base, &outcome, &[], Default::default()).unwrap();
    let why = results.rumormill.convergence.unseen.as_deref().unwrap();
    assert!(why.contains("no value that a client broadcast stands in"), "{why}");
    assert!(why.contains("--values-at PATH") && why.contains("--probe MS"), "{why}");
}
