//! Counters of a node.

use super::message::Gossip;

/// Declares the counters, each with its words in a description.
macro_rules! counters {
    ($($(#[$doc:meta])* $counter:ident = $words:literal,)*) => {
        /// Counters since the start of the node; they only grow.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $counter: u64,)*
        }

        impl Stats {
            /// The counters above 0, in words.
            pub(crate) fn in_words(&self) -> Vec<String> {
                let all = [$((self.$counter, $words),)*];
                let counted = all.iter().filter(|(count, _)| *count > 0);
                counted.map(|(count, words)| format!("{count} {words}")).collect()
            }
        }
    };
}

counters! {
    /// Gossip messages sent.
    gossip_sent = "gossip messages sent",
    /// Of those, messages without entries.
    bare_sent = "without entries",
    /// Digests and checksums sent.
    digests_sent = "digests",
    /// Entries sent, repetitions included.
    entries_sent = "entries sent",
    /// Entries received that were new.
    entries_received = "received",
    /// Entries received that were held already.
    duplicates_received = "received again",
    /// Times a batch counted as lost and was queued again.
    retries = "retries",
    /// Times a peer was suspected.
    suspicions = "suspicions",
    /// Messages sent to a suspected peer.
    probes = "probes",
    /// Entries sent because a digest showed that the peer lacks them.
    repairs = "repairs",
    /// Times a peer was found to have restarted.
    restarts_seen = "restarts seen",
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
