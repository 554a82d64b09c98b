//! The simulation's loop, and how it is watched from inside, event by event.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::sync::Arc;

use rumormill::id::NodeId;
use rumormill::protocol::Entry;

use crate::fault::{NodeFault, NodeFaultKind};
use crate::host::{Host, Pause};
use crate::medium::{Medium, Plain};
use crate::process::{Input, Outbox, Output, Process};
use crate::time::Nanos;

/// A simulation: processes, their surroundings, and the faults of nodes, in virtual time.
///
/// The next event is that of the earliest time; of one time a node's fault, then the medium's
/// timers, then the nodes' timers in the order of nodes. So the same inputs give the same run.
#[derive(Debug)]
pub struct Sim<P: Process, M = Plain<P>> {
    now: Nanos,
    hosts: Vec<Host<P>>,
    medium: M,
    /// Wake-ups asked for; stale ones are skipped when they come up.
    timers: BinaryHeap<Reverse<(Nanos, u32)>>,
    /// By time and order of entry.
    faults: BTreeMap<(Nanos, u64), NodeFault>,
    fault_count: u64,
    clocks_start_with_node: bool,
    outbox: Outbox<P>,
    events: u64,
    broken_off: Option<String>,
}

/// Watches a simulation. All methods do nothing unless they are written.
pub trait Observer<P: Process, M = Plain<P>> {
    /// A node is about to handle a message or a request.
    fn receiving(&mut self, sim: &Sim<P, M>, node: NodeId, input: &Input<P>) {
        let _ = (sim, node, input);
    }

    /// A node is about to handle its timer.
    fn waking(&mut self, sim: &Sim<P, M>, node: NodeId) {
        let _ = (sim, node);
    }

    /// A node has delivered an entry: another node's, or one that was submitted to it.
    fn delivered(&mut self, sim: &Sim<P, M>, node: NodeId, entry: &Entry) {
        let _ = (sim, node, entry);
    }

    /// A node replied to a client.
    fn replied(&mut self, sim: &Sim<P, M>, node: NodeId, reply: &P::Reply) {
        let _ = (sim, node, reply);
    }

    /// A node sent a message to another. The node's other messages of the same event may follow.
    fn sent(&mut self, sim: &Sim<P, M>, from: NodeId, to: NodeId, message: &P::Message) {
        let _ = (sim, from, to, message);
    }

    /// A fault struck a node. Its effects follow.
    fn fault(&mut self, sim: &Sim<P, M>, fault: &NodeFault) {
        let _ = (sim, fault);
    }

    /// A node has handled an event, and all that came of it was taken. A break ends the
    /// simulation: it says why.
    fn handled(&mut self, sim: &Sim<P, M>, node: NodeId) -> ControlFlow<String> {
        let _ = (sim, node);
        ControlFlow::Continue(())
    }
}

impl<P: Process, M> Sim<P, M> {
    /// Virtual time since the start.
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// All nodes, in order.
    #[must_use]
    pub fn hosts(&self) -> &[Host<P>] {
        &self.hosts
    }

    /// The surroundings.
    #[must_use]
    pub const fn medium(&self) -> &M {
        &self.medium
    }

    /// The surroundings.
    pub const fn medium_mut(&mut self) -> &mut M {
        &mut self.medium
    }

    /// Events handled: messages and requests handed over, timers run.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }
}

impl<P: Process, M: Medium<P>> Sim<P, M> {
    /// A simulation at time 0. The processes start with the first step.
    #[must_use]
    pub fn new(processes: Vec<P>, medium: M) -> Self {
        Self {
            now: 0,
            hosts: processes.into_iter().map(Host::new).collect(),
            medium,
            timers: BinaryHeap::new(),
            faults: BTreeMap::new(),
            fault_count: 0,
            clocks_start_with_node: false,
            outbox: Outbox::default(),
            events: 0,
            broken_off: None,
        }
    }

