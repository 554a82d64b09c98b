//! The surroundings of the nodes of a case: the network, and the one client with its script.

use std::collections::VecDeque;
use std::sync::Arc;

use rumormill::cluster::{Name, Nodes, Topology};
use rumormill::id::NodeId;
use rumormill::maelstrom::message::Named;
use rumormill::protocol::Entry;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill_judge::message::events::{EventSink as _, PacketEvent};
use rumormill_judge::message::packet::{Packet, Payload, Peer};
use rumormill_judge::message::{Body, Message};
use rumormill_judge::topology::neighbours;
use rumormill_sim::network::{Arrival, DropCause, Due, Network, Way};
use rumormill_sim::{Input, MS, Medium, Nanos, NodeFault, NodeFaultKind, Numbered};

use super::case::Case;
use super::counts::Counts;
use super::recorder::Messages;
use super::workload;
use crate::sim::Node;

/// The one client of a case.
const CLIENT: &str = "c1";
const CLIENT_PEER: Peer = Peer::Client(1);

/// Something that is to happen, beside the faults of nodes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scripted {
    /// The case's operation of this number is made.
    Operate(usize),
    /// Messages take this long from now on, on average.
    Latency(u64),
}

/// The network of a case, and its client.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    case: &'a Case,
    nodes: Arc<Nodes>,
    topology: Arc<Topology>,
    pub(super) network: Network<Numbered<Gossip>, Scripted>,
    requests: VecDeque<(NodeId, Message)>,
    is_up: Vec<bool>,
    /// The script acts no more.
    is_over: bool,
    last_request: i64,
    last_message: u64,
    pub(super) counts: Counts,
    /// The events in words, for a trace.
    pub(super) trace: Option<Vec<String>>,
    /// Keeps the messages in a file, if there is one.
    pub(super) messages: Option<Messages>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        let mut network = Network::new(case.settings().network());
        for change in &case.faults.latency {
            let at = change.at_ms.saturating_mul(MS);
            network.set_alarm(at, Scripted::Latency(change.mean_ms));
        }
        for (number, op) in case.op.iter().enumerate() {
            network.set_alarm(op.at_ms.saturating_mul(MS), Scripted::Operate(number));
        }
        Self {
            nodes: Arc::new(case.nodes.clone().into()),
            topology: Arc::new(neighbours(case.topology, &case.nodes).into()),
            network,
            requests: VecDeque::new(),
            is_up: vec![true; case.nodes.len()],
            is_over: false,
            last_request: 0,
            last_message: 0,
            counts: Counts::default(),
            trace: None,
            messages: None,
            case,
        }
    }

    /// Tells a node its name.
    pub(super) fn init(&mut self, node: NodeId) {
        let (node_id, node_ids) = (self.name(node).clone(), Arc::clone(&self.nodes));
        self.request(node, |msg_id| Body::Init { node_id, node_ids, msg_id });
    }

    /// Tells a node its neighbours.
    pub(super) fn tell_topology(&mut self, node: NodeId) {
        let topology = Arc::clone(&self.topology);
        self.request(node, |msg_id| Body::Topology { topology, msg_id });
    }

    /// Asks a node for its values, or whatever the workload has in place of that.
    pub(super) fn read(&mut self, node: NodeId) {
        let request = workload::question(self.case.workload);
        self.request(node, |msg_id| Body::Request { request, msg_id });
    }

    /// Ends the script: no operation is made any more.
    pub(super) const fn end_script(&mut self) {
        self.is_over = true;
        self.network.conditions_mut().stop_faults();
    }

    /// The client makes a request, at once.
    fn request(&mut self, node: NodeId, body: impl FnOnce(i64) -> Body) {
        self.last_request += 1;
        let body = body(self.last_request);
        let message = Message { src: CLIENT.into(), dest: self.name(node).clone(), body };
        self.requests.push_back((node, message));
    }

    fn name(&self, node: NodeId) -> &Name {
        &self.case.nodes[node.0 as usize]
    }

    fn act(&mut self, scripted: Scripted) {
        match scripted {
            _ if self.is_over => {}
            Scripted::Latency(mean_ms) => self.network.set_latency(mean_ms),
            Scripted::Operate(number) => {
                let op = &self.case.op[number];
                let Some(node) = self.nodes.id(&op.node) else { return };
                self.counts.operations += 1;
                match op.value() {
                    None => self.read(node),
                    Some(value) => {
                        let request = workload::submission(self.case.workload, value);
                        self.request(node, |msg_id| Body::Request { request, msg_id });
                    }
                }
            }
        }
    }

    /// A request reaches its node at once, or is lost if that is down.
    fn take_request(&mut self, now: Nanos) -> Option<(NodeId, Input<Node>)> {
        let (node, message) = self.requests.pop_front()?;
        if self.messages.is_some() {
            self.keep_client(now, (CLIENT_PEER, Peer::Node(node.0)), &message.body);
        }
        if self.is_up[node.0 as usize] {
            self.note(now, || line("recv", &message.src, &message.dest, &message.body));
        } else {
            self.counts.to_dead += 1;
        }
        Some((node, Input::Request(Box::new(message))))
    }

    /// The next message that reaches a node that is up.
    fn take_message(&mut self, now: Nanos) -> Option<(NodeId, Input<Node>)> {
        loop {
            let Arrival { message, dropped } = self.network.poll_arrival()?;
            let way = message.way;
            let (from, to) = (NodeId(way.from?), NodeId(way.to));
            let is_down = dropped.is_none() && !self.is_up[way.to as usize];
            self.counts.to_dead += u64::from(is_down);
            self.counts.partition_drops += u64::from(dropped == Some(DropCause::Partition));
            let dropped = dropped.or_else(|| is_down.then_some(DropCause::Down));
            if let Some(messages) = &mut self.messages {
                let event = PacketEvent::at_end(dropped);
                messages.sink.packet(now, event, &packet(from, to, &message), &self.nodes);
            }
            let (src, dest) = (self.name(from).clone(), self.name(to).clone());
            let nodes = Arc::clone(&self.nodes);
            if let Some(cause) = dropped {
                self.note(now, || format!("drop {src} > {dest}: {}", cause.name()));
                continue;
            }
            self.note(now, || line("recv", &src, &dest, &named(&message.message, &nodes)));
            return Some((to, Input::Message { from, message: message.message }));
        }
    }

    /// Keeps a message from or to the client.
    fn keep_client(&mut self, now: Nanos, ends: (Peer, Peer), body: &Body) {
        self.last_message += 1;
        let body = Payload::Typed(Arc::new(body.clone()));
        let packet = Packet::uncounted(self.last_message, ends, body);
        let Self { messages, nodes, .. } = self;
        for event in [PacketEvent::Sent, PacketEvent::Received] {
            messages
                .iter_mut()
                .for_each(|messages| messages.sink.packet(now, event, &packet, nodes));
        }
    }

    fn note(&mut self, now: Nanos, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>10.3} {}", now as f64 / 1e6, text()));
        }
    }
}

