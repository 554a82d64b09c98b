//! Who sends to whom right now: the route's plan, corrected by who is silent.
//!
//! In a star or a tree of hubs, a node whose parent is silent takes another one (`succession.rs`)
//! and says so, which makes it its child. A root stands in for whoever is before it in the list.
//! Along a spanning tree of the topology, silence makes everybody flood instead.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Rumormill;
use super::message::{Pulse, Relay};
use super::place::LostRoot;
use super::planner::{MARGIN, Plan, Situation};
use super::route::Route;
use crate::cluster::Tree;
use crate::id::NodeId;
use crate::set::VersionSet;
use crate::time::Instant;

/// The plan is looked over this often at most.
const REVIEW_INTERVAL: Duration = Duration::from_millis(250);

/// A node's place in the overlay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    /// The tree, as if nobody were silent; none for direct mail and plain flooding.
    pub(crate) layout: Option<Arc<Tree>>,
    pub(crate) plan: Option<Plan>,
    reviewed_at: Option<Instant>,
    budget_missed: bool,
    pub(crate) parent: Option<NodeId>,
    /// Children beyond those of the layout.
    pub(crate) adopted: BTreeSet<NodeId>,
    /// The root's rhythm as heard from the parent.
    pub(crate) beat: Option<Beat>,
    /// No mail to everyone before this.
    pub(crate) mail_at: Option<Instant>,
    /// The parent is missed then, if it has not been heard before.
    pub(crate) suspect_at: Option<Instant>,
    /// Since when the parent has been missed: who is heard since then is there.
    pub(crate) missed_at: Option<Instant>,
    /// Others are not asked whether they are there before this.
    pub(crate) ask_others_at: Option<Instant>,
    /// When the parent was chosen, until it has answered.
    pub(crate) followed_at: Option<Instant>,
    /// The root that was lost last, of several the first in the list.
    pub(crate) lost_root: Option<LostRoot>,
    /// As a root: when the children are sent to next, or, with a pulse, some beat.
    down_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    /// When the root beat, in this node's time.
    at: Instant,
    period: Duration,
    /// One-way delay from the root to here.
    distance: Duration,
}

impl Overlay {
    /// Whom this node sends up to.
    pub(crate) const fn parent(&self) -> Option<NodeId> {
        self.parent
    }

    /// Whom it sends down to beyond the layout.
    pub(crate) fn adopted(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.adopted.iter().copied()
    }
}

impl Rumormill {
    /// Lays the tree out anew: the cluster or its topology has become known.
    pub(crate) fn lay_out(&mut self) {
        let cluster = &self.cluster;
        self.overlay.layout = match self.config.route {
            Route::Auto | Route::Hub => Some(Arc::new(Tree::hubs(cluster.len()))),
            Route::Topology | Route::Tree => Some(cluster.spanning_tree()),
            Route::Direct => None,
        };
        self.overlay.parent =
            self.overlay.layout.as_ref().and_then(|layout| layout.parent(cluster.me()));
        self.overlay.plan = None;
        self.overlay.reviewed_at = None;
    }

    /// Looks the plan over, if it has not been for a while.
    pub(crate) fn review(&mut self, now: Instant) -> Plan {
        if let (Some(plan), Some(at)) = (self.overlay.plan, self.overlay.reviewed_at)
            && now.since(at) < REVIEW_INTERVAL
        {
            return plan;
        }
        let plan = self.make_plan(now);
        self.overlay.reviewed_at = Some(now);
        self.overlay.plan = Some(plan);
        plan
    }

