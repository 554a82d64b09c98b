//! SWIM (Das, Gupta and Motivala, *SWIM: Scalable Weakly-consistent Infection-style Process Group
//! Membership Protocol*, 2002), with Lifeguard (Dadgar, Phillips and Currey 2017) as an option.
//!
//! Rule: Each period a node *pings* one member, which acks. Without an ack within the timeout it asks k
//! members to ping (*ping-req*) and to relay the ack. Without any by the end of the period the member is
//! *suspect*, and *dead* if it does not refute within the suspicion timeout. Only a member itself
//! raises its *incarnation*. News of members, and the values of clients, ride on pings and acks (piggyback),
//! each λ⌈ln(n+1)⌉ times. A node joins through a seed, whose reply names all members.
//!
//! Lifeguard: A node whose probes fail takes itself for slow: it multiplies interval and timeout by
//! its health + 1. Suspicion starts with a long timeout, which independent accusers shorten. A suspect
//! is told so in the next ping (buddy). A relay that hears nothing sends a nack.
//!
//! Cost: Two messages per member and period, whatever n is; first detection after e/(e-1) = 1.582
//! periods on average.
//!
//! Used by: Consul and Serf (memberlist), Uber's Ringpop, Habitat.
//!
//! Breaks with: slow nodes, which suspect healthy ones (hence Lifeguard). Piggyback alone loses
//! values with small probability, so every few periods a node compares digests with a random
//! member, and now and then with a dead one or a seed, which heals partitions. As in memberlist,
//! and unlike in the paper, a node that is wrongly taken for dead refutes by a higher incarnation.
//! Dead members are remembered for ever.

