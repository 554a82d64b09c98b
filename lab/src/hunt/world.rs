//! The world of a case: its nodes in the simulator, and what looks at every step.
//!
//! It knows nothing of phases; `phases.rs` drives it.

use std::time::Duration;

use rumormill::cluster::Name;
use rumormill::id::{Generation, NodeId};
use rumormill::service::AnyService;
use rumormill_judge::generator::scripted;
use rumormill_sim::dice::Dice;
use rumormill_sim::network::partition::Partition;
use rumormill_sim::{DiskConfig, MS, Nanos, Sim};

use super::case::Case;
use super::counts::Counts;
use super::recorder::Recorder;
use super::setup::Setup;
use super::surroundings::Surroundings;
use super::violation::{Kind, Violation, broken};
use super::watch::Watch;
use crate::node::{Inspect as _, SimServer};
use crate::sim::{Node, Records};

/// No run needs more events than this besides its periodic digests: the largest cases drawn need a tenth
/// of it.
const EVENTS_MAX: u64 = 2_000_000;

/// Events of a digest at most: the timer, the digest, an answer to it, and the timer of that.
const DIGEST_EVENTS: u64 = 4;

#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) case: &'a Case,
    pub(super) sim: Sim<Node, Surroundings<'a>>,
    pub(super) watch: Watch,
    records: Option<Records>,
    /// From a digest of a node at rest to its next.
    digest_interval: Duration,
}

impl<'a> World<'a> {
    pub(super) fn new(case: &'a Case, setup: &Setup, recorder: Option<Recorder>) -> Self {
        let nodes = (0..).take(case.nodes.len()).map(NodeId);
        let disk = case.disk_sync().map(|sync| DiskConfig { sync, journal: setup.journal });
        let is_other = |node: NodeId| {
            let name = &case.nodes[node.0 as usize];
            case.other.as_ref().is_some_and(|other| other.nodes.contains(name))
        };
        let node = |number| {
            let other = setup.other.as_ref().filter(|_| is_other(number));
            let config = other.unwrap_or(&setup.config).clone();
            let node = Node::new(config, case.seed, number, seed_of);
            node.with_service(AnyService::new(case.workload)).with_disk(disk)
        };
        let mut surroundings = Surroundings::new(case);
        let (messages, records) = recorder.map(|kept| (kept.messages, kept.records)).unzip();
        surroundings.messages = messages;
        let mut sim = Sim::new(nodes.map(node).collect(), surroundings).with_clocks_of_nodes();
        for (at, fault) in scripted(&case.settings()) {
            sim.plan(at, fault);
        }
        let digest_interval = setup.at_rest().digest;
        Self { case, sim, watch: Watch::new(case, &setup.config), records, digest_interval }
    }

    /// Keeps what happens, in words.
    pub(super) fn with_trace(mut self) -> Self {
        self.sim.medium_mut().trace = Some(Vec::new());
        self
    }

    /// The events in words, and what is kept of them.
    pub(super) fn into_parts(self) -> (Vec<String>, Option<Recorder>) {
        let (_, mut surroundings) = self.sim.into_parts();
        let trace = surroundings.trace.take().unwrap_or_default();
        let recorder = surroundings.messages.zip(self.records);
        (trace, recorder.map(|(messages, records)| Recorder { messages, records }))
    }

    /// Tells all nodes their names, then their neighbours.
    pub(super) fn begin(&mut self) -> Result<(), Violation> {
        for node in self.nodes() {
            self.sim.medium_mut().init(node);
        }
        for node in self.nodes() {
            self.sim.medium_mut().tell_topology(node);
        }
        self.deliver_pending()
    }

    /// Lets the next thing happen, if it does before `end`; false if nothing does.
    pub(super) fn step(&mut self, end: Nanos) -> Result<bool, Violation> {
        let went = self.sim.step_before(end, &mut (&mut self.watch, &mut self.records));
        self.check()?;
        let counts = &mut self.sim.medium_mut().counts;
        counts.events += u64::from(went);
        let events = counts.events;
        if events > EVENTS_MAX + self.digest_events() {
            broken!(Kind::Storm, "{events} events in {} ms", self.sim.now() / MS);
        }
        Ok(went)
    }

    /// Events of the digests that nodes at rest send from the start until now.
    fn digest_events(&self) -> u64 {
        let interval = u64::try_from(self.digest_interval.as_nanos()).unwrap_or(Nanos::MAX).max(1);
        // An interval is shortened to a half at most.
        let digests = self.case.nodes.len() as u64 * (self.sim.now() / interval + 1) * 2;
        digests * DIGEST_EVENTS
    }

    /// Lets the faults of the network act.
    pub(super) const fn start_faults(&mut self) {
        let now = self.sim.now();
        self.sim.medium_mut().network.conditions_mut().start_faults(now);
    }

    /// Partitions the cluster, or heals it.
    pub(super) fn set_partition(&mut self, partition: Option<Partition>) {
        let (now, medium) = (self.sim.now(), self.sim.medium_mut());
        medium.counts.partitioned += u64::from(partition.is_some());
        if let Some(messages) = &mut medium.messages {
            messages.partitioned(now, partition.is_some());
        }
        medium.network.conditions_mut().set_partition(partition);
    }

    /// Ends the script: pauses end, nodes come back. Operations are not made any more.
    pub(super) fn end_script(&mut self) -> Result<(), Violation> {
        self.sim.medium_mut().end_script();
        self.sim.end_faults(&mut (&mut self.watch, &mut self.records));
        self.check()
    }

    /// A client reads all nodes.
    pub(super) fn read_everywhere(&mut self) -> Result<(), Violation> {
        for node in self.nodes() {
            self.sim.medium_mut().read(node);
        }
        self.deliver_pending()
    }

    fn deliver_pending(&mut self) -> Result<(), Violation> {
        self.sim.deliver_pending(&mut (&mut self.watch, &mut self.records));
        self.check()
    }

    fn check(&mut self) -> Result<(), Violation> {
        self.watch.violation.take().map_or(Ok(()), Err)
    }

    /// All counters, those of the nodes and of the network included.
    pub(super) fn total(&self) -> Counts {
        let mut counts = self.sim.medium().counts;
        counts.add(&self.watch.ended);
        self.servers().flatten().for_each(|server| counts.add_stats(&server.stats()));
        counts.add_faults(&self.sim.medium().network.conditions().counts());
        let hosts = self.sim.hosts().iter();
        let disks = hosts.filter_map(|host| host.process().disk_counts());
        disks.for_each(|disk| counts.add_disk(&disk));
        counts
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..).take(self.case.nodes.len()).map(NodeId)
    }

    pub(super) fn name(&self, index: usize) -> &Name {
        &self.case.nodes[index]
    }

    /// By node: its server; none while it is down.
    pub(super) fn servers(&self) -> impl Iterator<Item = Option<&SimServer>> {
        let hosts = self.sim.hosts().iter();
        hosts.map(|host| host.is_up().then(|| host.process().server()))
    }

    /// By node: it is up.
    pub(super) fn alive(&self) -> Vec<bool> {
        self.servers().map(|server| server.is_some()).collect()
    }
}

/// The seed of a generation of a node.
fn seed_of(seed: u64, node: u64, generation: Generation) -> u64 {
    Dice::numbered(seed, "node", node + (generation.0 << 32)).next_u64()
}
