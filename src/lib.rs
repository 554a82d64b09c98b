//! Rumormill: a gossip node for Maelstrom's broadcast workload.
//!
//! # The problem
//!
//! Clients hand values to the nodes of a cluster (`broadcast`) and ask what a node holds (`read`).
//! Every value must come to be on every node, soon, with few messages between nodes, and none may
//! ever be lost, although the network loses, delays, reorders and duplicates messages, is torn
//! into parts, and never says so.
//!
//! # The protocol on one page
//!
//! * A value broadcast at a node becomes an **entry**, named by its origin (the node and its
//!   **generation**, a boot id) and a sequence number. What somebody holds is a set of such names,
//!   kept as ranges ([`held`]): one range per origin while nothing is missing.
//! * For each peer a node keeps a [`link`]: what the peer is **known** to hold, which grows only
//!   on evidence that came from that peer; what is **in flight** to it; its round-trip time.
//! * There is one message, [`Gossip`](message::Gossip). It carries entries, and evidence: for some
//!   origins everything the sender holds. A **digest** does so for all origins, so that what is
//!   not in it the sender lacks: acknowledgement, negative acknowledgement and request in one
//!   (push-pull anti-entropy with exact differences; Demers et al. 1987, Scuttlebutt 2008).
//! * Evidence rides on messages that go out anyway. An entry in flight for longer than the
//!   measured round trip explains is sent again; a peer that does not answer is **silent**, and is
//!   probed ever more seldom until it is heard again. Now and then a digest goes to a neighbour.
//! * Where a new value goes first is the [`route`]'s business, and how long it may wait there for
//!   company follows from the latency budget ([`plan`]): direct mail, a hub, a tree. A silent hub
//!   is replaced at once, without an election.
//!
//! `docs/PROTOCOL.md` has the invariants with their arguments and the costs.
//!
//! # The code
//!
//! [`Node`](node::Node) is a pure state machine: no clock, no I/O, no threads, one seeded
//! generator. Messages and instants go in, messages and one next deadline come out. [`stdio`]
//! drives it as a process; the lab's simulator and replay drive the very same code.

pub mod args;
pub mod cluster;
pub mod config;
pub mod id;
pub mod maelstrom;
pub mod protocol;
pub mod protocols;
pub mod service;
pub mod set;
pub mod time;
pub mod value;
pub mod wire;
