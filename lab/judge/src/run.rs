//! The life of a test as a state machine: no clock, no I/O.
//!
//! Nodes may be processes or simulated; time may be real or virtual. The rules are Maelstrom's:
//! `init` for all nodes, then the history's clock starts, `topology`, the main phase, the heal,
//! the wait for the cluster to become quiescent, a final read by every worker.

mod client;
mod entries;
mod journal;
mod life;
mod medium;
mod messages;
mod nodes;
mod notices;
mod output;
mod replies;
mod reply;
mod sent;
mod services;
mod spread;
mod stops;
mod timer;
mod watch;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rumormill::cluster::Nodes;
use rumormill::id::{EntryId, NodeId};
use rumormill_sim::Nanos;
use rumormill_sim::dice::{Dice, Fingerprint};
use rumormill_sim::network::{Due, Network};

use crate::delivery::components::ComponentWatch;
use crate::delivery::convergence::Collector;
use crate::generator::Generator;
use crate::history::Op;
use crate::message::Message;
use crate::message::events::EventSink;
use crate::message::packet::{Delivery, Packet, PeerMessage};
use crate::outcome::{
    NodeReport, Notice, Outcome, Phase, Progress, RecoveryReport, SchedulingDelay, State,
};
use crate::settings::Settings;
use crate::topology::neighbours;
use crate::trace::Tracer;
use crate::workload::{Draws, Spreads};
use client::{Clients, Requests};
use entries::EntryWatch;
use journal::Journal;
use messages::{Content, Directory, Written};
use notices::Notices;
use output::Output;
use services::ServiceHall;
use stops::Stops;
use timer::Timer;
use watch::Watch;
use work::{Tally, Worker};

/// One run. Drive it so:
///
/// 1. [`start`](Self::start) once all nodes can be written to.
/// 2. Whenever a node writes something, dies, or [`poll_timeout`](Self::poll_timeout)'s instant
///    has come, call the `handle_` method for it, then poll until nothing comes any more:
///    [`poll_delivery`](Self::poll_delivery) (write it at once), [`poll_notice`](Self::poll_notice),
///    [`state`](Self::state), [`poll_timeout`](Self::poll_timeout).
/// 3. When the state is no longer [`State::Running`], [`into_outcome`](Self::into_outcome).
///
/// `now` is in nanoseconds since an origin of the driver's choice and must never decrease.
#[derive(Debug)]
pub struct Run<S> {
    settings: Settings,
    sink: S,
    state: State,
    phases: Vec<(Phase, Nanos)>,
    /// The history's relative time 0.
    zero: Nanos,
    directory: Directory,
    network: Network<Packet, Timer>,
    /// Present once a message was sent to a service.
    services: Option<Box<ServiceHall>>,
    journal: Journal,
    clients: Clients,
    requests: Requests,
    topology_content: Option<Content>,
    /// The message of a simulated node that was written last, if several peers are sent it.
    last_written: Option<(Arc<dyn PeerMessage>, Written)>,
    /// Nodes that have yet to answer `init` or `topology`.
    unready: usize,
    generator: Generator,
    /// For when the network has an alarm for the generator's next step.
    generator_wake: Option<Nanos>,
    workers: Vec<Worker>,
    /// From which the workload draws its operations.
    draws: Draws,
    partition_dice: Dice,
    stops: Stops,
    history: Vec<Op>,
    tally: Tally,
    watch: Watch,
    /// The holders of each value, as messages and reads of processes show them.
    tracer: Tracer,
    /// The holders of each value, as far as figures need them.
    gossiped: Collector,
    entries: EntryWatch,
    /// By node: the additions that it was handed and has made no entry of, with their deltas.
    adding: Vec<VecDeque<(u64, i64)>>,
    /// The additions by their entries.
    additions: BTreeMap<EntryId, u64>,
    /// The driver tells what nodes hold; it need not be seen in messages.
    exact: bool,
    /// Present if nodes may be kept apart.
    components: Option<ComponentWatch>,
    /// For when the network has an alarm for the next change of who is connected.
    connectivity_wake: Option<Nanos>,
    /// How often it may have changed so far.
    connectivity: u64,
    /// By node: which of its lives this is.
    lives: Vec<u32>,
    recovery: Option<RecoveryReport>,
    /// When half of the wait was over, and how many messages there were between nodes until then.
    rest_began: Option<(Nanos, u64)>,
    reports: Vec<NodeReport>,
    /// By node: what the driver has told of its output, if it does.
    outputs: Vec<Option<Output>>,
    /// By node: times from a request's delivery to its first reply.
    service_times: Vec<Vec<Nanos>>,
    deliveries: VecDeque<Delivery>,
    /// By node: messages that wait for it while it is paused. It receives them when it goes on.
    waiting: Vec<Vec<Packet>>,
    notices: Notices,
    scheduling_delay: SchedulingDelay,
    fingerprint: Fingerprint,
    next_id: u64,
    /// For measuring the length of typed bodies.
    scratch: Vec<u8>,
}

