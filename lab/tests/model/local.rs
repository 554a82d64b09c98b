//! One node: its states, and the steps between them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumormill::cluster::Name;
use rumormill::id::{Generation, Origin};
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::link::Link;
use rumormill::set::{Ranges, VersionSet};
use rumormill::time::Instant;
use rumormill_judge::message::{Body, Message};
use rumormill_lab::node::{Inspect as _, Node};

use crate::setting::Setting;

/// More rounds without a step of time are a busy loop.
const ROUNDS_MAX: usize = 4;

/// Digests that nothing calls for are at least this far apart; all other timers are shorter.
pub(crate) const DIGEST_WAIT: Duration = Duration::from_secs(60);

/// One state of one node, with what the properties ask of it.
pub(crate) struct Local {
    pub(crate) node: Node,
    /// Nodes with the same digest behave alike.
    pub(crate) digest: u64,
    pub(crate) deadline: Option<Instant>,
    pub(crate) holds: Holdings,
    /// The entries that each peer is known to hold, in which life.
    pub(crate) known: Vec<(usize, Option<Generation>, Holdings)>,
    /// True if it has values that it means to send, or that it sent and that may be lost.
    pub(crate) owes: bool,
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
pub(crate) enum Input {
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
    pub(crate) dest: usize,
    pub(crate) message: Arc<Message>,
    pub(crate) digest: u64,
}

/// Everything that Debug shows is everything there is.
fn digest_of(shown: &impl fmt::Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{shown:?}").hash(&mut hasher);
    hasher.finish()
}

/// The effects of an input on a node in some state at some time: never worked out twice.
#[derive(Default)]
pub(crate) struct Behaviour(Mutex<HashMap<(u64, Instant, u64), Step>>);

#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) next: Arc<Local>,
    pub(crate) sent: Arc<[Packet]>,
}

impl Behaviour {
    pub(crate) fn step(&self, local: &Local, now: Instant, input: Input, names: &[Name]) -> Step {
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
pub(crate) fn new_local(setting: &Setting, index: usize, life: Generation) -> Arc<Local> {
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
