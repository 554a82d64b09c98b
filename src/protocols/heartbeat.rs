//! Gossip-style failure detection (van Renesse, Minsky and Hayden, *A gossip-style failure detection
//! service*, 1998).
//!
//! Rule: Each node keeps a list of members, each with a *heartbeat* counter and the local time of its
//! last increase. Every period it raises its own counter and sends the list to a random member, which
//! keeps the greater counters. A member whose counter has not increased for T_fail is *failed*; after
//! twice that time it is forgotten (`--remove on`), or it stays until it says goodbye (Dynamo, `off`).
//! A node starts with the seeds as its only peers, and every tenth list goes to a seed, so that separated groups
//! find each other again.
//!
//! Cost: One list of n counters per node and period. T_fail grows with ln n and with the period; the
//! probability of a mistake falls exponentially with it.
//!
//! Used by: the Dynamo paper's membership, in Akka, in JGroups, in Cassandra with another detector
//! ([`phi`]).
//!
//! Values: lists carry a digest of the values held, and the two nodes exchange what the
//! other lacks, so they spread as in push-pull anti-entropy and survive loss and partitions.
//!
//! Breaks with: forgetting before twice T_fail, which lets older lists bring dead members back; a
//! fixed T_fail as n grows; the size of the list, which makes bandwidth grow with n².

mod message;
pub mod phi;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::config::Settings;
use crate::gossip::{Chance, CycleTimer, Switch};
use crate::id::{Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;
pub use message::{Heartbeat, Message};

/// Draws of the choice among seeds.
const SEED_DRAW: u64 = 1;

/// Decides from heartbeats whether a member has failed.
pub trait Detector: Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Name of the protocol.
    const TYPE: &'static str;
    /// Its settings.
    type Config: Settings;

    /// The settings that all detectors share.
    fn gossip(config: &Self::Config) -> GossipConfig;
    /// A member that was first heard of at `now`.
    fn new(config: &Self::Config, now: Instant) -> Self;
    /// Its heartbeat increased.
    fn on_heartbeat(&mut self, config: &Self::Config, now: Instant);
    /// True if it has failed.
    fn is_failed(&self, config: &Self::Config, now: Instant) -> bool;
    /// True if it has been failed for so long that it is forgotten.
    fn is_over(&self, config: &Self::Config, now: Instant) -> bool;
    /// The suspicion for people.
    fn describe(&self, config: &Self::Config, now: Instant) -> String;
}

/// Settings of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GossipConfig {
    /// T_gossip: time between two lists of a node.
    pub period: Duration,
    /// Failed members are forgotten after a time.
    pub remove: Switch,
    /// Number of seeds: nodes that all nodes know, the first of the cluster.
    pub seeds: usize,
    /// Every so many lists go to a seed; 0: only while no member is known.
    pub seed_every: usize,
}

crate::settings! {
    /// The settings of `heartbeat`.
    pub struct Config {
        /// T_gossip: time between two lists of a node.
        period: Duration as Interval = Duration::from_millis(200),
            "--period", "time between two lists of a node";
        /// T_fail: a member without a new heartbeat for so long has failed.
        fail_after: Duration as Interval = Duration::from_secs(5),
            "--fail-after", "a member without a new heartbeat for so long has failed";
        /// Failed members are forgotten after twice that time.
        remove: Switch as Choice = Switch::On, "--remove", "forget failed members: on or off";
        /// Number of seeds: nodes that all nodes know, the first of the cluster.
        seeds: usize as Count = 3, "--seeds", "number of nodes that all know, the first ones";
        /// Every so many lists go to a seed, which unites separated groups; 0: only while no
        /// member is known.
        seed_every: usize as Number = 10,
            "--seed-every", "every so many lists go to a seed; 0: while no member is known";
    }
}

/// Van Renesse's detector: a fixed timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    heard_at: Instant,
}

impl Detector for Timeout {
    const TYPE: &'static str = "heartbeat";
    type Config = Config;

    fn gossip(config: &Config) -> GossipConfig {
        GossipConfig {
            period: config.period,
            remove: config.remove,
            seeds: config.seeds,
            seed_every: config.seed_every,
        }
    }

    fn new(_: &Config, now: Instant) -> Self {
        Self { heard_at: now }
    }

    fn on_heartbeat(&mut self, _: &Config, now: Instant) {
        self.heard_at = now;
    }

    fn is_failed(&self, config: &Config, now: Instant) -> bool {
        now.since(self.heard_at) > config.fail_after
    }

    fn is_over(&self, config: &Config, now: Instant) -> bool {
        now.since(self.heard_at) > config.fail_after * 2
    }

    fn describe(&self, _: &Config, now: Instant) -> String {
        format!("last heartbeat {} ms ago", now.since(self.heard_at).as_millis())
    }
}

