//! A few nodes and a network between them, in virtual time: just enough to test the protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rumormill::cluster::Name;
use rumormill::id::Generation;
use rumormill::maelstrom::message;
use rumormill::maelstrom::server::Server;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::protocols::rumormill::stats::Stats;
use rumormill::service::{Broadcast, Reply, Request};
use rumormill::time::Instant;
use rumormill::value::Value;

pub(crate) type Node = Server<Rumormill, Broadcast>;
pub(crate) type Message = message::Message<Gossip>;
pub(crate) type Body = message::Body<Gossip>;

/// One-way delay between nodes, at first.
pub(crate) const LATENCY: Duration = Duration::from_millis(100);

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) names: Vec<Name>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) config: Config,
    /// One-way delay between nodes, and what is added from and to some of them.
    pub(crate) latency: Duration,
    pub(crate) slow: BTreeMap<usize, Duration>,
    wire: BTreeMap<(Instant, u64), Message>,
    sent: u64,
    /// Messages sent from node to node, in order of sending.
    pub(crate) log: Vec<(Instant, Message)>,
    /// Replies to the client.
    pub(crate) replies: Vec<Message>,
    /// Directed links that lose everything.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// Nodes that do not run.
    pub(crate) dead: BTreeSet<usize>,
}

impl World {
    pub(crate) fn new(count: usize, config: &Config) -> Self {
        let names: Vec<Name> = (0..count).map(|i| format!("n{i}").into()).collect();
        let mut world = Self {
            now: Instant::ZERO,
            nodes: (0..count as u64).map(|i| Node::new(config.clone(), i, Generation(1))).collect(),
            names,
            config: config.clone(),
            latency: LATENCY,
            slow: BTreeMap::new(),
            wire: BTreeMap::new(),
            sent: 0,
            log: Vec::new(),
            replies: Vec::new(),
            cut: BTreeSet::new(),
            dead: BTreeSet::new(),
        };
        (0..count).for_each(|node| world.init(node));
        world
    }

    /// A line of nodes, each with its two neighbours.
    pub(crate) fn line(count: usize, config: &Config) -> Self {
        let mut world = Self::new(count, config);
        let edges: Vec<(usize, usize)> = (1..count).map(|i| (i - 1, i)).collect();
        world.topology(&edges);
        world
    }

    pub(crate) fn init(&mut self, node: usize) {
        let node_id = Name::clone(&self.names[node]);
        let node_ids = Arc::new(self.names.clone().into());
        self.client(node, Body::Init { node_id, node_ids, msg_id: 1 });
    }

    pub(crate) fn topology(&mut self, edges: &[(usize, usize)]) {
        let mut topology: BTreeMap<Name, Vec<Name>> =
            self.names.iter().map(|name| (Name::clone(name), Vec::new())).collect();
        for &(a, b) in edges {
            topology.get_mut(&self.names[a]).unwrap().push(Name::clone(&self.names[b]));
            topology.get_mut(&self.names[b]).unwrap().push(Name::clone(&self.names[a]));
        }
        let topology = Arc::new(topology.into());
        for node in 0..self.nodes.len() {
            let topology = Arc::clone(&topology);
            self.client(node, Body::Topology { topology, msg_id: 1 });
        }
    }

    pub(crate) fn client(&mut self, node: usize, body: Body) {
        let dest = Name::clone(&self.names[node]);
        self.nodes[node].handle_message(self.now, Message { src: "c1".into(), dest, body });
        self.collect(node);
    }

    pub(crate) fn broadcast(&mut self, node: usize, value: i64) {
        let request = Request::Broadcast { message: Value::Int(value) };
        self.client(node, Body::Request { request, msg_id: 7 });
    }

    /// A value every 100 ms, at these nodes in turn, which comes after those in `values`.
    pub(crate) fn keep_busy(&mut self, nodes: &[usize], values: &mut Vec<i64>, count: usize) {
        for _ in 0..count {
            let value = values.len();
            self.broadcast(nodes[value % nodes.len()], value as i64);
            values.push(value as i64);
            self.run_for(Duration::from_millis(100));
        }
    }

