//! Random gossip: each period to `fanout` random nodes, over and over or once (LITERATURE: fanout
//! and rounds; Kermarrec, Massoulié and Ganesh 2003; Eugster et al. 2004).
//!
//! Rule, *repeat*: every period, send all entries held to `fanout` random nodes, for ever. *Once*
//! (infect and die): send an entry in the first period after its arrival, and never again.
//!
//! Cost: repeat: n · fanout messages per period, of a size that grows with all that was ever
//! submitted. Once: `fanout` copies per node and entry.
//!
//! Model: repeat informs i(t+1) = n - (n - i(t)) (1 - 1/(n-1))^(fanout · i(t)) nodes; with 1,000
//! nodes and fanout 3 all of them after 8.2 rounds. Once reaches the share p = 1 - e^(-fanout · p),
//! which is 94 % with fanout 3; all nodes with probability e^(-e^(-c)) at fanout ln n + c.
//!
//! Used by: peer-to-peer networks (once), the simulator on Serf's home page (repeat); real systems
//! send differences instead (see `anti-entropy`).
//!
//! Breaks with: once: any loss, because nothing repairs it. Repeat: its own traffic.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::gossip::{Ticker, random_others};
use crate::id::{Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;

crate::choice! {
    /// Number of times that an entry is sent.
    pub enum Mode {
        /// In every period.
        Repeat = "repeat",
        /// In the first period after its arrival.
        Once = "once",
    }
}

crate::settings! {
    /// Settings of random gossip.
    pub struct Config {
        /// Repeat or once. Default repeat, which reaches all nodes.
        mode: Mode as Choice = Mode::Repeat, "--mode", "repeat, or once (infect and die)";
        /// Time between two rounds. Default 500 ms: with fanout 3, some four seconds to 1,000 nodes.
        period: Duration as Interval = Duration::from_millis(500), "--period",
            "time between two rounds";
        /// Receivers per round. Default 3.
        fanout: usize as Count = 3, "--fanout", "random nodes that a node sends to per round";
    }
}

crate::message! {
    /// The message.
    pub enum Message: "random" {
        /// Entries for a random node.
        Gossip = "gossip" {
            /// The entries.
            entries: Vec<Entry>,
        },
    }
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Random {
    cluster: Cluster,
    config: Config,
    rng: Rng,
    store: Store,
    /// Entries that have not been sent yet, in order of arrival.
    fresh: Vec<Entry>,
    ticker: Ticker,
}

impl Protocol for Random {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, config: &Config, mut rng: Rng, now: Instant) -> Self {
        let ticker = Ticker::new(config.period, now, &mut rng);
        let config = config.clone();
        Self { cluster, config, rng, store: Store::default(), fresh: Vec::new(), ticker }
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, _: Instant, entry: Entry, _: &mut Effects<Message>) {
        if self.store.insert(&entry) {
            self.learn(entry);
        }
    }

    fn on_message(&mut self, _: Instant, _: NodeId, message: Message, out: &mut Effects<Message>) {
        let Message::Gossip { entries } = message;
        for entry in entries {
            if self.store.receive(&entry, out) {
                self.learn(entry);
            }
        }
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Message>) {
        if !self.ticker.is_due(now) {
            return;
        }
        let fresh = std::mem::take(&mut self.fresh);
        let entries = match self.config.mode {
            Mode::Repeat => self.store.entries().collect(),
            Mode::Once => fresh,
        };
        if !entries.is_empty() {
            let peers = random_others(&self.cluster, self.config.fanout, &mut self.rng);
            out.send_all(peers, Message::Gossip { entries });
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        Some(self.ticker.next())
    }
}

impl Random {
    /// A new entry.
    fn learn(&mut self, entry: Entry) {
        if self.config.mode == Mode::Once {
            self.fresh.push(entry);
        }
    }
}

#[cfg(test)]
mod tests;
