//! The peers of a node: a link to each, and the conditions of the network over all links.

mod loss_rate;
mod network_rtt;

use std::fmt;
use std::time::Duration;

use super::config::Config;
use super::link::{Added, Link};
use crate::id::NodeId;
use crate::time::Instant;
use loss_rate::LossRate;
use network_rtt::NetworkRtt;

/// The links that were ever used, by peer; round trips and losses.
///
/// A hub has a thousand links and is asked for its next deadline after every message. So the deadlines stand
/// side by side, and [`Peers::refresh_deadlines`] asks only the links that were borrowed mutably for theirs.
#[derive(Clone)]
pub(crate) struct Peers {
    /// Ascending by peer.
    links: Vec<Tracked>,
    /// The first deadline, at the last refresh.
    next_deadline: Option<Instant>,
    /// Links borrowed mutably since then.
    touched: Vec<NodeId>,
    rtt: NetworkRtt,
    loss: LossRate,
    rtt_initial: Duration,
    retry_initial: Duration,
}

#[derive(Clone)]
struct Tracked {
    peer: NodeId,
    is_touched: bool,
    /// As it was at the last refresh.
    deadline: Option<Instant>,
    link: Box<Link>,
}

impl Peers {
    /// No link yet.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            links: Vec::new(),
            next_deadline: None,
            touched: Vec::new(),
            rtt: NetworkRtt::default(),
            loss: LossRate::default(),
            rtt_initial: config.rtt_initial,
            retry_initial: config.retry_initial,
        }
    }

    /// Where a link stands, or belongs.
    fn find(&self, peer: NodeId) -> Result<usize, usize> {
        // A hub has a link to every node but itself, so most stand at the number of the peer, or one before.
        let all = [peer.0 as usize, (peer.0 as usize).wrapping_sub(1)];
        let is_there = |at: &usize| self.links.get(*at).is_some_and(|link| link.peer == peer);
        let search = || self.links.binary_search_by_key(&peer, |link| link.peer);
        all.into_iter().find(is_there).map_or_else(search, Ok)
    }

    /// The link to a peer, if it was ever used.
    pub(crate) fn get(&self, peer: NodeId) -> Option<&Link> {
        self.find(peer).ok().map(|at| &*self.links[at].link)
    }

    /// The same, mutably.
    pub(crate) fn get_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.find(peer).ok().map(|at| self.touch(at))
    }

    /// The link to a peer, mutably; a new one, if it was never used.
    pub(crate) fn open(&mut self, peer: NodeId) -> &mut Link {
        let at = self.place(peer);
        self.touch(at)
    }

    /// Queues entries for a peer. Most that a hub forwards come to queues which have a deadline: then
    /// those of the link are not looked at.
    pub(crate) fn enqueue(&mut self, peer: NodeId, added: &mut Added<'_>, deadline: Instant) {
        let at = self.place(peer);
        if self.links[at].link.enqueue_shared(added, deadline) {
            self.touch(at);
        }
    }

    fn place(&mut self, peer: NodeId) -> usize {
        self.find(peer).unwrap_or_else(|at| {
            let (is_touched, deadline, link) = (false, None, Box::default());
            self.links.insert(at, Tracked { peer, is_touched, deadline, link });
            at
        })
    }

    fn touch(&mut self, at: usize) -> &mut Link {
        let tracked = &mut self.links[at];
        if !std::mem::replace(&mut tracked.is_touched, true) {
            self.touched.push(tracked.peer);
        }
        &mut tracked.link
    }

    /// All links, ascending by peer.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.links.iter().map(|tracked| (tracked.peer, &*tracked.link))
    }

    /// Asks the links that were borrowed for their deadlines.
    pub(crate) fn refresh_deadlines(&mut self) {
        let mut is_changed = false;
        while let Some(peer) = self.touched.pop() {
            let Ok(at) = self.find(peer) else { continue };
            let tracked = &mut self.links[at];
            let before = std::mem::replace(&mut tracked.deadline, tracked.link.next_deadline());
            is_changed |= before != tracked.deadline;
            tracked.is_touched = false;
        }
        if is_changed {
            self.next_deadline = self.links.iter().filter_map(|tracked| tracked.deadline).min();
        }
    }

    /// The peers whose deadline has come, ascending.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<NodeId> {
        self.refresh_deadlines();
        let is_due = |tracked: &&Tracked| tracked.deadline.is_some_and(|at| at <= now);
        self.links.iter().filter(is_due).map(|tracked| tracked.peer).collect()
    }

    /// The first deadline, at the last refresh.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        debug_assert_eq!(
            self.next_deadline,
            self.iter().filter_map(|(_, link)| link.next_deadline()).min()
        );
        self.next_deadline
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
        let heard_at = self.get(peer).and_then(|link| link.acks.heard_at());
        heard_at.is_some_and(|heard| heard.before(self.hop(peer)) >= at)
    }

    /// True if another peer has acked a message that was sent since `at` (indirect evidence).
    pub(crate) fn another_acked_since(&self, peer: NodeId, at: Instant) -> bool {
        self.iter().any(|(other, link)| other != peer && link.sent.acked_since(at))
    }

    /// True if so many messages are lost or late that a missing one means little.
    pub(crate) fn is_unreliable(&mut self, now: Instant) -> bool {
        self.loss.is_heavy(now) || self.rtt.is_jittery()
    }

    /// True if messages are lost, as measured here or as the parent says.
    pub(crate) fn is_lossy(&mut self, now: Instant) -> bool {
        self.loss.is_lossy(now)
    }

    /// How often an unconfirmed entry may be sent again along with others.
    pub(crate) fn piggyback_max(&mut self, now: Instant) -> u8 {
        self.loss.piggyback_max(now)
    }
}