    fn make_plan(&mut self, now: Instant) -> Plan {
        let current = self.overlay.plan;
        let situation = Situation {
            nodes: self.cluster.len(),
            budget: self.config.latency_budget,
            round_trip: self.network_rtt.round_trip().unwrap_or(self.config.rtt_initial),
            load: self.load.per_second(now),
            height: self.overlay.layout.as_ref().map_or(1, |layout| layout.height),
            hubs: self.overlay.layout.as_ref().map_or(0, |layout| layout.hubs_below_root()),
        };
        let window = self.config.window;
        let at_once = Duration::ZERO;
        let tree = |period| Plan::Tree { period, pulse: false };
        let (plan, in_time) = match self.config.route {
            Route::Topology => match (window, situation.tree(current)) {
                (Some(window), _) => (Plan::Flood { window }, true),
                (None, Some(plan)) => (plan, true),
                (None, None) => (Plan::Flood { window: at_once }, false),
            },
            Route::Hub | Route::Tree => match (window, situation.tree(current)) {
                (Some(window), _) => (tree(window), true),
                (None, Some(plan)) => (plan, true),
                (None, None) => (tree(at_once), false),
            },
            Route::Direct => {
                let left = self.config.latency_budget.checked_sub(situation.round_trip / 2);
                (Plan::Direct { window: window.or(left).unwrap_or(at_once) }, left.is_some())
            }
            Route::Auto => match window {
                Some(window) => (tree(window), true),
                None => (situation.cheapest(current), situation.can_be_met()),
            },
        };
        if !in_time && self.network_rtt.round_trip().is_some() && !self.overlay.budget_missed {
            self.overlay.budget_missed = true;
            self.log.push(format!(
                "the latency budget of {:?} cannot be met by route {} with a round trip of {:?}: \
                 sending {plan}",
                self.config.latency_budget, self.config.route, situation.round_trip
            ));
        }
        plan
    }

    /// Hands the node's own new entries to whom the plan names.
    pub(crate) fn spread_own(&mut self, now: Instant, new: &VersionSet) {
        match self.review(now) {
            Plan::Flood { window } => self.flood(now, new, None, window),
            Plan::Direct { window } => {
                for peer in self.cluster.others() {
                    self.links.open(peer).enqueue(new, now.after(window));
                }
            }
            Plan::Tree { .. } => self.send_along_tree(now, new, None, false),
        }
    }

    /// Passes on entries that are new here, as far as the others rely on this node for it.
    pub(crate) fn pass_on(
        &mut self,
        now: Instant,
        new: &VersionSet,
        from: NodeId,
        relay: Relay,
        is_repair: bool,
    ) {
        if new.is_empty() {
            return;
        }
        match self.review(now) {
            Plan::Flood { window } => self.flood(now, new, Some(from), window),
            _ if relay == Relay::Flood => self.flood(now, new, Some(from), Duration::ZERO),
            // What was lost once is late already; but where much is lost, so much is repaired that
            // it must share messages.
            Plan::Tree { .. } if is_repair => {
                let at_once = !self.loss.is_heavy(now) || self.is_displaced();
                self.send_along_tree(now, new, Some(from), at_once);
            }
            // Along the topology's tree, what comes any other way than down from the parent was
            // held up somewhere, and those below may still lack it.
            _ if relay == Relay::Up
                || self.overlay.parent == Some(from)
                || !self.follows_hubs() =>
            {
                self.send_along_tree(now, new, Some(from), false);
            }
            // While the parent is missed, or another one has taken its place, what comes by any
            // other way is late, too, and those below may still lack it.
            Plan::Tree { .. } if self.is_displaced() => {
                self.send_along_tree(now, new, Some(from), true);
            }
            _ => {}
        }
    }

    pub(crate) fn flood(
        &mut self,
        now: Instant,
        new: &VersionSet,
        from: Option<NodeId>,
        window: Duration,
    ) {
        let cluster = &self.cluster;
        let neighbours = cluster.neighbours(cluster.me()).iter().copied();
        for peer in neighbours.filter(|&peer| Some(peer) != from) {
            let link = self.links.open(peer);
            link.enqueue(new, now.after(window));
            link.relay = Relay::Flood;
        }
    }

