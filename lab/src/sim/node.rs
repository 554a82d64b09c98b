//! A simulated node: the state machine, and what the simulation does to it.

use std::collections::VecDeque;
use std::sync::Arc;

use rumormill::args::Options;
use rumormill::cluster::Name;
use rumormill::id::Generation;
use rumormill::protocols;
use rumormill::protocols::rumormill::config::Config;
use rumormill::service::ReadText;
use rumormill::time::Instant;

use crate::history::Nanos;
use crate::node::{AnyNode, Family, Message, Node, PeerMessage};
use crate::random::Dice;
use crate::reply::for_each_int;

/// What the nodes of a simulation are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Ours, with these settings.
    Rumormill(Config),
    /// Of another protocol.
    Other(Family),
}

impl NodeKind {
    /// The kind of node that a command line asks for.
    ///
    /// # Errors
    /// The flag, what was expected, and what came.
    pub fn of(options: Options) -> Result<Self, String> {
        match options.protocol {
            protocols::Name::Rumormill => options.settings().map(Self::Rumormill),
            _ => Family::new(options).map(Self::Other),
        }
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> protocols::Name {
        match self {
            Self::Rumormill(_) => protocols::Name::Rumormill,
            Self::Other(family) => family.protocol(),
        }
    }
}

/// The state machine of a node.
#[derive(Debug)]
pub enum Machine {
    /// Ours.
    Rumormill(Box<Node>),
    /// Of another protocol.
    Other(Box<dyn AnyNode>),
}

/// What comes to a node.
#[derive(Debug)]
pub(super) enum Input {
    Message(Message),
    /// From a node of another protocol to a peer: a sender, a receiver, and the message.
    Peer(Name, Name, PeerMessage),
}

/// One node of a simulation.
#[derive(Debug)]
pub struct SimNode {
    kind: NodeKind,
    machine: Machine,
    seeds: Dice,
    seed: u64,
    generation: u64,
    is_up: bool,
    /// What came while it was paused.
    pub(super) backlog: VecDeque<Input>,
    pub(super) paused_until: Option<Nanos>,
    /// How far its clock is ahead of the simulation's (behind, if negative).
    clock_offset: i64,
    /// The wake-up that counts, by the simulation's clock.
    pub(super) wake_at: Option<Nanos>,
    /// How much of the text of its values was looked at.
    text_seen: usize,
}

impl SimNode {
    pub(super) fn new(kind: &NodeKind, seed: u64, number: u64) -> Self {
        let mut seeds = Dice::numbered(seed, "nodes", number);
        let (seed, generation) = (seeds.next_u64(), 1);
        Self {
            machine: Machine::new(kind, seed, generation),
            seed,
            kind: kind.clone(),
            seeds,
            generation,
            is_up: true,
            backlog: VecDeque::new(),
            paused_until: None,
            clock_offset: 0,
            wake_at: None,
            text_seen: 0,
        }
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> &NodeKind {
        &self.kind
    }

    /// Our node, if it is one.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        match &self.machine {
            Machine::Rumormill(node) => Some(node),
            Machine::Other(_) => None,
        }
    }

    /// The state machine. While the node is down, it is the one that is gone.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// False from a crash to the restart.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.is_up
    }

    /// True while time stands still for it.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// Which life of the node this is, from 1: its boot id.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The seed of its present life.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What the node's own clock shows at `now`.
    #[must_use]
    pub const fn clock(&self, now: Nanos) -> Instant {
        Instant::from_micros(now.saturating_add_signed(self.clock_offset) / 1_000)
    }

    /// A clock does not jump to before its own beginning: it would stand still there.
    pub(super) fn jump_clock(&mut self, now: Nanos, by: i64) {
        let earliest = i64::try_from(now).unwrap_or(i64::MAX).saturating_neg();
        self.clock_offset = self.clock_offset.saturating_add(by).max(earliest);
    }

    pub(super) fn crash(&mut self) {
        self.is_up = false;
        self.paused_until = None;
        self.backlog.clear();
        self.wake_at = None;
    }

    /// A new life, with an empty memory.
    pub(super) fn restart(&mut self) {
        self.generation += 1;
        self.seed = self.seeds.next_u64();
        self.machine = Machine::new(&self.kind, self.seed, self.generation);
        self.is_up = true;
        self.text_seen = 0;
    }

    pub(super) fn handle(&mut self, now: Nanos, input: Input) {
        let clock = self.clock(now);
        match (&mut self.machine, input) {
            (Machine::Rumormill(node), Input::Message(message)) => {
                node.handle_message(clock, message);
            }
            (Machine::Other(node), Input::Message(message)) => node.handle_message(clock, message),
            (Machine::Other(node), Input::Peer(src, dest, message)) => {
                node.handle_peer(clock, src, dest, message);
            }
            // All nodes are of one kind.
            (Machine::Rumormill(_), Input::Peer(..)) => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Nanos) {
        let clock = self.clock(now);
        match &mut self.machine {
            Machine::Rumormill(node) => node.handle_timeout(clock),
            Machine::Other(node) => node.handle_timeout(clock),
        }
    }

    pub(super) const fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// When it wants to be woken, by the simulation's clock.
    pub(super) fn poll_timeout(&self) -> Option<Nanos> {
        let at = match &self.machine {
            Machine::Rumormill(node) => node.poll_timeout(),
            Machine::Other(node) => node.poll_timeout(),
        };
        let at = at?.as_micros().saturating_mul(1_000);
        // A clock that was set back comes to the same instant again, later.
        Some(at.saturating_add_signed(self.clock_offset.saturating_neg()))
    }

    /// The values that are new since the last call.
    pub(super) fn take_new_values(&mut self, mut each: impl FnMut(u64)) {
        let text: Arc<ReadText> = match &self.machine {
            Machine::Rumormill(node) => node.service().read_text(),
            Machine::Other(node) => node.read_text(),
        };
        if text.len() > self.text_seen {
            let new = text.get(self.text_seen..).unwrap_or_default();
            self.text_seen = text.len();
            for_each_int(new.trim_start_matches(','), &mut each);
        }
    }
}

impl Machine {
    fn new(kind: &NodeKind, seed: u64, generation: u64) -> Self {
        match kind {
            NodeKind::Rumormill(config) => {
                Self::Rumormill(Box::new(Node::new(config.clone(), seed, Generation(generation))))
            }
            NodeKind::Other(family) => Self::Other(family.node(seed, generation)),
        }
    }
}
