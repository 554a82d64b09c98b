//! Where nodes stand in a tree of hubs, and whom to follow when the parent is lost.
//!
//! While nobody is silent every node stands where the layout puts it, and says nothing of it.
//! Who has lost its parent asks around, and everybody who is asked says its place: its root, the
//! hops to it, and how old its news of it is. From that a spanning tree grows, as among bridges
//! (Perlman 1985): a node follows whoever leads to the first root in the list of nodes, by the
//! fewest hops. So the parts of a network in which not everybody hears everybody come to have one
//! tree, as long as anybody connects them.
//!
//! The age is what makes it safe. When the root itself has died, everybody's news of it are
//! equally old, and nobody follows anybody for its sake: the next node in the list takes over.

use std::time::Duration;

use super::Rumormill;
use super::link::Link;
use super::message::Place;
use crate::id::NodeId;
use crate::time::Instant;

/// So many hops more than in the layout may lie between the root and a parent.
const DETOUR_MAX: u32 = 2;

/// News of a root that this node never had itself are good for so long.
const FRESH: Duration = Duration::from_secs(1);

/// Where a peer says that it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Standing {
    pub(crate) parent: Option<NodeId>,
    pub(crate) root: NodeId,
    pub(crate) depth: u32,
    /// When the newest message of the root that it knows of was sent, in this node's time.
    pub(crate) root_spoke_at: Instant,
}

/// A root that this node has lost, and when the newest message that it had of it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostRoot {
    root: NodeId,
    spoke_at: Instant,
}

/// What is known of somebody who might be a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// It has heard of its root since this node last did.
    News,
    /// It was there after the parent was missed.
    Life,
    /// Nothing: it may be as far away as the parent.
    Hope,
}

/// How good a parent somebody would be: less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    trust: Trust,
    root: NodeId,
    /// Hops from the root to it. To be nearer than the layout has it is no advantage: otherwise
    /// everybody below a hub that was late once would move to the root, whose fan-out would then
    /// be the limit that hubs are there to avoid.
    depth: u32,
    /// It is not the parent that the layout names.
    is_elsewhere: bool,
    peer: NodeId,
}

impl Rumormill {
    /// What the sender says of its place, or what follows from its saying nothing.
    pub(crate) fn note_place(&mut self, now: Instant, peer: NodeId, place: Option<&Place>) {
        if !self.follows_hubs() {
            return;
        }
        let hop = self.hop(peer);
        let cluster = &self.cluster;
        let standing = place.and_then(|place| {
            let age = Duration::from_micros(place.age_us).saturating_add(hop);
            let root_spoke_at = now.before(age);
            Some(Standing {
                parent: place.parent,
                root: place.root,
                depth: place.depth,
                root_spoke_at,
            })
        });
        let was_mine = self.parent_of(peer) == Some(cluster.me());
        let root = |standing: Option<Standing>| standing.map(|standing| standing.root);
        let before = self.link(peer).and_then(|link| link.place);
        if self.overlay.parent == Some(peer) && root(before) != root(standing) {
            self.note_lost_root(now);
        }
        if let Some(link) = self.link_mut(peer) {
            link.place = standing;
        }
        self.note_relation(now, peer, was_mine);
        self.reconsider(now, peer);
    }

    /// Whom `peer` follows, as far as it has said so; else whom the layout has it follow.
    pub(crate) fn parent_of(&self, peer: NodeId) -> Option<NodeId> {
        match self.link(peer).and_then(|link| link.place) {
            Some(standing) => standing.parent,
            None => self.overlay.layout.as_ref().and_then(|layout| layout.parent(peer)),
        }
    }

    /// This node's place, to tell to `peer`: if it is not the one of the layout, or if one of the
    /// two asks the other, or if the peer follows this node although the layout has it elsewhere.
    pub(crate) fn place_for(&self, now: Instant, peer: NodeId, is_question: bool) -> Option<Place> {
        if !self.sends_by_hubs() {
            return None;
        }
        let is_asked = is_question || self.link(peer).is_some_and(|link| link.place_asked);
        if !is_asked && !self.overlay.adopted.contains(&peer) && self.stands_as_laid_out() {
            return None;
        }
        let Standing { parent, root, depth, root_spoke_at } = self.standing(now)?;
        let age_us = u64::try_from(now.since(root_spoke_at).as_micros()).unwrap_or(u64::MAX);
        Some(Place { parent, root, depth, age_us })
    }

    /// True if this node has lost its place in the layout, or is about to.
    pub(crate) fn is_displaced(&self) -> bool {
        self.follows_hubs() && (self.overlay.missed_at.is_some() || !self.stands_as_laid_out())
    }

    fn stands_as_laid_out(&self) -> bool {
        let Some(layout) = &self.overlay.layout else {
            return true;
        };
        let parent = self.overlay.parent;
        let is_as_laid_out = |peer| self.link(peer).is_none_or(|link| link.place.is_none());
        parent == layout.parent(self.cluster.me()) && parent.is_none_or(is_as_laid_out)
    }

