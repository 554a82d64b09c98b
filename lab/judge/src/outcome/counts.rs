//! Counts of messages, as Maelstrom counts them and finer.

use std::collections::BTreeMap;

use rumormill::cluster::Name;
use rumormill_sim::network::DropCause;
use serde::{Deserialize, Serialize};

/// Maelstrom's three figures for a class of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassCount {
    /// Messages that entered the network.
    #[serde(rename = "send-count")]
    pub send: u64,
    /// Messages handed over (a duplicate counts again).
    #[serde(rename = "recv-count")]
    pub recv: u64,
    /// Distinct messages.
    #[serde(rename = "msg-count")]
    pub msg: u64,
}

/// Messages of one type, or on one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCount {
    /// Messages that entered the network.
    #[serde(rename = "sent")]
    pub send: u64,
    /// Messages handed over.
    #[serde(rename = "received")]
    pub recv: u64,
    /// Bytes of the bodies sent, as JSON.
    pub bytes: u64,
}

/// All counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Every message.
    pub all: ClassCount,
    /// A client at either end.
    pub clients: ClassCount,
    /// The rest.
    pub servers: ClassCount,
    /// Bytes of all bodies sent between servers.
    pub server_bytes: u64,
    /// Messages between servers that bring no value, as far as one can tell: only our own gossip
    /// shows it.
    pub valueless: u64,
    /// By the body's `type`; `""` for bodies without one.
    pub types: BTreeMap<String, FlowCount>,
    /// By sender and receiver, between servers only.
    pub links: BTreeMap<(Name, Name), FlowCount>,
    /// Messages that never arrived.
    pub dropped: BTreeMap<DropCause, u64>,
}
