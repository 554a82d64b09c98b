//! Spanning-tree multicast, repaired by naks with suppression (SRM, Floyd et al. 1995 and 1997).
//!
//! Rule: an entry is multicast along the spanning tree of the topology; nothing is acked. A node
//! that sees a gap waits a random time, uniform in 2^i · [C1 · d, (C1 + C2) · d] with `d` the
//! distance to the source, and multicasts a request (nak). If it hears another node's request
//! first, it suppresses its own and backs off (i + 1). Any holder answers a request after a time in
//! [D1 · d, (D1 + D2) · d] with a multicast repair, unless it hears another's first; then it ignores
//! requests for 3 · d. Neighbours exchange session messages every second: the highest numbers they
//! know, without which the loss of the *last* entry is invisible, and timestamps, which measure `d`.
//!
//! Cost: n - 1 messages per entry, and 2 (n - 1) session messages per second, busy or not. A loss
//! costs a multicast request and repair: in a star with G equally distant losers there are about
//! 1 + (G - 1) / C2 requests.
//!
//! Used by: wb (the whiteboard that it was made for), PGM and NORM in the same spirit.
//!
//! Breaks with: scale: every loss anywhere makes traffic everywhere. Distances that were never
//! measured would be zero, and all naks come at once; so they start at a setting. A node that is
//! down cuts its subtree off until it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph, Tree};
use crate::gossip::{Ticker, random_time};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::set::{Ranges, Versions};
use crate::store::Store;
use crate::time::Instant;

/// Doublings of the request timer, at most.
const BACKOFF_MAX: u32 = 5;
/// Least distance to a neighbour. Timers in units of a distance of zero would never end.
const DISTANCE_MIN: Duration = Duration::from_millis(1);
/// Entries missing at a time, at most: a faulty peer may claim that any number exists.
const REQUESTS_MAX: usize = 10_000;

crate::settings! {
    /// Settings of the tree with naks.
    pub struct Config {
        /// Least delay of a request, in distances to the source. Default 2, as in ns-2.
        c1: usize as Count = 2, "--c1", "least delay of a request, in distances to the source";
        /// Spread of the delay of a request. Default 2, as in ns-2. More: fewer duplicates, later
        /// repair.
        c2: usize as Count = 2, "--c2", "spread of the delay of a request";
        /// Least delay of a repair, in distances to the requester. Default 1, as in ns-2.
        d1: usize as Count = 1, "--d1", "least delay of a repair, in distances to the requester";
        /// Spread of the delay of a repair. Default 1, as in ns-2.
        d2: usize as Count = 1, "--d2", "spread of the delay of a repair";
        /// Time between two session messages. Default 1 s, as in ns-2.
        session: Duration as Interval = Duration::from_secs(1), "--session",
            "time between two session messages";
        /// Distance between neighbours before the first measurement. Default 100 ms.
        distance: Duration as Interval = Duration::from_millis(100), "--distance",
            "distance between neighbours before it is measured";
    }
}

crate::message! {
    /// The message. All but sessions are multicast: each node forwards them along the tree.
    pub enum Message: "tree-nak" {
        /// New entries.
        Data = "data" {
            /// The entries.
            entries: Vec<Entry>,
        },
        /// The requester lacks entries.
        Nak = "nak" {
            /// The requester.
            requester: NodeId,
            /// The entries.
            missing: Versions,
        },
        /// Entries that were requested.
        Repair = "repair" {
            /// The entries.
            entries: Vec<Entry>,
        },
        /// To a neighbour: the entries that exist.
        Session = "session" {
            /// Per origin the number after the highest that the sender knows of.
            ends: BTreeMap<Origin, u64>,
            /// The sender's clock, in microseconds.
            stamp: u64,
            /// The receiver's last stamp, and for how many microseconds the sender has had it.
            echo: Option<(u64, u64)>,
        },
    }
}

/// Entries that were found missing, or requested, at the same time share a timer.
#[derive(Clone, Debug)]
struct Timer {
    due: Instant,
    /// Requests that came before this are duplicates.
    ignore_until: Instant,
    backoff: u32,
}

