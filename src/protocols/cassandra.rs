//! Cassandra's gossip (Lakshman and Malik 2010; `gms/Gossiper.java`), which is scuttlebutt with
//! generations, a heartbeat and seeds.
//!
//! Rule: of each endpoint a node keeps the generation, a heartbeat version and versioned states; the
//! versions come from one counter of the endpoint. Each second a node raises its heartbeat and sends
//! a digest (endpoint, generation, highest version) as a SYN to a random live endpoint; with
//! probability unreachable / (live + 1) to an unreachable one; and, unless the first was a seed, with
//! probability seeds / (live + unreachable) to a seed. The receiver answers with an ACK: requests for
//! what it lacks and states that the sender lacks. The sender answers the requests with an ACK2. A
//! newer generation replaces everything known of an endpoint. Failures are found by the advance of
//! heartbeats (phi accrual with an exponential distribution: phi 8 is 18.42 mean intervals).
//!
//! Here each broadcast value is a state of its endpoint, which in Cassandra are a dozen, overwritten.
//!
//! Cost: three messages per second and node, each with a row per node.
//!
//! Used by: Cassandra and ScyllaDB for membership, load and schema; never for data.
//!
//! Breaks with: a restart. The new generation replaces the old one's states, so a value that not
//! all nodes had is lost to the others. All seeds down at a start. States left when a node leaves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use crate::cluster::Cluster;
use crate::gossip::{Ticker, phi, random_of};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::time::Instant;
use crate::value::Value;

/// Suspicion level above which an endpoint is unreachable. Below: false suspicions; above: slower.
const PHI_MAX: f64 = 8.0;

crate::settings! {
    /// Settings of Cassandra's gossip.
    pub struct Config {
        /// Time between two rounds. Default 1 s, as in Cassandra.
        period: Duration as Interval = Duration::from_secs(1), "--period", "time between two rounds";
        /// Seeds: the first nodes of the list. Default 3, as its documentation advises per site.
        seeds: usize as Count = 3, "--seeds", "the first nodes of the list, by which nodes join";
        /// Heartbeat intervals that the failure detector remembers. Default 1,000, as in Cassandra.
        window: usize as Count = 1_000, "--window", "intervals that the failure detector keeps";
    }
}

/// An endpoint, a generation, and a version.
type Digest = (NodeId, Generation, u64);
/// A state: its version, and the entry: its generation and sequence number, and the value.
type State = (u64, Generation, u64, Value);
/// An endpoint, its generation, its heartbeat, a version, and all states above that version.
type Update = (NodeId, Generation, u64, u64, Vec<State>);

crate::message! {
    /// The message.
    pub enum Message: "cassandra" {
        /// The initiator's digests, in random order.
        Syn = "syn" {
            /// The highest version known of each endpoint.
            digests: Vec<Digest>,
        },
        /// The answer.
        Ack = "ack" {
            /// Endpoints of which the responder wants all states above a version.
            requests: Vec<Digest>,
            /// States that the initiator lacks.
            updates: Vec<Update>,
        },
        /// The states that were requested.
        Ack2 = "ack2" {
            /// The states.
            updates: Vec<Update>,
        },
    }
}

/// An endpoint as a node knows it.
#[derive(Clone, Debug, Default)]
struct Endpoint {
    generation: Generation,
    heartbeat: u64,
    /// By version: generation and sequence number of an entry, and its value.
    states: BTreeMap<u64, (Generation, u64, Value)>,
    /// When its heartbeat advanced last.
    advanced_at: Instant,
    /// Times between advances.
    intervals: VecDeque<Duration>,
    is_unreachable: bool,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Cassandra {
    cluster: Cluster,
    config: Config,
    rng: Rng,
    version: u64,
    endpoints: BTreeMap<NodeId, Endpoint>,
    delivered: BTreeSet<EntryId>,
    ticker: Ticker,
}

impl Protocol for Cassandra {
    type Config = Config;
    type Message = Message;

    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &Config,
        mut rng: Rng,
        now: Instant,
    ) -> Self {
        let own = Endpoint { generation, ..Endpoint::default() };
        let endpoints = BTreeMap::from([(cluster.me(), own)]);
        let ticker = Ticker::new(config.period, now, &mut rng);
        let (config, delivered) = (config.clone(), BTreeSet::new());
        Self { cluster, config, rng, version: 0, endpoints, delivered, ticker }
    }

