//! Entries that nodes send each other. An entry is a value in a message from one node to another.

use serde::{Deserialize, Serialize};

/// How many entries there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryCounts {
    /// Sent, repetitions included.
    pub sent: u64,
    /// Received by a node that had the value already: from its client, or in another message
    /// since it last lost its memory. A message that the network doubled counts as well.
    pub repeated: u64,
}
