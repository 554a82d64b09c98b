//! The machines that one event may involve, and its time.

use super::anti_entropy::AntiEntropy;
use super::eager_push::EagerPush;
#[cfg(feature = "mutations")]
use super::mutation::Mutation;
use super::peers::Peers;
use super::replica::Replica;
use super::stats::Stats;
use crate::cluster::Cluster;
use crate::protocol::Rng;
use crate::time::Instant;

/// Everything that tree repair, receiver and transmitter work with.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) cluster: &'a Cluster,
    pub(crate) replica: &'a mut Replica,
    pub(crate) peers: &'a mut Peers,
    pub(crate) push: &'a mut EagerPush,
    pub(crate) anti_entropy: &'a mut AntiEntropy,
    pub(crate) stats: &'a mut Stats,
    pub(crate) rng: &'a mut Rng,
    #[cfg(feature = "mutations")]
    pub(crate) mutation: Option<Mutation>,
}

impl Context<'_> {
    /// Something may be missing somewhere: the next digests follow fast.
    pub(crate) fn hasten_digests(&mut self) {
        self.anti_entropy.hasten(self.now, self.rng);
    }
}
