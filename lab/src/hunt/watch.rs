//! Looks at every step of every node: its replies, its messages, and what it knows of its peers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use rumormill::cluster::Name;
use rumormill::id::{Generation, NodeId};
use rumormill::maelstrom::message::{ErrorCode, Named};
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::link::Link;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::protocols::rumormill::route::Route;
use rumormill::service::{ReadText, Request};
use rumormill::set::VersionSet;
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill_judge::message::{Body, Message};
use rumormill_sim::dice::Fingerprint;
use rumormill_sim::{Input, MS, NodeFault, NodeFaultKind, Observer, Sim};

use super::case::Case;
use super::counts::Counts;
use super::oracle::Oracle;
use super::surroundings::Surroundings;
use super::violation::{Kind, Violation, broken};
use super::workload;
use crate::node::{Inspect as _, SimServer};
use crate::sim::Node;

/// Before any node has said anything, peers are left alone for this long: Maelstrom gives a node
/// 10 s to be set up, and mutes for good who writes to one that is not.
const SETUP_US: u64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Watch {
    pub(super) oracle: Oracle,
    nodes: Vec<Watched>,
    /// By node: the entries that it has vouched for in any of its lives. Empty if nodes are not
    /// durable: then they come back with nothing.
    vouched: Vec<VersionSet>,
    is_durable: bool,
    /// Entries for a suspected hub may be handed to others instead.
    reroutes: bool,
    /// All values that any client has handed in.
    handed_in: BTreeSet<Value>,
    /// All ids that any node has given out.
    given_out: BTreeSet<String>,
    /// Nodes that came to hold something new, until they are asked for.
    pub(super) grown: Vec<usize>,
    pub(super) fingerprint: Fingerprint,
    /// The broken promise that ended the run.
    pub(super) violation: Option<Violation>,
    /// Counters of generations that are over, and what is seen here alone.
    pub(super) ended: Counts,
    names: Vec<Name>,
    ids: BTreeMap<Name, u32>,
    /// Messages of the present step.
    sent: Vec<Message>,
    line: Vec<u8>,
}

/// A request that a reply is due for.
#[derive(Debug)]
struct Asked {
    /// The request, if it is one of the workload.
    request: Option<Request>,
    /// The entries that the node held when it had handled the request; `None` until then. Its reply
    /// vouches for them, however long it waits for the disk.
    held: Option<VersionSet>,
    /// When it came, the disk was known to be full: it must be refused.
    without_space: bool,
}

/// One life of a node, as the outside sees it.
#[derive(Debug, Default)]
struct Watched {
    /// By `msg_id`.
    open: BTreeMap<i64, Asked>,
    /// What came from the journal has been checked.
    is_restored: bool,
    /// Acknowledged since the last read.
    acknowledged: Vec<Value>,
    read_text: Arc<ReadText>,
    read: BTreeSet<Value>,
    may_speak: bool,
    /// Its disk was full: messages that it made meanwhile never left.
    lacked_space: bool,
    /// By peer.
    links: Vec<WatchedLink>,
}

#[derive(Clone, Debug, Default)]
struct WatchedLink {
    messages: u64,
    /// Sent or queued, and not known to be there.
    pending: VersionSet,
}

impl Watch {
    pub(super) fn new(case: &Case, config: &Config) -> Self {
        let nodes = case.nodes.len();
        let mut watch = Self {
            oracle: Oracle::new(nodes),
            nodes: (0..nodes).map(|_| Watched::default()).collect(),
            vouched: vec![VersionSet::new(); nodes],
            is_durable: case.faults.durable,
            reroutes: matches!(config.route, Route::Auto | Route::Hub),
            handed_in: BTreeSet::new(),
            given_out: BTreeSet::new(),
            grown: Vec::new(),
            fingerprint: Fingerprint::default(),
            violation: None,
            ended: Counts::default(),
            names: case.nodes.clone(),
            ids: case.nodes.iter().cloned().zip(0..).collect(),
            sent: Vec::new(),
            line: Vec::new(),
        };
        (0..nodes).for_each(|index| watch.begin(index, Generation(1)));
        watch
    }

