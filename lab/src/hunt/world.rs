//! The world of a case: nodes, network, clocks, and what happens to them, in virtual time.
//!
//! The loop knows nothing of phases; `phases.rs` drives it, `watch.rs` looks at every step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use rumormill::cluster::{Name, Nodes, Topology};
use rumormill::id::Generation;
use rumormill::maelstrom::record::Header;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::config::Config;
use rumormill::service::Request;
use rumormill::time::Instant;

use super::case::Case;
use super::counts::Counts;
use super::recorder::Recorder;
use super::script::{Event, Script};
use super::violation::{Kind, Violation};
use super::watch::{Step, Watch};
use crate::generator::MS;
use crate::history::Nanos;
use crate::journal::DropCause;
use crate::network::packet::{Address, Packet, Payload, Peer};
use crate::network::{Arrival, Network};
use crate::node::{Body, Inspect as _, Message, Node};
use crate::random::Dice;
use crate::timer_queue::{Timer, TimerQueue};
use crate::topology::neighbours;

/// No run needs more events than this: the largest cases drawn need a tenth of it.
const EVENTS_MAX: u64 = 2_000_000;

/// The one client of a case.
const CLIENT: &str = "c1";

/// A node and its circumstances.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Name,
    /// None while it is down.
    pub(super) node: Option<Node>,
    pub(super) lives: u64,
    /// Origin of its clock.
    origin: Nanos,
    /// How far its clock has jumped.
    jumped: i64,
    /// Time stands still for it.
    paused: bool,
    /// What came in meanwhile.
    inbox: Vec<Message>,
    wake_at: Option<Nanos>,
}

impl Member {
    /// The node's own time.
    pub(super) fn clock(&self, now: Nanos) -> Instant {
        let elapsed = now.saturating_sub(self.origin).saturating_add_signed(self.jumped);
        Instant::from_micros(elapsed / 1_000)
    }

    /// When the node's clock shows `at`.
    const fn when(&self, at: Instant) -> Nanos {
        let nanos = at.as_micros().saturating_mul(1_000).saturating_add(self.origin);
        nanos.saturating_add_signed(self.jumped.saturating_neg())
    }
}

#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) case: &'a Case,
    config: Config,
    pub(super) now: Nanos,
    pub(super) members: Vec<Member>,
    ids: BTreeMap<Name, u32>,
    addresses: Vec<Address>,
    roster: Arc<Nodes>,
    topology: Arc<Topology>,
    pub(super) network: Network,
    timer_queue: TimerQueue,
    script: Script,
    timers: BinaryHeap<Reverse<(Nanos, usize)>>,
    pub(super) watch: Watch,
    pub(super) counts: Counts,
    packets: u64,
    requests: i64,
    /// What happened, in words, if somebody wants to know.
    pub(super) trace: Option<Vec<String>>,
    /// Keeps it in files, if there is one.
    pub(super) recorder: Option<Recorder>,
}

impl<'a> World<'a> {
    pub(super) fn new(case: &'a Case, config: Config) -> Self {
        let settings = case.settings();
        let ids: BTreeMap<Name, u32> = case.nodes.iter().cloned().zip(0..).collect();
        let address = |(name, id): (&Name, u32)| Address {
            name: name.clone(),
            peer: Peer::Node(id),
            is_client: false,
        };
        let member = |name: &Name| Member {
            name: name.clone(),
            node: None,
            lives: 0,
            origin: 0,
            jumped: 0,
            paused: false,
            inbox: Vec::new(),
            wake_at: None,
        };
        Self {
            now: 0,
            members: case.nodes.iter().map(member).collect(),
            addresses: case.nodes.iter().zip(0..).map(address).collect(),
            roster: Arc::new(case.nodes.clone().into()),
            topology: Arc::new(neighbours(case.topology, &case.nodes).into()),
            network: Network::new(&settings),
            timer_queue: TimerQueue::default(),
            script: Script::of(case, &ids),
            timers: BinaryHeap::new(),
            watch: Watch::new(case.nodes.len(), &config),
            counts: Counts::default(),
            packets: 0,
            requests: 0,
            trace: None,
            recorder: None,
            ids,
            config,
            case,
        }
    }

