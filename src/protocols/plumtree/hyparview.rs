//! HyParView: partial views of the membership (Leitão, Pereira and Rodrigues 2007).
//!
//! Rule: a small *active* view, symmetric, over which everything is sent; a larger *passive* view, to
//! replace peers that fail. A node joins through a contact, which tells its active peers; the news
//! walks six hops at random, enters a passive view on the way and an active one at the end. Every
//! period a node shuffles parts of both views with a node at the end of another random walk.
//!
//! The paper's links are TCP's, which notices failures. Here active peers tell each other once a
//! second that they are alive; a node that is told so by a peer it does not have takes it in, or
//! disconnects, so views become symmetric again after lost messages.
//!
//! All nodes start together here and know the node list, so no node has to join at first: the views
//! start with the neighbours on two random cycles over the list, which are the same at every node
//! (Law and Siu 2003). A node that is left without active peers joins.
//!
//! Used by: Partisan, iroh-gossip, Corrosion.
//!
//! Breaks with: a contact that is down while many join.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use serde_json::value::RawValue;

use crate::cluster::{Cluster, Nodes};
use crate::config::Choice as _;
use crate::gossip::{Ticker, random_of};
use crate::id::NodeId;
use crate::protocol::Rng;
use crate::time::Instant;
use crate::wire::Part;

/// Size of the active view: fanout 4 and one.
const ACTIVE_MAX: usize = 5;
/// Size of the passive view: six times that.
const PASSIVE_MAX: usize = 30;
/// Hops of a join, and of a shuffle.
const WALK: u32 = 6;
/// Hops left at which a join enters a passive view.
const WALK_PASSIVE: u32 = 3;
/// Active and passive peers in a shuffle.
const SHUFFLED: (usize, usize) = (3, 4);
/// Time between two signs of life.
const ALIVE: Duration = Duration::from_secs(1);
/// Time without one after which a peer has failed.
const SILENCE_MAX: Duration = Duration::from_secs(4);