fn packet(from: NodeId, to: NodeId, message: &Numbered<Gossip>) -> Packet {
    let body = Payload::Peer(Arc::clone(&message.message) as Arc<_>);
    Packet::uncounted(message.number, (Peer::Node(from.0), Peer::Node(to.0)), body)
}

impl Medium<Node> for Surroundings<'_> {
    fn on_send(&mut self, now: Nanos, from: NodeId, to: NodeId, gossip: Arc<Gossip>) {
        self.counts.messages += 1;
        self.last_message += 1;
        let nodes = Arc::clone(&self.nodes);
        let (src, dest) = (self.name(from).clone(), self.name(to).clone());
        self.note(now, || line("send", &src, &dest, &named(&gossip, &nodes)));
        let way = Way::between(from.0, to.0);
        let message = Numbered { way, number: self.last_message, message: gossip };
        if let Some(messages) = &mut self.messages {
            messages.sink.packet(now, PacketEvent::Sent, &packet(from, to, &message), &self.nodes);
        }
        self.network.send(now, message);
    }

    fn on_reply(&mut self, now: Nanos, from: NodeId, reply: Message) {
        self.note(now, || line("send", &reply.src, &reply.dest, &reply.body));
        if self.messages.is_some() {
            self.keep_client(now, (Peer::Node(from.0), CLIENT_PEER), &reply.body);
        }
    }

    fn on_deliver(&mut self, _: Nanos, _: NodeId, _: &Entry) {}

    fn on_fault(&mut self, now: Nanos, fault: &NodeFault) {
        self.note(now, || format!("-- {fault:?}"));
        let (node, counts) = (fault.node, &mut self.counts);
        let is_up = &mut self.is_up[node.0 as usize];
        match fault.kind {
            NodeFaultKind::Pause(_) => counts.pauses += 1,
            NodeFaultKind::Resume | NodeFaultKind::FreeDisk => {}
            NodeFaultKind::FillDisk(_) => counts.full_disks += 1,
            NodeFaultKind::ClockJump(_) => counts.jumps += u64::from(*is_up),
            NodeFaultKind::Crash { .. } => {
                counts.crashes += 1;
                *is_up = false;
            }
            NodeFaultKind::Restart { topology } => {
                counts.restarts += 1;
                *is_up = true;
                self.init(node);
                if topology {
                    self.tell_topology(node);
                }
            }
        }
    }

    fn poll_input(&mut self, now: Nanos) -> Option<(NodeId, Input<Node>)> {
        self.take_request(now).or_else(|| self.take_message(now))
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.network.poll_timeout()
    }

    /// One thing at a time: what comes of it is handed over before the next.
    fn handle_timeout(&mut self, now: Nanos) {
        if let Some((_, Due::Alarm(scripted))) = self.network.handle_due(now) {
            self.act(scripted);
        }
    }
}

fn named(gossip: &Gossip, nodes: &Arc<Nodes>) -> Body {
    Body::Peer(Named::new(gossip.clone(), nodes))
}

fn line(what: &str, src: &str, dest: &str, body: &Body) -> String {
    let mut text = Vec::new();
    body.write_json(&mut text);
    format!("{what} {src} > {dest} {}", String::from_utf8_lossy(&text))
}
