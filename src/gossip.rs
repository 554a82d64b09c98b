//! Gossip with peers: taking entries and evidence in, sending batches, digests, probes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cluster::PeerId;
use crate::held::Held;
use crate::link::{Freshness, Link, Lost};
use crate::message::{Body, Entries, Gossip, Have, Message, Name, Origin, Relay};
#[cfg(feature = "mutations")]
use crate::mutation::Mutation;
use crate::node::{Membership, Node};
use crate::store::Store;
use crate::time::Instant;
use crate::value::Value;

/// No grace period is longer: the store remembers arrivals for this long.
const GRACE_MAX: Duration = Duration::from_secs(5);

/// How long after a batch it is repeated blindly: long enough to escape a short disturbance.
const REPEAT_DELAY: Duration = Duration::from_millis(30);

/// Why a message is sent; it decides what evidence goes along and when an answer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// New entries, or evidence whose time has come. The peer answers when it suits it.
    Batch,
    /// The last batch once more, blindly: so much is lost that waiting would take too long.
    Repeat,
    /// A digest. If it carries entries (a retry, a repair or a probe), the peer answers at once.
    Digest,
}

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
        let link = membership.links.entry(peer).or_default();
        let is_first_contact = link.generation().is_none();
        let freshness = link.note_generation(now, gossip.generation, echoed);
        let new = self.take_entries(now, peer, &gossip.values, freshness);
        self.load.note(now, new.count());
        if freshness == Freshness::New && !is_first_contact {
            self.meet_again(now, peer);
        }
        if freshness != Freshness::Stale {
            self.take_evidence(now, peer, gossip);
            self.note_pulse(now, peer, gossip.pulse);
        }
        self.pass_on(now, &new, peer, gossip.relay, gossip.all);
    }

    /// A peer has restarted with an empty memory: everything is news to it.
    fn meet_again(&mut self, now: Instant, peer: PeerId) {
        self.stats.restarts_seen += 1;
        self.sync.hasten(now, &mut self.rng);
        if self.is_served(peer)
            && let Some(link) = self.membership.as_mut().and_then(|m| m.links.get_mut(&peer))
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
        let evidence_at = self.evidence_deadline(now, peer);
        let store = &mut self.store;
        let Some(membership) = &mut self.membership else { return new };
        let link = membership.links.entry(peer).or_default();
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
        link.owe_evidence(evidence_at);
        if freshness != Freshness::Stale {
            link.confirm(&sent);
        }
        new
    }

    fn take_evidence(&mut self, now: Instant, peer: PeerId, gossip: &Gossip) {
        let floor = self.config.probe_min;
        let Some(membership) = &mut self.membership else { return };
        let link = membership.links.entry(peer).or_default();
        if let Some(late) = link.note_received(now, gossip.number, self.loss.patience()) {
            self.loss.note_late(now, late, late > self.loss.patience());
        }
        let forgotten = link.forget_gaps(now, GRACE_MAX);
        if self.delays.is_jittery() {
            self.loss.note_lost(now, forgotten);
        }
        let mut theirs = Held::new();
        for Have { origin, ranges } in &gossip.have {
            theirs.insert_all(self.store.origin_id(origin), ranges);
        }
        link.confirm(&theirs);
        let was_silent = link.silent_since().is_some();
        let echo = gossip.echo.filter(|echo| echo.generation == self.boot_id);
        let (sample, lost) = echo.map_or((None, 0), |echo| {
            link.note_echo(now, echo.number, Duration::from_micros(echo.held_us))
        });
        if !self.delays.is_jittery() {
            self.loss.note_lost(now, lost);
        }
        link.note_heard(now, link.rtt().timeout().unwrap_or(floor).max(floor));
        let recovered = was_silent && link.silent_since().is_none();
        if let Some(sample) = sample {
            let smoothed = self.round_trip.unwrap_or(sample);
            self.round_trip = Some((smoothed * 15 + sample) / 16);
            self.delays.sample(sample);
        }
        if recovered {
            self.sync.hasten(now, &mut self.rng);
            self.return_to(now, peer);
        }
        let grace = self.grace(peer);
        let Some(link) = self.link_mut(peer) else { return };
        if link.request_at.is_none() && !theirs.is_subset(self.store.held()) {
            self.link_mut(peer)
                .into_iter()
                .for_each(|link| link.request_at = Some(now.after(grace)));
        }
        if gossip.all {
            self.answer_digest(now, peer, !gossip.values.is_empty(), grace);
        }
    }

    /// A digest came in: what the peer lacks is sent at once; if it waits for an answer, it is
    /// told what is held here. When both agree, nothing is said.
    fn answer_digest(&mut self, now: Instant, peer: PeerId, answer_now: bool, grace: Duration) {
        let Some(membership) = &mut self.membership else { return };
        let link = membership.links.entry(peer).or_default();
        let mut missing = self.store.missing_from(link.known(), now, grace);
        missing.subtract(&link.in_flight());
        if answer_now {
            link.owe_evidence(now);
        }
        if !missing.is_empty() {
            self.stats.repairs += missing.count();
            link.enqueue(&missing, now);
            self.sync.hasten(now, &mut self.rng);
        }
    }

    pub(crate) fn run_link_timers(&mut self, now: Instant) {
        let Some(membership) = &mut self.membership else { return };
        let is_due = |link: &Link| link.next_deadline().is_some_and(|at| at <= now);
        let due: Vec<PeerId> =
            membership.links.iter().filter(|(_, link)| is_due(link)).map(|(&p, _)| p).collect();
        for peer in due {
            self.run_timers_of(now, peer);
        }
    }

    fn run_timers_of(&mut self, now: Instant, peer: PeerId) {
        let Some(membership) = &mut self.membership else { return };
        let Some(link) = membership.links.get_mut(&peer) else { return };
        let lost = link.expire(now, u8::from(self.loss.is_heavy(now)));
        self.stats.retries += u64::from(lost != Lost::Nothing);
        #[cfg(feature = "mutations")]
        if self.config.mutation == Some(Mutation::RetryNeverSent) && lost == Lost::Batch {
            link.drop_queue();
        }
        if lost == Lost::Peer {
            self.stats.silences += 1;
            self.sync.hasten(now, &mut self.rng);
            self.route_around(now, peer);
        }
        let Some(membership) = &mut self.membership else { return };
        let Some(link) = membership.links.get_mut(&peer) else { return };
        let has_gap = link.gap_due(now);
        if has_gap && !self.delays.is_jittery() {
            self.loss.note_lost(now, 1);
        }
        let is_asked = link.request_at.take_if(|at| *at <= now).is_some();
        let is_request = is_asked && !link.known().is_subset(self.store.held());
        let is_greeting = link.greet_at.take_if(|at| *at <= now).is_some();
        let is_retry = link.urgent && link.flush_due(now);
        if link.probe_due(now) || is_request || is_greeting || is_retry {
            self.transmit(now, peer, Purpose::Digest);
        } else if link.repeat_due(now) {
            self.transmit(now, peer, Purpose::Repeat);
        } else if link.flush_due(now) || has_gap || link.evidence_due(now) {
            self.transmit(now, peer, Purpose::Batch);
        }
    }

    pub(crate) fn run_sync_timer(&mut self, now: Instant) {
        let Some(membership) = &self.membership else { return };
        if let Some(peer) = self.sync.next_peer(now, &membership.cluster, &mut self.rng) {
            self.transmit(now, peer, Purpose::Digest);
        }
    }

    pub(crate) fn flush_all(&mut self, now: Instant) {
        let Some(membership) = &self.membership else { return };
        let owes = |link: &Link| !link.queue().is_empty() || link.owes_evidence();
        let peers: Vec<PeerId> =
            membership.links.iter().filter(|(_, link)| owes(link)).map(|(&p, _)| p).collect();
        for peer in peers {
            self.transmit(now, peer, Purpose::Batch);
        }
    }

    pub(crate) fn link(&self, peer: PeerId) -> Option<&Link> {
        self.membership.as_ref()?.links.get(&peer)
    }

    pub(crate) fn link_mut(&mut self, peer: PeerId) -> Option<&mut Link> {
        self.membership.as_mut()?.links.get_mut(&peer)
    }

    /// How long after an entry arrived here it may still be on its way to the peer without help:
    /// one round trip and the longest waits on the way.
    fn grace(&self, peer: PeerId) -> Duration {
        let round_trip = self.link(peer).and_then(|link| link.rtt().timeout());
        let round_trip = round_trip.unwrap_or(self.config.retry_initial);
        (round_trip + self.longest_wait() * 2).min(GRACE_MAX)
    }

    /// Sends messages to `peer` until all that is queued for it and fits is on its way: one,
    /// unless the queue is longer than a batch may be.
    fn transmit(&mut self, now: Instant, peer: PeerId, purpose: Purpose) {
        if let Some(link) = self.link_mut(peer) {
            link.urgent = false;
        }
        let (relay, pulse) = (self.relay_for(peer), self.pulse_for(now, peer));
        let answer_within = match purpose {
            Purpose::Batch | Purpose::Repeat => self.answer_within(peer),
            Purpose::Digest => Duration::ZERO,
        };
        let rides = self.rides(now, peer);
        let repeats = purpose == Purpose::Batch && relay == Relay::Up && self.loss.is_heavy(now);
        let mut is_first = true;
        loop {
            let Some(membership) = &mut self.membership else { return };
            let link = membership.links.entry(peer).or_default();
            let (store, config) = (&self.store, &self.config);
            let batch = link.take_batch(|queue| {
                fit(store, queue, config.batch_entries_max, config.batch_bytes_max)
            });
            let riders = link.take_riders(rides);
            if batch.is_empty() && riders.is_empty() && (!is_first || purpose == Purpose::Repeat) {
                return;
            }
            #[cfg(feature = "mutations")]
            match config.mutation {
                Some(Mutation::AckWithoutEvidence) => link.confirm(&batch),
                Some(Mutation::DroppedAtBatchLimit) => link.drop_queue(),
                _ => {}
            }
            let is_silent = link.silent_since().is_some();
            let timeout = link.rtt().timeout().unwrap_or(config.retry_initial);
            let deadline = now.after(timeout + answer_within);
            let mut gossip = compose(now, link, store, batch, &riders, purpose, deadline);
            link.note_riders(now, deadline, riders);
            if repeats && !gossip.values.is_empty() {
                link.repeat_at(now.after(REPEAT_DELAY));
            }
            self.loss.note_sent(now);
            gossip.generation = self.boot_id;
            #[cfg(feature = "mutations")]
            if config.mutation == Some(Mutation::DigestClaimsTooMuch) && gossip.all {
                gossip.have.iter_mut().for_each(|have| have.ranges = have.ranges.without_gaps());
            }
            (gossip.relay, gossip.pulse) = (relay, pulse);
            if is_silent {
                link.note_probe(now, timeout.max(config.probe_min), config.probe_max);
            }
            let is_last = is_silent || link.queue().is_empty();
            self.stats.note_sent(&gossip, is_silent);
            let dest = Name::clone(membership.cluster.name(peer));
            let src = Name::clone(&membership.me);
            self.outbox.push_back(Message { src, dest, body: Body::Gossip(gossip) });
            if is_last {
                return;
            }
            is_first = false;
        }
    }
}