mod member;
mod message;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::gossip::Piggyback;
use crate::id::{EntryId, Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;
pub use member::{Liveness, Member, Status};
pub use message::{Kind, Message};
pub use settings::{Config, ProbeOrder};
pub use settings::{push_pull_scale, retransmit_limit, suspicion_timeout, suspicion_timeout_of};

/// News of members in one message (the paper's prototype).
const NEWS_MAX: usize = 6;
/// Values in one message.
const ENTRIES_MAX: usize = 100;
/// S: the worst health of a node (Lifeguard).
const HEALTH_MAX: u32 = 8;
/// K: independent accusers that shorten a suspicion to its minimum (Lifeguard).
const ACCUSERS_MAX: usize = 3;
/// One digest in so many goes to any node that ever was a member, or to a seed.
const REUNION_EVERY: u64 = 4;

/// The ping of this period.
#[derive(Clone, Copy, Debug)]
struct Probe {
    target: NodeId,
    number: u64,
    is_acked: bool,
    /// When other members are asked; `None` if they have been.
    indirect_at: Option<Instant>,
    nacks_missing: u32,
}

/// A ping on behalf of another member.
#[derive(Clone, Copy, Debug)]
struct Relay {
    number: u64,
    origin: NodeId,
    origin_number: u64,
    nack_at: Option<Instant>,
    ends_at: Instant,
}

/// Counters, for measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Members probed.
    pub probes: u64,
    /// Probes without any ack.
    pub failed_probes: u64,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Swim {
    config: Config,
    me: NodeId,
    seeds: Vec<NodeId>,
    rng: Rng,
    /// This node's own word on itself.
    own: Status,
    members: BTreeMap<NodeId, Member>,
    /// The members to probe, and the next one.
    order: (Vec<NodeId>, usize),
    suspects: Vec<NodeId>,
    probe: Option<Probe>,
    relays: Vec<Relay>,
    health: u32,
    tick_at: Option<Instant>,
    periods: u64,
    numbers: u64,
    news: Piggyback<NodeId, (NodeId, Status, NodeId)>,
    values: Piggyback<EntryId, Entry>,
    store: Store,
    counters: Counters,
}

impl Protocol for Swim {
    type Config = Config;
    type Message = Message;

    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &Config,
        rng: Rng,
        _: Instant,
    ) -> Self {
        let me = cluster.me();
        Self {
            config: config.clone(),
            me,
            seeds: cluster.seeds(config.seeds).collect(),
            rng,
            own: Status { generation, incarnation: 0, liveness: Liveness::Alive },
            members: BTreeMap::new(),
            order: (Vec::new(), 0),
            suspects: Vec::new(),
            probe: None,
            relays: Vec::new(),
            health: 0,
            tick_at: None,
            periods: 0,
            numbers: 0,
            news: Piggyback::default(),
            values: Piggyback::default(),
            store: Store::default(),
            counters: Counters::default(),
        }
    }

    fn on_topology(&mut self, now: Instant, _: Arc<Graph>, _: &mut Effects<Message>) {
        self.wake(now);
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.wake(now);
        if self.store.insert(&entry) {
            self.values.push(entry.id, entry);
        }
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        self.wake(now);
        for (node, status, accuser) in message.news {
            self.hear(now, node, status, accuser);
        }
        for entry in message.entries {
            if self.store.receive(&entry, out) {
                self.values.push(entry.id, entry);
            }
        }
        match message.kind {
            Kind::Ping => {
                let ack = self.message(Kind::Ack, message.number);
                out.send(from, ack);
            }
            Kind::PingReq => self.relay(now, from, message.number, message.target, out),
            Kind::Ack | Kind::Nack => self.on_ack(message.kind, message.number, out),
            Kind::Sync | Kind::Repair => {
                let Some(theirs) = message.held else { return };
                let mut repair = self.message(Kind::Repair, 0);
                repair.entries = self.store.missing_from(&theirs);
                if message.kind == Kind::Sync {
                    repair.news = self.all_news();
                    repair.held = Some(self.store.held().clone());
                }
                if message.kind == Kind::Sync || !repair.entries.is_empty() {
                    out.send(from, repair);
                }
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        self.end_suspicions(now);
        self.relay_nacks(now, out);
        self.ask_others(now, out);
        if self.tick_at.is_some_and(|at| at <= now) {
            self.end_period(now);
            self.begin_period(now, out);
        }
    }

    fn on_end(&mut self, _: Instant, out: &mut Effects<Message>) {
        self.own.liveness = Liveness::Left;
        self.news.push(self.me, (self.me, self.own, self.me));
        for peer in self.pick_alive(self.config.k.max(1), None) {
            let message = self.message(Kind::Ping, 0);
            out.send(peer, message);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let suspicions = self.suspects.iter().filter_map(|node| self.suspicion_ends(*node));
        let relays = self.relays.iter().map(|relay| relay.nack_at.unwrap_or(relay.ends_at));
        let indirect = self.probe.and_then(|probe| probe.indirect_at);
        self.tick_at.into_iter().chain(suspicions).chain(relays).chain(indirect).min()
    }

    fn is_infective(&self) -> bool {
        !self.values.is_empty()
    }

    fn describe(&self, now: Instant, nodes: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (incarnation, health) = (self.own.incarnation, self.health);
        writeln!(f, "  incarnation {incarnation}, health {health} (0 is best)")?;
        for (node, member) in &self.members {
            let (name, Status { incarnation, liveness, .. }) = (nodes.name(*node), member.status);
            write!(f, "  {name}: {}, incarnation {incarnation}", liveness.name())?;
            if let Some(since) = member.suspected_at {
                write!(f, ", for {} ms", now.since(since).as_millis())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Swim {
    /// The status of a member as this node knows it.
    #[must_use]
    pub fn status(&self, node: NodeId) -> Option<Status> {
        self.members.get(&node).map(|member| member.status)
    }

    /// Counters.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    fn wake(&mut self, now: Instant) {
        if self.tick_at.is_none() {
            // Nodes that start together tick at different times.
            let period = u64::try_from(self.config.period.as_micros()).unwrap_or(u64::MAX);
            let first = Duration::from_micros(self.rng.random_range(0..=period));
            self.tick_at = Some(now.after(first));
            self.news.push(self.me, (self.me, self.own, self.me));
        }
    }

    /// A message with as much piggyback as it takes.
    fn message(&mut self, kind: Kind, number: u64) -> Message {
        let limit = self.config.limit(self.members.len());
        Message {
            kind,
            number,
            target: None,
            news: self.news.take(NEWS_MAX, limit),
            entries: self.values.take(ENTRIES_MAX, limit),
            held: None,
        }
    }

    fn all_news(&self) -> Vec<(NodeId, Status, NodeId)> {
        let own = std::iter::once((self.me, self.own, self.me));
        own.chain(self.members.iter().map(|(node, member)| (*node, member.status, self.me)))
            .collect()
    }

    /// Takes news in if they are newer than what is known.
    fn hear(&mut self, now: Instant, node: NodeId, status: Status, accuser: NodeId) {
        if node == self.me {
            return self.hear_of_me(status);
        }
        let known = self.members.get_mut(&node);
        if let Some(member) = known {
            if status == member.status && status.liveness == Liveness::Suspect {
                let is_new =
                    member.accusers.len() <= ACCUSERS_MAX && !member.accusers.contains(&accuser);
                if self.config.lifeguard.is_on() && is_new {
                    member.accusers.push(accuser);
                    self.news.push(node, (node, status, accuser));
                }
            }
            if status <= member.status {
                return;
            }
        } else if status.liveness != Liveness::Alive {
            // News of an unknown node are no reason to know it (atomix #962), but a node that is
            // gone must not come back through older news.
            self.members.insert(node, Member::new(status));
            return;
        }
        let is_suspect = status.liveness == Liveness::Suspect;
        let was_probed = self.members.get(&node).is_some_and(|m| m.status.liveness.is_present());
        self.suspects.retain(|suspect| *suspect != node);
        let mut member = Member::new(status);
        if is_suspect {
            (member.suspected_at, member.accusers) = (Some(now), vec![accuser]);
            self.suspects.push(node);
        }
        self.members.insert(node, member);
        if status.liveness.is_present() && !was_probed {
            let at = self.rng.random_range(0..=self.order.0.len());
            self.order.0.insert(at, node);
        } else if !status.liveness.is_present() {
            self.order.0.retain(|other| *other != node);
        }
        self.news.push(node, (node, status, accuser));
    }

    /// Refutes what is said about this node.
    fn hear_of_me(&mut self, status: Status) {
        if status.generation == self.own.generation
            && status > self.own
            && self.own.liveness == Liveness::Alive
        {
            self.own.incarnation = status.incarnation.saturating_add(1);
            self.news.push(self.me, (self.me, self.own, self.me));
            self.change_health(true);
        }
    }

    fn begin_period(&mut self, now: Instant, out: &mut Effects<Message>) {
        self.periods += 1;
        let slowness = self.health + 1;
        self.tick_at = Some(now.after(self.config.period * slowness));
        if self.members.is_empty() || self.periods.is_multiple_of(self.config.sync_every as u64) {
            self.sync(out);
        }
        let Some(target) = self.next_target() else { return };
        self.numbers += 1;
        self.counters.probes += 1;
        let mut ping = self.message(Kind::Ping, self.numbers);
        // Buddy: a suspect learns of it from the ping.
        if let Some(status) = self.status(target).filter(|s| s.liveness == Liveness::Suspect)
            && self.config.lifeguard.is_on()
        {
            ping.news.insert(0, (target, status, self.me));
        }
        out.send(target, ping);
        self.probe = Some(Probe {
            target,
            number: self.numbers,
            is_acked: false,
            indirect_at: Some(now.after(self.config.timeout() * slowness)),
            nacks_missing: 0,
        });
    }

    fn end_period(&mut self, now: Instant) {
        let Some(probe) = self.probe.take() else { return };
        if probe.is_acked {
            return self.change_health(false);
        }
        self.counters.failed_probes += 1;
        (0..=probe.nacks_missing).for_each(|_| self.change_health(true));
        if let Some(status) = self.status(probe.target)
            && status.liveness == Liveness::Alive
        {
            let has_suspicion = self.config.suspicion.is_on() || self.config.lifeguard.is_on();
            let liveness = if has_suspicion { Liveness::Suspect } else { Liveness::Dead };
            self.hear(now, probe.target, Status { liveness, ..status }, self.me);
        } else if let Some(status) = self.status(probe.target) {
            // It is suspect already: this node accuses it, too.
            self.hear(now, probe.target, status, self.me);
        }
    }

    fn change_health(&mut self, is_worse: bool) {
        if self.config.lifeguard.is_on() {
            let health = if is_worse { self.health + 1 } else { self.health.saturating_sub(1) };
            self.health = health.min(HEALTH_MAX);
        }
    }

    fn next_target(&mut self) -> Option<NodeId> {
        if self.config.probe_order == ProbeOrder::Random {
            return self.pick_alive(1, None).pop();
        }
        let (order, next) = &mut self.order;
        if *next >= order.len() {
            *next = 0;
            for i in (1..order.len()).rev() {
                order.swap(i, self.rng.random_range(0..=i));
            }
        }
        *next += 1;
        order.get(*next - 1).copied()
    }

    /// Different members that are alive or suspect.
    fn pick_alive(&mut self, count: usize, but: Option<NodeId>) -> Vec<NodeId> {
        let mut list: Vec<NodeId> = Vec::new();
        let candidates = self.order.0.len();
        let available =
            candidates - usize::from(but.is_some_and(|but| self.order.0.contains(&but)));
        while list.len() < count.min(available) {
            let node = self.order.0[self.rng.random_range(0..candidates)];
            if Some(node) != but && !list.contains(&node) {
                list.push(node);
            }
        }
        list
    }

    /// Compares digests with a member, or with any node that may be there.
    fn sync(&mut self, out: &mut Effects<Message>) {
        let turn = self.periods / self.config.sync_every as u64;
        let is_reunion = turn.is_multiple_of(REUNION_EVERY);
        let mut peers = if is_reunion { Vec::new() } else { self.pick_alive(1, None) };
        if peers.is_empty() {
            let all: Vec<NodeId> = self.members.keys().chain(&self.seeds).copied().collect();
            if !all.is_empty() {
                peers.push(all[self.rng.random_range(0..all.len())]);
            }
        }
        for peer in peers {
            let mut sync = self.message(Kind::Sync, 0);
            (sync.news, sync.held) = (self.all_news(), Some(self.store.held().clone()));
            out.send(peer, sync);
        }
    }

    fn on_ack(&mut self, kind: Kind, number: u64, out: &mut Effects<Message>) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.number == number) {
            if kind == Kind::Ack {
                (probe.is_acked, probe.indirect_at) = (true, None);
            } else {
                probe.nacks_missing = probe.nacks_missing.saturating_sub(1);
            }
        } else if let Some(at) = self.relays.iter().position(|relay| relay.number == number)
            && kind == Kind::Ack
        {
            let relay = self.relays.swap_remove(at);
            let ack = self.message(Kind::Ack, relay.origin_number);
            out.send(relay.origin, ack);
        }
    }

    fn ask_others(&mut self, now: Instant, out: &mut Effects<Message>) {
        let Some(probe) = self.probe.filter(|p| p.indirect_at.is_some_and(|at| at <= now)) else {
            return;
        };
        let relays = self.pick_alive(self.config.k, Some(probe.target));
        let has_nacks = self.config.lifeguard.is_on();
        let nacks_missing = if has_nacks { relays.len() as u32 } else { 0 };
        self.probe = Some(Probe { indirect_at: None, nacks_missing, ..probe });
        for relay in relays {
            let request = self.message(Kind::PingReq, probe.number);
            out.send(relay, Message { target: Some(probe.target), ..request });
        }
    }

    fn relay(
        &mut self,
        now: Instant,
        origin: NodeId,
        origin_number: u64,
        target: Option<NodeId>,
        out: &mut Effects<Message>,
    ) {
        let Some(target) = target.filter(|target| *target != self.me) else {
            return out.refuse("a ping-req without another member as its target".to_owned());
        };
        self.numbers += 1;
        let number = self.numbers;
        let timeout = self.config.timeout();
        let nack_at = self.config.lifeguard.is_on().then(|| now.after(timeout * 4 / 5));
        let ends_at = now.after(self.config.period);
        self.relays.push(Relay { number, origin, origin_number, nack_at, ends_at });
        let ping = self.message(Kind::Ping, number);
        out.send(target, ping);
    }

    fn relay_nacks(&mut self, now: Instant, out: &mut Effects<Message>) {
        self.relays.retain(|relay| relay.ends_at > now);
        for at in 0..self.relays.len() {
            let Relay { origin, origin_number, nack_at, .. } = self.relays[at];
            if nack_at.is_some_and(|at| at <= now) {
                self.relays[at].nack_at = None;
                let nack = self.message(Kind::Nack, origin_number);
                out.send(origin, nack);
            }
        }
    }

    fn suspicion_ends(&self, node: NodeId) -> Option<Instant> {
        let member = self.members.get(&node)?;
        let timeout = self.config.suspicion(self.members.len() + 1, member.accusers.len());
        member.suspected_at.map(|since| since.after(timeout))
    }

    fn end_suspicions(&mut self, now: Instant) {
        for node in self.suspects.clone() {
            let is_over = self.suspicion_ends(node).is_some_and(|at| at <= now);
            if let Some(status) = self.status(node).filter(|_| is_over) {
                self.hear(now, node, Status { liveness: Liveness::Dead, ..status }, self.me);
            }
        }
    }
}

#[cfg(test)]
mod tests;