    /// Where this node stands.
    fn standing(&self, now: Instant) -> Option<Standing> {
        let layout = self.overlay.layout.as_ref()?;
        let me = self.cluster.me();
        let Some(parent) = self.overlay.parent else {
            return Some(Standing { parent: None, root: me, depth: 0, root_spoke_at: now });
        };
        let link = self.link(parent);
        let (root, depth, told) = match link.and_then(|link| link.place) {
            Some(Standing { root, depth, root_spoke_at, .. }) => (root, depth, Some(root_spoke_at)),
            None => {
                let (root, depth) = layout.place(parent);
                (root, depth, None)
            }
        };
        // What comes down along the layout comes from its root. Of a parent elsewhere, no news of
        // the root is no news.
        let is_laid_out = layout.parent(me) == Some(parent);
        let heard = link.and_then(Link::heard_at).map(|at| at.before(self.hop(parent)));
        let heard = heard.filter(|_| root == parent || (is_laid_out && told.is_none()));
        let root_spoke_at = heard.or(told);
        let root_spoke_at = root_spoke_at.unwrap_or(Instant::ZERO);
        Some(Standing { parent: Some(parent), root, depth: depth.saturating_add(1), root_spoke_at })
    }

    /// One-way delay to `peer`, or to anybody if that is not known.
    pub(crate) fn hop(&self, peer: NodeId) -> Duration {
        let measured = self.link(peer).and_then(|link| link.rtt().smoothed());
        let usual = self.network_rtt.round_trip().unwrap_or(self.config.rtt_initial);
        measured.unwrap_or(usual) / 2
    }

    /// The parent is gone: what was known of its root is what the news of others must exceed.
    pub(crate) fn note_lost_root(&mut self, now: Instant) {
        if let Some(Standing { root, root_spoke_at, .. }) = self.standing(now)
            && self.overlay.parent.is_some()
            && self.overlay.lost_root.is_none_or(|lost| root <= lost.root)
        {
            self.overlay.lost_root = Some(LostRoot { root, spoke_at: root_spoke_at });
        }
    }

    /// The best parent there is, and what it is good for; none if this node is to be a root.
    fn best_parent(&self, now: Instant) -> Option<Rank> {
        let layout = self.overlay.layout.as_ref()?;
        let heard = self.links.peers().filter_map(|peer| self.rank(now, peer)).min();
        if heard.is_some_and(|rank| rank.trust < Trust::Hope) {
            return heard;
        }
        let mut candidates = layout.candidates(self.cluster.me());
        let unheard = candidates.find_map(|peer| self.rank(now, peer));
        heard.into_iter().chain(unheard).min()
    }

    /// Follows the best parent there is. Returns false if nobody is known who leads anywhere.
    pub(crate) fn follow_best(&mut self, now: Instant) -> bool {
        let best = self.best_parent(now);
        self.follow(now, best.map(|rank| rank.peer));
        best.is_some_and(|rank| rank.trust == Trust::News)
    }

    /// Follows somebody else if that is worth the change.
    pub(crate) fn follow_better(&mut self, now: Instant) {
        let best = self.best_parent(now);
        let current = self.overlay.parent.and_then(|parent| self.rank(now, parent));
        let worth = |rank: Rank| (rank.trust, rank.root, rank.depth, rank.is_elsewhere);
        if current.is_none_or(|current| best.is_some_and(|best| worth(best) < worth(current))) {
            self.follow(now, best.map(|rank| rank.peer));
        }
    }

    /// How good a parent `peer` would be; `None` if it must not be one.
    fn rank(&self, now: Instant, peer: NodeId) -> Option<Rank> {
        let layout = self.overlay.layout.as_ref()?;
        let me = self.cluster.me();
        let is_parent = self.overlay.parent == Some(peer);
        // Of two who have chosen each other, the second in the list stays with the first.
        let follows_me = self.parent_of(peer) == Some(me) && !(is_parent && peer < me);
        if self.is_silent(peer) || follows_me || peer == me {
            return None;
        }
        let missed_at = self.overlay.missed_at.unwrap_or(Instant::ZERO);
        let trust = if self.spoke_since(peer, missed_at) { Trust::Life } else { Trust::Hope };
        let (root, depth, is_news) = match self.link(peer).and_then(|link| link.place) {
            Some(theirs) => (theirs.root, theirs.depth, self.is_news(now, theirs)),
            None => {
                let (root, depth) = layout.place(peer);
                (root, depth, layout.ancestors(me).any(|above| above == peer))
            }
        };
        let leads_up = root < me && depth <= layout.height + DETOUR_MAX;
        let is_elsewhere = layout.parent(me) != Some(peer);
        let nearest = layout.place(me).1.saturating_sub(1);
        let depth = depth.max(nearest);
        if leads_up && is_news {
            let trust = if trust == Trust::Life { Trust::News } else { trust };
            Some(Rank { trust, root, depth, is_elsewhere, peer })
        } else if peer < me {
            // At worst it is a root itself.
            Some(Rank { trust, root: peer, depth: nearest, is_elsewhere, peer })
        } else {
            (leads_up && is_parent).then_some(Rank { trust, root, depth, is_elsewhere, peer })
        }
    }

    /// True if `peer` is known to have sent something since.
    pub(crate) fn spoke_since(&self, peer: NodeId, at: Instant) -> bool {
        let heard_at = self.link(peer).and_then(Link::heard_at);
        heard_at.is_some_and(|heard| heard.before(self.hop(peer)) >= at)
    }

    /// True if somebody who says this has heard of its root, directly or not, since this node
    /// last did.
    fn is_news(&self, now: Instant, theirs: Standing) -> bool {
        let age = now.since(theirs.root_spoke_at);
        match self.overlay.lost_root {
            Some(lost) if lost.root == theirs.root => age < now.since(lost.spoke_at) * 3 / 4,
            _ => age < FRESH,
        }
    }
}
