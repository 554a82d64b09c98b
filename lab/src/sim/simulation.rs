//! The simulation's loop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;

use anyhow::Result;

use super::Simulated;
use super::faults::{NodeFault, NodeFaultKind, schedule};
use super::node::{Input, Machine, NodeKind, SimNode};
use super::observer::{Observer, World};
use super::suspicion::SuspicionWatch;
use crate::history::Nanos;
use crate::journal::EventSink;
use crate::network::packet::{Packet, Payload};
use crate::node::Transmit;
use crate::outcome::{Notice, Phase, State};
use crate::run::Run;
use crate::settings::Settings;

pub(super) struct Simulation<'o, S, O> {
    now: Nanos,
    run: Run<S>,
    observer: &'o mut O,
    nodes: Vec<SimNode>,
    /// Wake-ups asked for; stale ones are skipped when they come up.
    timers: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// What will happen to nodes, in order; before the main phase, by time from its start.
    faults: BTreeMap<(Nanos, u64), NodeFault>,
    fault_count: u64,
    /// The phase that faults were last set for.
    phase: Phase,
    notices: Vec<Notice>,
    suspicions: SuspicionWatch,
    events: u64,
    broken_off: Option<String>,
}

impl<'o, S: EventSink, O: Observer> Simulation<'o, S, O> {
    pub(super) fn new(
        settings: &Settings,
        kind: &NodeKind,
        sink: S,
        observer: &'o mut O,
    ) -> Result<Self> {
        let mut run = Run::new(settings, sink)?;
        run.set_exact();
        let node = |number: usize| SimNode::new(kind, settings.seed, number as u64);
        Ok(Self {
            now: 0,
            run,
            observer,
            nodes: (0..settings.nodes.len()).map(node).collect(),
            timers: BinaryHeap::new(),
            faults: (0..).zip(schedule(settings)).map(|(i, (at, f))| ((at, i), f)).collect(),
            fault_count: u64::MAX / 2,
            phase: Phase::Init,
            notices: Vec::new(),
            suspicions: SuspicionWatch::new(&settings.nodes),
            events: 0,
            broken_off: None,
        })
    }

    pub(super) fn play(mut self) -> Simulated<S> {
        self.run.start(0);
        self.settle();
        while self.run.state() == &State::Running && self.step() {
            if let Some(why) = &self.broken_off {
                self.run.abort(self.now, why);
            }
        }
        let (mut outcome, sink) = self.run.into_outcome(self.now);
        let sees_suspicions = self.nodes.iter().any(|node| node.node().is_some());
        outcome.suspicions = sees_suspicions.then(|| self.suspicions.into_report(self.now));
        Simulated {
            outcome,
            notices: self.notices,
            sink,
            nodes: self.nodes,
            events: self.events,
            broken_off: self.broken_off.is_some(),
        }
    }

    /// Goes to the next event; false if there is none.
    fn step(&mut self) -> bool {
        while let Some(&Reverse((at, node))) = self.timers.peek() {
            if self.nodes[node].wake_at == Some(at) {
                break;
            }
            self.timers.pop();
        }
        let fault_at = match self.phase {
            Phase::Init | Phase::Topology => None,
            _ => self.faults.first_key_value().map(|((at, _), _)| *at),
        };
        let node_at = self.timers.peek().map(|&Reverse((at, _))| at);
        let run_at = self.run.poll_timeout();
        let Some(next) = [fault_at, run_at, node_at].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        if fault_at == Some(next) {
            if let Some((_, fault)) = self.faults.pop_first() {
                self.strike(fault);
            }
        } else if run_at == Some(next) {
            self.run.handle_timeout(self.now);
        } else if let Some(Reverse((_, node))) = self.timers.pop() {
            self.nodes[node].wake_at = None;
            if !self.nodes[node].is_paused() {
                self.wake(node);
            }
        }
        self.settle();
        self.follow_phase();
        let connectivity = self.run.connectivity();
        self.suspicions.reconnect(&world(self.now, &self.nodes, &self.run), connectivity);
        true
    }

    /// Hands over what is due, until nothing more comes of it.
    fn settle(&mut self) {
        while let Some(delivery) = self.run.poll_delivery() {
            let Some(input) = input(delivery.packet) else { continue };
            let node = &mut self.nodes[delivery.node];
            if node.is_paused() {
                node.backlog.push_back(input);
            } else {
                self.deliver(delivery.node, input);
            }
        }
        while let Some(notice) = self.run.poll_notice() {
            self.notices.push(notice);
        }
    }

    fn deliver(&mut self, node: usize, input: Input) {
        self.events += 1;
        if let Input::Message(message) = &input {
            self.observer.receiving(&world(self.now, &self.nodes, &self.run), node, message);
        }
        self.nodes[node].handle(self.now, input);
        self.collect(node);
    }

    fn wake(&mut self, node: usize) {
        self.events += 1;
        self.observer.waking(&world(self.now, &self.nodes, &self.run), node);
        self.nodes[node].handle_timeout(self.now);
        self.collect(node);
    }

