//! What happens to a tree when somebody in it falls silent, and when he is heard again.
//!
//! In a star or a tree of hubs, a node that misses its parent asks it and a few others whether they
//! are there, and when the parent is silent it follows the best of those who are (`place.rs`).
//! Nobody has to vote. If none of the few is there, it asks everybody, and mails what the parent
//! has not confirmed along with the question.
//! Along a spanning tree of the topology there is no other parent to be had; everybody floods while
//! a link of it is silent.

use std::time::Duration;

use rand::RngExt as _;

use crate::cluster::PeerId;
use crate::held::Held;
use crate::link::Link;
use crate::message::Relay;
use crate::node::Node;
use crate::plan::Plan;
use crate::time::Instant;

/// A node that lost its hub asks, and mails what is unconfirmed to, this many at most.
const MAIL_MAX: u32 = 64;

/// Such mails are this far apart at least, per addressee: however often hubs seem to fall silent
/// (an overloaded machine makes them), that is no more than 100 messages per second and node.
const MAIL_SPACING: Duration = Duration::from_millis(10);

/// So many are asked to pass the mail on: one may be as cut off.
const HELPERS: usize = 6;

/// Before the parent is given up, so many of those who would come next are asked whether they are
/// there, and so many others: those who come next may be on the other side of the same cut.
const NEXT_ASKED: usize = 3;
const OTHERS_ASKED: usize = 5;

/// By how much later the parent is missed where some messages are lost, and where many are.
const FORBEARANCE_LIGHT: u32 = 2;
const FORBEARANCE_HEAVY: u32 = 3;