impl<S: EventSink> Run<S> {
    /// A run that has not begun.
    ///
    /// # Errors
    /// If the settings make no sense ([`Settings::check`]).
    pub fn new(settings: &Settings, sink: S) -> anyhow::Result<Self> {
        settings.check()?;
        let nodes = settings.nodes.len();
        let topology = neighbours(settings.topology, &settings.nodes);
        let requests = Requests::new(settings.nodes.clone(), topology);
        Ok(Self {
            sink,
            state: State::Running,
            phases: Vec::new(),
            zero: 0,
            directory: Directory::new(requests.nodes()),
            network: Network::new(settings.network()),
            services: None,
            journal: Journal::default(),
            clients: Clients::default(),
            requests,
            topology_content: None,
            last_written: None,
            unready: nodes,
            generator: Generator::new(settings),
            generator_wake: None,
            workers: (0..settings.concurrency).map(|i| Worker::new(i, nodes)).collect(),
            draws: Draws::new(settings.seed),
            partition_dice: Dice::new(settings.seed, "partitions"),
            stops: Stops::new(nodes, settings.seed),
            history: Vec::new(),
            tally: Tally::default(),
            watch: Watch::new(nodes),
            tracer: Tracer::new(&settings.nodes, &settings.values_at),
            gossiped: Collector::new(nodes),
            entries: EntryWatch::new(nodes),
            adding: vec![VecDeque::new(); nodes],
            additions: BTreeMap::new(),
            exact: false,
            components: (settings.nemesis.is_some()
                || settings.node_nemesis.is_some()
                || settings.faults.may_part())
            .then(|| ComponentWatch::new(nodes)),
            connectivity_wake: None,
            connectivity: 0,
            lives: vec![0; nodes],
            recovery: None,
            rest_began: None,
            reports: vec![NodeReport::default(); nodes],
            outputs: vec![None; nodes],
            service_times: vec![Vec::new(); nodes],
            deliveries: VecDeque::new(),
            waiting: vec![Vec::new(); nodes],
            notices: Notices::default(),
            scheduling_delay: SchedulingDelay::default(),
            fingerprint: Fingerprint::default(),
            next_id: 0,
            scratch: Vec::new(),
            settings: settings.clone(),
        })
    }

    /// Sends `init` to all nodes.
    pub fn start(&mut self, now: Nanos) {
        self.enter(Phase::Init, now);
        self.initialise_nodes(now);
    }

    /// A node wrote a line to stdout (with or without its newline).
    pub fn handle_line(&mut self, now: Nanos, node: usize, line: &[u8]) {
        if self.listens_to(node) {
            self.accept_line(now, node, line);
        }
    }

    /// A node wrote `count` bytes to stdout, of which the last line that has no newline yet is
    /// `unfinished`. Called with 0 bytes at the start, the run also knows who has written nothing.
    pub fn handle_output(&mut self, node: usize, count: usize, unfinished: &[u8]) {
        if let Some(output) = self.outputs.get_mut(node) {
            output.get_or_insert_default().note(count, unfinished);
        }
    }

    /// A simulated node sent a message.
    pub fn handle_message(&mut self, now: Nanos, node: usize, message: Message) {
        if self.listens_to(node) {
            self.accept_message(now, node, message);
        }
    }

    /// A simulated node sent a message to another.
    pub(crate) fn handle_peer(
        &mut self,
        now: Nanos,
        from: NodeId,
        to: NodeId,
        message: Arc<dyn PeerMessage>,
    ) {
        if self.listens_to(from.0 as usize) {
            self.accept_peer(now, (from, to), message);
        }
    }

    /// The node list, as `init` has it.
    pub const fn nodes(&self) -> &Arc<Nodes> {
        self.requests.nodes()
    }

    /// A node's process is gone, which ends the run: `why` is its exit status, in words.
    pub fn handle_exit(&mut self, now: Nanos, node: usize, why: &str) {
        let Some(name) = self.settings.nodes.get(node) else { return };
        let since = if self.phase() >= Phase::Topology { self.zero } else { self.begin() };
        let seconds = now.saturating_sub(since) as f64 / 1e9;
        let phase = self.phase().name();
        self.crash(now, format!("{name} died after {seconds:.3} s (phase: {phase}): {why}"));
    }

