//! What happens to a tree when somebody in it falls silent, and when he is heard again.
//!
//! In a star or a tree of hubs, a node that misses its parent asks it and a few others whether they
//! are there (`doubt.rs`), and when the parent is silent it follows the best of those who are
//! (`place.rs`).
//! Nobody has to vote. If none of the few is there, it asks everybody, and mails what the parent
//! has not confirmed along with the question.
//! Along a spanning tree of the topology there is no other parent to be had; everybody floods while
//! a link of it is silent.

use std::time::Duration;

use rand::RngExt as _;

use super::Rumormill;
use super::link::Link;
use super::message::Relay;
use super::planner::Plan;
use crate::id::NodeId;
use crate::set::VersionSet;
use crate::time::Instant;

/// A node that lost its hub asks, and mails what is unconfirmed to, this many at most.
const MAIL_MAX: u32 = 64;

/// Such mails are this far apart at least, per addressee: however often hubs seem to fall silent
/// (an overloaded machine makes them), that is no more than 100 messages per second and node.
const MAIL_SPACING: Duration = Duration::from_millis(10);

/// So many are asked to pass the mail on: one may be as cut off.
const HELPERS: usize = 6;

impl Rumormill {
    /// A peer fell silent: somebody else takes its place.
    pub(crate) fn route_around(&mut self, now: Instant, peer: NodeId) {
        if !matches!(self.overlay.plan, Some(Plan::Tree { .. })) {
            return;
        }
        let link = self.link(peer);
        let unconfirmed = link.map(|link| link.queue().clone()).unwrap_or_default();
        let silent_since = link.and_then(Link::silent_since).unwrap_or(now);
        if !self.follows_hubs() {
            return self.flood(now, &unconfirmed, Some(peer), Duration::ZERO);
        }
        if self.overlay.parent == Some(peer) {
            let missed_at = self.overlay.missed_at.map_or(silent_since, |at| at.min(silent_since));
            self.overlay.missed_at = Some(missed_at);
            self.note_lost_root(now);
            if !self.follow_best(now) {
                self.mail(now, &unconfirmed);
            }
            self.send_along_tree(now, &unconfirmed, None, true);
            if self.overlay.parent.is_none() {
                self.overlay.missed_at = None;
            }
        }
        if !self.is_tree_edge(peer)
            && let Some(link) = self.link_mut(peer)
        {
            link.drop_queue();
        }
    }

    /// A silent peer answers again: traffic may return to it.
    pub(crate) fn return_to(&mut self, now: Instant) {
        if self.follows_hubs() {
            self.follow_best(now);
        }
    }

    /// Takes another parent, and lets it and the old one know.
    pub(crate) fn follow(&mut self, now: Instant, parent: Option<NodeId>) {
        if parent == self.overlay.parent {
            return;
        }
        self.overlay.followed_at = parent.map(|_| now);
        let old = std::mem::replace(&mut self.overlay.parent, parent);
        self.overlay.beat = None;
        self.overlay.suspect_at = None;
        if let Some(old) = old
            && !self.is_silent(old)
            && let Some(link) = self.link_mut(old)
        {
            link.owe_evidence(now);
        }
        let Some(parent) = parent else { return };
        self.ask(now, parent);
        // If it has been asked before, it has said what it holds.
        let missed_at = self.overlay.missed_at;
        if missed_at.is_some_and(|at| self.link(parent).is_some_and(|l| l.answered_since(at))) {
            self.overlay.followed_at = None;
            self.hand_over(now, parent);
        }
    }

    /// Asks everybody who is not known to be out of reach, and mails them what is unconfirmed;
    /// some are asked to pass it on, to those who are out of this node's reach and not of theirs.
    fn mail(&mut self, now: Instant, entries: &VersionSet) {
        // Where much is lost, the parent is likely to be there after all.
        let is_lossy = self.is_unreliable(now);
        if self.overlay.mail_at.is_some_and(|at| at > now) {
            return;
        }
        let cluster = &self.cluster;
        let count = cluster.len().min(MAIL_MAX);
        self.overlay.mail_at = Some(now.after(MAIL_SPACING * count));
        let (mut helpers, mut left) = (HELPERS, cluster.others().take(count as usize).count());
        for peer in cluster.others().take(count as usize) {
            let link = self.links.open(peer);
            let is_helper = (self.rng.random_range(0..left.max(1))) < helpers;
            left = left.saturating_sub(1);
            if link.silent_since().is_none() && (is_helper || !is_lossy) {
                link.ask_at = Some(now);
                link.put_aside(entries, if is_helper { Relay::Up } else { Relay::Keep });
            }
            helpers -= usize::from(is_helper);
        }
    }

    /// A peer has said whom it follows, or that it is where the layout puts it. Who has made this
    /// node its parent may have missed something while it had none, and its message says what it
    /// holds.
    pub(crate) fn note_relation(&mut self, now: Instant, peer: NodeId, was_mine: bool) {
        let Some(layout) = &self.overlay.layout else {
            return;
        };
        let me = Some(self.cluster.me());
        let is_mine = self.parent_of(peer) == me;
        if is_mine && layout.parent(peer) != me {
            self.overlay.adopted.insert(peer);
        } else {
            self.overlay.adopted.remove(&peer);
        }
        if is_mine && !was_mine {
            self.hand_over(now, peer);
        }
    }

    /// Sends a peer everything that it is not known to hold.
    fn hand_over(&mut self, now: Instant, peer: NodeId) {
        let Some(link) = self.link(peer) else { return };
        let mut missing = self.replica.missing_from(link.known(), now, Duration::ZERO);
        missing.subtract(&link.in_flight());
        if let Some(link) = self.link_mut(peer) {
            link.enqueue(&missing, now);
        }
    }

    /// Something was heard from `peer`: the parent is there after all, or somebody else is better.
    pub(crate) fn reconsider(&mut self, now: Instant, peer: NodeId) {
        if !self.sends_by_hubs() {
            return;
        }
        let was_missed = self.overlay.missed_at.is_some();
        if was_missed && self.overlay.parent == Some(peer) && !self.is_silent(peer) {
            self.overlay.missed_at = None;
        }
        // Its answer says what it holds.
        if self.overlay.parent == Some(peer)
            && let Some(since) = self.overlay.followed_at
            && self.link(peer).is_some_and(|link| link.answered_since(since))
        {
            self.overlay.followed_at = None;
            self.hand_over(now, peer);
        }
        // While it may still answer, nobody is better for being quicker.
        let parent = self.overlay.parent.and_then(|parent| self.link(parent));
        let is_given_up = was_missed && !parent.is_some_and(Link::is_asked);
        if is_given_up || self.link(peer).is_some_and(|link| link.place.is_some()) {
            self.follow_better(now);
        }
    }
}
