//! States of a small cluster, and the steps between them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumormill::cluster::{Name, Topology};
use rumormill::id::{Generation, Origin};
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::link::Link;
use rumormill::protocols::rumormill::mutation::Mutation;
use rumormill::protocols::rumormill::route::Route;
use rumormill::service::Request;
use rumormill::set::{Ranges, VersionSet};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill_lab::node::{Body, Inspect as _, Message, Node};

/// The explored settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) route: Route,
    pub(crate) edges: &'static [(usize, usize)],
    /// The nodes at which the first and the second value are broadcast.
    pub(crate) origins: [usize; 2],
    /// A bug to be found.
    pub(crate) mutation: Option<Mutation>,
    pub(crate) bounds: Bounds,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// Timeouts, messages lost, and messages delivered twice, in the whole run.
    pub(crate) timeouts: u8,
    pub(crate) losses: u8,
    pub(crate) duplications: u8,
    /// Times that a node loses its memory and starts again.
    pub(crate) restarts: u8,
    /// False: a timer that is further away does not come. It is that of the next digest, so what
    /// holds holds by acknowledgements and retries alone.
    pub(crate) digests: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { timeouts: 0, losses: 0, duplications: 0, restarts: 0, digests: true }
    }
}

/// A step of the cluster. Packets are named by their place in the sorted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Broadcast(usize),
    Timeout(usize),
    Deliver(usize),
    Lose(usize),
    Duplicate(usize),
    Restart(usize),
}

/// The first generation of every node.
const FIRST_LIFE: Generation = Generation(1);

/// More rounds without a step of time are a busy loop.
const ROUNDS_MAX: usize = 4;

/// Digests that nothing calls for are at least this far apart; all other timers are shorter.
const DIGEST_WAIT: Duration = Duration::from_secs(60);

/// Rounds until all agree, once faults have ended.
const RECOVERY_ROUNDS_MAX: usize = 200;

/// One state of one node, with what the properties ask of it.
pub(crate) struct Local {
    node: Node,
    /// Nodes with the same digest behave alike.
    digest: u64,
    deadline: Option<Instant>,
    holds: Holdings,
    /// The entries that each peer is known to hold, in which life.
    known: Vec<(usize, Option<Generation>, Holdings)>,
    /// True if it has values that it means to send, or that it sent and that may be lost.
    owes: bool,
}

/// A set of entries, by names that mean the same to every node.
type Holdings = BTreeMap<Origin, Ranges>;

impl Local {
    fn new(node: Node) -> Self {
        let named = |held: &VersionSet| -> Holdings {
            let replica = node.replica();
            held.iter().map(|(id, ranges)| (replica.origin(id), ranges.into_owned())).collect()
        };
        let is_owed = |link: &Link| !link.queue().is_empty() || !link.in_flight().is_empty();
        let owes = node.links().any(|(_, link)| is_owed(link));
        let holds = named(node.replica().held());
        let known = node
            .links()
            .map(|(peer, link)| (peer.0 as usize, link.generation(), named(link.known())))
            .collect();
        let (digest, deadline) = (digest_of(&node), node.poll_timeout());
        Self { node, digest, deadline, holds, known, owes }
    }
}

/// An input of a node.
enum Input {
    Client(Body),
    Peer(Packet),
    Time,
}

impl Input {
    fn digest(&self) -> u64 {
        match self {
            Self::Client(body) => digest_of(body),
            Self::Peer(packet) => packet.digest,
            Self::Time => 0,
        }
    }

    fn handle(self, node: &mut Node, now: Instant) {
        let client = |body| Message { src: "c".into(), dest: "".into(), body };
        match self {
            Self::Client(body) => node.handle_message(now, client(body)),
            Self::Peer(packet) => node.handle_message(now, Message::clone(&packet.message)),
            Self::Time => node.handle_timeout(now),
        }
    }
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    dest: usize,
    message: Arc<Message>,
    digest: u64,
}

/// Everything that Debug shows is everything there is.
fn digest_of(shown: &impl fmt::Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{shown:?}").hash(&mut hasher);
    hasher.finish()
}

