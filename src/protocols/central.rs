//! Central: everything goes through one server, the first node of the list. The contrast to gossip.
//!
//! Rule: a node sends each entry to the server, which sends it to all others.
//!
//! Cost: n - 1 messages per entry, as many as direct mail, and two hops of delay; but the server
//! sends or receives every one of them.
//!
//! Used by: chat servers, brokers, most applications with a database in the middle. A hub that
//! batches (Rumormill's `hub` route) is the same tree with fewer messages.
//!
//! Breaks with: its server, a bottleneck and a single point of failure. While it is down or cut
//! off, nothing spreads, and the entries sent meanwhile are lost: no node sends them again.

use crate::cluster::Cluster;
use crate::id::{Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;

/// The node that everything goes through.
const SERVER: NodeId = NodeId(0);

crate::settings! {
    /// The central server has no settings.
    pub struct Config {}
}

crate::message! {
    /// The message.
    pub enum Message: "central" {
        /// To the server, or from it.
        Update = "update" {
            /// The entry.
            entries: Vec<Entry>,
        },
    }
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Central {
    cluster: Cluster,
    store: Store,
}

impl Protocol for Central {
    type Config = Config;
    type Message = Message;

    fn new(cluster: Cluster, _: Generation, _: &Config, _: Rng, _: Instant) -> Self {
        Self { cluster, store: Store::default() }
    }

    fn on_restore(&mut self, entry: Entry) {
        self.store.insert(&entry);
    }

    fn on_submit(&mut self, _: Instant, entry: Entry, out: &mut Effects<Message>) {
        self.store.insert(&entry);
        if self.cluster.me() == SERVER {
            self.publish(entry, SERVER, out);
        } else {
            out.send(SERVER, Message::Update { entries: vec![entry] });
        }
    }

    fn on_message(
        &mut self,
        _: Instant,
        from: NodeId,
        message: Message,
        out: &mut Effects<Message>,
    ) {
        let Message::Update { entries } = message;
        for entry in entries {
            if self.store.receive(&entry, out) && self.cluster.me() == SERVER {
                self.publish(entry, from, out);
            }
        }
    }
}

impl Central {
    /// Sends an entry to all but the node it came from.
    fn publish(&self, entry: Entry, from: NodeId, out: &mut Effects<Message>) {
        let peers = self.cluster.others().filter(|&peer| peer != from);
        out.send_all(peers, Message::Update { entries: vec![entry] });
    }
}

#[cfg(test)]
mod tests;
