//! The Maelstrom side of a node: `init`, `topology`, client requests and errors, for any protocol
//! and any service.
//!
//! No clock, no I/O, no threads: `stdio.rs` drives it as a process, the lab drives it in virtual
//! time and replays it from records.

mod describe;
mod durability;
mod state;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;

use super::gate::Gate;
use super::message::{Body, ErrorCode, Message, Named};
use super::parse::{self, Refusal};
use crate::cluster::{Cluster, Name, Nodes, Topology};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::service::{self, Reply, Request, Service};
use crate::time::Instant;
use crate::value::Value;
use crate::wire::Wire;
pub use describe::Description;
use durability::{Durability, Joining};
use state::{Member, State};

/// Time from `init` until all nodes can be written to, at the latest: Maelstrom waits so long for each
/// to answer, and mutes a node that writes to one that is not there yet.
const SETUP: Duration = Duration::from_secs(10);

/// A node: a protocol that disseminates entries, and a service that clients see.
///
/// Drive it like this: call a `handle_*` method, then take messages from
/// [`Server::poll_transmit`] and lines for people from [`Server::poll_log`] until there are none,
/// then sleep until [`Server::poll_timeout`] or the next input. A node with a journal
/// ([`Server::with_journal`]) also has [`Server::poll_open`] and [`Server::poll_append`] to be polled.
#[derive(Clone, Debug)]
pub struct Server<P: Protocol, S: Service> {
    generation: Generation,
    state: State<P>,
    service: S,
    /// Values that a request submits; empty between requests.
    submitted: Vec<Value>,
    /// Without a journal, the messages to peers too, which come after those to clients.
    effects: Box<Effects<P::Message>>,
    outbox: Gate<Outgoing<P::Message>>,
    /// The entries owed to the journal, if there is one.
    durability: Option<Box<Durability>>,
    log: VecDeque<String>,
    refused: u64,
}

/// A message that leaves a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing<M> {
    /// To a peer, by its position in the node list.
    Peer(NodeId, Arc<M>),
    /// To a client.
    Client(Message<M>),
}

impl<P: Protocol<Message: Wire>, S: Service> Server<P, S> {
    /// A node that has not been told its name yet.
    ///
    /// `generation` must differ from that of every earlier generation of the node, so that no
    /// entry's name is ever used twice. `seed` is the only source of chance.
    #[must_use]
    pub fn new(config: P::Config, seed: u64, generation: Generation) -> Self {
        Self {
            generation,
            state: State::Unnamed(Box::new((config, Rng::seed_from_u64(seed)))),
            service: S::default(),
            submitted: Vec::new(),
            effects: Box::default(),
            outbox: Gate::default(),
            durability: None,
            log: VecDeque::new(),
            refused: 0,
        }
    }

    /// The same node with another service. To be called before any input.
    #[must_use]
    pub fn with_service(self, service: S) -> Self {
        Self { service, ..self }
    }

    /// Reads a line as this node would.
    ///
    /// # Errors
    /// If the line is no message; pass the refusal to [`Server::handle_refusal`].
    pub fn parse_line(&self, line: &[u8]) -> Result<Message<P::Message>, Refusal> {
        parse::parse_line(line, self.nodes())
    }

    /// Handles a message. Poll everything afterwards.
    pub fn handle_message(&mut self, now: Instant, message: Message<P::Message>) {
        let Message { src, dest, body } = message;
        match body {
            Body::Init { node_id, node_ids, msg_id } => {
                self.on_init(now, &src, &node_id, node_ids, msg_id);
            }
            Body::Topology { topology, msg_id } => {
                self.on_topology(now, &src, &dest, &topology, msg_id);
            }
            Body::Request { request, msg_id } => self.on_request(now, &src, &dest, request, msg_id),
            Body::Peer(named) => self.on_peer_message(now, &src, named),
            Body::InitOk { .. }
            | Body::TopologyOk { .. }
            | Body::Reply { .. }
            | Body::Error { .. } => {
                let kind = body.kind();
                self.refuse(&format!("{src} sent a reply of type {kind} to no request"));
            }
        }
    }

