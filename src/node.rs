//! Node: the state machine. No clock, no I/O, no threads; see the crate's page for the protocol.
//!
//! This file answers clients and keeps the timers; `gossip.rs` speaks with peers.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;

use crate::cluster::{Cluster, PeerId};
use crate::config::Config;
use crate::delays::Delays;
use crate::graph::Topology;
use crate::held::{Held, OriginId};
use crate::link::Link;
use crate::links::Links;
use crate::load::Load;
use crate::loss::LossMeter;
use crate::message::{Body, ErrorCode, Message, Name, Origin};
use crate::overlay::Overlay;
use crate::parse::Refusal;
use crate::plan::Plan;
use crate::roster::Roster;
use crate::route::Route;
use crate::stats::Stats;
use crate::store::Store;
use crate::sync::Sync;
use crate::time::Instant;
use crate::value::Value;

/// One node of the cluster.
///
/// Drive it like this: call a `handle_*` method, then take messages from
/// [`Node::poll_transmit`] and lines for people from [`Node::poll_diagnostic`] until there are
/// none, then sleep until [`Node::poll_timeout`] or the next input.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) boot_id: u64,
    pub(crate) rng: Xoshiro256PlusPlus,
    pub(crate) membership: Option<Membership>,
    pub(crate) store: Store,
    /// Values broadcast here that have not been handed on yet, and since when.
    fresh: Held,
    fresh_at: Option<Instant>,
    pub(crate) sync: Sync,
    pub(crate) overlay: Overlay,
    /// New values, wherever they were broadcast.
    pub(crate) load: Load,
    pub(crate) loss: LossMeter,
    /// How far away the peers are.
    pub(crate) delays: Delays,
    pub(crate) outbox: VecDeque<Message>,
    pub(crate) diagnostics: VecDeque<String>,
    pub(crate) stats: Stats,
}

/// What a node knows from `init` on.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) cluster: Cluster,
    pub(crate) me: Name,
    /// This node's own entries, and the sequence number of the next one.
    pub(crate) origin: OriginId,
    pub(crate) next_sequence: u64,
    /// Peers that anything was sent to or heard from.
    pub(crate) links: Links,
}

impl Node {
    /// A node that has not been told its name yet.
    ///
    /// `boot_id` names this life of the node: it must differ from that of every earlier life, so
    /// that no entry's name is ever used twice. `seed` is all the chance there is.
    #[must_use]
    pub fn new(config: Config, seed: u64, boot_id: u64) -> Self {
        Self {
            sync: Sync::new(&config),
            config,
            boot_id,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            membership: None,
            store: Store::new(),
            fresh: Held::new(),
            fresh_at: None,
            overlay: Overlay::default(),
            load: Load::default(),
            loss: LossMeter::default(),
            delays: Delays::default(),
            outbox: VecDeque::new(),
            diagnostics: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// A message came in. Poll everything afterwards.
    pub fn handle_message(&mut self, now: Instant, message: Message) {
        let Message { src, dest, body } = message;
        match body {
            Body::Init { node_id, node_ids, msg_id } => {
                self.handle_init(now, &src, &node_id, &node_ids, msg_id);
            }
            Body::Topology { msg_id, .. }
            | Body::Broadcast { msg_id, .. }
            | Body::Read { msg_id }
                if self.membership.is_none() =>
            {
                let text = "the node has not been initialised";
                self.refuse(&dest, &src, msg_id, ErrorCode::TemporarilyUnavailable, text.into());
            }
            Body::Topology { topology, msg_id } => {
                self.handle_topology(now, &src, &topology, msg_id);
            }
            Body::Broadcast { message, msg_id } => {
                self.handle_broadcast(now, &src, message, msg_id);
            }
            Body::Read { msg_id } => {
                let messages = self.store.read_text();
                self.send(&src, Body::ReadOk { in_reply_to: msg_id, messages });
            }
            Body::Gossip(gossip) => {
                self.handle_gossip(now, &src, &gossip);
                self.settle();
            }
            Body::InitOk { .. }
            | Body::TopologyOk { .. }
            | Body::BroadcastOk { .. }
            | Body::ReadOk { .. }
            | Body::Error { .. } => {
                self.note_refused(&format!(
                    "{src} sent a reply of type {} that nobody waits for",
                    body.kind()
                ));
            }
        }
    }

    /// A line came in that is no message. Poll everything afterwards.
    pub fn handle_refusal(&mut self, _now: Instant, refusal: Refusal) {
        match refusal.reply {
            Some(reply) => {
                self.refuse(&reply.src, &reply.dest, reply.in_reply_to, reply.code, refusal.text);
            }
            None => self.note_refused(&refusal.text),
        }
    }

    /// No more input will come: what is owed to clients has been answered already; what waits for
    /// a window or for a timer is sent now.
    pub fn handle_end_of_input(&mut self, now: Instant) {
        self.spread_fresh(now);
        self.flush_all(now);
    }

    /// [`Node::poll_timeout`]'s instant has come. Poll everything afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.spread_fresh(now);
        self.run_suspicion_timer(now);
        self.run_link_timers(now);
        self.run_sync_timer(now);
        self.settle();
    }

    /// The deadlines of the links are put in order.
    fn settle(&mut self) {
        if let Some(membership) = &mut self.membership {
            membership.links.settle();
        }
    }

    /// The next message to send; poll until `None` after every `handle_*`.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop_front()
    }