    /// The values a read of the node returns, sorted.
    pub(crate) fn read(&mut self, node: usize) -> Vec<i64> {
        self.client(node, Body::Request { request: Request::Read, msg_id: 8 });
        let body = self.replies.pop().map(|message| message.body);
        let Some(Body::Reply { reply: Reply::ReadOk { messages }, .. }) = body else {
            panic!("no read_ok");
        };
        let mut values: Vec<i64> =
            messages.split(',').filter(|v| !v.is_empty()).map(|v| v.parse().unwrap()).collect();
        values.sort_unstable();
        values
    }

    /// The state of the node's protocol.
    pub(crate) fn protocol(&self, node: usize) -> &Rumormill {
        self.nodes[node].protocol().unwrap()
    }

    /// The counters of every node.
    pub(crate) fn stats(&self) -> Vec<Stats> {
        (0..self.nodes.len()).map(|node| *self.protocol(node).stats()).collect()
    }

    /// The node loses its memory and starts again, in a new generation.
    pub(crate) fn restart(&mut self, node: usize, generation: u64) {
        self.nodes[node] = Node::new(self.config.clone(), generation, Generation(generation));
        self.init(node);
    }

    pub(crate) fn cut_both_ways(&mut self, a: usize, b: usize) {
        self.cut.extend([(a, b), (b, a)]);
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while let Some(next) = self.next_event().filter(|&next| next <= end) {
            self.now = next;
            while let Some(entry) = self.wire.first_entry().filter(|e| e.key().0 <= next) {
                let message = entry.remove();
                let node = self.index(&message.dest);
                if !self.dead.contains(&node) {
                    self.nodes[node].handle_message(self.now, message);
                    self.collect(node);
                }
            }
            for node in 0..self.nodes.len() {
                let due = self.nodes[node].poll_timeout().is_some_and(|at| at <= self.now);
                if due && !self.dead.contains(&node) {
                    self.nodes[node].handle_timeout(self.now);
                    self.collect(node);
                }
            }
        }
        self.now = end;
    }

    fn next_event(&self) -> Option<Instant> {
        let timers = self.nodes.iter().enumerate().filter(|(i, _)| !self.dead.contains(i));
        let timers = timers.filter_map(|(_, node)| node.poll_timeout());
        timers.chain(self.wire.keys().next().map(|key| key.0)).min()
    }

    fn index(&self, name: &str) -> usize {
        self.names.iter().position(|n| &**n == name).unwrap()
    }

    fn collect(&mut self, node: usize) {
        while let Some(message) = self.nodes[node].poll_transmit() {
            if message.dest.starts_with('c') {
                self.replies.push(message);
                continue;
            }
            self.log.push((self.now, message.clone()));
            let dest = self.index(&message.dest);
            if !self.cut.contains(&(node, dest)) {
                self.sent += 1;
                let slow = [node, dest].map(|end| self.slow.get(&end).copied().unwrap_or_default());
                let arrives_at = self.now.after(self.latency + slow[0] + slow[1]);
                self.wire.insert((arrives_at, self.sent), message);
            }
        }
        while let Some(line) = self.nodes[node].poll_log() {
            eprintln!("{}: {line}", self.names[node]);
        }
    }

    /// Invariant 2: no peer is taken to hold what it never held. Only sound while no node has
    /// been restarted.
    pub(crate) fn assert_known_is_held(&self) {
        for node in 0..self.nodes.len() {
            let replica = self.protocol(node).replica();
            for (peer, link) in self.protocol(node).links() {
                let other = self.protocol(peer.0 as usize).replica();
                for (origin, ranges) in link.known().iter() {
                    let origin = replica.origin(origin);
                    let held: BTreeMap<_, _> = other
                        .held()
                        .iter()
                        .map(|(id, ranges)| (other.origin(id), ranges.clone()))
                        .collect();
                    let theirs = held.get(&origin).cloned().unwrap_or_default();
                    assert!(
                        ranges.difference(&theirs).is_empty(),
                        "{} thinks {} holds {origin:?} {ranges:?}, it holds {theirs:?}",
                        self.names[node],
                        self.names[peer.0 as usize],
                    );
                }
            }
        }
    }
}

/// The text of a message, for comparisons.
pub(crate) fn text(message: &Message) -> String {
    let mut line = Vec::new();
    message.write_line(&mut line);
    String::from_utf8(line).unwrap()
}

/// A name, for tests that speak to a node directly.
pub(crate) fn name(text: &str) -> Name {
    Arc::from(text)
}