impl Node {
    /// A peer fell silent: somebody else takes its place.
    pub(crate) fn route_around(&mut self, now: Instant, peer: PeerId) {
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
    pub(crate) fn follow(&mut self, now: Instant, parent: Option<PeerId>) {
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

    /// The peer is asked whether it is there, where it stands, and for all that is missing here.
    fn ask(&mut self, now: Instant, peer: PeerId) {
        if let Some(membership) = &mut self.membership {
            membership.links.open(peer).ask_at = Some(now);
        }
    }

    /// Asks everybody who is not known to be out of reach, and mails them what is unconfirmed;
    /// some are asked to pass it on, to those who are out of this node's reach and not of theirs.
    fn mail(&mut self, now: Instant, entries: &Held) {
        // Where much is lost, the parent is likely to be there after all.
        let is_lossy = self.is_unreliable(now);
        let Some(membership) = &mut self.membership else { return };
        if self.overlay.mail_at.is_some_and(|at| at > now) {
            return;
        }
        let cluster = &membership.cluster;
        let count = cluster.len().min(MAIL_MAX);
        self.overlay.mail_at = Some(now.after(MAIL_SPACING * count));
        let (mut helpers, mut left) = (HELPERS, cluster.others().take(count as usize).count());
        for peer in cluster.others().take(count as usize) {
            let link = membership.links.open(peer);
            let is_helper = (self.rng.random_range(0..left.max(1))) < helpers;
            left = left.saturating_sub(1);
            if link.silent_since().is_none() {
                if is_helper || !is_lossy {
                    link.ask_at = Some(now);
                    link.aside.union_with(entries);
                    link.aside_up = is_helper;
                }
            }
            helpers -= usize::from(is_helper);
        }
    }

    /// A peer has said whom it follows, or that it is where the layout puts it. Who has made this
    /// node its parent may have missed something while it had none, and its message says what it
    /// holds.
    pub(crate) fn note_relation(&mut self, now: Instant, peer: PeerId, was_mine: bool) {
        let (Some(membership), Some(layout)) = (&self.membership, &self.overlay.layout) else {
            return;
        };
        let me = Some(membership.cluster.me());
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
    fn hand_over(&mut self, now: Instant, peer: PeerId) {
        let Some(link) = self.link(peer) else { return };
        let mut missing = self.store.missing_from(link.known(), now, Duration::ZERO);
        missing.subtract(&link.in_flight());
        if let Some(link) = self.link_mut(peer) {
            link.enqueue(&missing, now);
        }
    }

    /// Something was heard from `peer`: the parent is there after all, or somebody else is better.
    pub(crate) fn reconsider(&mut self, now: Instant, peer: PeerId) {
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
        let is_asked = self.overlay.parent.and_then(|parent| self.link(parent)).is_some_and(|link| link.is_asked());
        let was_missed = was_missed && !(is_asked && crate::knob("H", 1.0) > 0.0);
        if crate::knob("H", 1.0) > 1.0 && is_asked { return; }
        if was_missed || self.link(peer).is_some_and(|link| link.place.is_some()) {
            self.follow_better(now);
        }
    }

    /// The parent was heard. If it sends entries, and does so often, it will be missed soon when it
    /// stops; without any it is only there.
    pub(crate) fn expect_parent(&mut self, now: Instant, from: PeerId, has_entries: bool) {
        if self.overlay.parent == Some(from) && self.sends_by_hubs() {
            let missed_after = self.link(from).and_then(Link::missed_after);
            let missed_after = missed_after.map(|after| after * self.forbearance(now));
            let missed_after = missed_after.map(|after| after.max(self.hop(from) * 2));
            self.overlay.suspect_at =
                missed_after.filter(|_| has_entries).map(|after| now.after(after));
        }
    }

    /// Where messages get lost, or delays vary widely, one that is missing means little.
    fn forbearance(&mut self, now: Instant) -> u32 {
        if self.is_unreliable(now) {
            FORBEARANCE_HEAVY
        } else if self.loss.rides(now, self.delays.is_jittery()) > 0 {
            FORBEARANCE_LIGHT
        } else {
            1
        }
    }

    /// True if so many messages are lost, or late, that a missing one is no sign of anything.
    pub(crate) fn is_unreliable(&mut self, now: Instant) -> bool {
        self.loss.is_heavy(now) || self.delays.is_jittery()
    }

    /// If the parent is missed, it is doubted.
    pub(crate) fn run_suspicion_timer(&mut self, now: Instant) {
        if self.overlay.suspect_at.take_if(|at| *at <= now).is_some() {
            self.review(now);
            if !self.sends_by_hubs() { return; }
            if let Some(parent) = self.overlay.parent && self.link(parent).is_none_or(|link| link.heard_at().is_none()) {
                if let Some(membership) = &mut self.membership && membership.links.open(parent).batches().next().is_none() { self.ask(now, parent); }
                return;
            }
            self.doubt_parent(now, OTHERS_ASKED);
        }
    }

    /// True if `peer` is the parent, has not been missed yet, and has been heard since the oldest
    /// message was sent that it should have answered by now: that message may just be lost.
    pub(crate) fn is_audible_parent(&self, now: Instant, peer: PeerId) -> bool {
        let overdue_since = self.link(peer).and_then(|link| link.overdue_since(now));
        self.sends_by_hubs()
            && self.overlay.parent == Some(peer)
            && self.overlay.missed_at.is_none()
            && overdue_since.is_some_and(|since| self.spoke_since(peer, since))
    }

    /// `peer` has answered something: a parent that has not answered what was sent before is silent.
    pub(crate) fn bear_witness(&mut self, now: Instant, peer: PeerId) {
        if !self.sends_by_hubs() || self.loss.is_heavy(now) { return }
        let Some(parent) = self.overlay.parent.filter(|&parent| parent != peer) else { return };
        let Some(since) = self.link(parent).and_then(Link::struck_since) else { return };
        if self.spoke_since(parent, since) || !self.link(peer).is_some_and(|link| link.answered_since(since)) { return }
        if let Some(link) = self.link_mut(parent) {
            link.convict(now);
            self.stats.silences += 1;
            self.sync.hasten(now, &mut self.rng);
            self.route_around(now, parent);
        }
    }

    /// True if somebody else has answered what was sent since the oldest message that `peer` should
    /// have answered by now.
    pub(crate) fn has_witness(&self, now: Instant, peer: PeerId) -> bool {
        let Some(membership) = &self.membership else { return false };
        let since = membership.links.get(peer).and_then(|link| link.overdue_since(now));
        since.is_none_or(|since| {
            membership.links.iter().any(|(other, link)| other != peer && link.answered_since(since))
        })
    }

    /// The parent may be gone: it is asked whether it is there, and so are some who could take its
    /// place. They are sent what the parent has not confirmed, too.
    pub(crate) fn doubt_parent(&mut self, now: Instant, others: usize) {
        let Some(parent) = self.overlay.parent else { return };
        let mut unconfirmed = Held::new();
        if let Some(link) = self.link(parent) {
            unconfirmed.union_with(link.queue());
            unconfirmed.union_with(&link.in_flight());
        }
        let since = if others == 0 && crate::knob("M", 1.0) > 0.0 { self.link(parent).and_then(Link::struck_since) } else { None };
        self.overlay.missed_at.get_or_insert(since.unwrap_or(now));
        self.ask(now, parent);
        if self.overlay.ask_at.is_some_and(|at| at > now) { return; }
        if others > 0 { self.overlay.ask_at = Some(now.after(Duration::from_millis(crate::knob("R", 500.0) as u64))); }
        self.ask_some(now, others, &unconfirmed);
    }

    /// Asks those who come next and `others` at random, and sends them entries to pass on, unless
    /// delays vary or losses abound so much that the parent is likely to be there.
    fn ask_some(&mut self, now: Instant, others: usize, entries: &Held) {
        let is_unreliable = self.is_unreliable(now);
        let (Some(membership), Some(layout)) = (&self.membership, &self.overlay.layout) else {
            return;
        };
        let (me, nodes) = (membership.cluster.me(), membership.cluster.len());
        let parent = self.overlay.parent;
        let picks: Vec<PeerId> =
            (0..others).map(|_| PeerId(self.rng.random_range(0..nodes))).collect();
        let is_there =
            |peer: &PeerId| Some(*peer) != parent && *peer != me && !self.is_silent(*peer);
        let mut asked: Vec<PeerId> =
            layout.candidates(me).filter(is_there).take(NEXT_ASKED).collect();
        asked.extend(picks.into_iter().filter(is_there));
        for peer in asked {
            self.ask(now, peer);
            if let Some(link) = self.link_mut(peer).filter(|_| !is_unreliable) {
                link.aside.union_with(entries);
                link.aside_up = true;
            }
        }
    }
}
