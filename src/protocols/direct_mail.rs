//! Direct mail: the origin sends each entry to all other nodes, and no other node acts (Demers et al.
//! 1987, §1.2).
//!
//! Rule: on an update, send it to every node of the list; a receiver stores it.
//!
//! Cost: n - 1 messages per entry and one hop of delay, the least that is possible without
//! batching; but the origin sends them all.
//!
//! Used by: the Clearinghouse, backed by anti-entropy, because mail alone fails; any program that
//! "notifies all". Amazon's Dynamo and Cassandra write to the replicas of a key like this, with
//! hints and repair behind it.
//!
//! Breaks with: each lost message, which is a node without the entry, for ever. With loss `l` the
//! expected coverage is exactly `1 - l`. An origin that dies while it sends has told some and not
//! others. An incomplete node list leaves nodes out.

use crate::cluster::Cluster;
use crate::id::{Generation, NodeId};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::store::Store;
use crate::time::Instant;

crate::settings! {
    /// Direct mail has no settings.
    pub struct Config {}
}

crate::message! {
    /// The message.
    pub enum Message: "direct-mail" {
        /// An update.
        Mail = "mail" {
            /// The entry.
            entries: Vec<Entry>,
        },
    }
}

/// One node's state.
#[derive(Clone, Debug)]
pub struct DirectMail {
    cluster: Cluster,
    /// To know a message that the network doubled.
    store: Store,
}

impl Protocol for DirectMail {
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
        out.send_all(self.cluster.others(), Message::Mail { entries: vec![entry] });
    }

    fn on_message(&mut self, _: Instant, _: NodeId, message: Message, out: &mut Effects<Message>) {
        let Message::Mail { entries } = message;
        for entry in &entries {
            self.store.receive(entry, out);
        }
    }
}

#[cfg(test)]
mod tests;
