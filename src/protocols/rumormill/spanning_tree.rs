//! The spanning tree: the parent of each node, from the offers of the peers (IEEE 802.1D, Perlman
//! 1985).
//!
//! While no peer is suspected, every node stands where the preferred tree puts it, and sends no
//! offer. A node that has lost its parent probes others, and each answers with its offer: its root,
//! the hops to it, and the age of its newest message of the root. A node takes the parent that leads
//! to the first root in the node list by the fewest hops. So the components of a network in which
//! some nodes do not hear each other come to have one tree each.
//!
//! The age makes it safe. When the root itself is down, all offers age alike, and no node takes a
//! parent for its sake: the next node in the list takes over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::Tree;
use crate::id::NodeId;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::message::TreeOffer;
use crate::protocols::rumormill::peers::Peers;
use crate::time::Instant;

/// A parent may be this many hops farther from the root than the preferred tree is high.
const DETOUR_MAX: u32 = 2;

/// Maximum age of an offer for a root that this node has never heard of.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Where a node says that it stands (a BPDU).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Offer {
    pub(crate) parent: Option<NodeId>,
    pub(crate) root: NodeId,
    /// Hops from the root.
    pub(crate) depth: u32,
    /// When the newest message of the root that it knows of was sent, by this node's clock.
    pub(crate) root_spoke_at: Instant,
}

/// A root that this node has lost, and when the newest message that it had of it was sent.
#[derive(Clone, Copy, Debug)]
struct FormerRoot {
    root: NodeId,
    spoke_at: Instant,
}

/// Evidence for a peer that might be a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    /// It has heard of its root since this node last did.
    FreshOffer,
    /// It was up after the parent was missed.
    Alive,
    /// None: it may be as unreachable as the parent.
    None,
}

/// Quality of a peer as a parent (802.1D's priority vector): less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PriorityVector {
    evidence: Evidence,
    root: NodeId,
    /// Hops from the root to it, but not fewer than in the preferred tree: otherwise every node
    /// below a hub that was late once would move to the root, and overload it.
    depth: u32,
    is_off_preferred: bool,
    peer: NodeId,
}

/// The place of a node in the tree.
#[derive(Clone, Debug)]
pub(crate) struct SpanningTree {
    me: NodeId,
    /// The tree is one of hubs: any node may take the place of a suspected one. Else it is a
    /// spanning tree of the topology.
    has_hubs: bool,
    preferred: Option<Arc<Tree>>,
    parent: Option<NodeId>,
    /// The peers' offers; a peer without one stands where the preferred tree puts it.
    offers: BTreeMap<NodeId, Offer>,
    /// Peers that want this node's offer with the next message.
    requested_by: BTreeSet<NodeId>,
    /// The root that was lost last, of several the first in the list.
    former_root: Option<FormerRoot>,
}

impl SpanningTree {
    /// A node outside any tree.
    pub(crate) const fn new(me: NodeId, has_hubs: bool) -> Self {
        Self {
            me,
            has_hubs,
            preferred: None,
            parent: None,
            offers: BTreeMap::new(),
            requested_by: BTreeSet::new(),
            former_root: None,
        }
    }

    /// The preferred tree has become known, or is another one; `None` for direct mail.
    pub(crate) fn set_preferred(&mut self, tree: Option<Arc<Tree>>) {
        self.parent = tree.as_ref().and_then(|tree| tree.parent(self.me));
        self.preferred = tree;
    }

    /// The tree as if no peer were suspected; none for direct mail.
    pub(crate) fn preferred(&self) -> Option<&Tree> {
        self.preferred.as_deref()
    }

    /// True if the tree is one of hubs.
    pub(crate) const fn has_hubs(&self) -> bool {
        self.has_hubs
    }

    /// The parent; `None` for a root.
    pub(crate) const fn parent(&self) -> Option<NodeId> {
        self.parent
    }

    /// Children beyond those of the preferred tree.
    pub(crate) fn extra_children(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.offers.keys().copied().filter(|&peer| self.is_extra_child(peer))
    }

    /// True for a child beyond those of the preferred tree: it has said that this node is its parent.
    fn is_extra_child(&self, peer: NodeId) -> bool {
        let has_chosen = self.offers.get(&peer).is_some_and(|offer| offer.parent == Some(self.me));
        has_chosen && self.preferred().is_some_and(|tree| tree.parent(peer) != Some(self.me))
    }

    /// Hops from the root to this node in the preferred tree.
    pub(crate) fn preferred_depth(&self) -> u32 {
        self.preferred.as_ref().map_or(0, |tree| tree.ancestors(self.me).count() as u32)
    }

