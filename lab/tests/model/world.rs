//! A small cluster: its nodes, and the messages between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rumormill::cluster::{Name, Topology};
use rumormill::id::{Generation, Origin};
use rumormill::set::Ranges;
use rumormill::time::Instant;
use rumormill_judge::message::Body;

use crate::local::{Behaviour, Input, Local, Packet, Step, new_local};
use crate::setting::Setting;

/// The first generation of every node.
const FIRST_LIFE: Generation = Generation(1);

/// Rounds until all agree, once faults have ended.
const RECOVERY_ROUNDS_MAX: usize = 200;

/// A node's state, and its clock.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) local: Arc<Local>,
    pub(crate) now: Instant,
}

/// The nodes, and what is between them.
#[derive(Clone)]
pub(crate) struct World {
    setting: Setting,
    names: Arc<[Name]>,
    topology: Arc<Topology>,
    behaviour: Arc<Behaviour>,
    pub(crate) machines: Vec<Machine>,
    /// In the order of their digests.
    pub(crate) packets: Vec<Packet>,
}

impl World {
    /// Nodes that know each other and the topology.
    pub(crate) fn new(setting: Setting) -> Self {
        let edges = setting.edges;
        let count = edges.iter().map(|&(a, b)| a.max(b)).max().map_or(1, |last| last + 1);
        let names: Vec<Name> = (0..count).map(|i| format!("n{i}").into()).collect();
        let mut topology: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
        for &(a, b) in edges {
            topology.entry(Name::clone(&names[a])).or_default().push(Name::clone(&names[b]));
        }
        let mut world = Self {
            setting,
            names: names.into(),
            topology: Arc::new(topology.into()),
            behaviour: Arc::default(),
            machines: Vec::new(),
            packets: Vec::new(),
        };
        for index in 0..count {
            let now = Instant::ZERO;
            world.machines.push(Machine { local: new_local(&setting, index, FIRST_LIFE), now });
            world.set_up(index);
        }
        world
    }

    fn set_up(&mut self, index: usize) {
        let node_id = Name::clone(&self.names[index]);
        let node_ids = Arc::new(self.names.to_vec().into());
        self.step(index, Input::Client(Body::Init { node_id, node_ids, msg_id: 1 }));
        let topology = Arc::clone(&self.topology);
        self.step(index, Input::Client(Body::Topology { topology, msg_id: 2 }));
    }

    /// A node loses its memory. It is told the topology again: what it does without one, only a
    /// clock can show.
    pub(crate) fn restart(&mut self, index: usize) {
        let life = Generation(self.machines[index].local.node.generation().0 + 1);
        self.machines[index].local = new_local(&self.setting, index, life);
        self.set_up(index);
    }

    pub(crate) fn step(&mut self, index: usize, input: Input) {
        let machine = &mut self.machines[index];
        let Step { next, sent } =
            self.behaviour.step(&machine.local, machine.now, input, &self.names);
        machine.local = next;
        for packet in sent.iter() {
            let place = self.packets.partition_point(|other| other.digest < packet.digest);
            self.packets.insert(place, packet.clone());
        }
    }

    /// How long the node would sleep.
    pub(crate) fn wait_of(&self, index: usize) -> Option<Duration> {
        let machine = &self.machines[index];
        Some(machine.local.deadline?.since(machine.now))
    }

    pub(crate) fn time_out(&mut self, index: usize) {
        let machine = &mut self.machines[index];
        if let Some(at) = machine.local.deadline {
            machine.now = machine.now.max(at);
            self.step(index, Input::Time);
        }
    }

    pub(crate) fn deliver(&mut self, packet: usize) {
        let packet = self.packets.remove(packet);
        self.step(packet.dest, Input::Peer(packet));
    }

    /// Invariant 2: no node is thought to hold what it does not. (Of what a life that is over held,
    /// nothing is known here.)
    pub(crate) fn known_is_held(&self) -> bool {
        let mut links = self.machines.iter().flat_map(|machine| &machine.local.known);
        links.all(|(peer, life, known)| {
            let peer = &self.machines[*peer].local;
            let is_held = |(origin, ranges): (&Origin, &Ranges)| {
                peer.holds.get(origin).is_some_and(|held| ranges.difference(held).is_empty())
            };
            *life != Some(peer.node.generation()) || known.iter().all(is_held)
        })
    }

    /// True if no message is on its way, and no node has values that it means to send.
    pub(crate) fn is_quiet(&self) -> bool {
        self.packets.is_empty() && !self.machines.iter().any(|machine| machine.local.owes)
    }

    pub(crate) fn has_converged(&self) -> bool {
        self.machines.windows(2).all(|pair| pair[0].local.holds == pair[1].local.holds)
    }

    /// Invariant 3: delivers everything, lets timers fire in the order of time, and tells whether
    /// all agree soon.
    pub(crate) fn converges_without_faults(mut self) -> bool {
        for _ in 0..RECOVERY_ROUNDS_MAX {
            while !self.packets.is_empty() {
                self.deliver(0);
            }
            if self.has_converged() && self.is_quiet() {
                return true;
            }
            let waits = (0..self.machines.len()).filter_map(|index| self.wait_of(index));
            let Some(pause) = waits.min() else { return false };
            for index in 0..self.machines.len() {
                let now = self.machines[index].now.after(pause);
                self.machines[index].now = now;
                if self.machines[index].local.deadline.is_some_and(|at| at <= now) {
                    self.time_out(index);
                }
            }
        }
        false
    }
}