    fn on_restore(&mut self, entry: Entry) {
        self.delivered.insert(entry.id);
        // Those of this node's earlier generations are states of the new one; of others nothing is
        // known but their entries.
        if entry.id.origin.node == self.cluster.me() {
            self.publish(entry);
        }
    }

    fn on_submit(&mut self, _: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.publish(entry);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        match message {
            Message::Syn { digests } => {
                let (requests, updates) = self.examine(digests);
                out.send(from, Message::Ack { requests, updates });
            }
            Message::Ack { requests, updates } => {
                self.apply(now, updates, out);
                let wanted = requests.iter().filter_map(|&(node, generation, version)| {
                    let endpoint = self.endpoints.get(&node)?;
                    (endpoint.generation == generation).then(|| endpoint.update(node, version))
                });
                let updates: Vec<Update> = wanted.collect();
                if !updates.is_empty() {
                    out.send(from, Message::Ack2 { updates });
                }
            }
            Message::Ack2 { updates } => self.apply(now, updates, out),
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if !self.ticker.is_due(now) {
            return;
        }
        let version = self.next_version();
        self.own().heartbeat = version;
        for peer in self.targets() {
            let rows = self.endpoints.iter();
            let mut digests: Vec<Digest> = rows
                .map(|(&node, endpoint)| (node, endpoint.generation, endpoint.version()))
                .collect();
            digests.shuffle(&mut self.rng);
            out.send(peer, Message::Syn { digests });
        }
        let others = self.endpoints.iter_mut().filter(|(node, _)| **node != self.cluster.me());
        for (_, endpoint) in others {
            endpoint.is_unreachable |= endpoint.phi(now, self.config.period) > PHI_MAX;
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.ticker.next())
    }
}

impl Endpoint {
    /// The highest version known.
    fn version(&self) -> u64 {
        let state = self.states.last_key_value().map_or(0, |(&version, _)| version);
        state.max(self.heartbeat)
    }

    /// The heartbeat, and the states above a version.
    fn update(&self, node: NodeId, above: u64) -> Update {
        let states = self.states.range(above.saturating_add(1)..);
        let states = states
            .map(|(&version, (born, sequence, value))| (version, *born, *sequence, value.clone()));
        (node, self.generation, self.heartbeat, above, states.collect())
    }

    /// The heartbeat has advanced.
    fn report(&mut self, now: Instant, config: &Config) {
        let interval = now.since(self.advanced_at);
        // Of the first one nothing is known; pauses say nothing of the usual interval.
        if self.intervals.is_empty() {
            self.intervals.push_back(config.period * 2);
        } else if interval <= config.period * 2 {
            self.intervals.push_back(interval);
        }
        if self.intervals.len() > config.window {
            self.intervals.pop_front();
        }
        self.advanced_at = now;
        self.is_unreachable = false;
    }

    /// The suspicion, by the mean interval.
    fn phi(&self, now: Instant, period: Duration) -> f64 {
        let sum: Duration = self.intervals.iter().sum();
        let count = u32::try_from(self.intervals.len()).unwrap_or(u32::MAX);
        let mean = if count == 0 { period * 2 } else { sum / count };
        phi::exponential(now.since(self.advanced_at).as_secs_f64(), mean.as_secs_f64().max(1e-6))
    }
}

impl Cassandra {
    const fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Makes an entry a state of this node.
    fn publish(&mut self, entry: Entry) {
        let version = self.next_version();
        let Entry { id, value } = entry;
        self.own().states.insert(version, (id.origin.generation, id.sequence, value));
    }

