//! From one phase to the next.

use rumormill_sim::network::partition::{Kind, Partition};
use rumormill_sim::{MS, Nanos};

use super::Run;
use super::output::Output;
use super::timer::Timer;
use crate::generator::Step;
use crate::history::{Op, OpError};
use crate::message::events::EventSink;
use crate::outcome::{Phase, RecoveryReport, State};
use crate::run::client::{Ask, Owner};
use crate::run::reply::{Reply, Request};

impl<S: EventSink> Run<S> {
    /// Where the run is.
    pub fn phase(&self) -> Phase {
        self.phases.last().map_or(Phase::Init, |(phase, _)| *phase)
    }

    /// When the run began.
    pub(super) fn begin(&self) -> Nanos {
        self.phases.first().map_or(0, |(_, time)| *time)
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Nanos) {
        self.phases.push((phase, now));
    }

    /// Time on the history's clock.
    pub(super) const fn relative(&self, now: Nanos) -> Nanos {
        now.saturating_sub(self.zero)
    }

    pub(super) fn crash(&mut self, now: Nanos, why: String) {
        self.end(now, State::Crashed(why));
    }

    pub(super) fn finish(&mut self, now: Nanos) {
        self.end(now, State::Finished);
    }

    fn end(&mut self, now: Nanos, state: State) {
        if self.state == State::Running {
            self.state = state;
            self.network.clear_timers();
            self.services = None;
            self.enter(Phase::Done, now);
        }
    }

    pub(super) fn initialise_nodes(&mut self, now: Nanos) {
        self.ask_all(now, &Ask::Init, Owner::Init);
    }

    /// Opens a client per node and makes the same request with each.
    fn ask_all(&mut self, now: Nanos, ask: &Ask, owner: fn(u32) -> Owner) {
        let ids = self.directory.node_ids();
        self.unready = ids.len();
        let clients: Vec<(u32, u32)> =
            ids.map(|node| (node, self.clients.open(owner(node)))).collect();
        for (node, client) in clients {
            self.request(now, client, node, ask.clone());
        }
    }

    /// A node has answered `init` or `topology`, or not (`None`: not in time).
    pub(super) fn node_answered(
        &mut self,
        now: Nanos,
        node: u32,
        request: Request,
        reply: Option<Reply>,
    ) {
        let name = self.name(node as usize);
        let what = request.kind();
        let seconds = self.timeout(request) as f64 / 1e9;
        let why = match reply {
            Some(Reply::Done(..)) => None,
            None => {
                let why = self.why_silent(node as usize);
                Some(format!("did not answer {what} within {seconds} s{why}"))
            }
            Some(Reply::Error { name, text, .. }) => {
                let text = text.unwrap_or_default();
                Some(format!("answered {what} with the error {name}: {text}"))
            }
            Some(Reply::Malformed(why)) => Some(format!("answered {what} badly: {why}")),
        };
        if let Some(why) = why {
            self.crash(now, format!("{name} {why}"));
            return;
        }
        self.unready -= 1;
        if self.unready > 0 {
            return;
        }
        if request == Request::Init {
            self.zero = now;
            self.sink.zero(now);
        }
        if request == Request::Init && self.settings.workload.has_topology {
            self.enter(Phase::Topology, now);
            self.ask_all(now, &Ask::Topology, Owner::Topology);
        } else {
            self.enter(Phase::Main, now);
            self.start_faults(now);
            self.start_probes(now);
            self.generate(now);
        }
    }

    /// A possible reason for a node's silence, to be put after a sentence; empty if nothing is known.
    fn why_silent(&self, node: usize) -> String {
        let report = &self.reports[node];
        if let Some(stray) = &report.stray_reply {
            return format!(": {stray}");
        }
        if let Some(refused) = &report.refused {
            let ignored = if report.muted { ", and its output is ignored since" } else { "" };
            return format!(": {refused}{ignored}");
        }
        let silence = self.outputs[node].as_ref().and_then(Output::why_silent);
        silence.map_or_else(String::new, |why| format!(": it {why}"))
    }

    /// How long a client waits for a reply.
    pub(super) const fn timeout(&self, request: Request) -> Nanos {
        let ms = match request {
            Request::Init => self.settings.init_timeout_ms,
            _ => self.settings.rpc_timeout_ms,
        };
        ms.saturating_mul(MS)
    }

    /// Does what the generator wants done now.
    pub(super) fn generate(&mut self, now: Nanos) {
        while self.state == State::Running && self.phase() >= Phase::Main {
            match self.generator.next(now) {
                Step::Work(worker, task) => self.work(now, worker, task),
                Step::StartPartition => self.start_partition(now),
                Step::StopPartition => self.stop_partition(now),
                Step::Stop(action) => self.act_on_nodes(now, action),
                Step::Recover => self.recover(now),
                Step::Recovered => self.read_finally(now),
                Step::Wait(time) => {
                    if self.generator_wake != Some(time) {
                        self.generator_wake = Some(time);
                        self.network.set_alarm(time, Timer::Generator);
                    }
                    return;
                }
                Step::Busy => return,
                Step::Done => {
                    self.audit(now);
                    return;
                }
            }
        }
    }

    fn start_partition(&mut self, now: Nanos) {
        let kind = Kind::draw(&mut self.partition_dice);
        let nodes = &self.settings.nodes;
        let partition = Partition::draw(kind, nodes.len(), &mut self.partition_dice);
        let effect = partition.to_edn(kind, nodes);
        self.record_nemesis(now, "start-partition", kind.keyword());
        self.network.conditions_mut().set_partition(Some(partition));
        self.update_connectivity(now);
        self.record_nemesis(now, "start-partition", &effect);
    }

    fn stop_partition(&mut self, now: Nanos) {
        self.record_nemesis(now, "stop-partition", "nil");
        self.network.conditions_mut().set_partition(None);
        self.update_connectivity(now);
        self.record_nemesis(now, "stop-partition", ":network-healed");
    }

    pub(super) fn record_nemesis(&mut self, now: Nanos, name: &str, value_edn: &str) {
        self.record_nemesis_op(now, name, value_edn, None);
    }

    pub(super) fn record_nemesis_op(
        &mut self,
        now: Nanos,
        name: &str,
        value_edn: &str,
        error: Option<OpError>,
    ) {
        let op = Op::nemesis(self.history.len(), self.relative(now), name, value_edn);
        self.record(Op { error, ..op }, None);
    }

    fn recover(&mut self, now: Nanos) {
        self.enter(Phase::Recovery, now);
        self.network.conditions_mut().stop_faults();
        self.update_connectivity(now);
        let half = self.settings.recovery.wait_ms.saturating_mul(MS) / 2;
        self.network.set_alarm(now.saturating_add(half), Timer::Rest);
        self.watch_quiet(now);
    }

    fn read_finally(&mut self, now: Nanos) {
        let began = self.phases.last().map_or(now, |(_, time)| *time);
        let waited = now.saturating_sub(began);
        let quiescent = self.rest_began.map(|(since, messages)| {
            (self.journal.server_messages() - messages, now.saturating_sub(since))
        });
        self.recovery = Some(RecoveryReport { waited, quiet: self.watch.was_quiet(), quiescent });
        self.enter(Phase::FinalReads, now);
    }
}