#[derive(Clone, Debug)]
struct Member<D> {
    heartbeat: Heartbeat,
    detector: D,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Gossip<D: Detector> {
    config: D::Config,
    me: NodeId,
    own: Heartbeat,
    seeds: Vec<NodeId>,
    chance: Chance,
    timer: CycleTimer,
    members: BTreeMap<NodeId, Member<D>>,
    store: Store,
}

/// The protocol `heartbeat`.
pub type HeartbeatGossip = Gossip<Timeout>;

impl<D: Detector> Protocol for Gossip<D> {
    type Config = D::Config;
    type Message = Message<D>;

    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &D::Config,
        mut rng: Rng,
        _: Instant,
    ) -> Self {
        let gossip = D::gossip(config);
        Self {
            config: config.clone(),
            me: cluster.me(),
            own: Heartbeat { generation, has_left: false, counter: 0 },
            seeds: cluster.seeds(gossip.seeds).collect(),
            chance: Chance::new(&mut rng),
            timer: CycleTimer::new(gossip.period, &mut rng),
            members: BTreeMap::new(),
            store: Store::default(),
        }
    }

    fn on_topology(&mut self, now: Instant, _: Arc<Graph>, _: &mut Effects<Message<D>>) {
        self.timer.start(now);
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message<D>>) {
        self.timer.start(now);
        self.store.insert(&entry);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message<D>,
        out: &mut Effects<Message<D>>,
    ) {
        self.timer.start(now);
        if let Some(theirs) = &message.digest {
            // A list is answered with values and a digest, an answer with values.
            let entries = self.store.missing_from(theirs);
            let lacks = !message.list.is_empty() && self.store.lacks(theirs);
            let digest = lacks.then(|| self.store.held().clone());
            if !entries.is_empty() || digest.is_some() {
                out.send(
                    from,
                    Message { list: Vec::new(), entries, digest, detector: PhantomData },
                );
            }
        }
        for (node, heartbeat) in message.list {
            self.hear(now, node, heartbeat);
        }
        for entry in &message.entries {
            self.store.receive(entry, out);
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message<D>>) {
        if self.timer.take(now) {
            self.own.counter += 1;
            let config = &self.config;
            if D::gossip(config).remove.is_on() {
                self.members.retain(|_, member| !member.detector.is_over(config, now));
            }
            self.send_list(now, out);
            self.timer.start(now);
        }
    }

    fn on_end(&mut self, now: Instant, out: &mut Effects<Message<D>>) {
        (self.own.has_left, self.own.counter) = (true, self.own.counter + 1);
        self.send_list(now, out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timer.due()
    }

    fn describe(&self, now: Instant, nodes: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  own heartbeat {}, values held: {}", self.own.counter, self.store.len())?;
        for (node, member) in &self.members {
            let word = match member.heartbeat.has_left {
                true => "left",
                false if member.detector.is_failed(&self.config, now) => "failed",
                false => "alive",
            };
            let (name, counter) = (nodes.name(*node), member.heartbeat.counter);
            let suspicion = member.detector.describe(&self.config, now);
            writeln!(f, "  {name}: {word}, heartbeat {counter}, {suspicion}")?;
        }
        Ok(())
    }
}

impl<D: Detector> Gossip<D> {
    /// This node's own heartbeat.
    #[must_use]
    pub const fn own_heartbeat(&self) -> Heartbeat {
        self.own
    }

    /// The last heartbeat known of a member.
    #[must_use]
    pub fn heartbeat(&self, node: NodeId) -> Option<Heartbeat> {
        self.members.get(&node).map(|member| member.heartbeat)
    }

    /// True if the member is known and has neither failed nor left.
    #[must_use]
    pub fn is_alive(&self, node: NodeId, now: Instant) -> bool {
        self.members.get(&node).is_some_and(|member| {
            !member.heartbeat.has_left && !member.detector.is_failed(&self.config, now)
        })
    }

    /// Takes a counter of another node's list.
    fn hear(&mut self, now: Instant, node: NodeId, heartbeat: Heartbeat) {
        if node == self.me {
            return;
        }
        match self.members.get_mut(&node) {
            None => {
                let detector = D::new(&self.config, now);
                self.members.insert(node, Member { heartbeat, detector });
            }
            Some(member) if heartbeat.generation > member.heartbeat.generation => {
                *member = Member { heartbeat, detector: D::new(&self.config, now) };
            }
            Some(member) if heartbeat > member.heartbeat => {
                member.heartbeat = heartbeat;
                member.detector.on_heartbeat(&self.config, now);
            }
            Some(_) => {}
        }
    }

    /// Sends the list to a random member, or to a seed.
    fn send_list(&self, now: Instant, out: &mut Effects<Message<D>>) {
        let cycle = self.timer.cycle(now);
        let members = self.members.keys().copied();
        let alive: Vec<NodeId> = members.filter(|node| self.is_alive(*node, now)).collect();
        let every = D::gossip(&self.config).seed_every as u64;
        let wants_seed = alive.is_empty() || every > 0 && cycle.is_multiple_of(every);
        let (among, draw) = match wants_seed && !self.seeds.is_empty() {
            true => (&self.seeds, SEED_DRAW),
            false => (&alive, 0),
        };
        let Some(peer) = among.get(self.chance.below(cycle, draw, among.len() as u64) as usize)
        else {
            return;
        };
        // Failed members are no news.
        let present = self
            .members
            .iter()
            .filter(|(node, member)| member.heartbeat.has_left || self.is_alive(**node, now));
        let others = present.map(|(node, member)| (*node, member.heartbeat));
        let list = std::iter::once((self.me, self.own)).chain(others).collect();
        let digest = Some(self.store.held().clone());
        out.send(*peer, Message { list, entries: Vec::new(), digest, detector: PhantomData });
    }
}

#[cfg(test)]
mod tests;
