//! The median-counter algorithm (Karp, Schindelhauer, Shenker and Vöcking, *Randomized rumor
//! spreading*, 2000).
//!
//! Rule: Each round every node calls a random node, and entries travel both ways, each with the
//! *age* that its sender gives it. A node that learns an entry is in state B with age 1. At the end of
//! a round its age grows by 1 if more of its partners in the round had at least that age than had not
//! (a partner that does not mention the entry counts as age 0). At the age of b it is in state C: it
//! still spreads the entry for c rounds, then is silent (D). A node that learns an entry from nodes in C
//! only, or meets one, is in C. Whatever happens, it is silent after r rounds. b = c = ⌈ln ln n⌉, r = ⌈ln n⌉.
//!
//! Cost: O(n ln ln n) copies and O(ln n) rounds with high probability, without knowledge of other nodes'
//! states: the least for algorithms that do not look at addresses. Plain push needs n ln n copies. Empty
//! calls are made in every round, whether there is an entry or not.
//!
//! Used by: MaidSafe's `sn_gossip`.
//!
//! Breaks with: a node that is down while an entry spreads: it never learns it, there is no repair.
//! Lost messages count as partners without the entry, which only makes nodes talk longer. Nodes
//! without an entry must call all the same: if they do not, the pull phase is gone and some are
//! missed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::gossip::{CyclePeers, CycleTimer};
use crate::id::{EntryId, Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;

crate::settings! {
    /// The settings.
    pub struct Config {
        /// Time of a round.
        period: Duration as Interval = Duration::from_millis(100), "--period", "time of a round";
    }
}

crate::message! {
    /// An exchange: the entries of which the sender is in state B or C, each with its age, which is
    /// [`Limits::age`] in state C.
    pub enum Message: "median-counter" {
        /// A call, which is answered.
        Call = "call" {
            /// The entries.
            entries: Vec<Entry>,
            /// The age of each.
            ages: Vec<u64>,
        },
        /// The answer.
        Answer = "answer" {
            /// The entries.
            entries: Vec<Entry>,
            /// The age of each.
            ages: Vec<u64>,
        },
    }
}

/// The limits that the size of the cluster sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// b: the age at which state B ends.
    pub age: u32,
    /// c: rounds in state C.
    pub rounds_in_c: u32,
    /// r: rounds in B and C together.
    pub rounds: u32,
}

/// State B or C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Spreading, with this age.
    B(u32),
    /// Spreading, for the last rounds; the number of rounds so far.
    C(u32),
}

/// An entry that is being spread.
#[derive(Clone, Debug)]
struct Hot {
    entry: Entry,
    state: State,
    /// Rounds since it was learned.
    rounds: u32,
    /// Partners of this round that gave it at least this node's age.
    older: u32,
    /// Partners of this round before it was learned: they do not count.
    before: u32,
    /// A partner of this round was in state C.
    met_c: bool,
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct MedianCounter {
    limits: Limits,
    peers: CyclePeers,
    timer: CycleTimer,
    store: Store,
    /// Ascending by name.
    hot: Vec<Hot>,
    /// Partners in this round.
    partners: u32,
}

impl Limits {
    /// The limits for a cluster of `nodes` nodes.
    #[must_use]
    pub fn new(nodes: u32) -> Self {
        let ln = f64::from(nodes.max(1)).ln();
        let at_least_1 = |number: f64| (number.ceil() as u32).max(1);
        let age = at_least_1(ln.ln());
        Self { age, rounds_in_c: age, rounds: at_least_1(ln) }
    }
}

impl Protocol for MedianCounter {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, _: Instant) -> Self {
        Self {
            limits: Limits::new(cluster.len()),
            peers: CyclePeers::new(cluster.me(), cluster.len(), &mut rng),
            timer: CycleTimer::new(config.period, &mut rng),
            store: Store::default(),
            hot: Vec::new(),
            partners: 0,
        }
    }

