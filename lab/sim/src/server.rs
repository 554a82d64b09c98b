//! The Maelstrom node as a process: the protocol `P` behind a server, with clients and names.

use std::fmt;
use std::ops::Deref;

use rumormill::cluster::Name;
use rumormill::id::{Generation, NodeId, Origin};
use rumormill::journal::{Offset, Run};
use rumormill::maelstrom::message::{Body, ErrorCode, Message};
use rumormill::maelstrom::server::{Outgoing, Server};
use rumormill::protocol::{Entry, Protocol};
use rumormill::service::{Refusal, Reply, Request, Service};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill::wire::Wire;

use crate::dice::Dice;
use crate::process::{Outbox, Process};
use crate::storage::{DiskConfig, DiskCounts, Storage};

/// The seed of a node's generation: from the seed of the run and the number of the node.
pub type SeedRule = fn(seed: u64, node: u64, generation: Generation) -> u64;

/// A Maelstrom node as a process. A request is a message of a client, a reply one to a client.
#[derive(Debug)]
pub struct Maelstrom<P: Protocol, S: Service> {
    server: Server<P, Noting<S>>,
    /// Present if the node has a journal.
    storage: Option<Box<Storage>>,
    /// The journal was opened in the last event.
    has_just_opened: bool,
    /// Apart, so that it is not in the way of what every event touches.
    beginning: Box<Beginning<P::Config, S>>,
}

/// The data with which every generation of a node begins.
#[derive(Debug)]
struct Beginning<C, S> {
    config: C,
    service: S,
    run_seed: u64,
    node: NodeId,
    seed_rule: SeedRule,
    /// The seed of the present generation.
    seed: u64,
}

impl<P: Protocol<Message: Wire>, S: Service> Maelstrom<P, S> {
    /// A node in its first generation that has not been told its name yet.
    #[must_use]
    pub fn new(config: P::Config, run_seed: u64, node: NodeId, seed_rule: SeedRule) -> Self {
        let seed = seed_rule(run_seed, u64::from(node.0), Generation(1));
        let server = Server::new(config.clone(), seed, Generation(1));
        let service = S::default();
        let beginning = Beginning { config, service, run_seed, node, seed_rule, seed };
        Self { server, storage: None, has_just_opened: false, beginning: Box::new(beginning) }
    }

    /// The same node with a journal on a disk of its own, if it is to have one. To be called before any
    /// input.
    #[must_use]
    pub fn with_disk(mut self, config: Option<DiskConfig>) -> Self {
        let Some(config) = config else { return self };
        let Beginning { run_seed, node, .. } = *self.beginning;
        let seed = Dice::numbered(run_seed, "disk", u64::from(node.0)).next_u64();
        self.storage = Some(Box::new(Storage::new(seed, config)));
        self.server = self.server.with_journal();
        self
    }

    /// The same node with another service. To be called before any input.
    #[must_use]
    pub fn with_service(mut self, service: S) -> Self {
        self.server = self.server.with_service(Noting::new(service.clone()));
        self.beginning.service = service;
        self
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &Server<P, Noting<S>> {
        &self.server
    }

    /// The settings of the protocol.
    #[must_use]
    pub fn config(&self) -> &P::Config {
        &self.beginning.config
    }

    /// The seed of the present generation.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.beginning.seed
    }

    /// The events at its disk, if it has one.
    #[must_use]
    pub fn disk_counts(&self) -> Option<DiskCounts> {
        self.storage.as_ref().map(|storage| storage.counts())
    }

    /// The place up to which all is on disk, if that is what the node is woken for at `now`, and not
    /// the deadline of its server.
    #[must_use]
    pub fn syncs_at(&self, now: Instant) -> Option<Offset> {
        let storage =
            self.storage.as_ref().filter(|s| s.next_sync().is_some_and(|at| at <= now))?;
        storage.next_offset()
    }

    /// True if the journal was opened in the last event.
    #[must_use]
    pub const fn has_just_opened(&self) -> bool {
        self.has_just_opened
    }

    /// Reads the entries that came from the journal when it was opened.
    pub fn restored(&self, mut each: impl FnMut(&Run)) {
        let Some(storage) = &self.storage else { return };
        // It has been read a moment ago.
        let _ = storage.restore(|run| {
            each(&run);
            Ok(())
        });
    }

    /// Opens the journal and takes in its entries. A process would end here if it cannot; its `init`
    /// gets the reason.
    fn open(&mut self, now: Instant, node: &Name) -> Result<(), String> {
        let Self { server, storage, .. } = self;
        let Some(storage) = storage else { return Ok(()) };
        let generation = storage.open(node).map_err(|error| error.to_string())?;
        server.handle_opened(now, generation);
        let restored = storage.restore(|run| server.handle_restored(now, run));
        self.has_just_opened = true;
        restored.map_err(|error| error.to_string())
    }

