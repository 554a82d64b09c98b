//! Two worlds for the tests of protocols: a node alone, and a small network with a fixed delay and
//! messages lost by a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;

use crate::cluster::{Cluster, Graph};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::time::Instant;
use crate::value::Value;

/// Delay of every message.
pub(crate) const DELAY: Duration = Duration::from_millis(10);

/// An entry, of the first generation of its node.
pub(crate) fn entry(node: u32, sequence: u64) -> Entry {
    let origin = Origin { node: NodeId(node), generation: Generation(1) };
    Entry { id: EntryId { origin, sequence }, value: Value::Int(7) }
}

/// Node 0 of a cluster; its peers are the test.
pub(crate) struct Alone<P: Protocol> {
    pub(crate) machine: P,
    pub(crate) out: Effects<P::Message>,
    pub(crate) now: Instant,
}

impl<P: Protocol> Alone<P> {
    pub(crate) fn new(nodes: u32, config: &P::Config) -> Self {
        let cluster = Cluster::new(NodeId(0), Arc::new(Graph::new(nodes, [])));
        let (rng, now) = (Rng::seed_from_u64(1), Instant::ZERO);
        let machine = P::new(cluster, Generation(1), config, rng, now);
        Self { machine, out: Effects::default(), now }
    }

    /// A client submits an entry.
    pub(crate) fn submit(&mut self, entry: Entry) {
        self.machine.on_submit(self.now, entry, &mut self.out);
    }

    /// A message of node 1 arrives; the messages that the node sends.
    pub(crate) fn receive(&mut self, message: P::Message) -> Vec<P::Message> {
        self.machine.on_message(self.now, NodeId(1), message, &mut self.out);
        self.sent()
    }

    /// The next timeout comes; the messages that the node sends.
    pub(crate) fn time_out(&mut self) -> Vec<P::Message> {
        self.now = self.machine.next_timeout().unwrap();
        self.machine.on_timeout(self.now, &mut self.out);
        self.sent()
    }

    fn sent(&mut self) -> Vec<P::Message> {
        self.out.drain_sends().map(|(_, message)| message).collect()
    }
}

/// A message that was sent: sender, receiver, content.
type Sent<M> = (NodeId, NodeId, M);
/// True if a message is lost.
type Loses<M> = Box<dyn FnMut(NodeId, NodeId, &M) -> bool>;

/// Nodes of one protocol and the network between them.
pub(crate) struct Net<P: Protocol> {
    pub(crate) nodes: Vec<P>,
    pub(crate) now: Instant,
    /// All messages since the start, lost ones included.
    pub(crate) sent: Vec<Sent<P::Message>>,
    /// The rule by which messages are lost.
    pub(crate) loses: Loses<P::Message>,
    generations: Vec<u64>,
    sequences: Vec<u64>,
    delivered: Vec<BTreeSet<EntryId>>,
    in_flight: BTreeMap<(Instant, usize), Sent<P::Message>>,
    config: P::Config,
    graph: Arc<Graph>,
    seed: u64,
}

impl<P: Protocol> Net<P> {
    /// A network that loses nothing, of nodes that have heard their topology.
    pub(crate) fn new(nodes: u32, config: &P::Config, edges: &[(u32, u32)]) -> Self {
        Self::seeded(nodes, config, edges, 1)
    }

    /// The same with another seed.
    pub(crate) fn seeded(nodes: u32, config: &P::Config, edges: &[(u32, u32)], seed: u64) -> Self {
        let edges = edges.iter().map(|&(a, b)| (NodeId(a), NodeId(b)));
        let mut net = Self {
            nodes: Vec::new(),
            now: Instant::ZERO,
            sent: Vec::new(),
            loses: Box::new(|_, _, _| false),
            generations: vec![1; nodes as usize],
            sequences: vec![0; nodes as usize],
            delivered: vec![BTreeSet::new(); nodes as usize],
            in_flight: BTreeMap::new(),
            config: config.clone(),
            graph: Arc::new(Graph::new(nodes, edges)),
            seed,
        };
        for node in 0..nodes {
            let machine = net.machine(node);
            net.nodes.push(machine);
        }
        (0..nodes).for_each(|node| net.tell_topology(node));
        net
    }

    fn machine(&self, node: u32) -> P {
        let generation = self.generations[node as usize];
        let seed = self.seed * 1_000_003 + u64::from(node) * 101 + generation;
        let cluster = Cluster::new(NodeId(node), Arc::clone(&self.graph));
        let rng = Rng::seed_from_u64(seed);
        P::new(cluster, Generation(generation), &self.config, rng, self.now)
    }

    fn tell_topology(&mut self, node: u32) {
        let graph = Arc::clone(&self.graph);
        self.call(NodeId(node), |machine, now, out| machine.on_topology(now, graph, out));
    }

    /// The node loses its memory and starts again.
    pub(crate) fn restart(&mut self, node: u32) {
        let at = node as usize;
        self.generations[at] += 1;
        self.sequences[at] = 0;
        self.delivered[at].clear();
        self.nodes[at] = self.machine(node);
        self.tell_topology(node);
    }

