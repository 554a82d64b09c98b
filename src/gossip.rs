//! What comes in from peers: entries, evidence, digests. What goes out is in `transmit.rs`.

use std::time::Duration;

use crate::cluster::PeerId;
use crate::held::Held;
use crate::link::{Freshness, Link};
use crate::message::{Entries, Gossip, Name, Origin, Relay};
#[cfg(feature = "mutations")]
use crate::mutation::Mutation;
use crate::node::{Membership, Node};
use crate::time::Instant;

/// No grace period is longer: the store remembers arrivals for this long.
const GRACE_MAX: Duration = Duration::from_secs(5);

impl Node {
    pub(crate) fn handle_gossip(&mut self, now: Instant, src: &Name, gossip: &Gossip) {
        let Some(membership) = &mut self.membership else {
            return self.note_refused(&format!("gossip from {src} before init"));
        };
        let Some(peer) = membership.cluster.id(src).filter(|&id| id != membership.cluster.me())
        else {
            return self.note_refused(&format!("gossip from {src}, which is not a peer"));
        };
        if let Some(text) = claims_too_much(membership, self.boot_id, gossip) {
            return self.note_refused(&format!("gossip from {src}: {text}"));
        }
        let echo = gossip.echo.filter(|echo| echo.generation == self.boot_id);
        let echoed = echo.map(|echo| echo.number);
        let link = membership.links.open(peer);
        let is_first_contact = link.generation().is_none();
        let freshness = link.note_generation(now, gossip.generation, echoed);
        let new = self.take_entries(now, peer, &gossip.values, freshness);
        self.load.note(now, new.count());
        if freshness == Freshness::New && !is_first_contact {
            self.meet_again(now, peer);
        }
        if freshness != Freshness::Stale {
            self.take_evidence(now, peer, gossip);
            // An older message, overtaken by another, does not say where the peer stands now.
            if self.link(peer).is_some_and(|link| link.is_newest(gossip.number)) {
                self.note_place(now, peer, gossip.place.as_ref());
            }
            self.note_pulse(now, peer, gossip.pulse);
        }
        self.pass_on(now, &new, peer, gossip.relay, gossip.all);
        self.expect_parent(now, peer, !gossip.values.is_empty());
    }

    /// A peer has restarted with an empty memory: everything is news to it.
    fn meet_again(&mut self, now: Instant, peer: PeerId) {
        self.stats.restarts_seen += 1;
        self.sync.hasten(now, &mut self.rng);
        if self.is_served(peer)
            && let Some(link) = self.membership.as_mut().and_then(|m| m.links.get_mut(peer))
        {
            #[cfg(feature = "mutations")]
            if self.config.mutation == Some(Mutation::PendingLostAtRestart) {
                return link.drop_queue();
            }
            link.enqueue(self.store.held(), now);
        }
    }

    /// Stores what is new; returns it. The sender holds what it sent.
    fn take_entries(
        &mut self,
        now: Instant,
        peer: PeerId,
        values: &[Entries],
        freshness: Freshness,
    ) -> Held {
        let mut new = Held::new();
        let mut sent = Held::new();
        if values.is_empty() {
            return new;
        }
        let evidence_at = self.evidence_deadline(now, peer, values);
        let at_once = self.confirmed_at_once(now, peer);
        let store = &mut self.store;
        let Some(membership) = &mut self.membership else { return new };
        let link = membership.links.open(peer);
        store.forget_arrivals(now, GRACE_MAX);
        for entries in values {
            let origin = store.origin_id(&entries.origin);
            let count = entries.values.len() as u64;
            let fresh = store.insert(now, origin, entries.first, &entries.values);
            let duplicates = count - fresh.count();
            self.stats.entries_received += fresh.count();
            self.stats.duplicates_received += duplicates;
            if duplicates > 0 {
                link.retell.insert(origin); // It would not have sent them, had it known.
            }
            new.insert_all(origin, &fresh);
            sent.insert(origin, entries.first..entries.first + count);
        }
        link.owe_confirmation(now, evidence_at, at_once);
        if freshness != Freshness::Stale {
            link.confirm(&sent);
        }
        new
    }