    /// Height of the preferred tree; 1 without one.
    pub(crate) fn height(&self) -> u32 {
        self.preferred.as_ref().map_or(1, |tree| tree.height)
    }

    /// True if `node` has no children in a tree of hubs.
    pub(crate) fn is_leaf(&self, node: NodeId) -> bool {
        self.has_hubs && self.preferred().is_some_and(|tree| !tree.has_children(node))
    }

    /// The parent of a peer: as it says itself, else as in the preferred tree.
    pub(crate) fn parent_of(&self, peer: NodeId) -> Option<NodeId> {
        match self.offers.get(&peer) {
            Some(offer) => offer.parent,
            None => self.preferred().and_then(|tree| tree.parent(peer)),
        }
    }

    /// True if a peer has told its place.
    pub(crate) fn has_offer(&self, peer: NodeId) -> bool {
        self.offers.contains_key(&peer)
    }

    /// True if a peer has said that another node is its parent. A suspected one may not hear this
    /// node any more, and is probed until it is back; and one whose parent is suspected is about to
    /// look for another.
    fn has_left(&self, peers: &Peers, peer: NodeId) -> bool {
        let offer = self.offers.get(&peer).filter(|offer| offer.parent != Some(self.me));
        let is_lost = |parent| peers.is_suspected(parent) && Rule::LostParent.applies();
        offer.is_some_and(|offer| !peers.is_suspected(peer) && !offer.parent.is_some_and(is_lost))
    }