    /// Brings a node up: it is told its name, and perhaps its neighbours.
    pub(super) fn boot(&mut self, index: usize, with_topology: bool) -> Result<(), Violation> {
        let member = &mut self.members[index];
        member.lives += 1;
        member.origin = self.now;
        member.jumped = 0;
        let seed = Dice::numbered(self.case.seed, "node", index as u64 + (member.lives << 32));
        let generation = Generation(member.lives);
        let seed = seed.clone().next_u64();
        if let Some(recorder) = &mut self.recorder {
            let header = Header::new::<Rumormill>(&self.config, seed, generation);
            recorder.booted(index, &member.name, &header);
        }
        let node = Node::new(self.config.clone(), seed, generation);
        member.node = Some(node);
        self.watch.begin(index, generation);
        let (node_id, node_ids) = (self.members[index].name.clone(), Arc::clone(&self.roster));
        let msg_id = self.next_request();
        self.request(index, Body::Init { node_id, node_ids, msg_id })?;
        if with_topology {
            self.tell_topology(index)?;
        }
        Ok(())
    }

    pub(super) fn tell_topology(&mut self, index: usize) -> Result<(), Violation> {
        let (topology, msg_id) = (Arc::clone(&self.topology), self.next_request());
        self.request(index, Body::Topology { topology, msg_id })
    }

    pub(super) const fn next_request(&mut self) -> i64 {
        self.requests += 1;
        self.requests
    }

    /// A client asks a node.
    pub(super) fn request(&mut self, index: usize, body: Body) -> Result<(), Violation> {
        let message = Message { src: CLIENT.into(), dest: self.members[index].name.clone(), body };
        if self.recorder.is_some() {
            let dest = self.addresses[index].clone();
            self.keep_client(client(), dest, &message.body);
        }
        self.hand_over(index, message)
    }

    /// When the next thing happens.
    pub(super) fn next_time(&mut self) -> Option<Nanos> {
        while let Some(&Reverse((at, index))) = self.timers.peek() {
            if self.members[index].wake_at == Some(at) {
                break;
            }
            self.timers.pop();
        }
        let timer = self.timers.peek().map(|&Reverse((at, _))| at);
        let times = [timer, self.timer_queue.next_time(), self.script.next_time()];
        times.into_iter().flatten().min().map(|at| at.max(self.now))
    }

    /// Lets the next thing happen, if it does before `end`; false if nothing does.
    pub(super) fn step(&mut self, end: Nanos) -> Result<bool, Violation> {
        let Some(next) = self.next_time().filter(|&next| next < end) else {
            self.now = self.now.max(end);
            return Ok(false);
        };
        self.now = next;
        self.counts.events += 1;
        if self.counts.events > EVENTS_MAX {
            let text = format!("{EVENTS_MAX} events in {} ms", self.now / MS);
            return Err(Violation::new(Kind::Storm, text));
        }
        if self.script.next_time().is_some_and(|at| at <= next) {
            if let Some(event) = self.script.pop() {
                self.happen(event)?;
            }
        } else if let Some((_, timer)) = self.timer_queue.pop_due(next) {
            match timer {
                Timer::Queue(node) => self.network.wake(next, node, &mut self.timer_queue),
                Timer::HeldUp => self.network.let_go(next, &mut self.timer_queue),
                _ => {}
            }
        } else if let Some(Reverse((_, index))) = self.timers.pop() {
            self.wake(index)?;
        }
        self.settle()?;
        Ok(true)
    }

