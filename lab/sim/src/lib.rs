//! A discrete-event simulator of processes that exchange messages, in virtual time.
//!
//! A [`Process`] is a state machine. [`Sim`] hosts many: it gives each a clock, pauses, crashes
//! and restarts them, and hands them what their [`Medium`] carries: a [`network::Network`] with
//! latency, loss, duplication, reordering, cuts and partitions, and perhaps clients. An
//! [`Observer`] sees every event.
//!
//! [`Bare`] makes a process of any protocol, without names or JSON, for clusters of any size;
//! [`server`] one of the Maelstrom node. Everything is decided by seeds: the same seed gives the
//! same run.
//!
//! ```
//! use std::sync::Arc;
//! use rumormill::cluster::Graph;
//! use rumormill::id::NodeId;
//! use rumormill::protocol::Entry;
//! use rumormill::protocols::flood::{Config, Flood};
//! use rumormill::value::Value;
//! use rumormill_sim::network::{NetworkConfig, latency::Latency};
//! use rumormill_sim::{Bare, MS, Nanos, Observer, Plain, Sim};
//!
//! /// When each node got the value.
//! struct Spread(Vec<(NodeId, Nanos)>);
//!
//! impl Observer<Bare<Flood>> for Spread {
//!     fn delivered(&mut self, sim: &Sim<Bare<Flood>>, node: NodeId, _: &Entry) {
//!         self.0.push((node, sim.now()));
//!     }
//! }
//!
//! let line = Arc::new(Graph::new(3, [(NodeId(0), NodeId(1)), (NodeId(1), NodeId(2))]));
//! let latency = Latency { mean_ms: 10, ..Latency::default() };
//! let network = NetworkConfig { nodes: 3, seed: 1, latency, ..NetworkConfig::default() };
//! let nodes = Bare::<Flood>::cluster(&line, &Config {}, 1);
//! let mut sim = Sim::new(nodes, Plain::new(network));
//! let mut spread = Spread(Vec::new());
//! sim.start(&mut spread);
//! sim.medium_mut().request(5 * MS, NodeId(0), Value::Int(7));
//! sim.run_until(1_000 * MS, &mut spread);
//! assert_eq!(spread.0, [(NodeId(0), 5 * MS), (NodeId(1), 15 * MS), (NodeId(2), 25 * MS)]);
//! assert_eq!(sim.medium().sent(), 2);
//! ```

mod bare;
pub mod dice;
mod disk;
mod fault;
mod flight;
mod host;
mod medium;
mod named;
pub mod network;
mod observer;
mod process;
pub mod server;
mod sim;
mod storage;
mod time;
pub mod timer_queue;

pub use bare::Bare;
pub use disk::SimDisk;
pub use fault::{NodeFault, NodeFaultKind};
pub use flight::Flight;
pub use host::Host;
pub use medium::{Medium, Numbered, Plain, PlainNetwork, on_fault};
pub use process::{Input, Outbox, Output, Process};
pub use sim::{Observer, Sim};
pub use storage::{DiskConfig, DiskCounts, RETRY_INTERVAL};
pub use time::{MS, Nanos};
