//! The lab's observations for its own figures, outside the history and all counts: probe reads,
//! final reads of nodes that no worker talks to, and whether the cluster is quiet.

use rumormill_sim::{MS, Nanos};

use super::Run;
use super::timer::Timer;
use crate::delivery::convergence::{Collector, Convergence};
use crate::message::events::EventSink;
use crate::message::packet::{Asked, Payload, Peer};
use crate::outcome::{Phase, State};
use crate::run::client::Ask;
use crate::run::reply::{Reply, Request, read_reply};
use crate::workload::Operation;

/// A client outside the count; number `i` reads node `i`.
#[derive(Debug)]
struct Probe {
    last_msg_id: i64,
    /// The request that waits for its reply, and since when.
    waiting: Option<(i64, Nanos)>,
    /// This is the final read of a node that no worker talks to.
    is_audit: bool,
}

#[derive(Debug)]
pub(super) struct Watch {
    probes: Vec<Probe>,
    probed: Collector,
    /// Audits without an answer.
    audits: usize,
    /// When a message that may carry a value was last sent or on its way.
    last_values: Nanos,
    quiet: bool,
}

impl Watch {
    pub(super) fn new(nodes: usize) -> Self {
        let probe = |_| Probe { last_msg_id: 0, waiting: None, is_audit: false };
        Self {
            probes: (0..nodes).map(probe).collect(),
            probed: Collector::new(nodes),
            audits: 0,
            last_values: 0,
            quiet: false,
        }
    }

    /// True if this probe has ever asked for anything.
    pub(super) fn is_used(&self, id: u32) -> bool {
        self.probes.get(id as usize).is_some_and(|probe| probe.last_msg_id > 0)
    }

    pub(super) fn invoked(&mut self, time: Nanos) {
        self.probed.invoked(time);
    }

    pub(super) fn acked(&mut self, value: u64, time: Nanos) {
        self.probed.acked(value, time);
    }

    pub(super) const fn on_values(&mut self, now: Nanos) {
        self.last_values = now;
    }

    /// The wait for the cluster to become quiescent ended early.
    pub(super) const fn was_quiet(&self) -> bool {
        self.quiet
    }

    pub(super) fn into_convergence(self, nodes: usize) -> Convergence {
        self.probed.into_convergence(nodes)
    }
}

impl<S: EventSink> Run<S> {
    pub(super) fn start_probes(&mut self, now: Nanos) {
        if self.settings.probe_ms.is_some() {
            self.network.set_alarm(now, Timer::Probe);
        }
    }

    /// Reads every node that has answered the probe before, or had time enough to.
    pub(super) fn probe(&mut self, now: Nanos) {
        let Some(interval_ms) = self.settings.probe_ms else { return };
        let Some(read) = self.settings.workload.read() else { return };
        let timeout = self.timeout(Request::Operation(read));
        for node in self.directory.node_ids() {
            let probe = &self.watch.probes[node as usize];
            let is_free = match probe.waiting {
                Some((_, since)) => now.saturating_sub(since) >= timeout,
                None => true,
            };
            if is_free && !probe.is_audit {
                self.send_probe(now, node, read);
            }
        }
        self.network.set_alarm(now.saturating_add(interval_ms.saturating_mul(MS)), Timer::Probe);
    }

    fn send_probe(&mut self, now: Nanos, node: u32, read: &'static Operation) {
        let probe = &mut self.watch.probes[node as usize];
        probe.last_msg_id += 1;
        let msg_id = probe.last_msg_id;
        probe.waiting = Some((msg_id, now));
        let ask = Ask::Operation(Asked::plain(read));
        let packet = self.request_packet(Peer::Probe(node), node, ask, msg_id);
        self.deliver_probe(node as usize, packet);
    }

    pub(super) fn probe_answered(&mut self, now: Nanos, id: u32, body: &Payload) {
        let time = self.relative(now);
        let node = id as usize;
        let probe = &mut self.watch.probes[node];
        let Some((msg_id, since)) = probe.waiting else { return };
        let Some(read) = self.settings.workload.read() else { return };
        let Some(reply) = read_reply(Request::Operation(read), msg_id, body) else { return };
        probe.waiting = None;
        let is_audit = probe.is_audit;
        if let Some(set) = reply.set() {
            self.trace_read(id, since, now, set);
            for value in &set.ints {
                self.watch.probed.holds(node, value, time);
            }
        }
        if let (true, Reply::Done(value, _)) = (is_audit, reply) {
            self.reports[node].final_read = value;
        }
        if is_audit {
            self.watch.audits -= 1;
            if self.watch.audits == 0 {
                self.finish(now);
            }
        }
    }

    /// Reads the nodes that no worker has read; then, or at once, the run is over.
    pub(super) fn audit(&mut self, now: Nanos) {
        let workers = self.settings.concurrency;
        let unread = self.directory.node_ids().skip(workers);
        let last = self.settings.workload.last.filter(|_| unread.len() > 0);
        let Some(last) = last.filter(|_| self.state == State::Running) else {
            self.finish(now);
            return;
        };
        self.watch.audits = unread.len();
        for node in unread {
            self.watch.probes[node as usize].is_audit = true;
            self.send_probe(now, node, last.operation);
        }
        let timeout = self.timeout(Request::Operation(last.operation));
        self.network.set_alarm(now.saturating_add(timeout), Timer::Audit);
    }

    /// Begins to look for quiet, if the settings want it.
    pub(super) fn watch_quiet(&mut self, now: Nanos) {
        if self.settings.recovery.quiet_ms.is_some() {
            self.watch.last_values = now;
            self.check_quiet(now);
        }
    }

    /// Ends the wait for the cluster to become quiescent if it is quiet, or looks again later.
    pub(super) fn check_quiet(&mut self, now: Nanos) {
        let Some(quiet_ms) = self.settings.recovery.quiet_ms else { return };
        if self.phase() != Phase::Recovery {
            return;
        }
        if self.network.queued_values() > 0 {
            self.watch.last_values = now;
        }
        let quiet_at = self.watch.last_values.saturating_add(quiet_ms.saturating_mul(MS));
        if quiet_at > now {
            self.network.set_alarm(quiet_at, Timer::Quiet);
        } else {
            self.watch.quiet = true;
            self.generator.end_recovery();
            self.generate(now);
        }
    }
}
