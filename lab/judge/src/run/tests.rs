//! Whole runs, in virtual time, of tiny nodes written here.

mod faulty;
mod floods;
mod stops;

use std::collections::{BTreeMap, BTreeSet};

use rumormill::cluster::Nodes;
use rumormill_sim::{MS, Nanos, NodeFault, NodeFaultKind};
use serde_json::{Value, json};

use crate::history::{Action, Op, OpError, OpKind, OpValue, Process};
use crate::message::events::{EventSink, PacketEvent};
use crate::message::packet::Packet;
use crate::outcome::{NoticeKind, Outcome, Phase, State};
use crate::run::Run;
use crate::settings::Settings;

/// A node as text: what it answers to a line, as lines.
trait Node {
    fn handle(&mut self, message: &Value) -> Vec<Value>;
}

/// Tells every neighbour but the sender, once.
#[derive(Default)]
struct Flood {
    name: String,
    neighbours: Vec<String>,
    values: BTreeSet<u64>,
}

fn reply(message: &Value, mut body: Value) -> Value {
    body["in_reply_to"] = message["body"]["msg_id"].clone();
    json!({"src": message["dest"], "dest": message["src"], "body": body})
}

impl Node for Flood {
    fn handle(&mut self, message: &Value) -> Vec<Value> {
        let body = &message["body"];
        let mut out = Vec::new();
        match body["type"].as_str().unwrap() {
            "init" => {
                self.name = body["node_id"].as_str().unwrap().into();
                out.push(reply(message, json!({"type": "init_ok"})));
            }
            "topology" => {
                let mine = &body["topology"][&self.name];
                self.neighbours = serde_json::from_value(mine.clone()).unwrap_or_default();
                out.push(reply(message, json!({"type": "topology_ok"})));
            }
            "read" => {
                out.push(reply(message, json!({"type": "read_ok", "messages": self.values})));
            }
            kind @ ("broadcast" | "tell") => {
                if kind == "broadcast" {
                    out.push(reply(message, json!({"type": "broadcast_ok"})));
                }
                if self.values.insert(body["message"].as_u64().unwrap()) {
                    let others = self.neighbours.iter().filter(|n| **n != message["src"]);
                    let tell = json!({"type": "tell", "message": body["message"]});
                    out.extend(others.map(|n| json!({"src": self.name, "dest": n, "body": tell})));
                }
            }
            other => panic!("{other}"),
        }
        out
    }
}

/// Every event as a line of text.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ops: usize,
}

impl EventSink for Log {
    fn op(&mut self, op: &Op, read_text: Option<&str>) {
        self.ops += 1;
        self.lines.push(format!("op {op:?} {read_text:?}"));
    }
    fn packet(&mut self, now: Nanos, event: PacketEvent, packet: &Packet, nodes: &Nodes) {
        let what = match event {
            PacketEvent::Sent => "sent",
            PacketEvent::Received => "received",
            PacketEvent::Dropped(cause) => cause.name(),
        };
        let mut line = Vec::new();
        packet.write_line(nodes, &mut line);
        self.lines.push(format!("{what} {now} {}", String::from_utf8(line).unwrap()));
    }
}

/// A run and its nodes. The nodes take no time.
struct Simulation {
    run: Run<Log>,
    make: Box<dyn Fn(usize) -> Box<dyn Node>>,
    nodes: Vec<Box<dyn Node>>,
    /// By node: what has come while it is paused.
    paused: Vec<Option<Vec<Value>>>,
    now: Nanos,
    notices: Vec<(NoticeKind, String)>,
}

impl Simulation {
    fn new(settings: &Settings, make: impl Fn(usize) -> Box<dyn Node> + 'static) -> Self {
        let run = Run::new(settings, Log::default()).unwrap();
        let nodes: Vec<_> = (0..settings.nodes.len()).map(&make).collect();
        let paused = nodes.iter().map(|_| None).collect();
        // The driver's origin is not the run's beginning.
        Self { run, make: Box::new(make), nodes, paused, now: 3 * MS, notices: Vec::new() }
    }

    fn floods(settings: &Settings) -> Self {
        Self::new(settings, |_| Box::new(Flood::default()))
    }

    fn deliver_pending(&mut self) {
        while let Some(delivery) = self.run.poll_delivery() {
            let mut line = Vec::new();
            delivery.packet.write_line(self.run.nodes(), &mut line);
            let message: Value = serde_json::from_slice(&line).unwrap();
            match &mut self.paused[delivery.node] {
                Some(pipe) => pipe.push(message),
                None => self.hand_over(delivery.node, &message),
            }
        }
        while let Some(notice) = self.run.poll_notice() {
            self.notices.push((notice.kind, notice.text));
        }
    }

    fn hand_over(&mut self, node: usize, message: &Value) {
        for answer in self.nodes[node].handle(message) {
            let text = match &answer {
                Value::String(raw) => raw.clone(),
                other => other.to_string(),
            };
            self.run.handle_line(self.now, node, text.as_bytes());
        }
    }

    /// Does what the nemesis wants done to nodes.
    fn strike(&mut self) {
        while let Some(NodeFault { node, kind }) = self.run.poll_fault() {
            let node = node.0 as usize;
            match kind {
                NodeFaultKind::Crash { .. } => {
                    self.paused[node] = None;
                    self.nodes[node] = (self.make)(node);
                    self.run.node_down(self.now, node);
                }
                NodeFaultKind::Restart { topology } => self.run.node_up(self.now, node, topology),
                NodeFaultKind::Pause(_) => {
                    self.paused[node] = Some(Vec::new());
                    self.run.node_paused(self.now, node, true);
                }
                NodeFaultKind::Resume => {
                    self.run.node_paused(self.now, node, false);
                    for message in self.paused[node].take().into_iter().flatten() {
                        self.hand_over(node, &message);
                    }
                }
                NodeFaultKind::ClockJump(_)
                | NodeFaultKind::FillDisk(_)
                | NodeFaultKind::FreeDisk => panic!("the nemesis has none"),
            }
            self.deliver_pending();
        }
    }

    fn play(mut self) -> (Outcome, Log, Vec<(NoticeKind, String)>) {
        self.run.start(self.now);
        self.deliver_pending();
        self.strike();
        while *self.run.state() == State::Running {
            self.now = self.run.poll_timeout().expect("a running run waits for something");
            self.run.handle_timeout(self.now);
            self.deliver_pending();
            self.strike();
        }
        let (outcome, log) = self.run.into_outcome(self.now);
        (outcome, log, self.notices)
    }

    fn outcome(self) -> Outcome {
        self.play().0
    }
}

fn client_ops(outcome: &Outcome, kind: OpKind) -> Vec<&Op> {
    let is_client = |op: &&Op| op.process != Process::Nemesis && op.kind == kind;
    outcome.history.iter().filter(is_client).collect()
}

fn values(op: &Op) -> Vec<u64> {
    match &op.action {
        Action::Client { value: OpValue::Set(set), .. } => set.ints.iter().collect(),
        other => panic!("{other:?}"),
    }
}