    /// Begins to write what the server owes its journal, unless something is being written.
    fn commit(&mut self, now: Instant) {
        if let Some(storage) = self.storage.as_mut().filter(|storage| storage.is_idle())
            && let Some(batch) = self.server.poll_append()
        {
            storage.begin(now, batch);
        }
    }

    /// Takes what the server has delivered, has to say, and has to write. It was lent the effects.
    fn collect(&mut self, now: Instant, out: &mut Outbox<Self>) {
        self.server.swap_effects(&mut out.effects);
        self.commit(now);
        for entry in self.server.service_mut().notes.drain(..) {
            out.effects.deliver(entry);
        }
        while let Some(outgoing) = self.server.poll_outgoing() {
            match outgoing {
                Outgoing::Peer(to, message) => out.effects.send_shared(to, message),
                // Messages to peers, which come after it, are among the effects already.
                Outgoing::Client(message) if self.storage.is_none() => out.reply_first(message),
                Outgoing::Client(message) => out.reply(message),
            }
        }
        while self.server.poll_log().is_some() {}
    }
}

impl<P: Protocol<Message: Wire>, S: Service> Process for Maelstrom<P, S> {
    type Message = P::Message;
    type Request = Message<P::Message>;
    type Reply = Message<P::Message>;

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: P::Message,
        out: &mut Outbox<Self>,
    ) {
        self.has_just_opened = false;
        self.server.swap_effects(&mut out.effects);
        self.server.handle_peer(now, from, message);
        self.collect(now, out);
    }

    fn on_request(&mut self, now: Instant, request: Self::Request, out: &mut Outbox<Self>) {
        self.has_just_opened = false;
        let asked = match &request.body {
            Body::Init { msg_id, .. } => Some((Name::clone(&request.src), *msg_id)),
            _ => None,
        };
        self.server.swap_effects(&mut out.effects);
        self.server.handle_message(now, request);
        if let (Some(node), Some((dest, in_reply_to))) = (self.server.poll_open(), asked)
            && let Err(text) = self.open(now, &node)
        {
            let code = ErrorCode::TemporarilyUnavailable;
            let body = Body::Error { in_reply_to, code, text };
            out.reply(Message { src: node, dest, body });
        }
        self.collect(now, out);
    }

    /// The disk first: one thing at a time.
    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<Self>) {
        self.has_just_opened = false;
        self.server.swap_effects(&mut out.effects);
        match self.storage.as_mut().and_then(|storage| storage.end(now)) {
            Some(Ok(upto)) => self.server.handle_synced(now, upto),
            Some(Err(error)) => self.server.handle_disk_failure(now, &error.to_string()),
            None => self.server.handle_timeout(now),
        }
        self.collect(now, out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let sync = self.storage.as_ref().and_then(|storage| storage.next_sync());
        self.server.poll_timeout().into_iter().chain(sync).min()
    }

    fn on_crash(&mut self) {
        if let Some(storage) = &mut self.storage {
            storage.crash();
        }
    }

    fn set_disk_full(&mut self, is_full: bool) {
        if let Some(storage) = &mut self.storage {
            storage.set_full(is_full);
        }
    }

    fn restart(&mut self, _: Instant, generation: Generation, _: bool, _: &mut Outbox<Self>) {
        let Beginning { config, service, run_seed, node, seed_rule, seed } = &mut *self.beginning;
        *seed = seed_rule(*run_seed, u64::from(node.0), generation);
        let server = Server::new(config.clone(), *seed, generation)
            .with_service(Noting::new(service.clone()));
        self.server = if self.storage.is_some() { server.with_journal() } else { server };
    }
}

/// A service that notes what is delivered to it.
#[derive(Clone, Default)]
pub struct Noting<S> {
    service: S,
    /// The entries delivered since the notes were taken.
    notes: Vec<Entry>,
}

impl<S> Noting<S> {
    const fn new(service: S) -> Self {
        Self { service, notes: Vec::new() }
    }
}

/// The service alone: notes are taken after every event.
impl<S: fmt::Debug> fmt::Debug for Noting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.service.fmt(f)
    }
}

impl<S> Deref for Noting<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.service
    }
}

impl<S: Service> Service for Noting<S> {
    fn on_request(
        &mut self,
        origin: Origin,
        request: Request,
        submit: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        self.service.on_request(origin, request, submit)
    }

    fn on_deliver(&mut self, entry: &Entry) {
        self.service.on_deliver(entry);
        self.notes.push(entry.clone());
    }

    fn has_topology(&self) -> bool {
        self.service.has_topology()
    }
}