/// A neighbour in the tree: its last stamp and when it came; the distance to it.
#[derive(Clone, Debug, Default)]
struct Link {
    stamp: Option<(u64, Instant)>,
    distance: Option<Duration>,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct TreeNak {
    cluster: Cluster,
    tree: Arc<Tree>,
    config: Config,
    rng: Rng,
    store: Store,
    ends: BTreeMap<Origin, u64>,
    links: BTreeMap<NodeId, Link>,
    /// Entries missing here.
    requests: BTreeMap<EntryId, Timer>,
    /// Entries that others lack: when to repair, or until when requests for them are ignored.
    repairs: BTreeMap<EntryId, (Option<Instant>, Instant)>,
    ticker: Ticker,
}

impl Protocol for TreeNak {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, now: Instant) -> Self {
        let mut node = Self {
            tree: cluster.spanning_tree(),
            cluster,
            config: config.clone(),
            store: Store::default(),
            ends: BTreeMap::new(),
            links: BTreeMap::new(),
            requests: BTreeMap::new(),
            repairs: BTreeMap::new(),
            ticker: Ticker::new(config.session, now, &mut rng),
            rng,
        };
        node.connect();
        node
    }

    fn on_restore(&mut self, entry: Entry) {
        self.requests.remove(&entry.id);
        self.store.insert(&entry);
        self.learn_end(Instant::ZERO, entry.id);
    }

