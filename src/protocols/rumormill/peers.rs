//! The peers of a node: a link to each, and the conditions of the network over all links.

mod links;
mod loss_rate;
mod network_rtt;

use std::time::Duration;

use super::config::Config;
use super::link::Link;
use crate::id::NodeId;
use crate::time::Instant;
use links::Links;
use loss_rate::LossRate;
use network_rtt::NetworkRtt;

/// Links, round trips and losses.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    links: Links,
    rtt: NetworkRtt,
    loss: LossRate,
    rtt_initial: Duration,
    retry_initial: Duration,
}

impl Peers {
    /// No link yet.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            links: Links::default(),
            rtt: NetworkRtt::default(),
            loss: LossRate::default(),
            rtt_initial: config.rtt_initial,
            retry_initial: config.retry_initial,
        }
    }

    /// The link to a peer, if it was ever used.
    pub(crate) fn get(&self, peer: NodeId) -> Option<&Link> {
        self.links.get(peer)
    }

    /// The same, mutably.
    pub(crate) fn get_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.links.get_mut(peer)
    }

    /// The link to a peer, mutably; a new one, if it was never used.
    pub(crate) fn open(&mut self, peer: NodeId) -> &mut Link {
        self.links.open(peer)
    }

    /// All links, ascending by peer.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.links.iter()
    }

    /// The peers whose deadline has come.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<NodeId> {
        self.links.due(now)
    }

    /// The first deadline of a link.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.links.next_deadline()
    }

    /// Puts the deadlines of the links that have changed in order.
    pub(crate) fn refresh_deadlines(&mut self) {
        self.links.refresh_deadlines();
    }

    /// Round trips over all links.
    pub(crate) const fn rtt(&self) -> &NetworkRtt {
        &self.rtt
    }

    /// The loss rate of the network.
    pub(crate) const fn loss_mut(&mut self) -> &mut LossRate {
        &mut self.loss
    }

    /// A link measured a round trip; its smoothed value was `expected` before.
    pub(crate) fn on_rtt_sample(&mut self, sample: Duration, expected: Option<Duration>) {
        self.rtt.sample(sample, expected);
    }

    /// True if the peer is suspected.
    pub(crate) fn is_suspected(&self, peer: NodeId) -> bool {
        self.get(peer).is_some_and(Link::is_suspected)
    }

    /// One-way delay to a peer; that of the typical link if it was never measured.
    pub(crate) fn hop(&self, peer: NodeId) -> Duration {
        let measured = self.get(peer).and_then(|link| link.rtt().smoothed());
        measured.unwrap_or_else(|| self.round_trip()) / 2
    }

    /// Round trip of the typical link, or the one to assume before the first measurement.
    pub(crate) fn round_trip(&self) -> Duration {
        self.rtt.round_trip().unwrap_or(self.rtt_initial)
    }

    /// Retransmission timeout of a link: its own, or that of the typical link.
    pub(crate) fn timeout(&self, peer: NodeId) -> Duration {
        let own = self.get(peer).and_then(|link| link.rtt().timeout());
        own.or_else(|| self.rtt.timeout()).unwrap_or(self.retry_initial)
    }

    /// True if the peer is known to have sent a message since `at`.
    pub(crate) fn spoke_since(&self, peer: NodeId, at: Instant) -> bool {
        let heard_at = self.get(peer).and_then(|link| link.acks().heard_at());
        heard_at.is_some_and(|heard| heard.before(self.hop(peer)) >= at)
    }

    /// True if another peer has acked a message that was sent since `at` (indirect evidence).
    pub(crate) fn another_acked_since(&self, peer: NodeId, at: Instant) -> bool {
        self.iter().any(|(other, link)| other != peer && link.sent().acked_since(at))
    }

    /// True if so many messages are lost or late that a missing one means little.
    pub(crate) fn is_unreliable(&mut self, now: Instant) -> bool {
        self.loss.is_heavy(now) || self.rtt.is_jittery()
    }

    /// How often an unconfirmed entry may be sent again along with others.
    pub(crate) fn piggyback_max(&mut self, now: Instant) -> u8 {
        self.loss.piggyback_max(now, self.rtt.is_jittery())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmeasured_link_is_taken_for_a_typical_one() {
        let mut peers = Peers::new(&Config::default());
        let config = Config::default();
        assert_eq!(peers.hop(NodeId(1)), config.rtt_initial / 2);
        assert_eq!(peers.timeout(NodeId(1)), config.retry_initial);
        let sample = Duration::from_millis(40);
        peers.on_rtt_sample(sample, None);
        assert_eq!(peers.hop(NodeId(1)), sample / 2);
        assert_eq!(Some(peers.timeout(NodeId(1))), peers.rtt().timeout());
    }
}
