//! Rumormill: a gossip node for Maelstrom's broadcast workload, and the family of protocols that it
//! is one of.
//!
//! # The problem
//!
//! Clients submit values to the nodes of a cluster (`broadcast`) and ask what a node holds (`read`).
//! Every value must reach every node, soon, with few messages between nodes, and none may ever be
//! lost, although the network loses, delays, reorders and duplicates messages, is partitioned, and
//! never reports it.
//!
//! # The map
//!
//! A node is [`Server<Protocol, Service>`](maelstrom::server::Server):
//!
//! * [`maelstrom`]: `init`, `topology`, requests, errors, JSON lines, the record: the same for all;
//! * [`service`]: what clients see, a fold over delivered entries;
//! * [`journal`]: what survives `kill -9`, if the node has one;
//! * [`protocol`] and [`protocols`]: how entries spread, among numbered nodes: pure state machines
//!   that see no names, no JSON, no clock and no client.
//!
//! A floor stands only on those below it:
//!
//! | floor | modules |
//! |---|---|
//! | 5 | [`process`]: the node as a process; [`protocols`]: the list of them |
//! | 4 | each protocol, which knows no other; [`maelstrom`]; [`args`] (the command line); [`family`] (code for any protocol) |
//! | 3 | [`protocol`]; [`service`]; [`wire`] (messages as JSON); [`journal`]; for the family [`store`] (entries held) and [`gossip`] (random peers, periodic timers, piggyback) |
//! | 2 | [`cluster`] (names, graph, trees); [`set`]; [`effects`] (entries, and requests to the host) |
//! | 1 | [`id`], [`time`], [`value`], [`rng`], [`few`] (short lists), [`json`]; [`config`] (settings and flags) |
//!
//! The lab's simulator, its hunt and its replay drive the very same code as a process.
//!
//! # The way of a value, in four stops
//!
//! 1. **Server.** A line arrives at [`stdio`](maelstrom::stdio); [`parse`](maelstrom::parse) reads
//!    it; [`Server::handle_message`](maelstrom::server::Server::handle_message) passes the request
//!    to the service, names each new value ([`id::EntryId`]: node, generation, sequence number),
//!    applies the entry and replies.
//! 2. **Protocol: to which peers.** [`Protocol::on_submit`](protocol::Protocol::on_submit) gets the
//!    entry. Rumormill puts it into its replica; with the next timeout, which is due at once, eager
//!    push chooses the peers by its plan (flood, direct mail, or up a tree to its root and down
//!    again) and the deadline for each.
//! 3. **Link: the queue.** Each peer's [`Link`](protocols::rumormill::link::Link) queues the entry
//!    until the deadline, then moves it to the messages in flight until the peer is known to hold
//!    it. A message whose ack stays away is lost, and its entries are queued again.
//! 4. **Wire.** The server turns the message into a line ([`wire::Wire::encode`]). At the peer the
//!    entry is *delivered* ([`Effects::deliver`](protocol::Effects::deliver)): its service applies
//!    it, and its own eager push forwards it.
//!
//! # Rumormill's protocol on one page
//!
//! * The entries of one origin are numbered, so a set of entries is ranges per origin ([`set`]): one
//!   range each while nothing is missing.
//! * For each peer a node keeps what the peer is **known** to hold, which grows only on evidence from
//!   that peer; what is **in flight** to it; its round-trip time; and whether it is **suspected**.
//! * A message carries entries, and an **ack**: the numbers of the peer's messages that have arrived
//!   (QUIC's ack ranges). A **digest** lists everything its sender holds, so the sender lacks the rest:
//!   ack, negative ack and request in one (push-pull anti-entropy with exact differences; Demers
//!   1987, Scuttlebutt 2008).
//! * Acks go along with messages that are sent anyway. An entry in flight for longer than the round
//!   trip explains is sent again (QUIC's loss detection, RFC 9002). A peer that leaves messages
//!   unacked while others ack is suspected, and probed ever more seldom until it acks again (SWIM).
//! * The latency budget less the delays of the network is spent on batching. A suspected hub is
//!   replaced at once, without an election: its children take the best tree offer (802.1D).
//!
//! `docs/PROTOCOL.md` has the invariants with their arguments and the costs.

pub mod args;
pub mod cluster;
pub mod config;
pub mod effects;
pub mod family;
pub mod few;
pub mod gossip;
pub mod id;
pub mod journal;
pub mod json;
pub mod maelstrom;
pub mod process;
pub mod protocol;
pub mod protocols;
pub mod rng;
pub mod service;
pub mod set;
pub mod store;
pub mod time;
pub mod value;
pub mod wire;