    /// Lets a node's clock begin at zero whenever it restarts, and not at the simulation's time.
    #[must_use]
    pub const fn with_clocks_of_nodes(mut self) -> Self {
        self.clocks_start_with_node = true;
        self
    }

    /// Why an observer has ended the simulation, if one has.
    #[must_use]
    pub fn broken_off(&self) -> Option<&str> {
        self.broken_off.as_deref()
    }

    /// Ends the simulation.
    pub fn into_parts(self) -> (Vec<Host<P>>, M) {
        (self.hosts, self.medium)
    }

    /// Plans a fault.
    pub fn plan(&mut self, at: Nanos, fault: NodeFault) {
        self.fault_count += 1;
        self.faults.insert((at, self.fault_count), fault);
    }

    /// Starts all processes, and hands over what is due at once.
    pub fn start(&mut self, observer: &mut impl Observer<P, M>) {
        for node in self.nodes() {
            let host = &mut self.hosts[node.0 as usize];
            let now = host.clock(self.now);
            host.process_mut().on_start(now, &mut self.outbox);
            self.collect(node, observer);
        }
        self.deliver_pending(observer);
    }

    /// Goes to the next event; false if there is none, or an observer has ended the simulation.
    pub fn step(&mut self, observer: &mut impl Observer<P, M>) -> bool {
        let Some(next) = self.next_time() else { return false };
        self.step_at(next, observer)
    }

    /// Goes to the next event if it comes before `end`, and otherwise to `end`; false then, or if an
    /// observer has ended the simulation.
    pub fn step_before(&mut self, end: Nanos, observer: &mut impl Observer<P, M>) -> bool {
        if let Some(next) = self.next_time().filter(|next| *next < end) {
            return self.step_at(next, observer);
        }
        self.now = self.now.max(end);
        false
    }

    /// Runs until that time: all events before it or at it; false if an observer has ended the
    /// simulation.
    pub fn run_until(&mut self, end: Nanos, observer: &mut impl Observer<P, M>) -> bool {
        while self.broken_off.is_none() {
            match self.next_time().filter(|next| *next <= end) {
                Some(next) => self.step_at(next, observer),
                None => {
                    self.now = self.now.max(end);
                    return true;
                }
            };
        }
        false
    }

    /// When the next event is.
    #[must_use]
    pub fn next_time(&mut self) -> Option<Nanos> {
        while let Some(&Reverse((at, node))) = self.timers.peek() {
            if self.hosts[node as usize].wake_at == at {
                break;
            }
            self.timers.pop();
        }
        let node_at = self.timers.peek().map(|&Reverse((at, _))| at);
        let fault_at = self.faults.first_key_value().map(|((at, _), _)| *at);
        [fault_at, self.medium.poll_timeout(), node_at].into_iter().flatten().min()
    }

    fn step_at(&mut self, next: Nanos, observer: &mut impl Observer<P, M>) -> bool {
        self.now = self.now.max(next);
        let fault_at = self.faults.first_key_value().map(|((at, _), _)| *at);
        if fault_at == Some(next) {
            if let Some((_, fault)) = self.faults.pop_first() {
                self.strike(fault, observer);
            }
        } else if self.medium.poll_timeout() == Some(next) {
            self.medium.handle_timeout(self.now);
        } else if let Some(Reverse((_, node))) = self.timers.pop() {
            let host = &mut self.hosts[node as usize];
            host.wake_at = Nanos::MAX;
            if !host.is_paused() {
                self.wake(NodeId(node), observer);
            }
        }
        self.deliver_pending(observer);
        self.broken_off.is_none()
    }

    /// Hands a client's request to a node, now.
    pub fn request(
        &mut self,
        node: NodeId,
        request: P::Request,
        observer: &mut impl Observer<P, M>,
    ) {
        self.hand_over(node, Input::Request(Box::new(request)), observer);
        self.deliver_pending(observer);
    }

