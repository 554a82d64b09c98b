//! All links of a node, and their deadlines in order.

use std::collections::BTreeSet;
use std::fmt;

use crate::id::NodeId;
use crate::protocols::rumormill::link::Link;
use crate::time::Instant;

/// The links that were ever used, by peer.
///
/// A hub has a thousand of them and is asked for its next deadline after every message, so the
/// deadlines are kept in order. [`Links::refresh_deadlines`] looks at the links that were borrowed
/// mutably; most of them have the deadline that they had.
#[derive(Clone, Default)]
pub(crate) struct Links {
    /// Ascending by peer.
    links: Vec<(NodeId, Box<Tracked>)>,
    /// As they were at the last refresh.
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
    /// Where a link stands, or belongs.
    fn find(&self, peer: NodeId) -> Result<usize, usize> {
        self.links.binary_search_by_key(&peer, |(id, _)| *id)
    }

    pub(crate) fn get(&self, peer: NodeId) -> Option<&Link> {
        self.find(peer).ok().map(|at| &self.links[at].1.link)
    }

    /// The link, mutably, if there is one.
    pub(crate) fn get_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.find(peer).ok().map(|at| self.touch(at))
    }

    /// The link, mutably; a new one, if there was none.
    pub(crate) fn open(&mut self, peer: NodeId) -> &mut Link {
        let at = self.find(peer).unwrap_or_else(|at| {
            self.links.insert(at, (peer, Box::default()));
            at
        });
        self.touch(at)
    }

    fn touch(&mut self, at: usize) -> &mut Link {
        let (peer, tracked) = &mut self.links[at];
        if !std::mem::replace(&mut tracked.is_touched, true) {
            self.touched.push(*peer);
        }
        &mut tracked.link
    }

    /// All links, ascending by peer.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.links.iter().map(|(peer, tracked)| (*peer, &tracked.link))
    }

    /// Puts the deadlines of the links that were borrowed in order.
    pub(crate) fn refresh_deadlines(&mut self) {
        while let Some(peer) = self.touched.pop() {
            let Ok(at) = self.find(peer) else { continue };
            let tracked = &mut self.links[at].1;
            tracked.is_touched = false;
            let deadline = tracked.link.next_deadline();
            if deadline != tracked.deadline {
                let before = std::mem::replace(&mut tracked.deadline, deadline);
                before.into_iter().for_each(|at| _ = self.deadlines.remove(&(at, peer)));
                self.deadlines.extend(deadline.map(|at| (at, peer)));
            }
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
        let is_valid = |peer: NodeId| self.find(peer).is_ok_and(|at| !self.links[at].1.is_touched);
        let kept = self.deadlines.iter().find(|(_, peer)| is_valid(*peer));
        let next = kept.map(|(at, _)| *at).into_iter().chain(touched).min();
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
        assert_eq!(links.iter().count(), 3);
    }
}