    pub(crate) fn send_along_tree(
        &mut self,
        now: Instant,
        new: &VersionSet,
        from: Option<NodeId>,
        at_once: bool,
    ) {
        let edges = self.tree_edges();
        if !self.follows_hubs() && edges.iter().any(|&peer| self.is_silent(peer)) {
            return self.flood(now, new, from, Duration::ZERO);
        }
        for peer in edges.into_iter().filter(|&peer| Some(peer) != from) {
            let deadline = if at_once { now } else { self.tree_deadline(now, peer, from) };
            let is_parent = self.overlay.parent == Some(peer);
            let link = self.links.open(peer);
            link.enqueue(new, deadline);
            if is_parent {
                link.relay = link.relay.max(Relay::Up);
            }
        }
    }

    /// True if the tree is one of hubs, in which anybody may stand in for a silent one.
    pub(crate) fn follows_hubs(&self) -> bool {
        matches!(self.config.route, Route::Auto | Route::Hub)
    }

    /// True if new values go through hubs at the moment.
    pub(crate) fn sends_by_hubs(&self) -> bool {
        self.follows_hubs() && matches!(self.overlay.plan, Some(Plan::Tree { .. }))
    }

    pub(crate) fn is_silent(&self, peer: NodeId) -> bool {
        self.link(peer).is_some_and(|link| link.silent_since().is_some())
    }

    /// The tree's links as this node uses them: its parent, its children, and whoever it stands
    /// in for.
    pub(crate) fn tree_edges(&self) -> BTreeSet<NodeId> {
        let mut edges = BTreeSet::new();
        let Some(layout) = &self.overlay.layout else {
            return edges;
        };
        let me = self.cluster.me();
        edges.extend(layout.children(me));
        if self.follows_hubs() {
            edges.extend(&self.overlay.adopted);
            for child in layout.children(me) {
                if layout.has_children(child) && self.is_silent(child) {
                    edges.extend(layout.children(child));
                }
            }
            if self.overlay.parent.is_none() {
                for candidate in layout.candidates(me) {
                    edges.insert(candidate);
                    edges.extend(layout.children(candidate));
                }
                edges.remove(&me);
            }
            edges.retain(|&peer| !self.has_left(peer));
        }
        edges.extend(self.overlay.parent);
        edges
    }

    /// True if `peer` is one of [`Node::tree_edges`]; cheaper than asking for all of them.
    pub(crate) fn is_tree_edge(&self, peer: NodeId) -> bool {
        self.overlay.parent == Some(peer) || self.is_child(peer)
    }

    /// True if a peer has said that it follows somebody else. One that is silent may not hear
    /// this node any more, and is probed until it comes back.
    fn has_left(&self, peer: NodeId) -> bool {
        let Some(link) = self.link(peer) else { return false };
        let me = Some(self.cluster.me());
        link.place.is_some_and(|place| place.parent != me) && link.silent_since().is_none()
    }

    pub(crate) fn is_child(&self, peer: NodeId) -> bool {
        let Some(layout) = &self.overlay.layout else {
            return false;
        };
        let me = self.cluster.me();
        let parent = layout.parent(peer);
        if self.follows_hubs() && self.has_left(peer) {
            return false;
        }
        if parent == Some(me) {
            return true;
        }
        let stands_in = self.overlay.parent.is_none() && layout.parent(me).is_some();
        let is_orphan = parent.is_some_and(|p| layout.parent(p) == Some(me) && self.is_silent(p));
        self.follows_hubs()
            && (is_orphan
                || self.overlay.adopted.contains(&peer)
                || (stands_in && (peer < me || parent.is_some_and(|p| p < me))))
    }

    /// By when an entry from `from` leaves for `peer`, along the tree.
    pub(crate) fn tree_deadline(
        &mut self,
        now: Instant,
        peer: NodeId,
        from: Option<NodeId>,
    ) -> Instant {
        let Some(Plan::Tree { period, pulse }) = self.overlay.plan else { return now };
        if self.overlay.parent == Some(peer) {
            return self.slot(now);
        }
        match self.overlay.parent {
            // What comes down goes on down.
            Some(parent) if from == Some(parent) => now,
            // The way up and down again is not for the nearest: they get it with the next beat.
            Some(_) => now.after(self.overlay.beat.map_or(period, |beat| beat.period)),
            None => {
                let next = match self.overlay.down_at {
                    Some(at) if at > now => at,
                    Some(at) if pulse => next_beat(at, period, now),
                    // The first beat comes at once: all others follow from it.
                    None if pulse => now,
                    _ => now.after(period),
                };
                self.overlay.down_at = Some(next);
                next
            }
        }
    }

