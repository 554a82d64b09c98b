//! The machines that one event may involve, and its time.

use crate::cluster::Cluster;
use crate::protocol::Rng;
use crate::protocols::rumormill::anti_entropy::AntiEntropy;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::peers::Peers;
use crate::protocols::rumormill::push::EagerPush;
use crate::protocols::rumormill::replica::Replica;
use crate::protocols::rumormill::stats::Stats;
use crate::time::Instant;

/// Everything that tree repair, receiver and transmitter work with.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) cluster: &'a Cluster,
    pub(crate) replica: &'a mut Replica,
    pub(crate) peers: &'a mut Peers,
    pub(crate) push: &'a mut EagerPush,
    pub(crate) anti_entropy: &'a mut AntiEntropy,
    pub(crate) stats: &'a mut Stats,
    pub(crate) rng: &'a mut Rng,
}

impl Context<'_> {
    /// Something may be missing somewhere: the next digests follow fast.
    pub(crate) fn hasten_digests(&mut self) {
        self.anti_entropy.hasten(self.now, self.rng);
    }
}