/// Makes the next message of a link, and notes it as sent.
fn compose(
    now: Instant,
    link: &mut Link,
    store: &Store,
    batch: Held,
    riders: &[(Held, u8)],
    purpose: Purpose,
    deadline: Instant,
) -> Gossip {
    let mut cargo = batch.clone();
    riders.iter().for_each(|(entries, _)| cargo.union_with(entries));
    let values = cargo
        .iter()
        .flat_map(|(origin, ranges)| ranges.iter().map(move |range| store.entries(origin, &range)))
        .collect();
    let all = purpose == Purpose::Digest;
    let have = if all {
        store.held().iter().map(|(origin, _)| store.have(origin)).collect()
    } else {
        let changed = store.changed_since(link.told()).collect::<BTreeSet<_>>();
        changed.union(&link.retell).map(|&origin| store.have(origin)).collect()
    };
    let echo = link.echo(now);
    let number = link.note_sent(now, batch, deadline, store.version());
    let (relay, pulse) = (Relay::Keep, None);
    Gossip { generation: 0, number, echo, values, have, all, relay, pulse }
}

/// As much of `queue`, in order, as one message may carry; at least one entry.
fn fit(store: &Store, queue: &Held, entries_max: usize, bytes_max: usize) -> Held {
    let (mut entries_left, mut bytes_left) = (entries_max.max(1) as u64, bytes_max);
    let mut batch = Held::new();
    for (origin, ranges) in queue.iter() {
        for range in ranges.iter() {
            let end = range.end.min(range.start.saturating_add(entries_left));
            let mut taken = 0;
            for value in store.values(origin, &(range.start..end)) {
                let bytes = weight(value);
                if bytes > bytes_left && !(batch.is_empty() && taken == 0) {
                    bytes_left = 0;
                    break;
                }
                bytes_left = bytes_left.saturating_sub(bytes);
                taken += 1;
            }
            batch.insert(origin, range.start..range.start + taken);
            entries_left -= taken;
            if entries_left == 0 || bytes_left == 0 {
                return batch;
            }
        }
    }
    batch
}

/// Roughly the bytes a value takes on the wire.
fn weight(value: &Value) -> usize {
    match value {
        Value::Int(_) => 8,
        Value::Json(text) => text.len(),
    }
}

/// Nobody can hold an entry of this life of this node that the node has not made.
fn claims_too_much(membership: &Membership, boot_id: u64, gossip: &Gossip) -> Option<String> {
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