    /// Handles a message of a peer, as [`Server::handle_message`] does, without its names.
    pub fn handle_peer(&mut self, now: Instant, from: NodeId, message: P::Message) {
        if self.is_disk_failing() {
            // Lost, as far as the protocol can tell: its entries could not be kept.
            return;
        }
        let State::Member(member) = &mut self.state else {
            return self.refuse(&format!("a message of node {} before init", from.0));
        };
        member.protocol.on_message(now, from, message, &mut self.effects);
        for reason in self.effects.drain_refusals() {
            let text = format!("refused: a message of {}: {reason}", member.nodes.name(from));
            self.refused += 1;
            self.log.push_back(text);
        }
        self.apply_effects();
    }

    /// Handles a line that is no message. Poll everything afterwards.
    ///
    /// A peer of another protocol or version is logged once, because all of its messages are
    /// refused for the same reason.
    pub fn handle_refusal(&mut self, _now: Instant, refusal: Refusal) {
        if let (Some(peer), State::Member(member)) = (refusal.mismatch, &mut self.state)
            && !member.mismatched.insert(peer)
        {
            self.refused += 1;
            return;
        }
        match refusal.reply {
            Some(reply) => {
                self.reply_error(
                    &reply.src,
                    &reply.dest,
                    reply.in_reply_to,
                    reply.code,
                    refusal.text,
                );
            }
            None => self.refuse(&refusal.text),
        }
    }

    /// No more input will come. Clients have their replies already; what waits for a window or a
    /// timer is sent now.
    pub fn handle_end_of_input(&mut self, now: Instant) {
        self.with_protocol(|protocol, out| protocol.on_end(now, out));
    }

