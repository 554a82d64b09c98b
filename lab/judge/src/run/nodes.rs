//! The driver's news of its nodes: that they died, came back, stand still, and what they hold.

use rumormill::effects::Entry;
use rumormill::id::NodeId;
use rumormill::value::Value;
use rumormill_sim::network::Conditions;
use rumormill_sim::{MS, Nanos};

use super::Run;
use super::timer::Timer;
use crate::history::OpValue;
use crate::message::events::EventSink;
use crate::message::packet::Asked;
use crate::outcome::OutageKind;
use crate::run::client::{Ask, Owner};
use crate::run::reply::Reply;
use crate::settings::faults::LatencyChange;
use crate::workload::Spreads;

impl<S: EventSink> Run<S> {
    /// From now on only `on_delivered` says what nodes hold.
    pub fn set_exact(&mut self) {
        self.exact = true;
        self.gossiped.used = self.settings.workload.spreads != Spreads::Nothing;
    }

    /// A node holds a value, or an addition, that it did not hold before.
    fn on_held(&mut self, now: Nanos, node: usize, value: u64) {
        let time = self.relative(now);
        if self.gossiped.holds(node, value, time)
            && let Some(components) = &mut self.components
        {
            components.held(node, value, time);
        }
    }

    /// A node holds an entry that it did not hold before.
    ///
    /// Deltas come again and again, so their entries are told apart by their names: the one that
    /// a node makes itself is of an operation that it was handed.
    pub(crate) fn on_delivered(&mut self, now: Nanos, node: NodeId, entry: &Entry) {
        let number = match (self.settings.workload.spreads, &entry.value) {
            (Spreads::Elements, Value::Int(int)) => u64::try_from(*int).ok(),
            (Spreads::Deltas, _) => {
                if entry.id.origin.node == node
                    && let Some(number) = self.made_of(node, &entry.value)
                {
                    self.additions.insert(entry.id, number);
                }
                self.additions.get(&entry.id).copied()
            }
            _ => None,
        };
        if let Some(number) = number {
            self.on_held(now, node.0 as usize, number);
        }
    }

    /// Notes which acknowledged additions each node lacks at the end.
    pub(super) fn record_lacking(&mut self) {
        for (node, report) in self.reports.iter_mut().enumerate() {
            report.lacking = Some(self.gossiped.lacking(node));
        }
    }

    /// A simulated node is handed an operation.
    pub(crate) fn on_request_delivered(&mut self, node: NodeId, asked: &Asked) {
        if self.settings.workload.spreads == Spreads::Deltas
            && let (Some(number), OpValue::Int(delta)) = (asked.number, &asked.argument)
        {
            self.adding[node.0 as usize].push_back((number, *delta));
        }
    }

    /// The addition that a node has made an entry of: the first it was handed, but for those of
    /// another value, which it must have refused.
    fn made_of(&mut self, node: NodeId, value: &Value) -> Option<u64> {
        let adding = &mut self.adding[node.0 as usize];
        std::iter::from_fn(|| adding.pop_front())
            .find(|(_, delta)| *value == Value::Int(*delta))
            .map(|(number, _)| number)
    }

    /// A node has died, and its memory with it unless it is durable. Its clients rest until it is back;
    /// those of a node that the nemesis has killed do not.
    pub fn node_down(&mut self, now: Nanos, node: usize) {
        self.lives[node] += 1;
        self.reports[node].begin_outage(now, OutageKind::Down);
        self.adding[node].clear();
        self.drop_waiting(now, node);
        self.network.conditions_mut().set_paused(node, false);
        self.network.conditions_mut().set_down(node, true);
        self.network.conditions_mut().counts_mut().crashed += 1;
        if self.exact {
            // What comes from its journal is delivered once more.
            self.gossiped.forget(node);
            self.entries.forget(node);
        } else if self.settings.faults.durable {
            // It comes back with what it held, in another generation.
            self.tracer.restarted(node as u32);
        } else {
            self.tracer.forgot(node as u32);
        }
        self.update_connectivity(now);
        if self.settings.has_kills() {
            self.halt(now, node);
        } else {
            // Nodes are numbered with 32 bits.
            self.abandon_work(now, node as u32);
        }
    }

