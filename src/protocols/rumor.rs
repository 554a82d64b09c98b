//! Rumor mongering (Demers et al., *Epidemic algorithms for replicated database maintenance*, 1987,
//! section 1.3).
//!
//! Rule: A node is *susceptible* until it learns an entry, then *infective*: the entry is hot. Each
//! cycle it contacts a random peer: it *pushes* its hot entries, *pulls* those of the peer, or both.
//! It loses interest and is *removed*: *blind*, on every copy sent, or by *feedback*, on copies that the
//! receiver knew; by a *coin* of probability 1/k, or when a *counter* reaches k. With `--reset on` the
//! counter counts useless contacts in a row. A source that is pulled from by several peers in a cycle
//! counts once, and not at all if any of them needed the entry (the paper's footnote).
//! `--judge start` means what was known when the cycle began, as in the paper's synchronous cycles.
//!
//! Cost: m copies per node leave a residue of e^-m nodes that never learn the entry (push); pull
//! leaves e^-Θ(m³), and needs other traffic to pay for its empty requests. `--minimise on`: of two nodes that
//! know, only the one with the smaller counter counts. `--connection-limit` refuses further
//! incoming contacts of a cycle, which helps push (e^-1.58m) and harms pull; `--hunt` tries others.
//!
//! Used by: the Xerox Clearinghouse, in Bimodal Multicast's second phase, in Serf and Consul (blind counter).
//!
//! Breaks with: its residue, which is never 0: some nodes never learn the entry. `--backup N` runs
//! push-pull anti-entropy every N cycles; an entry that it finds missing is hot again. `--interest
//! forever` never loses interest: the paper's simple epidemic, section 1.2.

mod hot;
mod message;
mod settings;