    /// Crashes a node for good, now.
    pub fn crash(&mut self, node: NodeId, observer: &mut impl Observer<P, M>) {
        let kind = NodeFaultKind::Crash { down: None, forget_topology: false };
        self.strike_now(NodeFault { node, kind }, observer);
    }

    /// Lets a fault strike now. A pause ends, however long it was to be.
    pub fn strike_now(&mut self, fault: NodeFault, observer: &mut impl Observer<P, M>) {
        if let (NodeFaultKind::Resume, Some(pause)) =
            (fault.kind, &mut self.hosts[fault.node.0 as usize].pause)
        {
            pause.until = self.now;
        }
        self.strike(fault, observer);
        self.deliver_pending(observer);
    }

    /// Hands over what is due, until nothing more comes of it.
    pub fn deliver_pending(&mut self, observer: &mut impl Observer<P, M>) {
        while let Some((node, input)) = self.medium.poll_input(self.now) {
            self.hand_over(node, input, observer);
        }
    }

    fn hand_over(&mut self, node: NodeId, input: Input<P>, observer: &mut impl Observer<P, M>) {
        let host = &mut self.hosts[node.0 as usize];
        if let Some(pause) = &mut host.pause {
            pause.backlog.push_back(input);
        } else if host.is_up() {
            self.deliver(node, input, observer);
        }
    }