/// Without the deadlines, which follow from the links.
impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rtt, loss, .. } = self;
        f.debug_map().entries(self.iter()).finish()?;
        f.debug_struct("Peers").field("rtt", rtt).field("loss", loss).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::OriginId;

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

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(ms))
    }

    #[test]
    fn a_link_is_looked_at_when_entries_that_are_queued_change_its_deadline() {
        let mut links = Peers::new(&Config::default());
        let mut enqueue = |sequence, ms| {
            let entries = [(OriginId(0), std::iter::once(sequence..sequence + 1).collect())];
            links.enqueue(NodeId(1), &mut Added::new(&entries.into_iter().collect()), at(ms));
            let is_touched = !links.touched.is_empty();
            links.refresh_deadlines();
            (is_touched, links.next_deadline())
        };
        assert_eq!(enqueue(0, 30), (true, Some(at(30))));
        assert_eq!(enqueue(1, 40), (false, Some(at(30))));
        assert_eq!(enqueue(2, 20), (true, Some(at(20))));
    }

    #[test]
    fn deadlines_follow_every_change_of_a_link() {
        let mut links = Peers::new(&Config::default());
        assert_eq!(links.next_deadline(), None);
        for (peer, ms) in [(3, 30), (1, 10), (2, 20)] {
            links.open(NodeId(peer)).acks.schedule(at(ms));
        }
        links.refresh_deadlines();
        assert_eq!(links.next_deadline(), Some(at(10)));
        assert_eq!(links.due(at(20)), [1, 2].map(NodeId));
        // Earlier than it was, then later.
        links.get_mut(NodeId(1)).unwrap().queue.flush_by(at(5));
        links.refresh_deadlines();
        assert_eq!(links.next_deadline(), Some(at(5)));
        *links.open(NodeId(1)) = Link::default();
        links.refresh_deadlines();
        assert_eq!(links.next_deadline(), Some(at(20)));
        assert_eq!(links.due(at(30)), [2, 3].map(NodeId));
        assert!(links.get_mut(NodeId(4)).is_none());
        assert_eq!(links.iter().count(), 3);
    }
}