    /// A node begins a life.
    fn begin(&mut self, index: usize, generation: Generation) {
        let links = vec![WatchedLink::default(); self.nodes.len()];
        self.nodes[index] = Watched { links, ..Watched::default() };
        self.oracle.begin(index, generation);
    }

    /// A client's request is about to be handed to a node.
    fn asked(&mut self, index: usize, request: &Body, without_space: bool) {
        let watched = &mut self.nodes[index];
        let mut open = |msg_id: &i64, request| {
            watched.open.insert(*msg_id, Asked { request, held: None, without_space });
        };
        match request {
            Body::Request { request, msg_id } => {
                open(msg_id, Some(request.clone()));
                watched.may_speak |= !matches!(request, Request::Read);
                self.handed_in.extend(workload::element(request).cloned());
            }
            Body::Topology { msg_id, .. } => {
                open(msg_id, None);
                watched.may_speak = true;
            }
            Body::Init { msg_id, .. } => open(msg_id, None),
            _ => {}
        }
    }

    /// Checks a step that a node has made, at this time of its clock.
    fn check_step(
        &mut self,
        index: usize,
        node: &SimServer,
        now: Instant,
    ) -> Result<(), Violation> {
        if self.is_durable && !std::mem::replace(&mut self.nodes[index].is_restored, true) {
            self.oracle.check_restored(node, &self.vouched[index])?;
            // With entries comes the knowledge that its peers are there.
            self.nodes[index].may_speak |= !node.replica().held().is_empty();
        }
        if self.oracle.update(index, node) {
            self.grown.push(index);
        }
        if let Some(life) = self.oracle.life(index) {
            let new = self.nodes[index].open.values_mut().filter(|asked| asked.held.is_none());
            new.for_each(|asked| asked.held = Some(life.held.clone()));
        }
        let sent = std::mem::take(&mut self.sent);
        self.nodes[index].lacked_space |= node.is_disk_failing();
        self.check_without_space(index, node, &sent)?;
        for message in &sent {
            self.check_form(node, message)?;
            match self.ids.get(&message.dest) {
                Some(&peer) => {
                    self.check_gossip(index, peer as usize, now, message)
                        .map_err(|violation| violation.at(&format!("to {}", message.dest)))?;
                }
                None => self.check_reply(index, node, message)?,
            }
        }
        if let Some((msg_id, _)) = self.nodes[index].open.first_key_value()
            && node.waiting() == 0
        {
            broken!(Kind::Reply, "has not answered request {msg_id}");
        }
        // A timer may change any link without a message, and so may a message: a peer that answers is
        // evidence against those that do not.
        for (peer, link) in node.links() {
            self.check_link(index, peer.0 as usize, link)
                .map_err(|violation| violation.at(&format!("(link to peer {})", peer.0)))?;
        }
        Ok(())
    }

    /// While the disk is full, requests are refused, and nothing else leaves.
    fn check_without_space(
        &self,
        index: usize,
        node: &SimServer,
        sent: &[Message],
    ) -> Result<(), Violation> {
        if !node.is_disk_failing() {
            return Ok(());
        }
        let refused = |message: &Message| match message.body {
            Body::Error { in_reply_to, .. } => Some(in_reply_to),
            _ => None,
        };
        if let Some(message) = sent.iter().find(|message| refused(message).is_none()) {
            broken!(Kind::Space, "sent a {} while its disk was full", message.body.kind());
        }
        let mut due = self.nodes[index].open.iter().filter(|(_, asked)| asked.without_space);
        let is_refused = |id: i64| sent.iter().any(|message| refused(message) == Some(id));
        match due.find(|(msg_id, _)| !is_refused(**msg_id)) {
            None => Ok(()),
            Some((msg_id, _)) => {
                broken!(Kind::Space, "did not refuse request {msg_id}, and its disk was full")
            }
        }
    }