    /// The run cannot go on for a reason of the driver's (interrupted by the user, for example).
    pub fn abort(&mut self, now: Nanos, why: &str) {
        self.crash(now, why.to_owned());
    }

    /// The instant of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Nanos) {
        while let Some((due, what)) = self.network.handle_due(now) {
            let Due::Alarm(timer) = what else {
                self.scheduling_delay.note(due, now);
                self.handle_arrivals(now);
                continue;
            };
            match timer {
                Timer::Generator => {
                    self.scheduling_delay.note(due, now);
                    self.generator_wake = None;
                    self.generate(now);
                }
                Timer::Client(client) => self.expire(now, client),
                Timer::Probe => self.probe(now),
                Timer::Latency(mean_ms) => self.network.set_latency(mean_ms),
                Timer::Connectivity => {
                    self.connectivity_wake = None;
                    self.update_connectivity(now);
                }
                Timer::Rest => self.rest_began = Some((now, self.journal.server_messages())),
                Timer::Quiet => self.check_quiet(now),
                Timer::Audit => self.finish(now),
            }
        }
        self.wake_services(now);
    }

    /// The next message to be handed to a node, now.
    pub fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; `None` if never.
    pub fn poll_timeout(&self) -> Option<Nanos> {
        let next = [self.network.poll_timeout(), self.poll_services()];
        next.into_iter().flatten().min()
    }

    /// The next thing a person should see.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.poll()
    }

    /// How the run stands.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Figures for a progress line; cheap.
    pub fn progress(&self) -> Progress {
        Progress {
            phase: self.phase(),
            invoked: self.tally.invoked,
            ok: self.tally.ok,
            not_ok: self.tally.not_ok,
            in_flight: self.tally.invoked - self.tally.ok - self.tally.not_ok,
            messages: self.journal.messages(),
            server_messages: self.journal.server_messages(),
            queued: self.network.queued(),
        }
    }

    /// Ends the run and hands everything out.
    pub fn into_outcome(mut self, now: Nanos) -> (Outcome, S) {
        if self.state == State::Running {
            self.crash(now, "ended early".into());
        }
        let end = self.phases.last().map_or(now, |(_, time)| *time);
        let faults = self.network.conditions().counts();
        let dead: Vec<usize> = (0..self.reports.len())
            .filter(|node| self.network.conditions().is_down(*node as u32))
            .collect();
        for node in &dead {
            self.reports[*node].is_dead = true;
        }
        let spreads = self.settings.workload.spreads;
        let is_traced = !self.exact && spreads != Spreads::Nothing;
        let trace = is_traced.then(|| self.finish_spread());
        if spreads == Spreads::Deltas && self.gossiped.used {
            self.record_lacking();
        }
        for (report, service) in self.reports.iter_mut().zip(self.service_times) {
            report.service = service;
        }
        // As in Maelstrom, whose nemesis spares nothing.
        let all_is_owed = self.settings.faults.durable || self.settings.has_kills();
        let lost_with_holders =
            self.gossiped.take_lost_with_holders(faults.crashed > 0 && !all_is_owed);
        let observed = self.gossiped.used;
        let left = self.reports.len() - dead.len();
        let outcome = Outcome {
            state: self.state,
            history: self.history,
            counts: self.journal.into_counts(&self.settings.nodes),
            faults,
            phases: self.phases,
            zero: self.zero,
            end,
            nodes: self.reports,
            probed: self
                .settings
                .probe_ms
                .filter(|_| spreads == Spreads::Elements)
                .map(|_| self.watch.into_convergence(left)),
            gossiped: self.gossiped.used.then(|| self.gossiped.into_convergence(left)),
            components: self.components.map(ComponentWatch::into_convergence).filter(|_| observed),
            exact: self.exact,
            entries: (observed && (is_traced || spreads == Spreads::Elements)).then(|| {
                trace.as_ref().map_or_else(|| self.entries.counts(), |trace| trace.entries)
            }),
            trace,
            suspicions: None,
            lost_with_holders,
            indeterminate: self.tally.indeterminate,
            recovery: self.recovery,
            repeated: self.notices.into_repeated(),
            scheduling_delay: self.scheduling_delay,
            fingerprint: self.fingerprint.value(),
        };
        (outcome, self.sink)
    }

    fn listens_to(&self, node: usize) -> bool {
        self.state == State::Running
            && !self.phases.is_empty()
            && self.reports.get(node).is_some_and(|report| !report.muted)
    }
}

#[cfg(test)]
mod tests;
