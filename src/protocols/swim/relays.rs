//! Pings on behalf of other members.

use crate::id::NodeId;
use crate::time::Instant;

/// The ping-reqs whose acks are outstanding.
#[derive(Clone, Debug, Default)]
pub(super) struct Relays(Vec<Relay>);

/// A ping on behalf of another member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relay {
    /// The number of the ping.
    pub(super) number: u64,
    /// The member that asked for it, and the number of its request.
    pub(super) request: (NodeId, u64),
    /// When a nack is sent (Lifeguard); `None` if none is, or it has been.
    pub(super) nack_at: Option<Instant>,
    /// When an ack comes too late.
    pub(super) ends_at: Instant,
}

impl Relays {
    pub(super) fn push(&mut self, relay: Relay) {
        self.0.push(relay);
    }

    /// An ack of the ping of that number: the request that it answers.
    pub(super) fn on_ack(&mut self, number: u64) -> Option<(NodeId, u64)> {
        let at = self.0.iter().position(|relay| relay.number == number)?;
        Some(self.0.swap_remove(at).request)
    }

    /// The requests for which a nack is due.
    pub(super) fn take_nacks(&mut self, now: Instant) -> Vec<(NodeId, u64)> {
        self.0.retain(|relay| relay.ends_at > now);
        let due = self.0.iter_mut().filter(|relay| relay.nack_at.is_some_and(|at| at <= now));
        due.map(|relay| {
            relay.nack_at = None;
            relay.request
        })
        .collect()
    }

    /// When the next nack is due or the next ping ends.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.0.iter().map(|relay| relay.nack_at.unwrap_or(relay.ends_at)).min()
    }
}