    fn own(&mut self) -> &mut Endpoint {
        self.endpoints.entry(self.cluster.me()).or_default()
    }

    /// The receivers of a round's SYN.
    fn targets(&mut self) -> Vec<NodeId> {
        let me = self.cluster.me();
        let seeds: Vec<NodeId> = self.cluster.seeds(self.config.seeds).collect();
        let others = self.endpoints.iter().filter(|(node, _)| **node != me);
        let (unreachable, live): (Vec<_>, Vec<_>) =
            others.map(|(&node, e)| (node, e.is_unreachable)).partition(|(_, is)| *is);
        let [unreachable, live] =
            [unreachable, live].map(|of| of.into_iter().map(|(node, _)| node).collect::<Vec<_>>());
        let mut targets = random_of(&live, 1, &mut self.rng);
        let is_seed = targets.iter().any(|target| seeds.contains(target));
        let unit: f64 = self.rng.random();
        if unit < unreachable.len() as f64 / (live.len() + 1) as f64 {
            targets.extend(random_of(&unreachable, 1, &mut self.rng));
        }
        if !is_seed || live.len() < seeds.len() {
            let known = live.len() + unreachable.len();
            let unit: f64 = self.rng.random();
            if live.is_empty() || unit < seeds.len() as f64 / known as f64 {
                targets.extend(random_of(&seeds, 1, &mut self.rng));
            }
        }
        targets
    }

    /// The requests for states that this node lacks, and the states that the sender of the digests
    /// lacks: the largest differences first, then the endpoints that the sender does not know.
    fn examine(&self, mut digests: Vec<Digest>) -> (Vec<Digest>, Vec<Update>) {
        let version = |node: &NodeId| self.endpoints.get(node).map_or(0, Endpoint::version);
        digests.sort_by_key(|(node, _, theirs)| std::cmp::Reverse(theirs.abs_diff(version(node))));
        let (mut requests, mut updates) = (Vec::new(), Vec::new());
        for &(node, generation, version) in &digests {
            match self.endpoints.get(&node) {
                None => requests.push((node, generation, 0)),
                Some(mine) if mine.generation < generation => requests.push((node, generation, 0)),
                Some(mine) if mine.generation > generation => updates.push(mine.update(node, 0)),
                Some(mine) if mine.version() < version => {
                    requests.push((node, generation, mine.version()));
                }
                Some(mine) if mine.version() > version => updates.push(mine.update(node, version)),
                Some(_) => {}
            }
        }
        let is_named = |node: &NodeId| digests.iter().any(|(named, ..)| named == node);
        let unnamed = self.endpoints.iter().filter(|(node, _)| !is_named(node));
        updates.extend(unnamed.map(|(&node, endpoint)| endpoint.update(node, 0)));
        (requests, updates)
    }

    /// Takes states in: those of a newer generation replace all, those of an older one are ignored,
    /// and of the same the higher version wins.
    fn apply(&mut self, now: Instant, updates: Vec<Update>, out: &mut Effects<Message>) {
        for (node, generation, heartbeat, above, states) in updates {
            if node == self.cluster.me() {
                continue;
            }
            let endpoint = self.endpoints.entry(node).or_default();
            if generation < endpoint.generation {
                continue;
            }
            if generation > endpoint.generation {
                *endpoint = Endpoint { generation, advanced_at: now, ..Endpoint::default() };
            }
            if endpoint.version() < above {
                // The answer to a SYN from before this node lost its memory would leave a hole.
                continue;
            }
            if heartbeat > endpoint.heartbeat {
                endpoint.heartbeat = heartbeat;
                endpoint.report(now, &self.config);
            }
            // An update starts above the version that was known when it was requested: what this
            // node has learnt since is not new.
            for (version, born, sequence, value) in states {
                endpoint.states.insert(version, (born, sequence, value.clone()));
                let id = EntryId { origin: Origin { node, generation: born }, sequence };
                if self.delivered.insert(id) {
                    out.deliver(Entry { id, value });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
