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
mod members;
mod message;
mod probe;
mod relays;
mod settings;

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
use members::Members;
pub use members::News;
pub use message::{Kind, Message};
use probe::{Health, Probe};
use relays::{Relay, Relays};
pub use settings::{Config, ProbeOrder};
pub use settings::{push_pull_scale, retransmit_limit, suspicion_timeout, suspicion_timeout_of};

/// News of members in one message (the paper's prototype).
const NEWS_MAX: usize = 6;
/// Values in one message.
const ENTRIES_MAX: usize = 100;
/// One digest in so many goes to any node that ever was a member, or to a seed.
const REUNION_EVERY: u64 = 4;

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
    members: Members,
    probe: Option<Probe>,
    relays: Relays,
    health: Health,
    tick_at: Option<Instant>,
    periods: u64,
    numbers: u64,
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
        let own = Status { generation, incarnation: 0, liveness: Liveness::Alive };
        Self {
            config: config.clone(),
            me,
            seeds: cluster.seeds(config.seeds).collect(),
            rng,
            members: Members::new(me, own),
            probe: None,
            relays: Relays::default(),
            health: Health::new(config.lifeguard.is_on()),
            tick_at: None,
            periods: 0,
            numbers: 0,
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
        message.news.into_iter().for_each(|news| self.hear(now, news));
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
            Kind::PingReq => self.relay(now, (from, message.number), message.target, out),
            Kind::Ack | Kind::Nack => self.on_ack(message.kind, message.number, out),
            Kind::Sync | Kind::Repair => {
                let Some(theirs) = message.held else { return };
                let mut repair = self.message(Kind::Repair, 0);
                repair.entries = self.store.missing_from(&theirs);
                if message.kind == Kind::Sync {
                    repair.news = self.members.all_news();
                    repair.held = Some(self.store.held().clone());
                }
                if message.kind == Kind::Sync || !repair.entries.is_empty() {
                    out.send(from, repair);
                }
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        self.members.end_suspicions(now, &self.config, &mut self.rng);
        for (origin, number) in self.relays.take_nacks(now) {
            let nack = self.message(Kind::Nack, number);
            out.send(origin, nack);
        }
        self.ask_others(now, out);
        if self.tick_at.is_some_and(|at| at <= now) {
            self.end_period(now);
            self.begin_period(now, out);
        }
    }

    fn on_end(&mut self, _: Instant, out: &mut Effects<Message>) {
        self.members.own.liveness = Liveness::Left;
        self.members.announce();
        for peer in self.members.pick_alive(self.config.k.max(1), None, &mut self.rng) {
            let message = self.message(Kind::Ping, 0);
            out.send(peer, message);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let suspicion = self.members.next_timeout(&self.config);
        let relay = self.relays.next_timeout();
        let indirect = self.probe.as_ref().and_then(Probe::indirect_at);
        self.tick_at.into_iter().chain(suspicion).chain(relay).chain(indirect).min()
    }

    fn is_infective(&self) -> bool {
        !self.values.is_empty()
    }

    fn describe(&self, now: Instant, nodes: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (incarnation, health) = (self.members.own.incarnation, self.health.score());
        writeln!(f, "  incarnation {incarnation}, health {health} (0 is best)")?;
        for (node, member) in self.members.iter() {
            let (name, Status { incarnation, liveness, .. }) = (nodes.name(node), member.status);
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
        self.members.status(node)
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
            self.members.announce();
        }
    }

    /// A message with as much piggyback as it takes.
    fn message(&mut self, kind: Kind, number: u64) -> Message {
        let limit = self.config.limit(self.members.len());
        Message {
            kind,
            number,
            target: None,
            news: self.members.take_news(NEWS_MAX, limit),
            entries: self.values.take(ENTRIES_MAX, limit),
            held: None,
        }
    }

    /// Takes news in. A node that must refute is slow itself (Lifeguard).
    fn hear(&mut self, now: Instant, news: News) {
        if self.members.hear(now, news, &self.config, &mut self.rng) {
            self.health.worsen();
        }
    }

    fn begin_period(&mut self, now: Instant, out: &mut Effects<Message>) {
        self.periods += 1;
        let slowness = self.health.multiplier();
        self.tick_at = Some(now.after(self.config.period * slowness));
        if self.members.len() == 0 || self.periods.is_multiple_of(self.config.sync_every as u64) {
            self.sync(out);
        }
        let order = self.config.probe_order;
        let Some(target) = self.members.next_target(order, &mut self.rng) else { return };
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
        let indirect_at = now.after(self.config.timeout() * slowness);
        self.probe = Some(Probe::new(target, self.numbers, indirect_at));
    }

    fn end_period(&mut self, now: Instant) {
        let Some(probe) = self.probe.take() else { return };
        if probe.is_acked() {
            return self.health.improve();
        }
        self.counters.failed_probes += 1;
        (0..=probe.nacks_missing()).for_each(|_| self.health.worsen());
        if let Some(mut status) = self.status(probe.target()) {
            // If it is suspect already, this node accuses it, too.
            if status.liveness == Liveness::Alive {
                let has_suspicion = self.config.suspicion.is_on() || self.config.lifeguard.is_on();
                status.liveness = if has_suspicion { Liveness::Suspect } else { Liveness::Dead };
            }
            self.hear(now, (probe.target(), status, self.me));
        }
    }

    /// Compares digests with a member, or with any node that may be there.
    fn sync(&mut self, out: &mut Effects<Message>) {
        let turn = self.periods / self.config.sync_every as u64;
        let is_reunion = turn.is_multiple_of(REUNION_EVERY);
        let mut peers = match is_reunion {
            true => Vec::new(),
            false => self.members.pick_alive(1, None, &mut self.rng),
        };
        if peers.is_empty() {
            let members = self.members.iter().map(|(node, _)| node);
            let all: Vec<NodeId> = members.chain(self.seeds.iter().copied()).collect();
            if !all.is_empty() {
                peers.push(all[self.rng.random_range(0..all.len())]);
            }
        }
        for peer in peers {
            let mut sync = self.message(Kind::Sync, 0);
            (sync.news, sync.held) = (self.members.all_news(), Some(self.store.held().clone()));
            out.send(peer, sync);
        }
    }

    fn on_ack(&mut self, kind: Kind, number: u64, out: &mut Effects<Message>) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.number() == number) {
            if kind == Kind::Ack { probe.on_ack() } else { probe.on_nack() }
        } else if kind == Kind::Ack
            && let Some((origin, number)) = self.relays.on_ack(number)
        {
            let ack = self.message(Kind::Ack, number);
            out.send(origin, ack);
        }
    }

    fn ask_others(&mut self, now: Instant, out: &mut Effects<Message>) {
        let Some(probe) = self.probe.as_mut().filter(|probe| probe.is_due(now)) else { return };
        let (target, number) = (Some(probe.target()), probe.number());
        let relays = self.members.pick_alive(self.config.k, target, &mut self.rng);
        let has_nacks = self.config.lifeguard.is_on();
        probe.on_asked_others(if has_nacks { relays.len() as u32 } else { 0 });
        for relay in relays {
            let request = self.message(Kind::PingReq, number);
            out.send(relay, Message { target, ..request });
        }
    }

    fn relay(
        &mut self,
        now: Instant,
        request: (NodeId, u64),
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
        self.relays.push(Relay { number, request, nack_at, ends_at });
        let ping = self.message(Kind::Ping, number);
        out.send(target, ping);
    }
}

#[cfg(test)]
mod tests;