/// The effects of an input on a node in some state at some time: never worked out twice.
#[derive(Default)]
struct Behaviour(Mutex<HashMap<(u64, Instant, u64), Step>>);

#[derive(Clone)]
struct Step {
    next: Arc<Local>,
    sent: Arc<[Packet]>,
}

impl Behaviour {
    fn step(&self, local: &Local, now: Instant, input: Input, names: &[Name]) -> Step {
        let key = (local.digest, now, input.digest());
        if let Some(step) = self.0.lock().expect("no thread panics here").get(&key) {
            return step.clone();
        }
        let step = work_out(local, now, input, names);
        self.0.lock().expect("no thread panics here").insert(key, step.clone());
        step
    }
}

/// One input, and whatever is due by then.
fn work_out(local: &Local, now: Instant, input: Input, names: &[Name]) -> Step {
    let mut node = local.node.clone();
    let mut sent = Vec::new();
    input.handle(&mut node, now);
    let mut rounds = 0;
    loop {
        while let Some(message) = node.poll_transmit() {
            if let Some(dest) = names.iter().position(|name| *name == message.dest) {
                let digest = digest_of(&message);
                sent.push(Packet { dest, message: Arc::new(message), digest });
            }
        }
        while node.poll_log().is_some() {}
        if node.poll_timeout().is_none_or(|at| at > now) {
            break;
        }
        rounds += 1;
        assert!(rounds <= ROUNDS_MAX, "the same deadline again and again");
        node.handle_timeout(now);
    }
    Step { next: Arc::new(Local::new(node)), sent: sent.into() }
}

/// A node that has just started.
fn new_local(setting: &Setting, index: usize, life: Generation) -> Arc<Local> {
    // No windows: waiting would only hide orders of events.
    let config = Config {
        route: setting.route,
        mutation: setting.mutation,
        window: Some(Duration::ZERO),
        sync_interval: 2 * DIGEST_WAIT,
        sync_interval_max: 4 * DIGEST_WAIT,
        ..Config::default()
    };
    Arc::new(Local::new(Node::new(config, index as u64, life)))
}

/// A node's state, and its clock.
#[derive(Clone)]
struct Machine {
    local: Arc<Local>,
    now: Instant,
}

/// The nodes, and what is between them.
#[derive(Clone)]
pub(crate) struct World {
    setting: Setting,
    names: Arc<[Name]>,
    topology: Arc<Topology>,
    behaviour: Arc<Behaviour>,
    machines: Vec<Machine>,
    /// In the order of their digests.
    packets: Vec<Packet>,
}