crate::choice! {
    /// The kind of a message.
    pub enum Kind {
        /// To the contact: take me in.
        Join = "join",
        /// `node` has joined.
        ForwardJoin = "forward-join",
        /// Take me in, at any price.
        NeighborHigh = "neighbor-high",
        /// Take me in, if there is room.
        NeighborLow = "neighbor-low",
        /// Taken in.
        Accept = "accept",
        /// There is no room.
        Reject = "reject",
        /// Taken out.
        Disconnect = "disconnect",
        /// The sender is alive and has the receiver in its active view.
        Alive = "alive",
        /// `node` offers nodes for as many others.
        Shuffle = "shuffle",
        /// As many others.
        ShuffleReply = "shuffle-reply",
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its kind.
    pub kind: Kind,
    /// The node that it is about.
    pub node: NodeId,
    /// Nodes that are shuffled.
    pub nodes: Vec<NodeId>,
    /// Hops left.
    pub ttl: u32,
}

/// `[kind, node, [node, …], ttl]`.
impl Part for Message {
    fn put(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        let kind = self.kind.as_str().to_owned();
        (kind, self.node, self.nodes.clone(), self.ttl).put(nodes, out);
    }

    fn get(json: &RawValue, nodes: &Nodes) -> Result<Self, String> {
        let (kind, node, list, ttl): (String, _, _, _) = Part::get(json, nodes)?;
        let kind = Kind::of(&kind)
            .ok_or_else(|| format!("expected {}, got {kind:?}", Kind::names().join(", ")))?;
        Ok(Self { kind, node, nodes: list, ttl })
    }
}

/// One node's views.
#[derive(Clone, Debug)]
pub struct HyParView {
    me: NodeId,
    /// All nodes: contacts.
    others: Vec<NodeId>,
    rng: Rng,
    /// The active peers, and when each was last heard.
    active: BTreeMap<NodeId, Instant>,
    passive: BTreeSet<NodeId>,
    /// The passive peer that was asked to become an active one.
    asked: Option<NodeId>,
    has_joined: bool,
    /// The ids of the last shuffle: the first to be replaced.
    shuffled: Vec<NodeId>,
    alive: Ticker,
    shuffle: Ticker,
    outbox: Vec<(NodeId, Message)>,
}

/// The neighbours of this node on two random cycles over all nodes.
fn first_neighbours(cluster: &Cluster) -> BTreeSet<NodeId> {
    let (me, mut found) = (cluster.me(), BTreeSet::new());
    for seed in [1, 2] {
        let mut cycle: Vec<NodeId> = (0..cluster.len()).map(NodeId).collect();
        cycle.shuffle(&mut Rng::seed_from_u64(seed));
        let at = cycle.iter().position(|node| *node == me).unwrap_or(0);
        let next = cycle[(at + 1) % cycle.len()];
        let last = cycle[(at + cycle.len() - 1) % cycle.len()];
        found.extend([next, last].into_iter().filter(|peer| *peer != me));
    }
    found
}

impl HyParView {
    /// The views of a node that starts.
    #[must_use]
    pub fn new(cluster: &Cluster, shuffle: Duration, mut rng: Rng, now: Instant) -> Self {
        let first = first_neighbours(cluster).into_iter();
        Self {
            me: cluster.me(),
            others: cluster.others().collect(),
            active: first.map(|peer| (peer, now)).collect(),
            passive: BTreeSet::new(),
            asked: None,
            has_joined: false,
            shuffled: Vec::new(),
            alive: Ticker::new(ALIVE, now, &mut rng),
            shuffle: Ticker::new(shuffle, now, &mut rng),
            outbox: Vec::new(),
            rng,
        }
    }

    /// The active peers, ascending.
    pub fn active(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.active.keys().copied()
    }

    /// Takes the messages to send, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = (NodeId, Message)> + use<> {
        std::mem::take(&mut self.outbox).into_iter()
    }

    /// When to call [`HyParView::on_timeout`].
    #[must_use]
    pub fn next_timeout(&self) -> Instant {
        self.alive.next().min(self.shuffle.next())
    }

    /// Signs of life, failures, replacements and shuffles.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.alive.is_due(now) {
            let silent = now.before(SILENCE_MAX);
            self.active.retain(|_, heard| *heard > silent || silent == Instant::ZERO);
            let peers: Vec<NodeId> = self.active().collect();
            peers.into_iter().for_each(|peer| self.send(peer, Kind::Alive, self.me, 0));
            self.fill();
        }
        if self.shuffle.is_due(now) {
            let (active, passive) = SHUFFLED;
            let mut nodes = self.random_active(active, self.me);
            let known: Vec<NodeId> = self.passive.iter().copied().collect();
            nodes.extend(random_of(&known, passive, &mut self.rng));
            self.shuffled.clone_from(&nodes);
            for to in self.random_active(1, self.me) {
                let (kind, node) = (Kind::Shuffle, self.me);
                let message = Message { kind, node, nodes: nodes.clone(), ttl: WALK };
                self.outbox.push((to, message));
            }
        }
    }

    /// Joins, or asks a passive peer to become an active one. One that has not answered since the
    /// last time has failed.
    fn fill(&mut self) {
        if let Some(silent) = self.asked.take() {
            self.passive.remove(&silent);
        }
        if self.active.len() >= ACTIVE_MAX {
            return;
        }
        let passive: Vec<NodeId> = self.passive.iter().copied().collect();
        if let Some(&peer) = random_of(&passive, 1, &mut self.rng).first() {
            self.asked = Some(peer);
            let is_alone = self.active.is_empty();
            let kind = if is_alone { Kind::NeighborHigh } else { Kind::NeighborLow };
            self.send(peer, kind, self.me, 0);
        } else if self.active.is_empty() {
            // The first node of the list is the contact; later any will do.
            let first = self.others.first().copied().filter(|_| !self.has_joined);
            let contact = first.or_else(|| random_of(&self.others, 1, &mut self.rng).pop());
            self.has_joined = true;
            contact.into_iter().for_each(|contact| self.send(contact, Kind::Join, self.me, 0));
        }
    }

    /// A message of a peer arrived.
    pub fn on_message(&mut self, now: Instant, from: NodeId, message: Message) {
        let Message { kind, node, nodes, ttl } = message;
        if let Some(heard) = self.active.get_mut(&from) {
            *heard = now;
        }
        if self.asked == Some(from) {
            self.asked = None;
        }
        match kind {
            Kind::Join => {
                self.add_active(now, from);
                for peer in self.random_active(ACTIVE_MAX, from) {
                    self.send(peer, Kind::ForwardJoin, from, WALK);
                }
                self.send(from, Kind::Accept, self.me, 0);
            }
            Kind::ForwardJoin if node != self.me => self.on_forward_join(now, from, node, ttl),
            Kind::NeighborHigh => {
                self.add_active(now, from);
                self.send(from, Kind::Accept, self.me, 0);
            }
            Kind::NeighborLow | Kind::Alive | Kind::Accept => {
                let is_known = self.active.contains_key(&from);
                if is_known || self.active.len() < ACTIVE_MAX {
                    self.add_active(now, from);
                    if kind == Kind::NeighborLow {
                        self.send(from, Kind::Accept, self.me, 0);
                    }
                } else {
                    let refused = kind == Kind::NeighborLow;
                    let kind = if refused { Kind::Reject } else { Kind::Disconnect };
                    self.send(from, kind, self.me, 0);
                }
            }
            Kind::Disconnect => {
                if self.active.remove(&from).is_some() {
                    self.add_passive(from);
                }
            }
            Kind::Shuffle if node != self.me => self.on_shuffle(from, node, nodes, ttl),
            Kind::ShuffleReply => nodes.into_iter().for_each(|node| self.add_passive(node)),
            Kind::ForwardJoin | Kind::Shuffle | Kind::Reject => {}
        }
    }

    fn on_forward_join(&mut self, now: Instant, from: NodeId, joiner: NodeId, ttl: u32) {
        let next = self.random_active(1, from).pop().filter(|next| *next != joiner);
        if let Some(next) = next
            && ttl > 0
            && self.active.len() > 1
        {
            if ttl == WALK_PASSIVE {
                self.add_passive(joiner);
            }
            return self.send(next, Kind::ForwardJoin, joiner, ttl.min(WALK) - 1);
        }
        if !self.active.contains_key(&joiner) {
            self.add_active(now, joiner);
            self.send(joiner, Kind::NeighborHigh, self.me, 0);
        }
    }

    fn on_shuffle(&mut self, from: NodeId, origin: NodeId, nodes: Vec<NodeId>, ttl: u32) {
        let next = self.random_active(1, from).pop().filter(|next| *next != origin);
        if let Some(next) = next
            && ttl > 0
        {
            let (kind, ttl) = (Kind::Shuffle, ttl.min(WALK) - 1);
            return self.outbox.push((next, Message { kind, node: origin, nodes, ttl }));
        }
        let known: Vec<NodeId> = self.passive.iter().copied().collect();
        self.shuffled = random_of(&known, nodes.len(), &mut self.rng);
        let (kind, reply) = (Kind::ShuffleReply, self.shuffled.clone());
        self.outbox.push((origin, Message { kind, node: self.me, nodes: reply, ttl: 0 }));
        nodes.into_iter().chain([origin]).for_each(|node| self.add_passive(node));
    }

    /// Adds an active peer; if there is no room, a random one leaves.
    fn add_active(&mut self, now: Instant, peer: NodeId) {
        self.passive.remove(&peer);
        if !self.active.contains_key(&peer) && self.active.len() >= ACTIVE_MAX {
            for left in self.random_active(1, peer) {
                self.active.remove(&left);
                self.send(left, Kind::Disconnect, self.me, 0);
                self.add_passive(left);
            }
        }
        self.active.insert(peer, now);
    }

    /// Adds a passive peer; if there is no room, one of the last shuffle leaves, or a random one.
    fn add_passive(&mut self, peer: NodeId) {
        if peer == self.me || self.active.contains_key(&peer) || self.passive.contains(&peer) {
            return;
        }
        if self.passive.len() >= PASSIVE_MAX {
            let mut shuffled = std::mem::take(&mut self.shuffled);
            let known: Vec<NodeId> = self.passive.iter().copied().collect();
            let left = std::iter::from_fn(|| shuffled.pop()).find(|id| self.passive.contains(id));
            self.shuffled = shuffled;
            let left = left.or_else(|| random_of(&known, 1, &mut self.rng).pop());
            if let Some(left) = left {
                self.passive.remove(&left);
            }
        }
        self.passive.insert(peer);
    }

    /// Random active peers other than one.
    fn random_active(&mut self, count: usize, other_than: NodeId) -> Vec<NodeId> {
        let peers: Vec<NodeId> = self.active().filter(|peer| *peer != other_than).collect();
        random_of(&peers, count, &mut self.rng)
    }

    fn send(&mut self, to: NodeId, kind: Kind, node: NodeId, ttl: u32) {
        self.outbox.push((to, Message { kind, node, nodes: Vec::new(), ttl }));
    }
}