    /// A node is back, and has to be told who it is, and perhaps who its neighbours are.
    pub fn node_up(&mut self, now: Nanos, node: usize, topology: bool) {
        self.reports[node].end_outage(now, OutageKind::Down);
        self.network.conditions_mut().set_down(node, false);
        self.network.conditions_mut().counts_mut().restarted += 1;
        self.update_connectivity(now);
        if self.settings.has_kills() {
            self.start_anew(now, node);
            return;
        }
        let life = self.lives[node];
        let node = node as u32;
        let topology = topology && self.settings.workload.has_topology;
        let client = self.clients.open(Owner::Restart { node, life, topology });
        self.request(now, client, node, Ask::Init);
    }

    /// Time stands still for a node, or goes on.
    pub fn node_paused(&mut self, now: Nanos, node: usize, paused: bool) {
        let report = &mut self.reports[node];
        match paused {
            true => report.begin_outage(now, OutageKind::Paused),
            false => report.end_outage(now, OutageKind::Paused),
        }
        self.network.conditions_mut().set_paused(node, paused);
        if !paused {
            self.receive_waiting(now, node);
        }
        self.network.conditions_mut().counts_mut().paused += u64::from(paused);
        self.update_connectivity(now);
        if self.settings.has_stops() {
            self.stopped(now, node, paused);
        }
    }

    /// Grows whenever it may have changed who is connected to whom.
    pub const fn connectivity(&self) -> u64 {
        self.connectivity
    }

    /// Which messages would get through now.
    #[must_use]
    pub const fn conditions(&self) -> &Conditions {
        self.network.conditions()
    }

    /// Messages on their way.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.network.queued()
    }

    /// The disk of a node is full.
    pub(crate) const fn disk_filled(&mut self) {
        self.network.conditions_mut().counts_mut().disk_filled += 1;
    }

    /// A clock of a node has jumped.
    pub(crate) const fn clock_jumped(&mut self) {
        self.network.conditions_mut().counts_mut().clock_jumped += 1;
    }

    /// A restarted node has answered `init` (then `topology` may follow) or `topology`.
    pub(super) fn restart_answered(
        &mut self,
        now: Nanos,
        (node, life): (u32, u32),
        topology: bool,
        reply: &Reply,
    ) {
        // The `init` of an earlier restart may still have been on its way, and come first.
        let was_told = matches!(reply, Reply::Error { name, .. } if name == "precondition-failed");
        if !was_told && matches!(reply, Reply::Error { .. } | Reply::Malformed(_)) {
            let name = self.name(node as usize);
            let why = format!("{name}, restarted, refused init or topology: {reply:?}");
            self.crash(now, why);
        } else if topology && self.lives[node as usize] == life {
            let client = self.clients.open(Owner::Restart { node, life, topology: false });
            self.request(now, client, node, Ask::Topology);
        } else {
            self.restarted(now, node, life);
        }
    }

    /// A restarted node is as ready as it will be.
    pub(super) fn restarted(&mut self, now: Nanos, node: u32, life: u32) {
        if self.lives[node as usize] == life {
            self.resume_work(node);
            self.generate(now);
        }
    }

    /// The faults of the settings begin.
    pub(super) fn start_faults(&mut self, now: Nanos) {
        self.network.conditions_mut().start_faults(now);
        for LatencyChange { at_ms, mean_ms } in &self.settings.faults.latency {
            let at = now.saturating_add(at_ms.saturating_mul(MS));
            self.network.set_alarm(at, Timer::Latency(*mean_ms));
        }
        self.update_connectivity(now);
    }

    /// The connections may have changed.
    pub(super) fn update_connectivity(&mut self, now: Nanos) {
        let time = self.relative(now);
        let Some(watch) = &mut self.components else { return };
        self.connectivity += 1;
        let components = self.network.conditions().components(now);
        if self.exact {
            watch.connect(time, components, &self.gossiped);
        } else {
            self.tracer.connected(now, components);
        }
        let next = self.network.conditions().next_change(now);
        if next != self.connectivity_wake {
            self.connectivity_wake = next;
            if let Some(at) = next {
                self.network.set_alarm(at, Timer::Connectivity);
            }
        }
    }

    /// A node has acknowledged a value.
    pub(super) fn on_acked(&mut self, value: u64, node: u32, time: Nanos) {
        if self.settings.workload.spreads == Spreads::Elements {
            self.watch.acked(value, time);
        }
        if !self.exact {
            // Values are numbered like the elements of a list.
            self.tracer.acked(node, value as u32, self.zero.saturating_add(time));
            return;
        }
        self.gossiped.acked(value, time);
        if let Some(components) = &mut self.components {
            components.acked(value, node, time, &self.gossiped);
        }
    }
}
