//! All links of a node, and which of them has something to do next.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::link::Link;
use crate::id::NodeId;
use crate::time::Instant;

/// The links that were ever used, by peer.
///
/// A hub has a thousand of them, and is asked after every message when it wants to be woken. So the
/// deadlines are kept in order. Whoever gets hold of a link to change it takes its deadline out;
/// [`Links::settle`] puts the new one in.
#[derive(Clone, Default)]
pub(crate) struct Links {
    links: BTreeMap<NodeId, Tracked>,
    deadlines: BTreeSet<(Instant, NodeId)>,
    /// Links that may have changed: their deadlines are not in order.
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

    /// The link, to be changed.
    pub(crate) fn get_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.links.contains_key(&peer).then(|| self.open(peer))
    }

    /// The link, to be changed; a new one, if there was none.
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

    /// Puts the deadlines of what has changed in order.
    pub(crate) fn settle(&mut self) {
        for peer in self.touched.drain(..) {
            let Some(tracked) = self.links.get_mut(&peer) else { continue };
            tracked.is_touched = false;
            tracked.deadline = tracked.link.next_deadline();
            self.deadlines.extend(tracked.deadline.map(|at| (at, peer)));
        }
    }

    /// Who has something to do by now, ascending.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<NodeId> {
        self.settle();
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        let mut due: Vec<NodeId> = due.map(|(_, peer)| *peer).collect();
        due.sort_unstable();
        due
    }

    /// When the first of them has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let touched = self.touched.iter().filter_map(|&peer| self.get(peer)?.next_deadline());
        let next = self.deadlines.first().map(|(at, _)| *at).into_iter().chain(touched).min();
        debug_assert_eq!(next, self.iter().filter_map(|(_, link)| link.next_deadline()).min());
        next
    }
}

/// Without what follows from the links.
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
    fn deadlines_are_those_of_the_links_whoever_has_changed_them() {
        let mut links = Links::default();
        assert_eq!(links.next_deadline(), None);
        for (peer, ms) in [(3, 30), (1, 10), (2, 20)] {
            links.open(NodeId(peer)).owe_evidence(at(ms));
        }
        assert_eq!(links.next_deadline(), Some(at(10)));
        assert_eq!(links.due(at(20)), [1, 2].map(NodeId));
        // Later and earlier than it was, with and without being settled in between.
        links.get_mut(NodeId(1)).unwrap().flush_by(at(5));
        assert_eq!(links.next_deadline(), Some(at(5)));
        links.settle();
        *links.open(NodeId(1)) = Link::default();
        assert_eq!(links.next_deadline(), Some(at(20)));
        links.settle();
        assert_eq!(links.next_deadline(), Some(at(20)));
        assert_eq!(links.due(at(30)), [2, 3].map(NodeId));
        assert!(links.get_mut(NodeId(4)).is_none());
        assert_eq!(links.peers().count(), 3);
    }
}
