//! Entries, and the requests of a protocol to its host: send this, deliver that.

use std::collections::VecDeque;

use crate::id::{EntryId, NodeId};
use crate::value::Value;

/// A value with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// The value.
    pub value: Value,
}

/// Requests of a protocol to its host, which drains them after every call.
#[derive(Clone, Debug)]
pub struct Effects<M> {
    sends: VecDeque<(NodeId, M)>,
    deliveries: Vec<Entry>,
    log: Vec<String>,
    refusals: Vec<String>,
}

impl<M> Default for Effects<M> {
    fn default() -> Self {
        Self {
            sends: VecDeque::new(),
            deliveries: Vec::new(),
            log: Vec::new(),
            refusals: Vec::new(),
        }
    }
}

impl<M> Effects<M> {
    /// Sends a message to a peer.
    pub fn send(&mut self, to: NodeId, message: M) {
        self.sends.push_back((to, message));
    }

    /// Sends a message to each of some peers.
    pub fn send_all(&mut self, peers: impl IntoIterator<Item = NodeId>, message: &M)
    where
        M: Clone,
    {
        self.sends.extend(peers.into_iter().map(|peer| (peer, message.clone())));
    }

    /// Delivers an entry of another node, which is new here: the service applies it.
    pub fn deliver(&mut self, entry: Entry) {
        self.deliveries.push(entry);
    }

    /// Writes a line for people.
    pub fn log(&mut self, text: String) {
        self.log.push(text);
    }

    /// Rejects the message that is being handled: it contradicts what this node knows for certain.
    pub fn refuse(&mut self, reason: String) {
        self.refusals.push(reason);
    }

    /// Number of messages to send.
    #[must_use]
    pub fn send_count(&self) -> usize {
        self.sends.len()
    }

    /// Takes the next message to send.
    pub fn pop_send(&mut self) -> Option<(NodeId, M)> {
        self.sends.pop_front()
    }

    /// Takes the messages to send, in order.
    pub fn drain_sends(&mut self) -> impl Iterator<Item = (NodeId, M)> + '_ {
        self.sends.drain(..)
    }

    /// Takes the entries to deliver, in order.
    pub fn drain_deliveries(&mut self) -> impl Iterator<Item = Entry> + '_ {
        self.deliveries.drain(..)
    }

    /// Takes the lines for people, in order.
    pub fn drain_log(&mut self) -> impl Iterator<Item = String> + '_ {
        self.log.drain(..)
    }

    /// Takes the reasons why the message was rejected, if it was.
    pub fn drain_refusals(&mut self) -> impl Iterator<Item = String> + '_ {
        self.refusals.drain(..)
    }
}
