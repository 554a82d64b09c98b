//! All links of a node, and their deadlines in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::id::NodeId;
use crate::protocols::rumormill::link::Link;
use crate::time::Instant;

/// The links that were ever used, by peer.
///
/// A hub has a thousand of them and is asked for its next deadline after every message, so the
/// deadlines are kept in order. Borrowing a link mutably takes its deadline out;
/// [`Links::refresh_deadlines`] puts the new one in.
#[derive(Clone, Default)]
pub(crate) struct Links {
    links: BTreeMap<NodeId, Tracked>,
    deadlines: BTreeSet<(Instant, NodeId)>,
    /// Links borrowed mutably since the last refresh.
    touched: Vec<NodeId>,
}

#[derive(Clone, Default)]
struct Tracked {
    link: Link,
    is_touched: bool,
    /// As it stands in the ordered set.
    deadline: Option<Instant>,
}

impl Links {
    pub(crate) fn get(&self, peer: NodeId) -> Option<&Link> {
        self.links.get(&peer).map(|tracked| &tracked.link)
    }

    /// The link, mutably, if there is one.
    pub(crate) fn get_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.links.contains_key(&peer).then(|| self.open(peer))
    }

    /// The link, mutably; a new one, if there was none.
    pub(crate) fn open(&mut self, peer: NodeId) -> &mut Link {
        let tracked = self.links.entry(peer).or_default();
        if !tracked.is_touched {
            tracked.is_touched = true;
            self.touched.push(peer);
            if let Some(at) = tracked.deadline.take() {
                self.deadlines.remove(&(at, peer));
            }
        }
        &mut tracked.link
    }

    /// The peers, ascending.
    pub(crate) fn peers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.links.keys().copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.links.iter().map(|(&peer, tracked)| (peer, &tracked.link))
    }

    /// Puts the deadlines of the links that were borrowed in order.
    pub(crate) fn refresh_deadlines(&mut self) {
        for peer in self.touched.drain(..) {
            let Some(tracked) = self.links.get_mut(&peer) else { continue };
            tracked.is_touched = false;
            tracked.deadline = tracked.link.next_deadline();
            self.deadlines.extend(tracked.deadline.map(|at| (at, peer)));
        }
    }

    /// The peers whose deadline has come, ascending.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<NodeId> {
        self.refresh_deadlines();
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        let mut due: Vec<NodeId> = due.map(|(_, peer)| *peer).collect();
        due.sort_unstable();
        due
    }

    /// The first deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let touched = self.touched.iter().filter_map(|&peer| self.get(peer)?.next_deadline());
        let next = self.deadlines.first().map(|(at, _)| *at).into_iter().chain(touched).min();
        debug_assert_eq!(next, self.iter().filter_map(|(_, link)| link.next_deadline()).min());
        next
    }
}

/// The links only: deadlines follow from them.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(ms))
    }

    #[test]
    fn deadlines_follow_every_change_of_a_link() {
        let mut links = Links::default();
        assert_eq!(links.next_deadline(), None);
        for (peer, ms) in [(3, 30), (1, 10), (2, 20)] {
            links.open(NodeId(peer)).acks_mut().schedule(at(ms));
        }
        assert_eq!(links.next_deadline(), Some(at(10)));
        assert_eq!(links.due(at(20)), [1, 2].map(NodeId));
        // Later and earlier than it was, with and without being settled in between.
        links.get_mut(NodeId(1)).unwrap().queue_mut().flush_by(at(5));
        assert_eq!(links.next_deadline(), Some(at(5)));
        links.refresh_deadlines();
        *links.open(NodeId(1)) = Link::default();
        assert_eq!(links.next_deadline(), Some(at(20)));
        links.refresh_deadlines();
        assert_eq!(links.next_deadline(), Some(at(20)));
        assert_eq!(links.due(at(30)), [2, 3].map(NodeId));
        assert!(links.get_mut(NodeId(4)).is_none());
        assert_eq!(links.peers().count(), 3);
    }
}
