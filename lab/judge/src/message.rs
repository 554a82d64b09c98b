//! Messages: what clients and our own nodes say, a message on its way, and the events of a run.

pub mod events;
pub mod packet;

use rumormill::maelstrom::message;
use rumormill::protocols::rumormill::message::Gossip;

/// A message of a client, or of a node of ours.
pub type Message = message::Message<Gossip>;

/// The body of such a message.
pub type Body = message::Body<Gossip>;
