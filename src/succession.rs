//! What happens to a tree when somebody in it falls silent, and when he is heard again.
//!
//! In a star or a tree of hubs everybody goes through the same list of candidates, so nobody has
//! to vote. Along a spanning tree of the topology there is no other parent to be had; everybody
//! floods while a link of it is silent.

use std::time::Duration;

use crate::cluster::PeerId;
use crate::held::Held;
use crate::link::Link;
use crate::message::Relay;
use crate::node::Node;
use crate::plan::Plan;
use crate::time::Instant;

/// A node that lost its hub mails what is unconfirmed to everyone itself, up to this many.
const MAIL_MAX: usize = 64;

/// Such mails are this far apart at least, per addressee: however often hubs seem to fall silent
/// (an overloaded machine makes them), that is no more than 100 messages per second and node.
const MAIL_SPACING: Duration = Duration::from_millis(10);

/// So many of the next candidates are asked to pass the mail on: one may be as cut off.
const HELPERS: usize = 3;

/// A parent that usually sends more often than this is missed when it does not. One that sends
/// less often is not waited for; what is sent to it shows soon enough whether it is there.
const STEADY: Duration = Duration::from_millis(250);

/// A steady parent is missed after so many times the usual distance between its messages.
const MISSED_FACTOR: u32 = 4;

impl Node {
    /// A peer fell silent: somebody else takes its place.
    pub(crate) fn route_around(&mut self, now: Instant, peer: PeerId) {
        if !matches!(self.overlay.plan, Some(Plan::Tree { .. })) {
            return;
        }
        let unconfirmed = self.link(peer).map(|link| link.queue().clone()).unwrap_or_default();
        if !self.follows_hubs() {
            return self.flood(now, &unconfirmed, Some(peer), Duration::ZERO);
        }
        if self.overlay.parent == Some(peer) {
            self.choose_parent();
            self.overlay.beat = None;
            self.mail(now, &unconfirmed);
            self.send_along_tree(now, &unconfirmed, None, true);
            self.introduce(now);
        }
        if !self.is_tree_edge(peer)
            && let Some(link) = self.link_mut(peer)
        {
            link.drop_queue();
        }
    }

    /// A silent peer answers again: traffic returns to it.
    pub(crate) fn return_to(&mut self, now: Instant, peer: PeerId) {
        let before = self.overlay.parent;
        self.choose_parent();
        if self.overlay.parent == before {
            return;
        }
        self.overlay.beat = None;
        self.hand_over(now, peer);
    }

    fn choose_parent(&mut self) {
        let (Some(membership), Some(layout)) = (&self.membership, &self.overlay.layout) else {
            return;
        };
        if self.follows_hubs() {
            let mut candidates = layout.candidates(membership.cluster.me());
            self.overlay.parent = candidates.find(|&candidate| !self.is_silent(candidate));
        }
    }

    /// Tells a new parent that it is one, even if there is nothing to send.
    fn introduce(&mut self, now: Instant) {
        if let Some(link) = self.overlay.parent.and_then(|parent| self.link_mut(parent)) {
            link.greet_at = Some(now);
        }
    }

    /// Mails entries to everybody who is not known to be out of reach; the next candidates are
    /// asked to pass them on, to those who are out of this node's reach and not of theirs.
    fn mail(&mut self, now: Instant, entries: &Held) {
        let Some(membership) = &mut self.membership else { return };
        if self.overlay.mail_at.is_some_and(|at| at > now) {
            return;
        }
        let cluster = &membership.cluster;
        self.overlay.mail_at = Some(now.after(MAIL_SPACING * cluster.len().min(MAIL_MAX as u32)));
        let mut helpers = HELPERS;
        for peer in cluster.others().take(MAIL_MAX) {
            let link = membership.links.entry(peer).or_default();
            if link.silent_since().is_none() {
                link.enqueue(entries, now);
                if helpers > 0 {
                    link.relay = link.relay.max(Relay::Up);
                    helpers -= 1;
                }
            }
        }
    }

    /// A peer made this node its parent: it may have missed something while it had none, and its
    /// message says what it holds.
    pub(crate) fn adopt(&mut self, now: Instant, peer: PeerId) {
        let (Some(membership), Some(layout)) = (&self.membership, &self.overlay.layout) else {
            return;
        };
        let is_child = layout.parent(peer) == Some(membership.cluster.me());
        if !is_child && self.follows_hubs() && self.overlay.adopted.insert(peer) {
            self.hand_over(now, peer);
        }
    }

    /// Sends a peer everything that it is not known to hold.
    fn hand_over(&mut self, now: Instant, peer: PeerId) {
        let Some(link) = self.link(peer) else { return };
        let mut missing = self.store.missing_from(link.known(), now, Duration::ZERO);
        missing.subtract(&link.in_flight());
        if let Some(link) = self.link_mut(peer) {
            link.enqueue(&missing, now);
        }
    }

    /// True if this node stands in for the root and `peer` may lead to another part of the
    /// cluster that has a root of its own, because not everybody hears everybody: one that has
    /// not made this node its parent. It is asked to pass things on, and by that becomes a parent.
    pub(crate) fn is_bridge(&self, peer: PeerId) -> bool {
        let (Some(membership), Some(layout)) = (&self.membership, &self.overlay.layout) else {
            return false;
        };
        let me = membership.cluster.me();
        if self.overlay.parent.is_some() || layout.parent(me).is_none() {
            return false;
        }
        let strangers = membership
            .cluster
            .others()
            .filter(|other| !self.overlay.adopted.contains(other) && !self.is_silent(*other));
        strangers.take(HELPERS).any(|stranger| stranger == peer)
    }

    /// The parent sent entries. If it does so often, it will be missed soon when it stops. (Its
    /// answer to the question whether it is there must not make anybody wait for another one.)
    pub(crate) fn expect_parent(&mut self, now: Instant, from: PeerId) {
        if self.overlay.parent == Some(from) {
            let usual = self.link(from).and_then(Link::usual_gap);
            let steady = usual.filter(|&gap| gap <= STEADY);
            self.overlay.suspect_at =
                steady.map(|gap| now.after((gap * MISSED_FACTOR).max(STEADY)));
        }
    }

    /// If the parent has been missed, it is asked whether it is still there.
    pub(crate) fn run_suspicion_timer(&mut self, now: Instant) {
        if self.overlay.suspect_at.take_if(|at| *at <= now).is_some() {
            self.introduce(now);
        }
    }
}
