//! Kills and pauses of the nemesis: their effect on nodes and queues, and on the history.
//!
//! As in Maelstrom, a node that is killed or paused is marked down: its queue is bounded. The clients of
//! such a node go on, and wait in vain. A killed node is started with `init`, and with no `topology`.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;

use rumormill::id::NodeId;
use rumormill_sim::dice::Dice;
use rumormill_sim::{MS, Nanos, NodeFault, NodeFaultKind};

use super::Run;
use crate::generator::{Action, Target};
use crate::history::OpError;
use crate::message::events::EventSink;
use crate::message::packet::Packet;
use crate::outcome::NoticeKind;
use crate::run::client::{Ask, Owner};
use crate::run::reply::Reply;

/// Bytes that the stdin of a stopped process holds, as a pipe of Linux. The write that does not fit blocks,
/// and nothing more is taken from the node's queue.
const PIPE_BYTES: usize = 64 << 10;

/// Bytes of a line around its names and its body.
const ENVELOPE_BYTES: usize = r#"{"src":"","dest":"","body":}"#.len() + 1;

/// The state of the nemesis of nodes.
#[derive(Debug)]
pub(super) struct Stops {
    targets: Dice,
    /// To be done by the driver.
    faults: VecDeque<NodeFault>,
    action: Option<Under>,
    /// By node: bytes handed to it since it was paused.
    pipes: Vec<usize>,
    /// By node: when it was last marked up again.
    up_since: Vec<Option<Nanos>>,
}

/// An action under way.
#[derive(Debug)]
struct Under {
    action: Action,
    /// By node: Jepsen's keyword for what became of it.
    effects: Vec<(usize, &'static str)>,
    /// Nodes that the driver has not done yet, or that have not answered `init`.
    waiting: BTreeSet<usize>,
    /// Nodes that did not come back.
    failure: Option<String>,
}

impl Stops {
    pub(super) fn new(nodes: usize, seed: u64) -> Self {
        Self {
            targets: Dice::new(seed, "nemesis targets"),
            faults: VecDeque::new(),
            action: None,
            pipes: vec![0; nodes],
            up_since: vec![None; nodes],
        }
    }
}

impl<S: EventSink> Run<S> {
    /// The next fault that the nemesis wants to strike a node, now. The driver says when it has:
    /// `node_down`, `node_up`, `node_paused`.
    pub fn poll_fault(&mut self) -> Option<NodeFault> {
        self.stops.faults.pop_front()
    }

    /// The nemesis acts on nodes.
    pub(super) fn act_on_nodes(&mut self, now: Nanos, action: Action) {
        let count = self.settings.nodes.len();
        let (value, nodes) = match action {
            Action::Start | Action::Resume => (Target::All.keyword(), (0..count).collect()),
            Action::Kill | Action::Pause => {
                let target = Target::draw(&mut self.stops.targets);
                (target.keyword(), target.nodes(count, &mut self.stops.targets))
            }
        };
        self.record_nemesis(now, action.name(), value);
        let effects = nodes.iter().map(|node| (*node, self.strike(action, *node))).collect();
        let waiting = self.stops.faults.iter().map(|fault| fault.node.0 as usize).collect();
        self.stops.action = Some(Under { action, effects, waiting, failure: None });
        self.end_action(now);
    }

    /// Lets an action begin at a node; returns its effect.
    fn strike(&mut self, action: Action, node: usize) -> &'static str {
        // Nodes are numbered with 32 bits.
        let id = NodeId(node as u32);
        let conditions = self.network.conditions();
        let (is_running, is_paused) = (!conditions.is_down(id.0), conditions.is_paused(id.0));
        let (effect, fault) = match (action, is_running) {
            (Action::Start, true) => (":already-running", None),
            (Action::Start, false) => {
                (":started", Some(NodeFaultKind::Restart { topology: false }))
            }
            (_, false) => (":not-running", None),
            (Action::Kill, true) => {
                let kind = NodeFaultKind::Crash { down: None, forget_topology: true };
                (":killed", Some(kind))
            }
            (Action::Pause, true) => {
                (":paused", (!is_paused).then_some(NodeFaultKind::Pause(Nanos::MAX)))
            }
            (Action::Resume, true) => (":resumed", is_paused.then_some(NodeFaultKind::Resume)),
        };
        if let (Action::Kill | Action::Pause, Some(_)) = (action, fault) {
            self.network.set_bounded(node, true);
            self.stops.pipes[node] = 0;
        }
        self.stops.faults.extend(fault.map(|kind| NodeFault { node: id, kind }));
        effect
    }

