//! After the nonsense: all peers restart as honest nodes, and all must come to agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rumormill::cluster::Name;
use rumormill::id::{Generation, Origin};
use rumormill::set::Ranges;
use rumormill::time::Instant;

use super::checks::held_by;
use super::{Bench, Body, Message, Node, Tally};

/// No peer has ever claimed to be of this generation.
const FRESH: u64 = 1 << 40;

const LATENCY: Duration = Duration::from_millis(10);

/// Within this time all agree. A node without a topology is quiet for 15 s; after that the longest
/// wait is that for the next digest, 30 s, and the one that mends all may be the third.
const CONVERGENCE_MAX: Duration = Duration::from_secs(120);

/// More messages than this between four nodes are a storm.
const MESSAGES_MAX: u64 = 5_000;

impl Bench {
    pub(super) fn return_to_honesty(mut self) -> Tally {
        let Some(names) = self.node.nodes().cloned() else { return self.tally };
        let others = names.names().iter().filter(|name| **name != self.me);
        let mut nodes = BTreeMap::new();
        for (name, i) in others.zip(0..) {
            let mut node = Node::new(self.config.clone(), i, Generation(FRESH + i));
            let (node_id, node_ids) = (Name::clone(name), Arc::clone(&names));
            let mut tell = |body| {
                let message = Message { src: "c1".into(), dest: Name::clone(name), body };
                node.handle_message(self.now, message);
            };
            tell(Body::Init { node_id, node_ids, msg_id: 1 });
            if let Some(topology) = self.topology.clone() {
                tell(Body::Topology { topology, msg_id: 2 });
            }
            nodes.insert(Name::clone(name), node);
        }
        nodes.insert(Name::clone(&self.me), self.node);
        let mut world = World { now: self.now, nodes, wire: BTreeMap::new(), sent: 0 };
        let took = world.run_until_all_agree();
        for value in &self.acknowledged {
            assert!(world.nodes.values().all(|node| node.service().contains(value)));
        }
        *self.tally.entry("messages to converge").or_default() += world.sent;
        *self.tally.entry("milliseconds to converge").or_default() += took.as_millis() as u64;
        self.tally
    }
}

struct World {
    now: Instant,
    nodes: BTreeMap<Name, Node>,
    wire: BTreeMap<(Instant, u64), Message>,
    sent: u64,
}

impl World {
    fn run_until_all_agree(&mut self) -> Duration {
        let start = self.now;
        while !self.all_agree() {
            let step = self.now.after(Duration::from_millis(100));
            self.run_until(step);
            let took = self.now.since(start);
            assert!(took <= CONVERGENCE_MAX, "no agreement: {:#?}", self.sets());
        }
        self.now.since(start)
    }

    fn all_agree(&self) -> bool {
        let sets = self.sets();
        sets.windows(2).all(|pair| pair[0].1 == pair[1].1)
    }

    fn sets(&self) -> Vec<(&Name, BTreeMap<Origin, Ranges>)> {
        let sets = self.nodes.iter();
        sets.map(|(name, node)| (name, held_by(node))).collect()
    }

    fn run_until(&mut self, end: Instant) {
        let names: Vec<Name> = self.nodes.keys().cloned().collect();
        loop {
            let timers = self.nodes.values().filter_map(Node::poll_timeout);
            let next = timers.chain(self.wire.keys().next().map(|key| key.0)).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.wire.first_entry().filter(|e| e.key().0 <= self.now) {
                let message = entry.remove();
                if let Some(node) = self.nodes.get_mut(&message.dest) {
                    node.handle_message(self.now, message);
                }
            }
            for name in &names {
                self.turn(name);
            }
        }
        self.now = self.now.max(end);
    }

    fn turn(&mut self, name: &Name) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        if node.poll_timeout().is_some_and(|at| at <= self.now) {
            node.handle_timeout(self.now);
        }
        while let Some(message) = node.poll_transmit() {
            self.sent += 1;
            assert!(self.sent <= MESSAGES_MAX, "a storm");
            self.wire.insert((self.now.after(LATENCY), self.sent), message);
        }
        while node.poll_log().is_some() {}
    }
}
