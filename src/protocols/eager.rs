//! Eager reliable broadcast: every node sends each entry on to every other node when it first gets
//! it (Hadzilacos and Toueg 1993; Cachin, Guerraoui and Rodrigues 2011, "eager").
//!
//! Rule: on the first receipt, deliver, and relay to all.
//!
//! Cost: n (n - 1) messages per entry, about n copies at every node, and one hop of delay.
//!
//! Used by: textbooks, where it gives agreement without a failure detector; small consensus groups.
//!
//! Breaks with: its price, and a partition: everything was sent before the heal, and nothing is
//! sent again. A crash of the origin in the middle of its send does no harm, because any node that
//! has the entry sends it to all; random loss seldom does, because n - 1 copies come.

use crate::cluster::Cluster;
use crate::id::{Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;

crate::settings! {
    /// Eager broadcast has no settings.
    pub struct Config {}
}

crate::message! {
    /// The message.
    pub enum Message: "eager" {
        /// From the origin or a relay.
        Relay = "relay" {
            /// The entry.
            entries: Vec<Entry>,
        },
    }
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct Eager {
    cluster: Cluster,
    store: Store,
}

impl Protocol for Eager {
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
        self.relay(entry, out);
    }

    fn on_message(&mut self, _: Instant, _: NodeId, message: Message, out: &mut Effects<Message>) {
        let Message::Relay { entries } = message;
        for entry in entries {
            if self.store.receive(&entry, out) {
                self.relay(entry, out);
            }
        }
    }
}

impl Eager {
    fn relay(&self, entry: Entry, out: &mut Effects<Message>) {
        out.send_all(self.cluster.others(), Message::Relay { entries: vec![entry] });
    }
}

#[cfg(test)]
mod tests;