    /// A node was killed by the nemesis. What is sent to it stays in its queue.
    pub(super) fn halt(&mut self, now: Nanos, node: usize) {
        self.network.halt(node);
        self.node_done(now, node);
    }

    /// A node was started by the nemesis: it gets `init`, and what had waited for it once it has answered.
    pub(super) fn start_anew(&mut self, now: Nanos, node: usize) {
        self.network.begin_backlog(node);
        self.stops.up_since[node] = Some(now);
        let client = self.clients.open(Owner::Start { node: node as u32 });
        self.request(now, client, node as u32, Ask::Init);
    }

    /// A node that was started has answered `init`, or has not in time.
    pub(super) fn start_answered(&mut self, now: Nanos, node: u32, reply: Option<&Reply>) {
        let index = node as usize;
        if let Some(Reply::Done(..)) = reply {
            self.network.return_backlog(now, index);
            self.stops.up_since[index] = Some(now);
        } else {
            self.network.drop_backlog(index);
            let name = self.name(node as usize);
            let why = match reply {
                Some(reply) => format!("answered init with {reply:?}"),
                None => {
                    format!("did not answer init within {} ms", self.settings.init_timeout_ms)
                }
            };
            let failure = format!("{name} {why}");
            if let Some(under) = &mut self.stops.action {
                under.failure.get_or_insert(failure);
            }
        }
        self.handle_arrivals(now);
        self.node_done(now, index);
    }

    /// A node was paused by the nemesis, or goes on.
    pub(super) fn stopped(&mut self, now: Nanos, node: usize, paused: bool) {
        if !paused {
            self.network.set_bounded(node, false);
            self.network.resume(now, node);
            self.stops.up_since[node] = Some(now);
            self.handle_arrivals(now);
        }
        self.node_done(now, node);
    }

    /// A message is handed to a node. If that is paused, its stdin may be full with it.
    pub(super) fn fill_pipe(&mut self, node: usize, packet: &Packet) {
        if !self.settings.has_stops() || !self.network.conditions().is_paused(node as u32) {
            return;
        }
        let names = [packet.src, packet.dest].map(|peer| peer.name(self.nodes()).len());
        let bytes = &mut self.stops.pipes[node];
        *bytes += packet.bytes as usize + names[0] + names[1] + ENVELOPE_BYTES;
        if *bytes > PIPE_BYTES {
            self.network.halt(node);
        }
    }

    fn node_done(&mut self, now: Nanos, node: usize) {
        let Some(under) = &mut self.stops.action else { return };
        under.waiting.remove(&node);
        self.end_action(now);
        self.generate(now);
    }

    /// Ends the action under way, if it is done.
    fn end_action(&mut self, now: Nanos) {
        let Some(under) = self.stops.action.take_if(|under| under.waiting.is_empty()) else {
            return;
        };
        let Under { action, effects, failure, .. } = under;
        let mut value = String::from("{");
        for (node, effect) in effects {
            let comma = if value.len() > 1 { ", " } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(value, "{comma}{:?} {effect}", &*self.settings.nodes[node]);
        }
        value.push('}');
        match failure {
            None => self.record_nemesis(now, action.name(), &value),
            Some(failure) => {
                let error = Some(OpError::Exception(failure));
                self.record_nemesis_op(now, action.name(), Target::All.keyword(), error);
            }
        }
        self.generator.nemesis_done();
    }

    /// True if the node answers a request late because the nemesis had stopped it.
    pub(super) fn is_excused(&self, now: Nanos, node: usize) -> bool {
        let timeout = self.settings.rpc_timeout_ms.saturating_mul(MS);
        let is_lenient = !self.settings.strict && !self.settings.compat.mute;
        let since = self.stops.up_since[node].filter(|_| is_lenient);
        since.is_some_and(|since| now.saturating_sub(since) < timeout)
    }

    /// Notes an answer that came late because the node had been stopped.
    pub(super) fn excuse(&mut self, now: Nanos, node: usize) {
        let text = format!(
            "{} was stopped, and answered a request whose client had gone: Maelstrom would ignore its \
             output from then on",
            self.name(node)
        );
        self.notices.add(now, Some(node), NoticeKind::LateReply, "stopped", text);
    }
}