    fn take_evidence(&mut self, now: Instant, peer: PeerId, gossip: &Gossip) {
        let floor = self.config.probe_min;
        let Some(membership) = &mut self.membership else { return };
        let link = membership.links.open(peer);
        let (has_entries, patience) = (!gossip.values.is_empty(), self.loss.patience());
        if let Some(late) = link.note_received(now, gossip.number, has_entries, patience) {
            self.loss.note_late(now, late, late > self.loss.patience());
        }
        let forgotten = link.gaps.forget(now, GRACE_MAX);
        let store = &mut self.store;
        let theirs = gossip.have.iter().map(|have| (store.origin_id(&have.origin), have));
        let theirs: Held = theirs.map(|(origin, have)| (origin, have.ranges.clone())).collect();
        link.confirm(&theirs);
        let was_silent = link.silent_since().is_some();
        let expected = link.rtt().smoothed();
        let echo = gossip.echo.filter(|echo| echo.generation == self.boot_id);
        let (sample, lost) = echo.map_or((None, 0), |echo| {
            let held = Duration::from_micros(echo.held_us);
            link.note_echo(now, echo.number, held, self.delays.variation())
        });
        link.note_heard(now, link.rtt().timeout().unwrap_or(floor).max(floor));
        let recovered = was_silent && link.silent_since().is_none();
        // Where delays vary widely, only what never comes is lost.
        let lost = if self.delays.is_jittery() { forgotten } else { lost };
        self.note_loss(now, peer, lost, lost);
        if let Some(sample) = sample {
            self.delays.sample(sample, expected);
            self.bear_witness(now, peer);
        }
        if recovered {
            self.sync.hasten(now, &mut self.rng);
            self.return_to(now);
        }
        let grace = self.grace(peer);
        let Some(link) = self.link_mut(peer) else { return };
        if link.request_at.is_none() && !theirs.is_subset(self.store.held()) {
            self.link_mut(peer)
                .into_iter()
                .for_each(|link| link.request_at = Some(now.after(grace)));
        }
        if gossip.all {
            if let Some(link) = self.link_mut(peer) {
                link.place_asked |= gossip.ask;
            }
            let answer_now = gossip.ask || !gossip.values.is_empty();
            let grace = self.repair_grace(now, peer, gossip.ask);
            self.answer_digest(now, peer, answer_now, grace);
        }
    }

    /// A digest came in: what the peer lacks is sent at once; if it waits for an answer, it is
    /// told what is held here. When both agree, nothing is said.
    fn answer_digest(
        &mut self,
        now: Instant,
        peer: PeerId,
        answer_now: bool,
        grace: Option<Duration>,
    ) {
        let Some(membership) = &mut self.membership else { return };
        let link = membership.links.open(peer);
        if answer_now {
            link.owe_evidence(now);
        }
        let Some(grace) = grace else { return };
        let mut missing = self.store.missing_from(link.known(), now, grace);
        missing.subtract(&link.in_flight());
        if !missing.is_empty() {
            self.stats.repairs += missing.count();
            link.enqueue(&missing, now);
            // Those who rely on the peer may lack it as well. (A child passes on what its parent
            // sends.)
            if self.follows_hubs()
                && !self.is_child(peer)
                && let Some(link) = self.link_mut(peer)
            {
                link.relay = link.relay.max(Relay::Up);
            }
            self.sync.hasten(now, &mut self.rng);
        }
    }

    /// How old must be what a digest lacks to be sent; `None` if nothing is to be sent at all.
    ///
    /// Who asks has reason to believe that nothing is on its way to it. But it asks many, and they
    /// all send the same; so where delays vary, and the reason is a weak one, it gets what it lacks
    /// from the one whom it then follows.
    fn repair_grace(&mut self, now: Instant, peer: PeerId, is_question: bool) -> Option<Duration> {
        let me = self.membership.as_ref().map(|membership| membership.cluster.me());
        if !is_question || !self.follows_hubs() {
            return Some(self.grace(peer));
        }
        let is_child = self.parent_of(peer) == me;
        if is_child && self.sends_by_hubs() {
            Some(Duration::ZERO)
        } else {
            // What came while the question was on its way may have come to the peer as well.
            (!self.is_unreliable(now)).then_some(self.hop(peer) * 3 / 2)
        }
    }

    pub(crate) fn link(&self, peer: PeerId) -> Option<&Link> {
        self.membership.as_ref()?.links.get(peer)
    }

    pub(crate) fn link_mut(&mut self, peer: PeerId) -> Option<&mut Link> {
        self.membership.as_mut()?.links.get_mut(peer)
    }

    /// How long after an entry arrived here it may still be on its way to the peer without help:
    /// one round trip and the longest waits on the way.
    fn grace(&self, peer: PeerId) -> Duration {
        let round_trip = self.link(peer).and_then(|link| link.rtt().timeout());
        let round_trip =
            round_trip.or_else(|| self.delays.timeout()).unwrap_or(self.config.retry_initial);
        (round_trip + self.longest_wait() * 2).min(GRACE_MAX)
    }
}

/// Nobody can hold an entry of this life of this node that the node has not made, nor stand below a
/// node that does not exist.
fn claims_too_much(membership: &Membership, boot_id: u64, gossip: &Gossip) -> Option<String> {
    let strangers = gossip.place.iter().flat_map(|place| place.parent.iter().chain([&place.root]));
    if let Some(stranger) = strangers.into_iter().find(|name| membership.cluster.id(name).is_none())
    {
        return Some(format!("stands below {stranger}, which is not in the cluster"));
    }
    let is_own = |origin: &Origin| origin.generation == boot_id && origin.node == membership.me;
    let made = membership.next_sequence;
    let values = gossip.values.iter().filter(|entries| is_own(&entries.origin));
    let mut ends =
        values.map(|entries| entries.first.saturating_add(entries.values.len() as u64)).chain(
            gossip
                .have
                .iter()
                .filter(|have| is_own(&have.origin))
                .filter_map(|have| have.ranges.iter().last().map(|range| range.end)),
        );
    let end = ends.find(|&end| end > made)?;
    Some(format!("names entry {} of this node, which has made {made}", end - 1))
}
