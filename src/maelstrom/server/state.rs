//! The states of a server: without a name, and a member of a cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cluster::Nodes;
use crate::id::NodeId;
use crate::protocol::{Protocol, Rng};
use crate::time::Instant;

/// Before and after `init`: a protocol exists once the node knows its name.
#[derive(Clone, Debug)]
pub(super) enum State<P: Protocol> {
    Unnamed(Box<(P::Config, Rng)>),
    Member(Box<Member<P>>),
}

#[derive(Clone, Debug)]
pub(super) struct Member<P> {
    pub(super) me: NodeId,
    pub(super) nodes: Arc<Nodes>,
    /// Sequence number of the next entry that is submitted here.
    pub(super) next_sequence: u64,
    /// When the protocol begins by itself, if it is told no topology: see [`Member::begin_at`].
    pub(super) begin_at: Option<Instant>,
    /// The node has come back with entries from its journal.
    pub(super) is_restored: bool,
    /// Peers of another protocol or version that the log has named.
    pub(super) mismatched: BTreeSet<NodeId>,
    pub(super) protocol: P,
}

impl<P: Protocol> Member<P> {
    /// When the protocol begins by itself, with all nodes as neighbours. One that has timers has begun,
    /// unless the node was there before and its peers may wait for it.
    pub(super) fn begin_at(&self) -> Option<Instant> {
        self.begin_at.filter(|_| self.is_restored || self.protocol.next_timeout().is_none())
    }
}