    /// The next line for whoever watches (stderr); poll until `None` after every `handle_*`.
    #[must_use]
    pub fn poll_diagnostic(&mut self) -> Option<String> {
        self.diagnostics.pop_front()
    }

    /// When to call [`Node::handle_timeout`]; ask again after every `handle_*`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let membership = self.membership.as_ref()?;
        let others = [self.fresh_at, self.sync.at(), self.overlay.suspect_at];
        membership.links.next_deadline().into_iter().chain(others.into_iter().flatten()).min()
    }

    /// What has been counted so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The values and entries held.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The cluster, once `init` has come.
    #[must_use]
    pub fn cluster(&self) -> Option<&Cluster> {
        self.membership.as_ref().map(|membership| &membership.cluster)
    }

    /// The peers that anything was sent to or heard from.
    pub fn links(&self) -> impl Iterator<Item = (PeerId, &Link)> {
        self.membership.iter().flat_map(|membership| membership.links.iter())
    }

    /// How new values travel at the moment, once there was one.
    #[must_use]
    pub const fn plan(&self) -> Option<Plan> {
        self.overlay.plan
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// This life's generation.
    #[must_use]
    pub const fn boot_id(&self) -> u64 {
        self.boot_id
    }

    fn handle_init(
        &mut self,
        now: Instant,
        src: &Name,
        node_id: &Name,
        node_ids: &Arc<Roster>,
        msg_id: i64,
    ) {
        if let Some(membership) = &self.membership {
            let me = Name::clone(&membership.me);
            let text = format!("init: the node is {me} already");
            return self.refuse(&me, src, msg_id, ErrorCode::PreconditionFailed, text);
        }
        let cluster = match Cluster::new(node_id, node_ids) {
            Ok(cluster) => cluster,
            Err(text) => {
                let text = format!("init: {text}");
                return self.refuse(node_id, src, msg_id, ErrorCode::MalformedRequest, text);
            }
        };
        let own = Origin { node: Name::clone(node_id), generation: self.boot_id };
        self.membership = Some(Membership {
            cluster,
            me: Name::clone(node_id),
            origin: self.store.origin_id(&own),
            next_sequence: 0,
            links: Links::default(),
        });
        self.lay_out();
        self.send(src, Body::InitOk { in_reply_to: msg_id });
        self.sync.start_quietly(now, &mut self.rng);
    }

    fn handle_topology(&mut self, now: Instant, src: &Name, topology: &Topology, msg_id: i64) {
        let Some(membership) = &mut self.membership else { return };
        match membership.cluster.set_topology(topology) {
            Ok(()) => {
                self.send(src, Body::TopologyOk { in_reply_to: msg_id });
                self.sync.start(now, &mut self.rng);
                self.expect_first_word(now);
                if matches!(self.config.route, Route::Topology | Route::Tree) {
                    self.lay_out();
                    self.spread_own(now, &self.store.held().clone());
                }
            }
            Err(text) => {
                let me = Name::clone(&membership.me);
                self.refuse(&me, src, msg_id, ErrorCode::MalformedRequest, text);
            }
        }
    }

    fn handle_broadcast(&mut self, now: Instant, src: &Name, value: Value, msg_id: i64) {
        let Some(membership) = &mut self.membership else { return };
        if !self.store.contains_value(&value) {
            let (origin, sequence) = (membership.origin, membership.next_sequence);
            membership.next_sequence += 1;
            self.store.insert(now, origin, sequence, &[value]);
            // Handed on with whatever else came in at the same time.
            self.fresh.insert(origin, sequence..sequence + 1);
            self.fresh_at.get_or_insert(now);
            self.load.note(now, 1);
        }
        self.send(src, Body::BroadcastOk { in_reply_to: msg_id });
    }

    fn spread_fresh(&mut self, now: Instant) {
        if self.fresh_at.take().is_some() {
            let fresh = std::mem::take(&mut self.fresh);
            self.spread_own(now, &fresh);
        }
    }

    pub(crate) fn send(&mut self, dest: &Name, body: Body) {
        let Some(membership) = &self.membership else { return };
        let src = Name::clone(&membership.me);
        self.outbox.push_back(Message { src, dest: Name::clone(dest), body });
    }

    fn refuse(&mut self, src: &Name, dest: &Name, in_reply_to: i64, code: ErrorCode, text: String) {
        self.note_refused(&format!("{dest}: {text}"));
        let body = Body::Error { in_reply_to, code, text };
        self.outbox.push_back(Message { src: Name::clone(src), dest: Name::clone(dest), body });
    }

    pub(crate) fn note_refused(&mut self, text: &str) {
        self.stats.refused += 1;
        self.diagnostics.push_back(format!("refused: {text}"));
    }
}