    /// The instant of [`Server::poll_timeout`] has come. Poll everything afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let State::Member(member) = &mut self.state
            && member.begin_at().is_some_and(|at| at <= now)
        {
            member.begin_at = None;
            let graph = Arc::clone(member.nodes.fallback());
            return self.with_protocol(|protocol, out| protocol.on_topology(now, graph, out));
        }
        self.with_protocol(|protocol, out| protocol.on_timeout(now, out));
    }

    /// The next message to send; poll until `None` after every `handle_*`. Those that depend on what
    /// is not on disk yet come later.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Message<P::Message>> {
        let (to, message) = match self.poll_outgoing()? {
            Outgoing::Client(message) => return Some(message),
            Outgoing::Peer(to, message) => (to, message),
        };
        let member = self.member()?;
        Some(Message {
            src: Name::clone(member.nodes.name(member.me)),
            dest: Name::clone(member.nodes.name(to)),
            body: Body::Peer(Named::new(Arc::unwrap_or_clone(message), &member.nodes)),
        })
    }

    /// The next message to send, as [`Server::poll_transmit`], but a peer's without names.
    #[must_use]
    pub fn poll_outgoing(&mut self) -> Option<Outgoing<P::Message>> {
        let send = |(to, message)| Outgoing::Peer(to, message);
        self.outbox.pop().or_else(|| self.effects.pop_send().map(send))
    }

    /// Exchanges the memory for effects, so that one serves all nodes of a simulation. Messages to peers go
    /// with it, unless there is a journal.
    pub const fn swap_effects(&mut self, effects: &mut Box<Effects<P::Message>>) {
        std::mem::swap(&mut self.effects, effects);
    }

    /// The next line for people (stderr); poll until `None` after every `handle_*`.
    #[must_use]
    pub fn poll_log(&mut self) -> Option<String> {
        self.log.pop_front()
    }

    /// When to call [`Server::handle_timeout`]; ask again after every `handle_*`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let member = self.member()?;
        member.protocol.next_timeout().into_iter().chain(member.begin_at()).min()
    }

    /// The protocol, once `init` has arrived.
    #[must_use]
    pub fn protocol(&self) -> Option<&P> {
        self.member().map(|member| &member.protocol)
    }

    /// The service, as clients see it.
    #[must_use]
    pub const fn service(&self) -> &S {
        &self.service
    }

    /// The service, mutably, for one that keeps notes.
    pub const fn service_mut(&mut self) -> &mut S {
        &mut self.service
    }

    /// The node list, once `init` has arrived.
    #[must_use]
    pub fn nodes(&self) -> Option<&Arc<Nodes>> {
        self.member().map(|member| &member.nodes)
    }

    /// The node's own name, once `init` has arrived.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.member().map(|member| member.nodes.name(member.me))
    }

    /// The node's position in the node list, once `init` has arrived.
    #[must_use]
    pub fn id(&self) -> Option<NodeId> {
        self.member().map(|member| member.me)
    }

    /// The present generation.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Number of entries that were submitted to this node in its present generation.
    #[must_use]
    pub fn submitted(&self) -> u64 {
        self.member().map_or(0, |member| member.next_sequence)
    }

    /// Number of lines and messages that were refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// The state for people. Times to come and past are relative to `now`.
    #[must_use]
    pub const fn describe(&self, now: Instant) -> Description<'_, P, S> {
        Description { server: self, now }
    }

    fn member(&self) -> Option<&Member<P>> {
        match &self.state {
            State::Unnamed(_) => None,
            State::Member(member) => Some(member),
        }
    }

    fn on_init(
        &mut self,
        now: Instant,
        src: &Name,
        node_id: &Name,
        nodes: Arc<Nodes>,
        msg_id: i64,
    ) {
        if let Some(me) = self.name() {
            let me = Name::clone(me);
            let text = format!("init: the node is {me} already");
            return self.reply_error(&me, src, msg_id, ErrorCode::PreconditionFailed, text);
        }
        let me = match nodes.ids() {
            Ok(ids) => ids.get(node_id).copied(),
            Err(text) => {
                let text = format!("init: {text}");
                return self.reply_error(node_id, src, msg_id, ErrorCode::MalformedRequest, text);
            }
        };
        let Some(me) = me else {
            let text = format!("init: node_id: {node_id} is not one of node_ids");
            return self.reply_error(node_id, src, msg_id, ErrorCode::MalformedRequest, text);
        };
        let joining = Joining { client: Name::clone(src), me, nodes, msg_id };
        match &mut self.durability {
            None => self.join(now, joining),
            // Once its journal is open.
            Some(durability) => durability.on_init(joining),
        }
    }

    /// The node knows its name and its generation, and replies to `init`.
    fn join(&mut self, now: Instant, joining: Joining) {
        let State::Unnamed(beginning) = &self.state else { return };
        let (config, rng) = &**beginning;
        let Joining { client, me, nodes, msg_id } = joining;
        let cluster = Cluster::new(me, Arc::clone(nodes.fallback()));
        let protocol = P::new(cluster, self.generation, config, rng.clone(), now);
        self.state = State::Member(Box::new(Member {
            me,
            nodes,
            next_sequence: 0,
            begin_at: (!self.service.has_topology()).then(|| now.after(SETUP)),
            is_restored: false,
            mismatched: BTreeSet::new(),
            protocol,
        }));
        self.send(&client, Body::InitOk { in_reply_to: msg_id });
    }

    fn on_topology(
        &mut self,
        now: Instant,
        src: &Name,
        dest: &Name,
        topology: &Topology,
        msg_id: i64,
    ) {
        let State::Member(member) = &mut self.state else {
            return self.refuse_before_init(src, dest, msg_id);
        };
        match topology.graph(&member.nodes) {
            Ok(graph) => {
                member.begin_at = None;
                self.send(src, Body::TopologyOk { in_reply_to: msg_id });
                self.with_protocol(|protocol, out| protocol.on_topology(now, graph, out));
            }
            Err(text) => {
                let me = Name::clone(member.nodes.name(member.me));
                self.reply_error(&me, src, msg_id, ErrorCode::MalformedRequest, text);
            }
        }
    }

    fn on_request(&mut self, now: Instant, src: &Name, dest: &Name, request: Request, msg_id: i64) {
        if self.is_disk_failing() {
            return self.refuse_without_disk(src, msg_id);
        }
        let State::Member(member) = &mut self.state else {
            return self.refuse_before_init(src, dest, msg_id);
        };
        let kind = request.kind();
        let origin = Origin { node: member.me, generation: self.generation };
        let reply = self.service.on_request(origin, request, &mut self.submitted);
        for value in self.submitted.drain(..) {
            let id = EntryId { origin, sequence: member.next_sequence };
            member.next_sequence += 1;
            let entry = Entry { id, value };
            self.service.on_deliver(&entry);
            if let Some(durability) = &mut self.durability {
                durability.append(&entry, &member.nodes, &mut self.outbox);
            }
            member.protocol.on_submit(now, entry, &mut self.effects);
        }
        match reply {
            Ok(reply) => self.reply(src, reply, msg_id),
            Err(refusal) => {
                let me = Name::clone(member.nodes.name(member.me));
                let (code, text) = match refusal {
                    service::Refusal::Malformed(text) => (ErrorCode::MalformedRequest, text),
                    service::Refusal::NotSupported => {
                        let text = format!("{kind} is no request of this node's workload");
                        (ErrorCode::NotSupported, text)
                    }
                };
                self.reply_error(&me, src, msg_id, code, text);
            }
        }
        self.apply_effects();
    }

    fn on_peer_message(&mut self, now: Instant, src: &Name, named: Named<P::Message>) {
        let State::Member(member) = &self.state else {
            return self.refuse(&format!("a message of {src} before init"));
        };
        match member.nodes.id(src).filter(|&id| id != member.me) {
            Some(from) => self.handle_peer(now, from, named.into_message()),
            None => self.refuse(&format!("a message of {src}, which is not a peer")),
        }
    }

    fn with_protocol(&mut self, call: impl FnOnce(&mut P, &mut Effects<P::Message>)) {
        if let State::Member(member) = &mut self.state {
            call(&mut member.protocol, &mut self.effects);
            self.apply_effects();
        }
    }

    /// Does what the protocol asked for: entries are applied before any message leaves.
    fn apply_effects(&mut self) {
        let is_disk_failing = self.is_disk_failing();
        let State::Member(member) = &self.state else { return };
        for entry in self.effects.drain_deliveries() {
            self.service.on_deliver(&entry);
            if let Some(durability) = &mut self.durability {
                durability.append(&entry, &member.nodes, &mut self.outbox);
            }
        }
        while self.durability.is_some()
            && let Some((to, message)) = self.effects.pop_send()
        {
            // They would wait for the disk, with no end to their number: they are lost instead.
            if !is_disk_failing {
                self.outbox.push(Outgoing::Peer(to, message));
            }
        }
        self.log.extend(self.effects.drain_log());
    }

    fn reply(&mut self, dest: &Name, reply: Reply, in_reply_to: i64) {
        self.send(dest, Body::Reply { reply, in_reply_to });
    }

    fn send(&mut self, dest: &Name, body: Body<P::Message>) {
        let Some(src) = self.name() else { return };
        let (src, dest) = (Name::clone(src), Name::clone(dest));
        self.outbox.push(Outgoing::Client(Message { src, dest, body }));
    }

    fn refuse_before_init(&mut self, src: &Name, dest: &Name, msg_id: i64) {
        let text = "the node has not been initialised".to_owned();
        self.reply_error(dest, src, msg_id, ErrorCode::TemporarilyUnavailable, text);
    }

    fn reply_error(
        &mut self,
        src: &Name,
        dest: &Name,
        in_reply_to: i64,
        code: ErrorCode,
        text: String,
    ) {
        self.refuse(&format!("{dest}: {text}"));
        let body = Body::Error { in_reply_to, code, text };
        let message = Message { src: Name::clone(src), dest: Name::clone(dest), body };
        self.outbox.push(Outgoing::Client(message));
    }

    fn refuse(&mut self, text: &str) {
        self.refused += 1;
        self.log.push_back(format!("refused: {text}"));
    }
}

#[cfg(test)]
mod tests;