    /// Ends all faults: disks have space, paused nodes go on, and those that would have come back do so now.
    pub fn end_faults(&mut self, observer: &mut impl Observer<P, M>) {
        for node in self.nodes() {
            if let Some(until) = &mut self.hosts[node.0 as usize].disk_full_until {
                *until = self.now;
                self.strike(NodeFault { node, kind: NodeFaultKind::FreeDisk }, observer);
            }
        }
        for (_, fault) in std::mem::take(&mut self.faults) {
            match (fault.kind, &mut self.hosts[fault.node.0 as usize].pause) {
                (NodeFaultKind::Resume, Some(pause)) => {
                    pause.until = self.now;
                    self.strike(fault, observer);
                }
                (NodeFaultKind::Restart { .. }, _) => self.strike(fault, observer),
                _ => {}
            }
        }
        self.deliver_pending(observer);
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> + use<P, M> {
        // Checked where the cluster is made: there are fewer than 2^32 nodes.
        (0..self.hosts.len() as u32).map(NodeId)
    }

    fn deliver(&mut self, node: NodeId, input: Input<P>, observer: &mut impl Observer<P, M>) {
        self.events += 1;
        observer.receiving(self, node, &input);
        let host = &mut self.hosts[node.0 as usize];
        let (now, out) = (host.clock(self.now), &mut self.outbox);
        match input {
            Input::Message { from, message } => {
                let message = Arc::unwrap_or_clone(message);
                host.process_mut().on_message(now, from, message, out);
            }
            Input::Request(request) => host.process_mut().on_request(now, *request, out),
        }
        self.collect(node, observer);
    }

    fn wake(&mut self, node: NodeId, observer: &mut impl Observer<P, M>) {
        self.events += 1;
        observer.waking(self, node);
        let host = &mut self.hosts[node.0 as usize];
        let now = host.clock(self.now);
        host.process_mut().on_timeout(now, &mut self.outbox);
        self.collect(node, observer);
    }

    /// Takes what a node has come to hold and what it has to say, and when it wants to be woken.
    fn collect(&mut self, node: NodeId, observer: &mut impl Observer<P, M>) {
        while let Some(entry) = self.outbox.effects.pop_delivery() {
            self.medium.on_deliver(self.now, node, &entry);
            observer.delivered(self, node, &entry);
        }
        while let Some(output) = self.outbox.pop_output() {
            match output {
                Output::Reply(reply) => {
                    observer.replied(self, node, &reply);
                    self.medium.on_reply(self.now, node, *reply);
                }
                Output::Message(to, message) => {
                    observer.sent(self, node, to, &message);
                    self.medium.on_send(self.now, node, to, message);
                }
            }
        }
        self.outbox.effects.drain_log().for_each(drop);
        self.outbox.effects.drain_refusals().for_each(drop);
        self.set_timer(node);
        if let ControlFlow::Break(why) = observer.handled(self, node) {
            self.broken_off.get_or_insert(why);
        }
    }

    fn set_timer(&mut self, node: NodeId) {
        let host = &mut self.hosts[node.0 as usize];
        let wake_at = host.next_timeout();
        if wake_at != host.wake_at {
            host.wake_at = wake_at;
            if wake_at < Nanos::MAX {
                self.timers.push(Reverse((wake_at, node.0)));
            }
        }
    }

    /// Lets a fault strike, unless the node is in no state for it.
    fn strike(&mut self, fault: NodeFault, observer: &mut impl Observer<P, M>) {
        let NodeFault { node, kind } = fault;
        let now = self.now;
        let host = &mut self.hosts[node.0 as usize];
        let is_up = host.is_up();
        match kind {
            NodeFaultKind::Pause(length) if is_up => {
                let until = now.saturating_add(length);
                match &mut host.pause {
                    Some(pause) => pause.until = pause.until.max(until),
                    None => {
                        host.pause = Some(Box::new(Pause { until, backlog: Default::default() }));
                    }
                }
                if until < Nanos::MAX {
                    self.plan(until, NodeFault { node, kind: NodeFaultKind::Resume });
                }
                self.tell(&fault, observer);
            }
            NodeFaultKind::Resume if host.pause.as_ref().is_some_and(|p| p.until == now) => {
                let pause = host.pause.take();
                self.tell(&fault, observer);
                for input in pause.into_iter().flat_map(|pause| pause.backlog) {
                    self.deliver(node, input, observer);
                }
                self.set_timer(node);
            }
            NodeFaultKind::FillDisk(length) => {
                let until = now.saturating_add(length);
                host.disk_full_until = host.disk_full_until.max(Some(until));
                host.process_mut().set_disk_full(true);
                self.plan(until, NodeFault { node, kind: NodeFaultKind::FreeDisk });
                self.tell(&fault, observer);
            }
            NodeFaultKind::FreeDisk if host.disk_full_until.is_some_and(|until| until <= now) => {
                host.disk_full_until = None;
                host.process_mut().set_disk_full(false);
                self.tell(&fault, observer);
            }
            NodeFaultKind::ClockJump(by) => {
                host.jump_clock(now, by);
                if is_up {
                    self.set_timer(node);
                }
                self.tell(&fault, observer);
            }
            NodeFaultKind::Crash { down, forget_topology } if is_up => {
                host.crash();
                self.tell(&fault, observer);
                if let Some(down) = down {
                    let kind = NodeFaultKind::Restart { topology: !forget_topology };
                    self.plan(now.saturating_add(down), NodeFault { node, kind });
                }
            }
            NodeFaultKind::Restart { topology } if !is_up => match host.disk_full_until {
                // A process ends at once that cannot write, and is started until it can.
                Some(until) => self.plan(until, fault),
                None => self.restart(&fault, topology, observer),
            },
            _ => {}
        }
    }

    /// Tells medium and observer that a fault has struck.
    fn tell(&mut self, fault: &NodeFault, observer: &mut impl Observer<P, M>) {
        self.medium.on_fault(self.now, fault);
        observer.fault(self, fault);
    }

    fn restart(&mut self, fault: &NodeFault, topology: bool, observer: &mut impl Observer<P, M>) {
        let host = &mut self.hosts[fault.node.0 as usize];
        host.come_back();
        if self.clocks_start_with_node {
            host.reset_clock(self.now);
        }
        let (now, generation) = (host.clock(self.now), host.generation());
        host.process_mut().restart(now, generation, topology, &mut self.outbox);
        self.tell(fault, observer);
        self.collect(fault.node, observer);
    }
}
