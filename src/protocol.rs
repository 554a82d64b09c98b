//! The interface of a dissemination protocol: a pure state machine among numbered nodes.
//!
//! A protocol sees numbers and instants, never names, JSON or clients. Entries come in through
//! [`Protocol::on_submit`] and [`Protocol::on_message`]; messages, deliveries and lines of log go
//! out through [`Effects`]. The Maelstrom layer ([`crate::maelstrom::server`]) is the same for all
//! protocols, and so is the lab's simulator.

use std::fmt;
use std::sync::Arc;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::config::Settings;
pub use crate::effects::{Effects, Entry};
use crate::id::{Generation, NodeId};
pub use crate::rng::Rng;
use crate::time::Instant;

/// A dissemination protocol.
///
/// Where its messages leave a process they are lines of JSON ([`Wire`](crate::wire::Wire)), and
/// their `type` is the protocol's name. After every call the host drains the effects and asks
/// [`Protocol::next_timeout`] again.
pub trait Protocol: Clone + fmt::Debug + Send + Sized + 'static {
    /// Settings. A record keeps them as JSON.
    type Config: Settings;
    /// The message between nodes.
    type Message: Clone + fmt::Debug + PartialEq + Send + Sync + 'static;

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