    fn on_topology(&mut self, now: Instant, _: Arc<Graph>, _: &mut Effects<Message>) {
        self.timer.start(now);
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _: &mut Effects<Message>) {
        self.timer.start(now);
        if self.store.insert(&entry) {
            self.heat(entry, State::B(1));
        }
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        self.timer.start(now);
        let (entries, ages) = match message {
            Message::Call { entries, ages } => {
                // The answer tells the state before the call.
                let (entries_here, ages_here) = self.told();
                out.send(from, Message::Answer { entries: entries_here, ages: ages_here });
                (entries, ages)
            }
            Message::Answer { entries, ages } => (entries, ages),
        };
        self.partners += 1;
        for (entry, age) in entries.into_iter().zip(ages) {
            let age = u32::try_from(age).unwrap_or(u32::MAX);
            match self.position(entry.id) {
                Ok(at) => self.hot[at].meet(age, self.limits),
                Err(_) => {
                    let state = if age < self.limits.age { State::B(1) } else { State::C(0) };
                    if self.store.receive(&entry, out) {
                        self.heat(entry, state);
                    }
                }
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if self.timer.take(now) {
            self.end_round();
            if let Some(peer) = self.peers.pick(self.timer.cycle(now), 0) {
                let (entries, ages) = self.told();
                out.send(peer, Message::Call { entries, ages });
            }
            self.timer.start(now);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timer.due()
    }

    fn is_infective(&self) -> bool {
        !self.hot.is_empty()
    }

    fn describe(&self, _: Instant, _: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_c = self.hot.iter().filter(|hot| matches!(hot.state, State::C(_))).count();
        let (in_b, held) = (self.hot.len() - in_c, self.store.len());
        writeln!(f, "  entries in state B: {in_b}, C: {in_c}, D: {}", held - self.hot.len())
    }
}

impl Hot {
    /// A partner mentions the entry.
    fn meet(&mut self, age: u32, limits: Limits) {
        self.met_c |= age >= limits.age;
        if let State::B(own) = self.state {
            self.older += u32::from(age >= own);
        }
    }

    /// The state in the next round; `None` is D.
    fn next(&self, partners: u32, limits: Limits) -> Option<State> {
        if self.rounds + 1 >= limits.rounds {
            return None;
        }
        match self.state {
            State::B(_) if self.met_c => Some(State::C(0)),
            State::B(age) => {
                let younger = (partners - self.before).saturating_sub(self.older);
                let age = age + u32::from(self.older > younger);
                Some(if age >= limits.age { State::C(0) } else { State::B(age) })
            }
            State::C(rounds) => (rounds + 1 < limits.rounds_in_c).then_some(State::C(rounds + 1)),
        }
    }
}

impl MedianCounter {
    /// The state with respect to an entry. `None`: the node does not know it, or is silent about it.
    #[must_use]
    pub fn state(&self, id: EntryId) -> Option<State> {
        self.position(id).ok().map(|at| self.hot[at].state)
    }

    fn position(&self, id: EntryId) -> Result<usize, usize> {
        self.hot.binary_search_by_key(&id, |hot| hot.entry.id)
    }

    /// Begins to spread a new entry.
    fn heat(&mut self, entry: Entry, state: State) {
        if let Err(at) = self.position(entry.id) {
            let (rounds, older, before, met_c) = (0, 0, self.partners, false);
            self.hot.insert(at, Hot { entry, state, rounds, older, before, met_c });
        }
    }

    /// The entries to tell, and their ages.
    fn told(&self) -> (Vec<Entry>, Vec<u64>) {
        let age = |hot: &Hot| match hot.state {
            State::B(age) => u64::from(age),
            State::C(_) => u64::from(self.limits.age),
        };
        (self.hot.iter().map(|hot| hot.entry.clone()).collect(), self.hot.iter().map(age).collect())
    }

    fn end_round(&mut self) {
        let (partners, limits) = (std::mem::take(&mut self.partners), self.limits);
        self.hot.retain_mut(|hot| {
            let next = hot.next(partners, limits);
            hot.state = next.unwrap_or(hot.state);
            (hot.rounds, hot.older, hot.before, hot.met_c) = (hot.rounds + 1, 0, 0, false);
            next.is_some()
        });
    }
}

#[cfg(test)]
mod tests;