    /// What the script has left happens now: pauses end, nodes come back. Operations do not.
    pub(super) fn finish_script(&mut self) -> Result<(), Violation> {
        while let Some(event) = self.script.pop() {
            if matches!(event, Event::Resume(_) | Event::Restart(..)) {
                self.happen(event)?;
            }
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        self.note(|| format!("-- {event:?}"));
        match event {
            Event::Operate(op) => {
                let op = &self.case.op[op];
                let Some(&index) = self.ids.get(&op.node) else { return Ok(()) };
                let msg_id = self.next_request();
                let body = match op.value() {
                    Some(message) => {
                        Body::Request { request: Request::Broadcast { message }, msg_id }
                    }
                    None => Body::Request { request: Request::Read, msg_id },
                };
                self.counts.operations += 1;
                self.request(index as usize, body)
            }
            Event::Pause(index) => {
                let member = &mut self.members[index];
                if member.node.is_some() && !member.paused {
                    member.paused = true;
                    member.wake_at = None;
                    self.counts.pauses += 1;
                }
                Ok(())
            }
            Event::Resume(index) => self.resume(index),
            Event::Jump(index, by) => {
                let member = &mut self.members[index];
                member.jumped += by;
                self.counts.jumps += u64::from(member.node.is_some());
                self.set_timer(index);
                Ok(())
            }
            Event::Latency(mean_ms) => {
                self.network.set_latency(mean_ms);
                Ok(())
            }
            Event::Crash(index) => {
                self.crash(index);
                Ok(())
            }
            Event::Restart(index, with_topology) => {
                if self.members[index].node.is_some() {
                    return Ok(());
                }
                self.counts.restarts += 1;
                self.boot(index, with_topology)
            }
        }
    }

    fn resume(&mut self, index: usize) -> Result<(), Violation> {
        let member = &mut self.members[index];
        if !member.paused {
            return Ok(());
        }
        member.paused = false;
        for message in std::mem::take(&mut member.inbox) {
            self.hand_over(index, message)?;
        }
        self.set_timer(index);
        Ok(())
    }

    fn crash(&mut self, index: usize) {
        let member = &mut self.members[index];
        let Some(node) = member.node.take() else { return };
        member.paused = false;
        member.inbox.clear();
        member.wake_at = None;
        self.counts.crashes += 1;
        self.counts.add_stats(&node.stats());
    }

    /// All counters, those of the nodes and of the network included.
    pub(super) fn total(&self) -> Counts {
        let mut counts = self.counts;
        let nodes = self.members.iter().filter_map(|member| member.node.as_ref());
        nodes.for_each(|node| counts.add_stats(&node.stats()));
        counts.add_faults(&self.network.fault_counts());
        counts
    }

    fn wake(&mut self, index: usize) -> Result<(), Violation> {
        let member = &mut self.members[index];
        member.wake_at = None;
        let now = member.clock(self.now);
        let Some(node) = &mut member.node else { return Ok(()) };
        if let Some(recorder) = &mut self.recorder {
            recorder.wakes(index, now);
        }
        node.handle_timeout(now);
        self.collect(index)
    }

    fn hand_over(&mut self, index: usize, message: Message) -> Result<(), Violation> {
        let member = &mut self.members[index];
        let now = member.clock(self.now);
        let Some(node) = &mut member.node else {
            self.counts.to_dead += 1;
            return Ok(());
        };
        if member.paused {
            member.inbox.push(message);
            return Ok(());
        }
        self.watch.asked(index, &message);
        if let Some(trace) = &mut self.trace {
            trace.push(line(self.now, "recv", &message));
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.handles(index, now, &message);
        }
        node.handle_message(now, message);
        self.collect(index)
    }

    /// Takes what a node has to say, looks at it, and sends it.
    fn collect(&mut self, index: usize) -> Result<(), Violation> {
        let member = &mut self.members[index];
        let now = member.clock(self.now);
        let Some(node) = &mut member.node else { return Ok(()) };
        let mut sent = Vec::new();
        while let Some(message) = node.poll_transmit() {
            sent.push(message);
        }
        while node.poll_log().is_some() {}
        if let Some(recorder) = &mut self.recorder {
            sent.iter().for_each(|message| recorder.says(index, message));
        }
        let place = || format!("{} at {} ms", member.name, self.now / MS);
        self.watch
            .stepped(&Step { index, node, now, sent: &sent }, &self.ids)
            .map_err(|violation| violation.at(&place()))?;
        for message in sent {
            if let Some(trace) = &mut self.trace {
                trace.push(line(self.now, "send", &message));
            }
            if let Some(&dest) = self.ids.get(&message.dest) {
                self.send(index, dest, message);
            } else if self.recorder.is_some() {
                let src = self.addresses[index].clone();
                self.keep_client(src, client(), &message.body);
            }
        }
        self.set_timer(index);
        Ok(())
    }

    fn set_timer(&mut self, index: usize) {
        let member = &mut self.members[index];
        if member.paused {
            return;
        }
        let at = member.node.as_ref().and_then(Node::poll_timeout);
        let wake_at = at.map(|at| member.when(at).max(self.now));
        if wake_at != member.wake_at {
            member.wake_at = wake_at;
            self.timers.extend(wake_at.map(|at| Reverse((at, index))));
        }
    }

    fn send(&mut self, src: usize, dest: u32, message: Message) {
        self.counts.messages += 1;
        self.packets += 1;
        let (src, to) = (self.addresses[src].clone(), self.addresses[dest as usize].clone());
        let packet = packet(self.packets, src, to, message.body);
        if let Some(recorder) = &mut self.recorder {
            recorder.sent(self.now, &packet);
        }
        self.network.send(self.now, dest, packet, &mut self.timer_queue);
    }

    /// Hands over what has arrived, until nothing more comes of it at once.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        while let Some(arrival) = self.network.poll() {
            match arrival {
                Arrival::Received(packet) => {
                    let Peer::Node(dest) = packet.dest.peer else { continue };
                    if let Some(recorder) = &mut self.recorder {
                        match self.members[dest as usize].node {
                            Some(_) => recorder.received(self.now, &packet),
                            None => recorder.dropped(self.now, &packet, DropCause::Down),
                        }
                    }
                    if let Some(message) = packet.into_message() {
                        self.hand_over(dest as usize, message)?;
                    }
                }
                Arrival::Dropped(packet, cause) => {
                    self.counts.partition_drops += u64::from(cause == DropCause::Partition);
                    if let Some(recorder) = &mut self.recorder {
                        recorder.dropped(self.now, &packet, cause);
                    }
                    self.note(|| {
                        let (src, dest) = (&packet.src.name, &packet.dest.name);
                        format!("drop {src} > {dest}: {}", cause.name())
                    });
                }
            }
        }
        Ok(())
    }

    /// The cluster is partitioned in two, or whole again.
    pub(super) fn keep_partitioned(&mut self, partitioned: bool) {
        if let Some(recorder) = &mut self.recorder {
            recorder.partitioned(self.now, partitioned);
        }
    }

    /// Keeps a message from or to a client.
    fn keep_client(&mut self, src: Address, dest: Address, body: &Body) {
        self.packets += 1;
        let packet = packet(self.packets, src, dest, body.clone());
        if let Some(recorder) = &mut self.recorder {
            recorder.client(self.now, &packet);
        }
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>10.3} {}", self.now as f64 / 1e6, text()));
        }
    }
}

fn client() -> Address {
    Address { name: CLIENT.into(), peer: Peer::Client(1), is_client: true }
}

fn packet(id: u64, src: Address, dest: Address, body: Body) -> Packet {
    let body = Payload::Typed(Arc::new(body));
    Packet { id, src, dest, body, kind: 0, bytes: 0, carries_values: false }
}

fn line(now: Nanos, what: &str, message: &Message) -> String {
    let mut text = Vec::new();
    message.body.write_json(&mut text);
    let (src, dest) = (&message.src, &message.dest);
    format!("{:>10.3} {what} {src} > {dest} {}", now as f64 / 1e6, String::from_utf8_lossy(&text))
}