    fn on_topology(&mut self, _: Instant, graph: Arc<Graph>, _: &mut Effects<Message>) {
        self.cluster.set_topology(graph);
        self.tree = self.cluster.spanning_tree();
        self.connect();
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, out: &mut Effects<Message>) {
        self.store.insert(&entry);
        self.learn_end(now, entry.id);
        self.multicast(None, Message::Data { entries: vec![entry] }, out);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        if let Message::Session { ends, stamp, echo } = message {
            return self.on_session(now, from, &ends, stamp, echo);
        }
        self.multicast(Some(from), message.clone(), out);
        match message {
            Message::Data { entries } => self.on_entries(now, entries, out),
            Message::Repair { entries } => {
                let hold = now.after(self.link_distance() * 3);
                for entry in &entries {
                    self.repairs.insert(entry.id, (None, hold));
                }
                self.on_entries(now, entries, out);
            }
            Message::Nak { requester, missing } => self.on_nak(now, requester, &missing),
            Message::Session { .. } => {}
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.ticker.is_due(now) {
            for (&peer, link) in &self.links {
                let echo = link.stamp.map(|(stamp, at)| (stamp, micros(now.since(at))));
                let (ends, stamp) = (self.ends.clone(), now.as_micros());
                out.send(peer, Message::Session { ends, stamp, echo });
            }
            self.repairs.retain(|_, (due, hold)| due.is_some() || *hold > now);
        }
        self.send_requests(now, out);
        self.send_repairs(now, out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let requests = self.requests.values().map(|timer| timer.due);
        let repairs = self.repairs.values().filter_map(|(due, _)| *due);
        requests.chain(repairs).chain([self.ticker.next()]).min()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl TreeNak {
    fn connect(&mut self) {
        let me = self.cluster.me();
        let peers = self.tree.parent(me).into_iter().chain(self.tree.children(me));
        self.links = peers.map(|peer| (peer, Link::default())).collect();
    }

    /// Sends along the tree, but not back.
    fn multicast(&self, from: Option<NodeId>, message: Message, out: &mut Effects<Message>) {
        out.send_all(self.links.keys().copied().filter(|&peer| Some(peer) != from), message);
    }

    fn on_entries(&mut self, now: Instant, entries: Vec<Entry>, out: &mut Effects<Message>) {
        for entry in entries {
            self.requests.remove(&entry.id);
            self.store.receive(&entry, out);
            self.learn_end(now, entry.id);
        }
    }

    /// An entry exists, and so do all before it.
    fn learn_end(&mut self, now: Instant, id: EntryId) {
        let end = id.sequence.saturating_add(1);
        self.learn_ends(now, id.origin, end);
    }

    fn learn_ends(&mut self, now: Instant, origin: Origin, end: u64) {
        let known = self.ends.entry(origin).or_default();
        // The rest is learnt from later session messages.
        let room = REQUESTS_MAX.saturating_sub(self.requests.len()) as u64;
        let end = end.min(known.saturating_add(room));
        if *known >= end {
            return;
        }
        let new: Ranges = std::iter::once(*known..end).collect();
        *known = end;
        let missing = new.difference(self.store.held().of(origin));
        if !missing.is_empty() {
            let timer = self.request_timer(now, origin.node, 0);
            let ids = missing.iter().flatten().map(|sequence| EntryId { origin, sequence });
            self.requests.extend(ids.map(|id| (id, timer.clone())));
        }
    }

    fn on_session(
        &mut self,
        now: Instant,
        from: NodeId,
        ends: &BTreeMap<Origin, u64>,
        stamp: u64,
        echo: Option<(u64, u64)>,
    ) {
        let Some(link) = self.links.get_mut(&from) else { return };
        link.stamp = Some((stamp, now));
        if let Some((sent, held)) = echo {
            let round_trip = now.as_micros().saturating_sub(sent).saturating_sub(held);
            link.distance = Some(Duration::from_micros(round_trip / 2));
        }
        for (&origin, &end) in ends {
            self.learn_ends(now, origin, end);
        }
    }

    /// Another node lacks entries: suppresses this node's own request, or schedules a repair.
    fn on_nak(&mut self, now: Instant, requester: NodeId, missing: &Versions) {
        let distance = self.distance(requester);
        let (d1, d2) = (times(distance, self.config.d1), times(distance, self.config.d2));
        let due = now.after(random_time(d1, d1 + d2, &mut self.rng));
        for (&origin, ranges) in missing.by_origin() {
            let backoff = self.request_timer(now, origin.node, 1);
            let held = self.store.held().of(origin).intersection(ranges);
            for sequence in held.iter().flatten() {
                let repair = self.repairs.entry(EntryId { origin, sequence }).or_default();
                if repair.0.is_none() && repair.1 <= now {
                    repair.0 = Some(due);
                }
            }
            let range = |sequence| EntryId { origin, sequence };
            for (id, timer) in self.requests.range_mut(range(0)..=range(u64::MAX)) {
                if ranges.contains(id.sequence) && timer.ignore_until <= now {
                    let doubled = 1 << timer.backoff.min(BACKOFF_MAX - 1);
                    timer.due = now.after(backoff.due.since(now) * doubled);
                    timer.ignore_until = now.after(timer.due.since(now) / 2);
                    timer.backoff = (timer.backoff + 1).min(BACKOFF_MAX);
                }
            }
        }
    }

    fn send_requests(&mut self, now: Instant, out: &mut Effects<Message>) {
        let due = self.requests.iter().filter(|(_, timer)| timer.due <= now);
        let due: Vec<(EntryId, u32)> = due.map(|(id, timer)| (*id, timer.backoff)).collect();
        let mut missing = Versions::new();
        let mut timers: BTreeMap<(NodeId, u32), Timer> = BTreeMap::new();
        for (id, backoff) in due {
            missing.insert(id);
            let (source, next) = (id.origin.node, (backoff + 1).min(BACKOFF_MAX));
            let timer = timers.entry((source, next)).or_insert_with(|| {
                request_timer(self.distance(source), &self.config, now, next, &mut self.rng)
            });
            self.requests.insert(id, timer.clone());
        }
        if !missing.is_empty() {
            self.multicast(None, Message::Nak { requester: self.cluster.me(), missing }, out);
        }
    }

    fn send_repairs(&mut self, now: Instant, out: &mut Effects<Message>) {
        let hold = now.after(self.link_distance() * 3);
        let mut entries = Vec::new();
        for (id, (due, until)) in &mut self.repairs {
            if due.is_some_and(|due| due <= now) {
                (*due, *until) = (None, hold);
                entries.extend(self.store.get(*id));
            }
        }
        if !entries.is_empty() {
            self.multicast(None, Message::Repair { entries }, out);
        }
    }

    fn request_timer(&mut self, now: Instant, source: NodeId, backoff: u32) -> Timer {
        request_timer(self.distance(source), &self.config, now, backoff, &mut self.rng)
    }

    /// The mean distance to a neighbour, one way.
    fn link_distance(&self) -> Duration {
        let distances = self.links.values().filter_map(|link| link.distance);
        let (sum, count) = distances.fold((Duration::ZERO, 0), |(s, n), d| (s + d, n + 1));
        let mean = if count == 0 { self.config.distance } else { sum / count };
        mean.max(DISTANCE_MIN)
    }

    /// The distance to a node: that to a neighbour, once per hop.
    fn distance(&self, node: NodeId) -> Duration {
        let path = |node| std::iter::once(node).chain(self.tree.ancestors(node));
        let (mine, theirs): (Vec<_>, Vec<_>) =
            (path(self.cluster.me()).collect(), path(node).collect());
        let shared = mine.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b);
        let hops = mine.len() + theirs.len() - 2 * shared.count();
        // The nearest nodes that hold what this node sent before it lost its memory are its neighbours.
        times(self.link_distance(), hops.max(1))
    }
}

fn times(time: Duration, factor: usize) -> Duration {
    time * u32::try_from(factor).unwrap_or(u32::MAX)
}

fn request_timer(
    distance: Duration,
    config: &Config,
    now: Instant,
    backoff: u32,
    rng: &mut Rng,
) -> Timer {
    let (c1, c2) = (times(distance, config.c1), times(distance, config.c2));
    let due = now.after(random_time(c1, c1 + c2, rng) * (1 << backoff));
    let ignore_until = if backoff == 0 { now } else { now.after(due.since(now) / 2) };
    Timer { due, ignore_until, backoff }
}

#[cfg(test)]
mod tests;
