//! The code that the fuzz targets (`fuzz/`) run, shared with the test that replays their findings.

pub(crate) mod node_ops;
pub(crate) mod parse_line;

use rumormill::maelstrom::message;
use rumormill::maelstrom::server::Server;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::service::Broadcast;

// The fuzz targets have no lab to take these from.
type Node = Server<Rumormill, Broadcast>;
type Message = message::Message<Gossip>;
type Body = message::Body<Gossip>;