impl World {
    /// Nodes that know each other and the topology.
    fn new(setting: Setting) -> Self {
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
    fn restart(&mut self, index: usize) {
        let life = Generation(self.machines[index].local.node.generation().0 + 1);
        self.machines[index].local = new_local(&self.setting, index, life);
        self.set_up(index);
    }

    fn step(&mut self, index: usize, input: Input) {
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
    fn wait_of(&self, index: usize) -> Option<Duration> {
        let machine = &self.machines[index];
        Some(machine.local.deadline?.since(machine.now))
    }

    fn time_out(&mut self, index: usize) {
        let machine = &mut self.machines[index];
        if let Some(at) = machine.local.deadline {
            machine.now = machine.now.max(at);
            self.step(index, Input::Time);
        }
    }

    fn deliver(&mut self, packet: usize) {
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

/// A world, and what may still happen to it.
#[derive(Clone)]
pub(crate) struct State {
    world: World,
    origins: [usize; 2],
    /// The broadcasts made, and so acknowledged.
    made: [bool; 2],
    /// Those whose node has not restarted since.
    kept: [bool; 2],
    timed_out: u8,
    lost: u8,
    duplicated: u8,
    restarted: u8,
    bounds: Bounds,
}

impl State {
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            world: World::new(setting),
            origins: setting.origins,
            bounds: setting.bounds,
            made: [false; 2],
            kept: [false; 2],
            timed_out: 0,
            lost: 0,
            duplicated: 0,
            restarted: 0,
        }
    }

    pub(crate) const fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn actions(&self, actions: &mut Vec<Action>) {
        actions.extend((0..2).filter(|&value| !self.made[value]).map(Action::Broadcast));
        let packets = &self.world.packets;
        // Of equal packets, one stands for all.
        let distinct = |&i: &usize| i == 0 || packets[i - 1].digest != packets[i].digest;
        for packet in (0..packets.len()).filter(distinct) {
            actions.push(Action::Deliver(packet));
            if self.lost < self.bounds.losses {
                actions.push(Action::Lose(packet));
            }
            if self.duplicated < self.bounds.duplications {
                actions.push(Action::Duplicate(packet));
            }
        }
        if self.restarted < self.bounds.restarts {
            actions.extend((0..self.world.machines.len()).map(Action::Restart));
        }
        if self.timed_out < self.bounds.timeouts {
            let indices = 0..self.world.machines.len();
            let may_time_out = |&index: &usize| {
                self.bounds.digests || self.world.wait_of(index).is_some_and(|w| w < DIGEST_WAIT)
            };
            actions.extend(indices.filter(may_time_out).map(Action::Timeout));
        }
    }

    pub(crate) fn apply(&mut self, action: Action) {
        match action {
            Action::Broadcast(value) => {
                let message = Value::Int(value as i64);
                let body = Body::Request { request: Request::Broadcast { message }, msg_id: 3 };
                self.made[value] = true;
                self.kept[value] = true;
                self.world.step(self.origins[value], Input::Client(body));
            }
            Action::Timeout(index) => {
                self.timed_out += 1;
                self.world.time_out(index);
            }
            Action::Deliver(packet) => self.world.deliver(packet),
            Action::Lose(packet) => {
                self.lost += 1;
                self.world.packets.remove(packet);
            }
            Action::Restart(index) => {
                self.restarted += 1;
                self.world.restart(index);
                // The values that it acknowledged may have been nowhere else.
                for value in (0..2).filter(|&value| self.origins[value] == index) {
                    self.kept[value] = false;
                }
            }
            Action::Duplicate(packet) => {
                self.duplicated += 1;
                let copy = self.world.packets[packet].clone();
                self.world.packets.insert(packet, copy);
            }
        }
    }

    /// The action, for people.
    pub(crate) fn describe(&self, action: Action) -> String {
        match action {
            Action::Deliver(packet) | Action::Lose(packet) | Action::Duplicate(packet) => {
                let mut line = Vec::new();
                self.world.packets[packet].message.write_line(&mut line);
                format!("{action:?} {}", String::from_utf8_lossy(line.trim_ascii_end()))
            }
            _ => format!("{action:?}"),
        }
    }

    /// Invariant 1.
    pub(crate) fn acknowledged_is_held(&self) -> bool {
        (0..2).filter(|&value| self.kept[value]).all(|value| {
            let node = &self.world.machines[self.origins[value]].local.node;
            node.service().contains(&Value::Int(value as i64))
        })
    }

    /// True if nothing can happen any more within the bounds.
    pub(crate) fn is_out_of_bounds(&self) -> bool {
        let mut actions = Vec::new();
        self.actions(&mut actions);
        actions.is_empty()
    }

    pub(crate) const fn has_restarted(&self) -> bool {
        self.restarted > 0
    }

    pub(crate) const fn has_lost(&self) -> bool {
        self.lost > 0
    }

    pub(crate) fn has_all_values(&self) -> bool {
        self.made == [true; 2]
    }

    fn identity(&self) -> impl Hash + PartialEq {
        let machines = self.world.machines.iter();
        let machines: Vec<_> = machines.map(|m| (m.local.digest, m.now)).collect();
        let packets: Vec<u64> = self.world.packets.iter().map(|packet| packet.digest).collect();
        let made = (self.made, self.kept);
        (machines, packets, made, self.timed_out, self.lost, self.duplicated, self.restarted)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity().hash(hasher);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for machine in &self.world.machines {
            writeln!(f, "{} {:#?}", machine.now, machine.local.node)?;
        }
        write!(f, "{:#?}", self.world.packets)
    }
}
