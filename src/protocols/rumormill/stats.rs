//! Counters of a node.

use super::message::Gossip;

/// Counters since the start of the node; they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Gossip messages sent.
    pub gossip_sent: u64,
    /// Of those, messages without entries.
    pub bare_sent: u64,
    /// Digests and checksums sent.
    pub digests_sent: u64,
    /// Entries sent, repetitions included.
    pub entries_sent: u64,
    /// Entries received that were new.
    pub entries_received: u64,
    /// Entries received that were held already.
    pub duplicates_received: u64,
    /// Times a batch counted as lost and was queued again.
    pub retries: u64,
    /// Times a peer was suspected.
    pub suspicions: u64,
    /// Messages sent to a suspected peer.
    pub probes: u64,
    /// Entries sent because a digest showed that the peer lacks them.
    pub repairs: u64,
    /// Times a peer was found to have restarted.
    pub restarts_seen: u64,
}

impl Stats {
    /// Counts a message to a peer.
    pub(crate) fn on_sent(&mut self, gossip: &Gossip, is_probe: bool) {
        self.gossip_sent += 1;
        self.bare_sent += u64::from(gossip.entries.is_empty());
        self.digests_sent += u64::from(gossip.is_digest || gossip.checksum.is_some());
        self.probes += u64::from(is_probe);
        self.entries_sent += gossip.entries.iter().map(|e| e.values.len() as u64).sum::<u64>();
    }
}
