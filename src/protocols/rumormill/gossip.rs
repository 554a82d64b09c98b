//! What comes in from peers: entries, evidence, digests. What goes out is in `transmit.rs`.

use std::time::Duration;

use super::Rumormill;
use super::link::{Freshness, Link};
use super::message::{Entries, Gossip, Relay};
#[cfg(feature = "mutations")]
use super::mutation::Mutation;
use crate::id::EntryId;
use crate::id::NodeId;
use crate::id::Origin;
use crate::protocol::{Effects, Entry};
use crate::set::VersionSet;
use crate::time::Instant;

/// No grace period is longer: the store remembers arrivals for this long.
const GRACE_MAX: Duration = Duration::from_secs(5);

impl Rumormill {
    pub(crate) fn handle_gossip(
        &mut self,
        now: Instant,
        peer: NodeId,
        gossip: &Gossip,
        out: &mut Effects<Gossip>,
    ) {
        if let Some(text) = self.claims_too_much(gossip) {
            return out.refuse(text);
        }
        let echo = gossip.echo.filter(|echo| echo.generation == self.generation);
        let echoed = echo.map(|echo| echo.number);
        let link = self.links.open(peer);
        let is_first_contact = link.generation().is_none();
        let freshness = link.note_generation(now, gossip.generation, echoed);
        let new = self.take_entries(now, peer, &gossip.values, freshness, out);
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
    fn meet_again(&mut self, now: Instant, peer: NodeId) {
        self.stats.restarts_seen += 1;
        self.anti_entropy.hasten(now, &mut self.rng);
        if self.is_served(peer)
            && let Some(link) = self.links.get_mut(peer)
        {
            #[cfg(feature = "mutations")]
            if self.config.mutation == Some(Mutation::PendingLostAtRestart) {
                return link.drop_queue();
            }
            link.enqueue(self.replica.held(), now);
        }
    }

    /// Stores what is new; returns it. The sender holds what it sent.
    fn take_entries(
        &mut self,
        now: Instant,
        peer: NodeId,
        values: &[Entries],
        freshness: Freshness,
        out: &mut Effects<Gossip>,
    ) -> VersionSet {
        let mut new = VersionSet::new();
        let mut sent = VersionSet::new();
        if values.is_empty() {
            return new;
        }
        let evidence_at = self.evidence_deadline(now, peer, values);
        let at_once = self.confirmed_at_once(now, peer);
        let store = &mut self.replica;
        let link = self.links.open(peer);
        store.forget_arrivals(now, GRACE_MAX);
        for entries in values {
            let origin = store.origin_id(entries.origin);
            let count = entries.values.len() as u64;
            let fresh = store.insert(now, origin, entries.first, &entries.values);
            for sequence in fresh.iter().flatten() {
                let value = entries.values[(sequence - entries.first) as usize].clone();
                out.deliver(Entry { id: EntryId { origin: entries.origin, sequence }, value });
            }
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

    fn take_evidence(&mut self, now: Instant, peer: NodeId, gossip: &Gossip) {
        let floor = self.config.probe_min;
        let link = self.links.open(peer);
        let (has_entries, patience) = (!gossip.values.is_empty(), self.loss.patience());
        if let Some(late) = link.note_received(now, gossip.number, has_entries, patience) {
            self.loss.note_late(now, late, late > self.loss.patience());
        }
        let forgotten = link.gaps.forget(now, GRACE_MAX);
        let store = &mut self.replica;
        let theirs = gossip.have.iter().map(|have| (store.origin_id(have.origin), have));
        let theirs: VersionSet =
            theirs.map(|(origin, have)| (origin, have.ranges.clone())).collect();
        link.confirm(&theirs);
        let was_silent = link.silent_since().is_some();
        let expected = link.rtt().smoothed();
        let echo = gossip.echo.filter(|echo| echo.generation == self.generation);
        let (sample, lost) = echo.map_or((None, 0), |echo| {
            let held = Duration::from_micros(echo.held_us);
            link.note_echo(now, echo.number, held, self.network_rtt.variation())
        });
        link.note_heard(now, link.rtt().timeout().unwrap_or(floor).max(floor));
        let recovered = was_silent && link.silent_since().is_none();
        // Where delays vary widely, only what never comes is lost.
        let lost = if self.network_rtt.is_jittery() { forgotten } else { lost };
        self.note_loss(now, peer, lost, lost);
        if let Some(sample) = sample {
            self.network_rtt.sample(sample, expected);
            self.bear_witness(now, peer);
        }
        if recovered {
            self.anti_entropy.hasten(now, &mut self.rng);
            self.return_to(now);
        }
        let grace = self.grace(peer);
        let Some(link) = self.link_mut(peer) else { return };
        if link.request_at.is_none() && !theirs.is_subset(self.replica.held()) {
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
        peer: NodeId,
        answer_now: bool,
        grace: Option<Duration>,
    ) {
        let link = self.links.open(peer);
        if answer_now {
            link.owe_evidence(now);
        }
        let Some(grace) = grace else { return };
        let mut missing = self.replica.missing_from(link.known(), now, grace);
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
            self.anti_entropy.hasten(now, &mut self.rng);
        }
    }

    /// How old must be what a digest lacks to be sent; `None` if nothing is to be sent at all.
    ///
    /// Who asks has reason to believe that nothing is on its way to it. But it asks many, and they
    /// all send the same; so where delays vary, and the reason is a weak one, it gets what it lacks
    /// from the one whom it then follows.
    fn repair_grace(&mut self, now: Instant, peer: NodeId, is_question: bool) -> Option<Duration> {
        let me = Some(self.cluster.me());
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

    pub(crate) fn link(&self, peer: NodeId) -> Option<&Link> {
        self.links.get(peer)
    }

    pub(crate) fn link_mut(&mut self, peer: NodeId) -> Option<&mut Link> {
        self.links.get_mut(peer)
    }

    /// How long after an entry arrived here it may still be on its way to the peer without help:
    /// one round trip and the longest waits on the way.
    fn grace(&self, peer: NodeId) -> Duration {
        let round_trip = self.link(peer).and_then(|link| link.rtt().timeout());
        let round_trip =
            round_trip.or_else(|| self.network_rtt.timeout()).unwrap_or(self.config.retry_initial);
        (round_trip + self.longest_wait() * 2).min(GRACE_MAX)
    }
}

impl Rumormill {
    /// Nobody can hold an entry of this life of this node that the node has not made.
    fn claims_too_much(&self, gossip: &Gossip) -> Option<String> {
        let own = Origin { node: self.cluster.me(), generation: self.generation };
        let made = self.next_sequence;
        let values = gossip.values.iter().filter(|entries| entries.origin == own);
        let mut ends =
            values.map(|entries| entries.first.saturating_add(entries.values.len() as u64)).chain(
                gossip
                    .have
                    .iter()
                    .filter(|have| have.origin == own)
                    .filter_map(|have| have.ranges.iter().last().map(|range| range.end)),
            );
        let end = ends.find(|&end| end > made)?;
        Some(format!("names entry {} of this node, which has made {made}", end - 1))
    }
}