    /// Whatever is sent must be read back as it was meant.
    fn check_form(&mut self, node: &SimServer, message: &Message) -> Result<(), Violation> {
        self.line.clear();
        message.write_line(&mut self.line);
        self.fingerprint.add_bytes(&self.line);
        if !matches!(message.body, Body::Peer(_)) {
            return Ok(());
        }
        let what = match node.parse_line(&self.line) {
            Ok(same) if same == *message => return Ok(()),
            Ok(_) => "is read as another message".to_owned(),
            Err(refusal) => refusal.text,
        };
        broken!(
            Kind::Malformed,
            "wrote a line that {what}: {}",
            String::from_utf8_lossy(&self.line)
        )
    }

    fn check_gossip(
        &mut self,
        index: usize,
        peer: usize,
        now: Instant,
        message: &Message,
    ) -> Result<(), Violation> {
        let Body::Peer(named) = &message.body else {
            broken!(Kind::Malformed, "sent a peer a message of type {}", message.body.kind());
        };
        let gossip = named.message();
        let watched = &mut self.nodes[index];
        if !watched.may_speak && now.as_micros() < SETUP_US {
            broken!(
                Kind::TooEarly,
                "spoke {now} after init, before any other node had said anything"
            );
        }
        let link = &mut watched.links[peer];
        let may_skip = watched.lacked_space && gossip.number > link.messages;
        if gossip.number != link.messages && !may_skip {
            broken!(Kind::Malformed, "numbered a message {}, not {}", gossip.number, link.messages);
        }
        link.messages = gossip.number + 1;
        if self.is_durable {
            self.oracle.add_vouched(gossip, &mut self.vouched[index]);
        }
        self.check_content(index, gossip)
    }

    fn check_content(&self, index: usize, gossip: &Gossip) -> Result<(), Violation> {
        for entries in &*gossip.entries {
            self.oracle.check_entries(index, entries)?;
        }
        for have in &gossip.have {
            self.oracle.check_have(index, have, self.is_durable)?;
        }
        let Some(life) = self.oracle.life(index) else { return Ok(()) };
        if gossip.generation != life.generation {
            broken!(Kind::Evidence, "speaks as generation {}", gossip.generation);
        }
        let (named, held) = (gossip.have.len(), life.held.origin_count());
        if gossip.is_digest && named != held && !(self.is_durable && named < held) {
            broken!(Kind::Evidence, "sent a digest that leaves out what it holds");
        }
        Ok(())
    }

    fn check_reply(
        &mut self,
        index: usize,
        node: &SimServer,
        message: &Message,
    ) -> Result<(), Violation> {
        let watched = &mut self.nodes[index];
        let msg_id = match &message.body {
            Body::InitOk { in_reply_to }
            | Body::TopologyOk { in_reply_to }
            | Body::Reply { in_reply_to, .. } => *in_reply_to,
            Body::Error { in_reply_to, code: ErrorCode::TemporarilyUnavailable, .. }
                if node.is_disk_failing() && watched.open.remove(in_reply_to).is_some() =>
            {
                self.ended.refusals += 1;
                return Ok(());
            }
            Body::Error { code, text, .. } => {
                broken!(Kind::Reply, "answered with error {}: {text}", code.number())
            }
            other => broken!(Kind::Reply, "sent a client a message of type {}", other.kind()),
        };
        let Some(Asked { request, held, .. }) = watched.open.remove(&msg_id) else {
            broken!(Kind::Reply, "answered {msg_id}, which no client asked");
        };
        let (Some(request), Body::Reply { reply, .. }) = (request, &message.body) else {
            return Ok(());
        };
        let held = held.unwrap_or_default();
        if self.is_durable {
            self.vouched[index].union_with(&held);
        }
        if let Some(value) = workload::element(&request) {
            if !node.service().contains(value) {
                broken!(Kind::Lost, "acknowledged {value} without holding it");
            }
            watched.acknowledged.push(value.clone());
        }
        if let Some((_, list)) = reply.list() {
            return self.check_read(index, list);
        }
        let Self { given_out, oracle, .. } = self;
        workload::check(&request, reply, given_out, || oracle.sum(&held))
    }