    /// When to send up: so as to arrive just before the root's next beat, if it has a rhythm.
    fn slot(&self, now: Instant) -> Instant {
        let (Some(beat), Some(layout)) = (self.overlay.beat, &self.overlay.layout) else {
            return now;
        };
        let depth = layout.ancestors(self.cluster.me()).count() as u32;
        let early = beat.distance + MARGIN * depth / layout.height.max(1);
        next_beat(beat.at, beat.period, now.after(early)).before(early)
    }

    /// The rhythm to tell a child, if there is one.
    pub(crate) fn pulse_for(&self, now: Instant, peer: NodeId) -> Option<Pulse> {
        let Some(Plan::Tree { period, pulse: true }) = self.overlay.plan else { return None };
        if self.overlay.parent == Some(peer) {
            return None;
        }
        let (at, period, distance) = match (self.overlay.parent, self.overlay.beat) {
            (Some(_), Some(beat)) => (beat.at, beat.period, beat.distance),
            (Some(_), None) => return None,
            (None, _) => (self.overlay.down_at?, period, Duration::ZERO),
        };
        let last = next_beat(at, period, now).before(period);
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Some(Pulse {
            period_us: micros(period),
            age_us: micros(now.since(last)),
            distance_us: micros(distance),
        })
    }

    /// Takes in the parent's rhythm.
    pub(crate) fn note_pulse(&mut self, now: Instant, from: NodeId, pulse: Option<Pulse>) {
        if self.overlay.parent != Some(from) {
            return;
        }
        let hop = self.hop(from);
        self.overlay.beat = pulse.filter(|pulse| pulse.period_us > 0).map(|pulse| Beat {
            at: now.before(Duration::from_micros(pulse.age_us) + hop),
            period: Duration::from_micros(pulse.period_us),
            distance: Duration::from_micros(pulse.distance_us) + hop,
        });
    }

    /// What is sent to `peer` is to be passed on like this.
    pub(crate) fn relay_for(&self, peer: NodeId) -> Relay {
        let queued = self.link(peer).map_or(Relay::Keep, |link| link.relay);
        let in_tree = matches!(self.overlay.plan, Some(Plan::Tree { .. }));
        if in_tree && self.overlay.parent == Some(peer) { queued.max(Relay::Up) } else { queued }
    }

    /// True if `peer` gets new entries from this node as a matter of course.
    pub(crate) fn is_served(&self, peer: NodeId) -> bool {
        match self.overlay.plan {
            Some(Plan::Tree { .. }) => self.is_tree_edge(peer),
            _ => self.cluster.neighbours(self.cluster.me()).contains(&peer),
        }
    }

    pub(crate) fn period(&self) -> Duration {
        match (self.overlay.beat, self.overlay.plan) {
            (Some(beat), _) => beat.period,
            (None, Some(Plan::Tree { period, .. })) => period,
            _ => Duration::ZERO,
        }
    }

    /// How long an entry may wait here or at a peer before it is sent.
    pub(crate) fn longest_wait(&self) -> Duration {
        match self.overlay.plan {
            Some(Plan::Flood { window } | Plan::Direct { window }) => window,
            _ => self.period(),
        }
    }
}

/// The first beat later than `now` of the rhythm that has a beat at `beat`.
fn next_beat(beat: Instant, period: Duration, now: Instant) -> Instant {
    let (beat, now) = (beat.as_micros(), now.as_micros());
    let period = u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1);
    let phase = beat % period;
    let next = (now.saturating_sub(phase) / period).saturating_add(1).saturating_mul(period);
    Instant::from_micros(if now < phase { phase } else { next.saturating_add(phase) })
}
