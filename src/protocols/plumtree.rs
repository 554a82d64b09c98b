//! Plumtree: epidemic broadcast trees (Leitão, Pereira and Rodrigues 2007), over HyParView or over
//! the topology.
//!
//! Rule: a node sends a new entry at once to its *eager* peers, and only its name (IHAVE) to its
//! *lazy* ones. At first all are eager. A duplicate makes its sender lazy, and tells it so (PRUNE): a
//! spanning tree is left. An entry that was announced and does not come within a time is asked for
//! (GRAFT), which makes the announcer eager again: the tree heals. If an announcement came over
//! clearly fewer hops than the entry, the link it came over replaces the one to the parent.
//!
//! Cost: n - 1 copies per entry once the tree stands, as many as a tree needs; and an announcement
//! over each other link, many in one message.
//!
//! Used by: Riak's cluster metadata, Partisan, iroh-gossip, Corrosion (Fly.io).
//!
//! Breaks with: unreliable links. A node whose copy *and* announcements are all lost never learns
//! of the entry, and after a partition nothing is announced again: a real system adds anti-entropy.
//! A partition that lasts longer than the failure timeout splits HyParView for good, because each
//! side fills its views with its own nodes. Several origins share one tree, which is best for one
//! of them.

pub mod hyparview;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph};
use crate::gossip::Ticker;
use crate::id::{EntryId, Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;
use hyparview::HyParView;

crate::choice! {
    /// The peers of a node.
    pub enum View {
        /// Those of HyParView.
        HyParView = "hyparview",
        /// The neighbours in the topology.
        Topology = "topology",
    }
}

crate::settings! {
    /// Settings of Plumtree.
    pub struct Config {
        /// The peers. Default `hyparview`.
        view: View as Choice = View::HyParView, "--view", "the peers: hyparview, or topology";
        /// Time for an announced entry to arrive before it is asked for. Default 500 ms: above the
        /// difference of the ways through a slow network.
        graft: Duration as Interval = Duration::from_millis(500), "--graft",
            "wait for an announced entry before it is asked for";
        /// The same for the second announcer. Default 300 ms: a round trip.
        graft_again: Duration as Interval = Duration::from_millis(300), "--graft-again",
            "wait before the next announcer is asked";
        /// Time between two batches of announcements. Default 100 ms.
        lazy: Duration as Interval = Duration::from_millis(100), "--lazy",
            "time between two batches of announcements";
        /// Hops that a better link must save. Default 7, the paper's for several origins.
        threshold: usize as Count = 7, "--threshold", "hops that a better link must save";
        /// Time between two shuffles of HyParView. Default 10 s.
        shuffle: Duration as Interval = Duration::from_secs(10), "--shuffle",
            "time between two shuffles of the views";
    }
}

crate::message! {
    /// The message.
    pub enum Message: "plumtree" {
        /// An entry, over an eager link.
        Gossip = "gossip" {
            /// Hops from the origin to the receiver.
            round: u32,
            /// The entries.
            entries: Vec<Entry>,
        },
        /// Announcements, over a lazy link.
        Ihave = "ihave" {
            /// Names of entries, and hops from their origins to the receiver.
            ids: Vec<(EntryId, u32)>,
        },
        /// The receiver becomes a parent: it sends the entry, if one is named.
        Graft = "graft" {
            /// The entry that is missing.
            id: Option<EntryId>,
        },
        /// The link is redundant.
        Prune = "prune" {},
        /// Membership.
        View = "view" {
            /// The message of HyParView.
            message: hyparview::Message,
        },
    }
}

/// An entry that was announced and has not come.
#[derive(Clone, Debug)]
struct Missing {
    ask_at: Instant,
    announcers: Vec<(NodeId, u32)>,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Plumtree {
    cluster: Cluster,
    config: Config,
    store: Store,
    view: HyParView,
    /// All peers, and whether the link to each is eager.
    peers: BTreeMap<NodeId, bool>,
    /// Of entries held: hops from the origin.
    rounds: BTreeMap<EntryId, u32>,
    missing: BTreeMap<EntryId, Missing>,
    announcements: BTreeMap<NodeId, Vec<(EntryId, u32)>>,
    ticker: Ticker,
}

impl Protocol for Plumtree {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, now: Instant) -> Self {
        let ticker = Ticker::new(config.lazy, now, &mut rng);
        let mut node = Self {
            view: HyParView::new(&cluster, config.shuffle, rng, now),
            cluster,
            config: config.clone(),
            store: Store::default(),
            peers: BTreeMap::new(),
            rounds: BTreeMap::new(),
            missing: BTreeMap::new(),
            announcements: BTreeMap::new(),
            ticker,
        };
        node.update_peers();
        node
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_topology(&mut self, _: Instant, graph: Arc<Graph>, _: &mut Effects<Message>) {
        self.cluster.set_topology(graph);
        self.update_peers();
    }

    fn on_submit(&mut self, _: Instant, entry: Entry, out: &mut Effects<Message>) {
        self.store.insert(&entry);
        self.forward(&entry, 0, None, out);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        match message {
            Message::Gossip { round, entries } => {
                entries.iter().for_each(|entry| self.on_gossip(from, round, entry, out));
            }
            Message::Ihave { ids } => {
                for (id, round) in ids.into_iter().filter(|(id, _)| !self.store.contains(*id)) {
                    let ask_at = now.after(self.config.graft);
                    let missing = Missing { ask_at, announcers: Vec::new() };
                    let missing = self.missing.entry(id).or_insert(missing);
                    missing.announcers.push((from, round));
                }
            }
            Message::Graft { id } => {
                self.set_eager(from, true);
                if let Some(entry) = id.and_then(|id| self.store.get(id)) {
                    let round = self.rounds.get(&entry.id).map_or(1, |round| round + 1);
                    out.send(from, Message::Gossip { round, entries: vec![entry] });
                }
            }
            Message::Prune {} => self.set_eager(from, false),
            Message::View { message } => {
                self.view.on_message(now, from, message);
                self.after_view(out);
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.config.view == View::HyParView {
            self.view.on_timeout(now);
            self.after_view(out);
        }
        if self.ticker.is_due(now) {
            for (peer, ids) in std::mem::take(&mut self.announcements) {
                if self.peers.contains_key(&peer) {
                    out.send(peer, Message::Ihave { ids });
                }
            }
        }
        let due = self.missing.iter().filter(|(_, missing)| missing.ask_at <= now);
        let due: Vec<EntryId> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.graft(now, id, out);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let missing = self.missing.values().map(|missing| missing.ask_at);
        let view = (self.config.view == View::HyParView).then(|| self.view.next_timeout());
        missing.chain(view).chain([self.ticker.next()]).min()
    }
}

impl Plumtree {
    /// The first copy goes on; a later one makes the link it came over lazy.
    fn on_gossip(&mut self, from: NodeId, round: u32, entry: &Entry, out: &mut Effects<Message>) {
        if !self.store.receive(entry, out) {
            self.set_eager(from, false);
            out.send(from, Message::Prune {});
            return;
        }
        let announced = self.missing.remove(&entry.id);
        self.set_eager(from, true);
        self.forward(entry, round, Some(from), out);
        // Optimisation: an announcement that came over fewer hops.
        let announcers = announced.into_iter().flat_map(|missing| missing.announcers);
        let best = announcers.min_by_key(|(_, round)| *round);
        if let Some((peer, announced)) = best
            && u64::from(round) >= u64::from(announced) + self.config.threshold as u64
            && peer != from
        {
            self.set_eager(peer, true);
            self.set_eager(from, false);
            out.send(peer, Message::Graft { id: None });
            out.send(from, Message::Prune {});
        }
    }

    /// Sends a new entry to the eager peers, and its name to the others.
    fn forward(
        &mut self,
        entry: &Entry,
        round: u32,
        from: Option<NodeId>,
        out: &mut Effects<Message>,
    ) {
        self.rounds.insert(entry.id, round);
        let round = round.saturating_add(1);
        for (&peer, &is_eager) in self.peers.iter().filter(|(peer, _)| Some(**peer) != from) {
            if is_eager {
                out.send(peer, Message::Gossip { round, entries: vec![entry.clone()] });
            } else {
                self.announcements.entry(peer).or_default().push((entry.id, round));
            }
        }
    }

    /// Asks the next announcer for an entry; forgets the entry when there is none left.
    fn graft(&mut self, now: Instant, id: EntryId, out: &mut Effects<Message>) {
        let Some(missing) = self.missing.get_mut(&id) else { return };
        missing.ask_at = now.after(self.config.graft_again);
        if missing.announcers.is_empty() {
            self.missing.remove(&id);
            return;
        }
        let (peer, _) = missing.announcers.remove(0);
        self.set_eager(peer, true);
        out.send(peer, Message::Graft { id: Some(id) });
    }

    fn set_eager(&mut self, peer: NodeId, eager: bool) {
        if let Some(is_eager) = self.peers.get_mut(&peer) {
            *is_eager = eager;
        }
    }

    /// Takes over the peers of the view: a new one is eager, one that left is forgotten.
    fn update_peers(&mut self) {
        let now: BTreeSet<NodeId> = match self.config.view {
            View::HyParView => self.view.active().collect(),
            View::Topology => self.cluster.neighbours(self.cluster.me()).iter().copied().collect(),
        };
        self.peers.retain(|peer, _| now.contains(peer));
        for missing in self.missing.values_mut() {
            missing.announcers.retain(|(peer, _)| now.contains(peer));
        }
        for peer in now {
            self.peers.entry(peer).or_insert(true);
        }
    }

    fn after_view(&mut self, out: &mut Effects<Message>) {
        for (peer, message) in self.view.drain() {
            out.send(peer, Message::View { message });
        }
        self.update_peers();
    }
}

#[cfg(test)]
mod tests;