    /// Invariant 1. The reply grows at its end, so only what is new needs to be looked at.
    fn check_read(&mut self, index: usize, text: &Arc<ReadText>) -> Result<(), Violation> {
        let watched = &mut self.nodes[index];
        let Some(fresh) = text.strip_prefix(&**watched.read_text) else {
            broken!(Kind::Lost, "read [{text}] after [{}]", watched.read_text);
        };
        let fresh = fresh.strip_prefix(',').unwrap_or(fresh);
        let values: Vec<Value> = match serde_json::from_str(&format!("[{fresh}]")) {
            Ok(values) => values,
            Err(error) => broken!(Kind::Malformed, "read [{text}]: {error}"),
        };
        for value in values {
            if !self.handed_in.contains(&value) {
                broken!(Kind::Lost, "read {value}, which no client has broadcast");
            }
            if !watched.read.insert(value.clone()) {
                broken!(Kind::Lost, "read {value} twice");
            }
        }
        if let Some(value) = watched.acknowledged.drain(..).find(|v| !watched.read.contains(v)) {
            broken!(Kind::Lost, "acknowledged {value}, and a later read is without it");
        }
        watched.read_text = Arc::clone(text);
        Ok(())
    }

    fn check_link(&mut self, index: usize, peer: usize, link: &Link) -> Result<(), Violation> {
        self.oracle.check_known(index, peer, link.generation(), link.known())?;
        let mut pending = link.in_flight();
        pending.union_with(link.queue());
        let before = std::mem::replace(&mut self.nodes[index].links[peer].pending, pending);
        let gone = before.difference(&self.nodes[index].links[peer].pending);
        let gone = gone.difference(link.known());
        if gone.is_empty() || (self.reroutes && link.suspected_since().is_some()) {
            return Ok(());
        }
        broken!(
            Kind::Forgotten,
            "forgot {} that the peer is not known to hold",
            self.local(index, &gone)
        )
    }

    /// Entries that a node names by its own numbers, in words.
    pub(super) fn local(&self, index: usize, held: &VersionSet) -> String {
        self.oracle.words(&self.oracle.translate(index, held))
    }
}

type World<'a> = Sim<Node, Surroundings<'a>>;

impl<'a> Observer<Node, Surroundings<'a>> for Watch {
    fn receiving(&mut self, sim: &World<'a>, node: NodeId, input: &Input<Node>) {
        let server = sim.hosts()[node.0 as usize].process().server();
        match input {
            Input::Request(message) => {
                self.asked(node.0 as usize, &message.body, server.is_disk_failing());
            }
            Input::Message { .. } => self.nodes[node.0 as usize].may_speak = true,
        }
    }

    fn replied(&mut self, _: &World<'a>, _: NodeId, reply: &Message) {
        self.sent.push(reply.clone());
    }

    fn sent(&mut self, sim: &World<'a>, from: NodeId, to: NodeId, message: &Gossip) {
        let server = sim.hosts()[from.0 as usize].process().server();
        let Some(nodes) = server.nodes() else { return };
        let [src, dest] = [from, to].map(|node| self.names[node.0 as usize].clone());
        let body = Body::Peer(Named::new(message.clone(), nodes));
        self.sent.push(Message { src, dest, body });
    }

    fn fault(&mut self, sim: &World<'a>, fault: &NodeFault) {
        let (index, host) = (fault.node.0 as usize, &sim.hosts()[fault.node.0 as usize]);
        match fault.kind {
            NodeFaultKind::Crash { .. } => self.ended.add_stats(&host.process().server().stats()),
            NodeFaultKind::Restart { .. } => self.begin(index, host.generation()),
            _ => {}
        }
    }

    fn handled(&mut self, sim: &World<'a>, node: NodeId) -> ControlFlow<String> {
        let (index, host) = (node.0 as usize, &sim.hosts()[node.0 as usize]);
        if host.process().server().protocol().is_none() {
            // It has restarted, and was not told its name yet.
            return ControlFlow::Continue(());
        }
        let checked = self.check_step(index, host.process().server(), host.clock(sim.now()));
        let Err(violation) = checked else { return ControlFlow::Continue(()) };
        let place = format!("{} at {} ms", self.names[index], sim.now() / MS);
        let violation = self.violation.get_or_insert_with(|| violation.at(&place));
        ControlFlow::Break(violation.text.clone())
    }
}
