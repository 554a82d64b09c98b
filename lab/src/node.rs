//! Our node as the lab uses it: the protocol `rumormill` with any service.

use std::sync::OnceLock;

use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::server;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::link::Link;
use rumormill::protocols::rumormill::replica::Replica;
use rumormill::protocols::rumormill::stats::Stats;
use rumormill::service::{AnyService, Service};
use rumormill_sim::server::Noting;

/// The node.
pub type Node = server::Server<Rumormill, AnyService>;

/// The node in a simulation.
pub type SimServer = server::Server<Rumormill, Noting<AnyService>>;

/// The state of our protocol; empty before `init`.
pub trait Inspect {
    /// The entries held.
    fn replica(&self) -> &Replica;
    /// Counters.
    fn stats(&self) -> Stats;
    /// The peers that the node has exchanged messages with.
    fn links(&self) -> impl Iterator<Item = (NodeId, &Link)>;
}

impl<S: Service> Inspect for server::Server<Rumormill, S> {
    fn replica(&self) -> &Replica {
        static EMPTY: OnceLock<Replica> = OnceLock::new();
        let empty = || Replica::new(Origin { node: NodeId(0), generation: Generation(0) });
        self.protocol().map_or_else(|| EMPTY.get_or_init(empty), Rumormill::replica)
    }

    fn stats(&self) -> Stats {
        self.protocol().map(|protocol| *protocol.stats()).unwrap_or_default()
    }

    fn links(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.protocol().into_iter().flat_map(Rumormill::links)
    }
}
