//! The interface of a dissemination protocol: a pure state machine among numbered nodes.
//!
//! A protocol sees numbers and instants, never names, JSON or clients. Entries come in through
//! [`Protocol::on_submit`] and [`Protocol::on_message`]; messages, deliveries and lines of log go
//! out through [`Effects`]. The Maelstrom layer ([`crate::maelstrom::server`]) is the same for all
//! protocols, and so is the lab's simulator.

use std::fmt;
use std::sync::Arc;

use rand::rngs::Xoshiro256PlusPlus;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::config::Settings;
use crate::id::{EntryId, Generation, NodeId};
use crate::time::Instant;
use crate::value::Value;
use crate::wire::Wire;

/// The only source of chance of a protocol: named and portable, so that a seed means the same
/// everywhere.
pub type Rng = Xoshiro256PlusPlus;

/// A value with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// The value.
    pub value: Value,
}

/// A dissemination protocol.
///
/// Its name, on the command line and on the wire, is that of its messages ([`Wire::TYPE`]).
/// After every call the host drains the effects and asks [`Protocol::next_timeout`] again.
pub trait Protocol: Clone + fmt::Debug + Send + Sized + 'static {
    /// Settings. A record keeps them as JSON.
    type Config: Settings;
    /// The message between nodes.
    type Message: Clone + fmt::Debug + PartialEq + Wire + Send + Sync + 'static;

    /// The node joins the cluster: `init` arrived.
    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &Self::Config,
        rng: Rng,
        now: Instant,
    ) -> Self;

    /// An entry comes from the journal: an earlier generation of this node held it, and delivered it. No
    /// peer is sent anything for it. Each entry comes once, before every call but [`Protocol::new`].
    fn on_restore(&mut self, entry: Entry);

    /// `topology` arrived: from now on every node can be written to.
    fn on_topology(&mut self, now: Instant, graph: Arc<Graph>, out: &mut Effects<Self::Message>) {
        let _ = (now, graph, out);
    }

    /// A client of this node submitted an entry. This node has delivered it already.
    fn on_submit(&mut self, now: Instant, entry: Entry, out: &mut Effects<Self::Message>);

    /// A message of a peer arrived.
    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Self::Message,
        out: &mut Effects<Self::Message>,
    );

    /// The instant of [`Protocol::next_timeout`] has come.
    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Self::Message>) {
        let _ = (now, out);
    }

    /// No more input will come: sends what waits for a window or a timer.
    fn on_end(&mut self, now: Instant, out: &mut Effects<Self::Message>) {
        let _ = (now, out);
    }

    /// When to call [`Protocol::on_timeout`]. `None`: only after another input.
    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// True while this node will send entries by itself, without another input: it is *infective*.
    fn is_infective(&self) -> bool {
        self.next_timeout().is_some()
    }

    /// Writes the state for people; times are relative to `now`.
    ///
    /// # Errors
    /// Those of the formatter.
    fn describe(&self, now: Instant, nodes: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = (now, nodes);
        writeln!(f, "  {self:?}")
    }
}

/// Requests of a protocol to its host, which drains them after every call.
#[derive(Clone, Debug)]
pub struct Effects<M> {
    sends: Vec<(NodeId, M)>,
    deliveries: Vec<Entry>,
    log: Vec<String>,
    refusals: Vec<String>,
}

impl<M> Default for Effects<M> {
    fn default() -> Self {
        Self { sends: Vec::new(), deliveries: Vec::new(), log: Vec::new(), refusals: Vec::new() }
    }
}

impl<M> Effects<M> {
    /// Sends a message to a peer.
    pub fn send(&mut self, to: NodeId, message: M) {
        self.sends.push((to, message));
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