use std::fmt;
use std::sync::Arc;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::few::Few;
use crate::gossip::{CyclePeers, CycleTimer};
use crate::id::{EntryId, Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::set::Versions;
use crate::store::Store;
use crate::time::Instant;
use hot::{Hot, HotEntries};
pub use message::Message;
pub use settings::{Config, Interest, Judge, Loss, Mode};

/// The state of a node with respect to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not know it.
    Susceptible,
    /// It spreads it.
    Infective,
    /// It has lost interest.
    Removed,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Rumor {
    config: Config,
    peers: CyclePeers,
    timer: CycleTimer,
    store: Store,
    hot: HotEntries,
    /// Incoming contacts accepted, and in which cycle.
    accepted: (u64, usize),
    /// Peers that were asked for a connection in this cycle.
    asked: u64,
    /// Hot entries were pushed in this cycle.
    has_pushed: bool,
}

/// The draw of [`CyclePeers`] that chooses the peer of anti-entropy: above those of any hunt.
const BACKUP_DRAW: u64 = 1 << 32;

impl Protocol for Rumor {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, _: Instant) -> Self {
        Self {
            config: config.clone(),
            peers: CyclePeers::new(cluster.me(), cluster.len(), &mut rng),
            hot: HotEntries::new(config, &mut rng),
            timer: CycleTimer::new(config.period, &mut rng),
            store: Store::default(),
            accepted: (0, 0),
            asked: 0,
            has_pushed: false,
        }
    }

    fn on_topology(&mut self, now: Instant, _: Arc<Graph>, _: &mut Effects<Message>) {
        self.wake(now);
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message>) {
        if self.store.insert(&entry) {
            self.hot.insert(entry, false);
        }
        self.wake(now);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        match message {
            Message::Connect {} => out.send(from, self.accept(now)),
            Message::Accept {} => self.contact(from, out),
            Message::Refuse {} => self.hunt(now, out),
            Message::Contact { rumors, counts, pulls } => {
                self.on_contact(from, rumors, &counts, pulls, out);
            }
            Message::Answer { rumors, verdicts } => self.on_answer(from, rumors, &verdicts, out),
            Message::Feedback { verdicts } => self.on_feedback(&verdicts),
            Message::Compare { held } => {
                let (rumors, ours) = (self.store.missing_from(&held), self.store.held());
                if !rumors.is_empty() || self.store.lacks(&held) {
                    out.send(
                        from,
                        Message::Repair { rumors: rumors.into(), held: Some(ours.clone()) },
                    );
                }
            }
            Message::Repair { rumors, held } => self.on_repair(from, rumors, held, out),
        }
        self.wake(now);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if !self.timer.take(now) {
            return;
        }
        let was_blind = std::mem::take(&mut self.has_pushed) && self.config.loss == Loss::Blind;
        self.hot.end_cycle(was_blind);
        let cycle = self.timer.cycle(now);
        if self.config.mode != Mode::Push || !self.hot.is_empty() {
            self.asked = self.config.fanout as u64;
            let (peers, fanout) = (self.peers, self.config.fanout);
            peers.pick_distinct(cycle, fanout, |peer| self.call(peer, out));
        }
        if self.config.backup > 0
            && cycle.is_multiple_of(self.config.backup as u64)
            && let Some(peer) = self.peers.pick(cycle, BACKUP_DRAW)
        {
            out.send(peer, Message::Compare { held: self.store.held().clone() });
        }
        self.wake(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timer.due()
    }

    fn is_infective(&self) -> bool {
        !self.hot.is_empty()
    }

    fn describe(&self, now: Instant, _: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (held, hot) = (self.store.len(), self.hot.len());
        writeln!(f, "  entries infective: {hot}, removed: {}", held - hot)?;
        let next = self.timer.due().map(|due| due.since(now));
        next.map_or(Ok(()), |next| writeln!(f, "  next contact in {} ms", next.as_millis()))
    }
}

impl Rumor {
    /// The state of this node with respect to an entry.
    #[must_use]
    pub fn state(&self, id: EntryId) -> State {
        match (self.store.contains(id), self.hot.position(id)) {
            (false, _) => State::Susceptible,
            (true, Some(_)) => State::Infective,
            (true, None) => State::Removed,
        }
    }

    /// Starts the timer if there is something to do in the next cycle.
    fn wake(&mut self, now: Instant) {
        let is_busy = self.config.mode != Mode::Push || self.config.backup > 0;
        if is_busy || !self.hot.is_empty() {
            self.timer.start(now);
        }
    }

    fn call(&mut self, peer: NodeId, out: &mut Effects<Message>) {
        if self.config.connection_limit > 0 {
            out.send(peer, Message::Connect {});
        } else {
            self.contact(peer, out);
        }
    }

    fn accept(&mut self, now: Instant) -> Message {
        let cycle = self.timer.cycle(now);
        if self.accepted.0 != cycle {
            self.accepted = (cycle, 0);
        }
        self.accepted.1 += 1;
        let limit = self.config.connection_limit;
        if limit == 0 || self.accepted.1 <= limit { Message::Accept {} } else { Message::Refuse {} }
    }

    fn hunt(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.asked < (self.config.fanout + self.config.hunt) as u64 {
            let peer = self.peers.pick(self.timer.cycle(now), self.asked);
            self.asked += 1;
            peer.into_iter().for_each(|peer| self.call(peer, out));
        }
    }

    fn contact(&mut self, peer: NodeId, out: &mut Effects<Message>) {
        let (mut rumors, mut counts) = (Few::new(), Vec::new());
        if self.config.mode != Mode::Pull {
            self.has_pushed = true;
            let hot = || self.hot.known();
            rumors.extend(hot().map(|hot| hot.entry.clone()));
            if self.config.minimise.is_on() {
                counts.extend(hot().map(|hot| hot.count));
            }
        }
        out.send(peer, Message::Contact { rumors, counts, pulls: self.config.mode != Mode::Push });
    }

    fn on_contact(
        &mut self,
        from: NodeId,
        rumors: Few<Entry>,
        counts: &[u64],
        pulls: bool,
        out: &mut Effects<Message>,
    ) {
        let verdicts = self.verdicts(&rumors);
        let mut offered = Few::new();
        if pulls {
            // Hot entries are sent in order of their names.
            let known_there =
                |hot: &Hot| rumors.binary_search_by_key(&hot.entry.id, |entry| entry.id).is_ok();
            let unknown = self.hot.known().filter(|hot| !known_there(hot));
            offered.extend(unknown.map(|hot| hot.entry.clone()));
        }
        for (entry, place) in rumors.into_iter().zip(0..) {
            match self.hot.position(entry.id).filter(|&at| !self.hot.is_fresh(at)) {
                None => self.learn(entry, out),
                Some(at) if self.config.minimise.is_on() => {
                    let theirs = counts.get(place).copied().unwrap_or(0);
                    self.hot.count_useless_if_smaller(at, theirs);
                }
                Some(at) if pulls && self.config.loss == Loss::Feedback => {
                    self.hot.on_pull(at, false);
                }
                Some(_) => {}
            }
        }
        if self.config.loss == Loss::Blind {
            for entry in offered.iter().rev() {
                if let Some(at) = self.hot.position(entry.id) {
                    self.hot.count_useless(at);
                }
            }
        }
        if !offered.is_empty() || !verdicts.is_empty() {
            out.send(from, Message::Answer { rumors: offered, verdicts });
        }
    }

    fn on_answer(
        &mut self,
        from: NodeId,
        rumors: Few<Entry>,
        verdicts: &[(EntryId, u64)],
        out: &mut Effects<Message>,
    ) {
        for (id, verdict) in verdicts {
            let Some(at) = self.hot.position(*id) else { continue };
            match verdict.checked_sub(1) {
                None => self.hot.reset(at),
                Some(theirs) if self.config.minimise.is_on() => {
                    self.hot.count_useless_if_smaller(at, theirs);
                }
                Some(_) => self.hot.count_useless(at),
            }
        }
        let verdicts = self.verdicts(&rumors);
        if !verdicts.is_empty() {
            out.send(from, Message::Feedback { verdicts });
        }
        rumors.into_iter().for_each(|entry| self.learn(entry, out));
    }

    /// Feedback on pulled copies is judged once, at the end of the cycle.
    fn on_feedback(&mut self, verdicts: &[(EntryId, u64)]) {
        for (id, verdict) in verdicts {
            if let Some(at) = self.hot.position(*id) {
                self.hot.on_pull(at, *verdict == 0);
            }
        }
    }

    fn on_repair(
        &mut self,
        from: NodeId,
        rumors: Few<Entry>,
        held: Option<Versions>,
        out: &mut Effects<Message>,
    ) {
        if let Some(theirs) = held {
            let missing = self.store.missing_from(&theirs);
            if !missing.is_empty() {
                out.send(from, Message::Repair { rumors: missing.into(), held: None });
            }
        }
        rumors.into_iter().for_each(|entry| self.learn(entry, out));
    }

    fn learn(&mut self, entry: Entry, out: &mut Effects<Message>) {
        if self.store.receive(&entry, out) {
            self.hot.insert(entry, self.config.judge == Judge::Start);
        }
    }

    /// Feedback on these entries; nothing if it is not wanted.
    fn verdicts(&self, rumors: &[Entry]) -> Few<(EntryId, u64)> {
        if self.config.loss == Loss::Blind || self.config.interest == Interest::Forever {
            return Few::new();
        }
        let verdict = |entry: &Entry| match self.hot.position(entry.id) {
            Some(at) if self.hot.is_fresh(at) => 0,
            Some(at) => 1 + self.hot.count(at),
            None if self.store.contains(entry.id) => 1 + self.config.k as u64,
            None => 0,
        };
        rumors.iter().map(|entry| (entry.id, verdict(entry))).collect()
    }
}

#[cfg(test)]
mod tests;