    /// The edges of the tree as this node uses them: its parent, its children, and those that it
    /// serves in the place of a suspected hub.
    pub(crate) fn edges(&self, peers: &Peers) -> Vec<NodeId> {
        let Some(tree) = self.preferred() else { return Vec::new() };
        let mut edges: Vec<NodeId> =
            tree.children(self.me).chain(self.extra_children()).chain(self.parent).collect();
        if self.stands_in() {
            for candidate in tree.candidates(self.me) {
                edges.push(candidate);
                edges.extend(tree.children(candidate));
            }
        }
        edges.retain(|&peer| peer != self.me && self.is_edge(peers, peer));
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// True if `peer` is one of [`SpanningTree::edges`]; cheaper than all of them.
    pub(crate) fn is_edge(&self, peers: &Peers, peer: NodeId) -> bool {
        self.parent == Some(peer) || self.is_child(peers, peer)
    }

    /// True if there are nodes below this one that may not get from `sender` what it sends: this node has a
    /// parent, or both take themselves for the root.
    pub(crate) fn is_relied_on(&self, peers: &Peers, sender: NodeId) -> bool {
        let has_parent = self.parent.is_some();
        (has_parent || self.parent_of(sender).is_none())
            && self.edges(peers).len() > usize::from(has_parent)
    }

    /// True if this node sends down to `peer`.
    pub(crate) fn is_child(&self, peers: &Peers, peer: NodeId) -> bool {
        let Some(tree) = self.preferred() else { return false };
        let (me, parent) = (self.me, tree.parent(peer));
        let is_served = || self.stands_in() && (peer < me || parent.is_some_and(|p| p < me));
        (parent == Some(me) || self.is_extra_child(peer) || is_served())
            && !(self.has_hubs && self.has_left(peers, peer))
    }

    /// True if this node is a root in the place of the hubs before it.
    fn stands_in(&self) -> bool {
        let is_root = self.has_hubs && self.parent.is_none() && Rule::StandIn.applies();
        is_root && self.preferred().is_some_and(|tree| tree.parent(self.me).is_some())
    }

    /// True if this node and its parent stand where the preferred tree puts them.
    pub(crate) fn is_preferred(&self) -> bool {
        let Some(tree) = self.preferred() else { return true };
        self.parent == tree.parent(self.me)
            && self.parent.is_none_or(|parent| !self.offers.contains_key(&parent))
    }

    /// The peer restarted: it stands where the preferred tree puts it until it says otherwise.
    pub(crate) fn on_restart(&mut self, peer: NodeId) {
        self.offers.remove(&peer);
    }

    /// A peer wants this node's offer.
    pub(crate) fn on_offer_requested(&mut self, peer: NodeId) {
        self.requested_by.insert(peer);
    }

    /// A message leaves for a peer.
    pub(crate) fn on_sent(&mut self, peer: NodeId) {
        self.requested_by.remove(&peer);
    }

    /// A message of a peer says where it stands, or by saying nothing that it stands where the
    /// preferred tree puts it. Returns true if the peer has become a child.
    pub(crate) fn on_offer(
        &mut self,
        now: Instant,
        peers: &Peers,
        peer: NodeId,
        offer: Option<TreeOffer>,
    ) -> bool {
        let offer = offer.map(|TreeOffer { parent, root, depth, age_us }| {
            let age = Duration::from_micros(age_us).saturating_add(peers.hop(peer));
            Offer { parent, root, depth, root_spoke_at: now.before(age) }
        });
        let was_child = self.parent_of(peer) == Some(self.me);
        let root = |offer: Option<&Offer>| offer.map(|offer| offer.root);
        if self.parent == Some(peer) && root(self.offers.get(&peer)) != root(offer.as_ref()) {
            self.on_root_lost(now, peers);
        }
        match offer {
            Some(offer) => self.offers.insert(peer, offer),
            None => self.offers.remove(&peer),
        };
        self.preferred.is_some() && self.parent_of(peer) == Some(self.me) && !was_child
    }

    /// The offer to send to `peer`: if this node is off the preferred tree, if it is told that this node
    /// misses its parent, if one of the two requests the other's, or if the peer is a child only by its own choice.
    pub(crate) fn offer_for(
        &self,
        now: Instant,
        peers: &Peers,
        peer: NodeId,
        is_told: bool,
    ) -> Option<TreeOffer> {
        let is_requested = is_told || self.requested_by.contains(&peer);
        if !is_requested && !self.is_extra_child(peer) && self.is_preferred() {
            return None;
        }
        let Offer { parent, root, depth, root_spoke_at } = self.own_offer(now, peers)?;
        let age_us = u64::try_from(now.since(root_spoke_at).as_micros()).unwrap_or(u64::MAX);
        Some(TreeOffer { parent, root, depth, age_us })
    }

    /// Where this node stands.
    fn own_offer(&self, now: Instant, peers: &Peers) -> Option<Offer> {
        let tree = self.preferred()?;
        let Some(parent) = self.parent else {
            return Some(Offer { parent: None, root: self.me, depth: 0, root_spoke_at: now });
        };
        let (root, depth, told) = match self.offers.get(&parent) {
            Some(Offer { root, depth, root_spoke_at, .. }) => (*root, *depth, Some(*root_spoke_at)),
            None => {
                let (root, depth) = tree.place(parent);
                (root, depth, None)
            }
        };
        // Entries down the preferred tree come from its root. A parent elsewhere that
        // does not tell the age of its root's messages has none.
        let is_preferred = tree.parent(self.me) == Some(parent);
        let heard_at = peers.get(parent).and_then(|link| link.acks.heard_at());
        let heard = heard_at.map(|at| at.before(peers.hop(parent)));
        let heard = heard.filter(|_| root == parent || (is_preferred && told.is_none()));
        let root_spoke_at = heard.or(told).unwrap_or(Instant::ZERO);
        Some(Offer { parent: Some(parent), root, depth: depth.saturating_add(1), root_spoke_at })
    }

    /// True if `peer` has the same parent as this node, and both last heard of the root at the same
    /// time, as far as delays vary. (In a network that has become slower they seem not to have.)
    pub(crate) fn is_as_lost(&self, now: Instant, peers: &Peers, peer: NodeId) -> bool {
        let (Some(theirs), Some(own)) = (self.offers.get(&peer), self.own_offer(now, peers)) else {
            return false;
        };
        let apart = theirs.root_spoke_at.as_micros().abs_diff(own.root_spoke_at.as_micros());
        theirs.parent == own.parent && Duration::from_micros(apart) <= peers.hop(peer) / 4
    }

    /// The parent, or its root, is lost: a later offer for that root must be fresher than what this
    /// node had of it.
    pub(crate) fn on_root_lost(&mut self, now: Instant, peers: &Peers) {
        if let Some(Offer { root, root_spoke_at, .. }) = self.own_offer(now, peers)
            && self.parent.is_some()
            && self.former_root.is_none_or(|lost| root <= lost.root)
        {
            // A parent that was chosen without an offer tells no age.
            let earlier = self.former_root.filter(|lost| lost.root == root);
            let spoke_at = earlier.map_or(root_spoke_at, |lost| lost.spoke_at.max(root_spoke_at));
            self.former_root = Some(FormerRoot { root, spoke_at });
        }
    }

    /// Sets the parent; `None` makes this node a root. Returns false if that is its parent already.
    pub(crate) fn set_parent(&mut self, parent: Option<NodeId>) -> bool {
        if parent == self.parent {
            return false;
        }
        self.parent = parent;
        true
    }

    /// The best parent, and whether its offer is fresh. `missed_at`: the present one has been missed
    /// since then.
    pub(crate) fn best_parent(
        &self,
        now: Instant,
        peers: &Peers,
        missed_at: Option<Instant>,
    ) -> (Option<NodeId>, bool) {
        let best = self.best_vector(now, peers, missed_at);
        let is_fresh = best.is_some_and(|vector| vector.evidence == Evidence::FreshOffer);
        (best.map(|vector| vector.peer), is_fresh)
    }

    /// The best parent, if it is worth a change: the outer `None` means that it is not.
    pub(crate) fn better_parent(
        &self,
        now: Instant,
        peers: &Peers,
        missed_at: Option<Instant>,
    ) -> Option<Option<NodeId>> {
        let best = self.best_vector(now, peers, missed_at);
        let current = self.parent.and_then(|parent| self.vector(now, peers, missed_at, parent));
        let worth = |r: PriorityVector| (r.evidence, r.root, r.depth, r.is_off_preferred);
        let is_better =
            current.is_none_or(|current| best.is_some_and(|best| worth(best) < worth(current)));
        is_better.then(|| best.map(|vector| vector.peer))
    }

    fn best_vector(
        &self,
        now: Instant,
        peers: &Peers,
        missed_at: Option<Instant>,
    ) -> Option<PriorityVector> {
        let tree = self.preferred()?;
        let vector = |peer| self.vector(now, peers, missed_at, peer);
        let heard = peers.iter().filter_map(|(peer, _)| vector(peer)).min();
        if heard.is_some_and(|vector| vector.evidence < Evidence::None) {
            return heard;
        }
        let unheard = tree.candidates(self.me).find_map(vector);
        heard.into_iter().chain(unheard).min()
    }

    /// Quality of `peer` as a parent; `None` if it must not be one.
    fn vector(
        &self,
        now: Instant,
        peers: &Peers,
        missed_at: Option<Instant>,
        peer: NodeId,
    ) -> Option<PriorityVector> {
        let (me, tree) = (self.me, self.preferred()?);
        let is_parent = self.parent == Some(peer);
        // Of two nodes that have chosen each other, the second in the list stays with the first.
        let is_below = self.parent_of(peer) == Some(me) && !(is_parent && peer < me);
        if peers.is_suspected(peer) || is_below || peer == me {
            return None;
        }
        let is_alive = peers.spoke_since(peer, missed_at.unwrap_or(Instant::ZERO));
        let evidence = if is_alive { Evidence::Alive } else { Evidence::None };
        let (root, depth, is_fresh) = match self.offers.get(&peer) {
            // At rest the word of the root grows old everywhere. While the parent is not missed, that is
            // no reason to leave it for a peer that was told a little later.
            Some(offer) => {
                let is_kept = is_parent && missed_at.is_none();
                (offer.root, offer.depth, is_kept || self.is_fresh(now, offer))
            }
            None => {
                let (root, depth) = tree.place(peer);
                (root, depth, tree.ancestors(me).any(|above| above == peer))
            }
        };
        let is_near = depth <= tree.height + DETOUR_MAX || !Rule::DetourMax.applies();
        let leads_up = root < me && is_near;
        let is_off_preferred = tree.parent(me) != Some(peer) && Rule::OffPreferred.applies();
        let nearest = tree.place(me).1.saturating_sub(1);
        let depth = if Rule::DepthFloor.applies() { depth.max(nearest) } else { depth };
        if leads_up && is_fresh {
            let evidence = if is_alive { Evidence::FreshOffer } else { evidence };
            Some(PriorityVector { evidence, root, depth, is_off_preferred, peer })
        } else if peer < me {
            // At worst it is a root itself.
            Some(PriorityVector { evidence, root: peer, depth: nearest, is_off_preferred, peer })
        } else {
            let vector = PriorityVector { evidence, root, depth, is_off_preferred, peer };
            (leads_up && is_parent).then_some(vector)
        }
    }

    /// True if the sender of the offer has heard of its root, directly or not, since this node last
    /// did.
    fn is_fresh(&self, now: Instant, offer: &Offer) -> bool {
        let age = now.since(offer.root_spoke_at);
        match self.former_root {
            Some(lost) if lost.root == offer.root => {
                !Rule::FreshOffer.applies() || age < now.since(lost.spoke_at) * 3 / 4
            }
            _ => age < MAX_AGE || !Rule::MaxAge.applies(),
        }
    }
}

#[cfg(test)]
mod tests;