    /// A client submits a value to a node.
    pub(crate) fn submit(&mut self, node: u32) -> EntryId {
        let at = node as usize;
        let generation = Generation(self.generations[at]);
        let origin = Origin { node: NodeId(node), generation };
        let id = EntryId { origin, sequence: self.sequences[at] };
        self.sequences[at] += 1;
        self.delivered[at].insert(id);
        let value = Value::Int(i64::from(node) * 1_000_000 + id.sequence.cast_signed());
        let entry = Entry { id, value };
        self.call(NodeId(node), |machine, now, out| machine.on_submit(now, entry, out));
        id
    }

    fn call(&mut self, node: NodeId, call: impl FnOnce(&mut P, Instant, &mut Effects<P::Message>)) {
        let mut out = Effects::default();
        let at = node.0 as usize;
        call(&mut self.nodes[at], self.now, &mut out);
        assert_eq!(out.drain_refusals().collect::<Vec<_>>(), Vec::<String>::new());
        for entry in out.drain_deliveries() {
            assert!(self.delivered[at].insert(entry.id), "{entry:?} delivered twice at {node:?}");
        }
        for (to, message) in out.drain_sends() {
            assert_ne!(to, node, "{message:?}");
            self.sent.push((node, to, message.clone()));
            if !(self.loses)(node, to, &message) {
                let key = (self.now.after(DELAY), self.sent.len());
                self.in_flight.insert(key, (node, to, message));
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now.after(time);
        loop {
            let arrival = self.in_flight.first_key_value().map(|((at, _), _)| *at);
            let timers = (0..).map(NodeId).zip(&self.nodes);
            let timer = timers.filter_map(|(node, machine)| Some((machine.next_timeout()?, node)));
            let timer = timer.min();
            match (arrival, timer) {
                (Some(at), timer) if at <= end && timer.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    let Some((_, (from, to, message))) = self.in_flight.pop_first() else { return };
                    self.call(to, |machine, now, out| machine.on_message(now, from, message, out));
                }
                (_, Some((due, node))) if due <= end => {
                    self.now = self.now.max(due);
                    self.call(node, P::on_timeout);
                    let next = self.nodes[node.0 as usize].next_timeout();
                    assert!(next.is_none_or(|next| next > due), "a timer stands still");
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// The number of nodes that hold an entry.
    pub(crate) fn holders(&self, id: EntryId) -> usize {
        self.delivered.iter().filter(|held| held.contains(&id)).count()
    }

    /// True if the node holds the entry.
    pub(crate) fn holds(&self, node: u32, id: EntryId) -> bool {
        self.delivered[node as usize].contains(&id)
    }

    /// The number of messages sent of a kind.
    pub(crate) fn count(&self, kind: impl Fn(&P::Message) -> bool) -> usize {
        self.sent.iter().filter(|(.., message)| kind(message)).count()
    }

    /// Entries are submitted while messages are lost, then on both sides of a partition; then a node
    /// loses its memory. All nodes hold all entries, if each of these has so much time to be repaired.
    pub(crate) fn assert_repairs(&mut self, time: Duration) {
        let nodes = u32::try_from(self.nodes.len()).unwrap();
        self.lose(0.1);
        let mut ids: Vec<_> = (0..4 * nodes).map(|i| self.submit(i % nodes)).collect();
        self.run_for(time);
        self.cut(nodes * 2 / 5);
        ids.extend([self.submit(0), self.submit(nodes - 1)]);
        self.run_for(time);
        self.heal();
        self.restart(nodes / 2);
        self.run_for(time);
        assert!(ids.iter().all(|&id| self.holders(id) == self.nodes.len()));
    }

    /// Loses each message with that probability.
    pub(crate) fn lose(&mut self, probability: f64) {
        use rand::RngExt as _;
        let mut rng = Rng::seed_from_u64(self.seed);
        self.loses = Box::new(move |_, _, _| rng.random_bool(probability));
    }

    /// Loses every message between the nodes below the number and the others.
    pub(crate) fn cut(&mut self, below: u32) {
        self.loses = Box::new(move |from, to, _| (from.0 < below) != (to.0 < below));
    }

    /// Loses every message of a node and to it: it has crashed, as far as others can tell.
    pub(crate) fn silence(&mut self, node: u32) {
        self.loses = Box::new(move |from, to, _| from.0 == node || to.0 == node);
    }

    /// Loses nothing any more.
    pub(crate) fn heal(&mut self) {
        self.loses = Box::new(|_, _, _| false);
    }
}

/// The edges of a star whose centre is node 0.
pub(crate) fn star(nodes: u32) -> Vec<(u32, u32)> {
    (1..nodes).map(|leaf| (0, leaf)).collect()
}

/// The edges of a line.
pub(crate) fn line(nodes: u32) -> Vec<(u32, u32)> {
    (1..nodes).map(|node| (node - 1, node)).collect()
}

/// The edges of a square grid.
pub(crate) fn grid(side: u32) -> Vec<(u32, u32)> {
    let nodes = 0..side * side;
    nodes
        .flat_map(|i| {
            let below = (i + side < side * side).then_some((i, i + side));
            let right = ((i + 1) % side > 0).then_some((i, i + 1));
            below.into_iter().chain(right)
        })
        .collect()
}