    /// Takes what a node has to say and has come to hold, and when it wants to be woken.
    fn collect(&mut self, node: usize) {
        let (now, run) = (self.now, &mut self.run);
        // Before the acknowledgement that may be among the messages.
        self.nodes[node].take_new_values(|value| run.note_held(now, node, value));
        loop {
            let message = match self.nodes[node].machine_mut() {
                Machine::Rumormill(machine) => {
                    while machine.poll_log().is_some() {}
                    machine.poll_transmit()
                }
                Machine::Other(_) => None,
            };
            let Some(message) = message else { break };
            self.observer.sent(&world(self.now, &self.nodes, &self.run), node, &message);
            self.run.handle_message(self.now, node, message);
        }
        if let Machine::Other(other) = self.nodes[node].machine_mut() {
            while let Some(sent) = other.poll_transmit() {
                match sent {
                    Transmit::Peer(dest, sent) => self.run.handle_peer(now, node, &dest, sent),
                    Transmit::Client(message) => self.run.handle_message(now, node, message),
                }
            }
        }
        self.set_timer(node);
        let world = world(self.now, &self.nodes, &self.run);
        self.suspicions.handled(&world, node);
        if let ControlFlow::Break(why) = self.observer.handled(&world, node) {
            self.broken_off.get_or_insert(why);
        }
    }

    fn set_timer(&mut self, node: usize) {
        let wake_at = self.nodes[node].poll_timeout();
        if wake_at != self.nodes[node].wake_at {
            self.nodes[node].wake_at = wake_at;
            self.timers.extend(wake_at.map(|at| Reverse((at, node))));
        }
    }

    /// Something happens to a node, unless it is in no state for it.
    fn strike(&mut self, fault: NodeFault) {
        let NodeFault { node, kind } = fault;
        let is_up = self.nodes[node].is_up();
        match kind {
            NodeFaultKind::Pause(length) if is_up => {
                let until = self.now.saturating_add(length);
                let earlier = self.nodes[node].paused_until.replace(until);
                self.nodes[node].paused_until = earlier.max(Some(until));
                self.run.node_paused(self.now, node, true);
                self.plan(until, node, NodeFaultKind::Resume);
            }
            NodeFaultKind::Resume if self.nodes[node].paused_until == Some(self.now) => {
                self.resume(node);
            }
            NodeFaultKind::ClockJump(by) => {
                self.nodes[node].jump_clock(self.now, by);
                self.run.fault_counts_mut().clock_jumped += 1;
                if is_up {
                    self.set_timer(node);
                }
            }
            NodeFaultKind::Crash { down, forget_topology } if is_up => {
                self.nodes[node].crash();
                self.run.node_paused(self.now, node, false);
                self.run.node_down(self.now, node);
                if let Some(down) = down {
                    let restart = NodeFaultKind::Restart { topology: !forget_topology };
                    self.plan(self.now.saturating_add(down), node, restart);
                }
            }
            NodeFaultKind::Restart { topology } if !is_up => {
                self.nodes[node].restart();
                self.run.node_up(self.now, node, topology);
            }
            _ => return,
        }
        self.observer.fault(&world(self.now, &self.nodes, &self.run), &fault);
    }

    /// Time goes on for a node: all that came meanwhile arrives, and its timers are due.
    fn resume(&mut self, node: usize) {
        self.nodes[node].paused_until = None;
        self.run.node_paused(self.now, node, false);
        while let Some(input) = self.nodes[node].backlog.pop_front() {
            self.deliver(node, input);
        }
        self.set_timer(node);
    }

    fn plan(&mut self, at: Nanos, node: usize, kind: NodeFaultKind) {
        self.fault_count += 1;
        self.faults.insert((at, self.fault_count), NodeFault { node, kind });
    }

    /// Faults begin with the main phase and end with it: then everybody is well who can be.
    fn follow_phase(&mut self) {
        let phase = self.run.phase();
        if phase == self.phase {
            return;
        }
        let (began, ended) = (self.phase < Phase::Main, phase >= Phase::Recovery);
        if began && phase >= Phase::Main {
            let planned = std::mem::take(&mut self.faults);
            let shift = |((at, i), fault)| ((self.now.saturating_add(at), i), fault);
            self.faults = planned.into_iter().map(shift).collect();
        }
        if ended && self.phase < Phase::Recovery {
            let planned = std::mem::take(&mut self.faults);
            for (_, fault) in planned {
                match fault.kind {
                    NodeFaultKind::Resume if self.nodes[fault.node].is_paused() => {
                        self.nodes[fault.node].paused_until = Some(self.now);
                        self.strike(fault);
                    }
                    NodeFaultKind::Restart { .. } => self.strike(fault),
                    _ => {}
                }
            }
            self.settle();
        }
        self.phase = phase;
    }
}

fn world<'a, S: EventSink>(now: Nanos, nodes: &'a [SimNode], run: &'a Run<S>) -> World<'a> {
    World { now, nodes, phase: run.phase(), network: run.network() }
}

fn input(packet: Packet) -> Option<Input> {
    match packet.body {
        Payload::Peer(sent) => Some(Input::Peer(packet.src.name, packet.dest.name, sent)),
        _ => packet.into_message().map(Input::Message),
    }
}
