//! Entries, and the requests of a protocol to its host: send this, deliver that.

use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;

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
    /// Peers that are sent the same message share it.
    sends: VecDeque<(NodeId, Arc<M>)>,
    deliveries: VecDeque<Entry>,
    log: VecDeque<String>,
    refusals: VecDeque<String>,
}

impl<M> Default for Effects<M> {
    fn default() -> Self {
        Self {
            sends: VecDeque::new(),
            deliveries: VecDeque::new(),
            log: VecDeque::new(),
            refusals: VecDeque::new(),
        }
    }
}

impl<M> Effects<M> {
    /// Sends a message to a peer.
    pub fn send(&mut self, to: NodeId, message: M) {
        self.sends.push_back((to, Arc::new(message)));
    }

    /// Sends a message to each of some peers.
    pub fn send_all(&mut self, peers: impl IntoIterator<Item = NodeId>, message: M) {
        let message = Arc::new(message);
        self.sends.extend(peers.into_iter().map(|peer| (peer, Arc::clone(&message))));
    }

    /// Sends a message that others may be sent as well.
    pub fn send_shared(&mut self, to: NodeId, message: Arc<M>) {
        self.sends.push_back((to, message));
    }

    /// Delivers an entry of another node, which is new here: the service applies it.
    pub fn deliver(&mut self, entry: Entry) {
        self.deliveries.push_back(entry);
    }

    /// Writes a line for people.
    pub fn log(&mut self, text: String) {
        self.log.push_back(text);
    }

    /// Rejects the message that is being handled: it contradicts what this node knows for certain.
    pub fn refuse(&mut self, reason: String) {
        self.refusals.push_back(reason);
    }

    /// Number of messages to send.
    #[must_use]
    pub fn send_count(&self) -> usize {
        self.sends.len()
    }

    /// Takes the next message to send.
    pub fn pop_send(&mut self) -> Option<(NodeId, Arc<M>)> {
        self.sends.pop_front()
    }

    /// Takes the messages to send, in order.
    pub fn drain_sends(&mut self) -> impl Iterator<Item = (NodeId, M)> + '_
    where
        M: Clone,
    {
        let unshared = |(to, message)| (to, Arc::unwrap_or_clone(message));
        iter::from_fn(move || self.pop_send().map(unshared))
    }

    /// Takes the next entry to deliver.
    pub fn pop_delivery(&mut self) -> Option<Entry> {
        self.deliveries.pop_front()
    }

    /// Takes the entries to deliver, in order.
    pub fn drain_deliveries(&mut self) -> impl Iterator<Item = Entry> + '_ {
        iter::from_fn(|| self.pop_delivery())
    }

    /// Takes the lines for people, in order.
    pub fn drain_log(&mut self) -> impl Iterator<Item = String> + '_ {
        iter::from_fn(|| self.log.pop_front())
    }

    /// Takes the reasons why the message was rejected, if it was.
    pub fn drain_refusals(&mut self) -> impl Iterator<Item = String> + '_ {
        iter::from_fn(|| self.refusals.pop_front())
    }
}
