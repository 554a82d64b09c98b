//! Gossip with peers: taking entries and evidence in, sending batches, digests, probes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cluster::PeerId;
use crate::config::Config;
use crate::held::Held;
use crate::link::{Freshness, Link};
use crate::message::{Body, Entries, Gossip, Have, Message, Name, Origin};
use crate::node::{Membership, Node};
use crate::store::Store;
use crate::time::Instant;
use crate::value::Value;

/// No grace period is longer: the store remembers arrivals for this long.
const GRACE_MAX: Duration = Duration::from_secs(5);

/// Why a message is sent; it decides what evidence goes along and when an answer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// New entries, or evidence whose time has come. The peer answers when it suits it.
    Batch,
    /// A digest. If it carries entries (a retry, a repair or a probe), the peer answers at once.
    Digest,
}

impl Node {
    pub(crate) fn handle_gossip(&mut self, now: Instant, src: &Name, gossip: &Gossip) {
        let Some(membership) = &mut self.membership else {
            return self.note_refused(format!("gossip from {src} before init"));
        };
        let Some(peer) = membership.cluster.id(src).filter(|&id| id != membership.cluster.me())
        else {
            return self.note_refused(format!("gossip from {src}, which is not a peer"));
        };
        if let Some(text) = claims_too_much(membership, self.boot_id, gossip) {
            return self.note_refused(format!("gossip from {src}: {text}"));
        }
        let link = membership.links.entry(peer).or_default();
        let had_generation = link.generation().is_some();
        let freshness = link.note_generation(gossip.generation);
        let new = self.take_entries(now, peer, &gossip.values, freshness);
        match freshness {
            Freshness::Stale => {}
            Freshness::Current => self.take_evidence(now, peer, gossip),
            Freshness::New => {
                if had_generation {
                    self.meet_again(now, peer);
                }
                self.take_evidence(now, peer, gossip);
            }
        }
        self.spread(now, &new, Some(peer));
    }

    /// A peer has restarted with an empty memory: everything is news to it.
    fn meet_again(&mut self, now: Instant, peer: PeerId) {
        self.stats.restarts_seen += 1;
        self.sync.hasten(now, &mut self.rng);
        let hops = self.first_hops();
        if hops.contains(&peer) {
            let held = self.store.held().clone();
            if let Some(link) = self.link_mut(peer) {
                link.enqueue(&held, now);
            }
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
        let (ack_delay, store) = (self.config.ack_delay, &mut self.store);
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
        if !values.is_empty() {
            let due = now.after(ack_delay);
            link.evidence_at = Some(link.evidence_at.map_or(due, |at| at.min(due)));
        }
        if freshness != Freshness::Stale {
            link.confirm(&sent);
        }
        new
    }

    fn take_evidence(&mut self, now: Instant, peer: PeerId, gossip: &Gossip) {
        let floor = self.config.probe_min;
        let Some(membership) = &mut self.membership else { return };
        let link = membership.links.entry(peer).or_default();
        link.note_received(now, gossip.number);
        let mut theirs = Held::new();
        for Have { origin, ranges } in &gossip.have {
            theirs.insert_all(self.store.origin_id(origin), ranges);
        }
        link.confirm(&theirs);
        let was_silent = link.silent_since().is_some();
        if let Some(echo) = gossip.echo.filter(|echo| echo.generation == self.boot_id) {
            link.note_echo(now, echo.number, Duration::from_micros(echo.held_us));
        }
        link.note_heard(now, link.rtt().timeout().unwrap_or(floor).max(floor));
        let recovered = was_silent && link.silent_since().is_none();
        let grace = grace(link, &self.config);
        if link.request_at.is_none() && !theirs.is_subset(self.store.held()) {
            link.request_at = Some(now.after(grace));
        }
        if gossip.all {
            self.answer_digest(now, peer, !gossip.values.is_empty(), grace);
        }
        if recovered {
            self.sync.hasten(now, &mut self.rng);
        }
    }

    /// A digest came in: what the peer lacks is sent at once, and if it waits for an answer or
    /// does not know what is held here, it is told.
    fn answer_digest(&mut self, now: Instant, peer: PeerId, answer_now: bool, grace: Duration) {
        let Some(membership) = &mut self.membership else { return };
        let link = membership.links.entry(peer).or_default();
        let mut missing = self.store.missing_from(link.known(), now, grace);
        missing.subtract(&link.in_flight());
        if !missing.is_empty() {
            self.stats.repairs += missing.count();
            link.enqueue(&missing, now);
            self.sync.hasten(now, &mut self.rng);
        }
        let owes = self.store.version() > link.told || !link.retell.is_empty();
        if answer_now {
            link.evidence_at = Some(now);
        } else if owes && link.evidence_at.is_none() {
            link.evidence_at = Some(now.after(self.config.ack_delay));
        }
    }

    /// Hands entries that are new here on to the first hops, except to where they came from.
    pub(crate) fn spread(&mut self, now: Instant, new: &Held, from: Option<PeerId>) {
        if new.is_empty() {
            return;
        }
        let deadline = now.after(self.window());
        let hops = self.first_hops();
        let Some(membership) = &mut self.membership else { return };
        for hop in hops.into_iter().filter(|&hop| Some(hop) != from) {
            membership.links.entry(hop).or_default().enqueue(new, deadline);
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
        let before = link.queue().count();
        if link.expire(now) {
            self.stats.silences += 1;
            self.sync.hasten(now, &mut self.rng);
        }
        let is_retry = link.queue().count() > before;
        self.stats.retries += u64::from(is_retry);
        let probe = link.probe_due(now);
        let mut digest = is_retry;
        if link.request_at.is_some_and(|at| at <= now) {
            link.request_at = None;
            digest |= !link.known().is_subset(self.store.held());
        }
        let evidence = link.evidence_at.is_some_and(|at| at <= now);
        if probe || digest {
            self.transmit(now, peer, Purpose::Digest);
        } else if link.flush_due(now) || evidence {
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
        let peers: Vec<PeerId> = membership.links.keys().copied().collect();
        for peer in peers {
            let owed = self
                .link_mut(peer)
                .is_some_and(|link| !link.queue().is_empty() || link.evidence_at.is_some());
            if owed {
                self.transmit(now, peer, Purpose::Batch);
            }
        }
    }

    fn link_mut(&mut self, peer: PeerId) -> Option<&mut Link> {
        self.membership.as_mut()?.links.get_mut(&peer)
    }

    /// Sends messages to `peer` until all that is queued for it and fits is on its way: one,
    /// unless the queue is longer than a batch may be.
    fn transmit(&mut self, now: Instant, peer: PeerId, purpose: Purpose) {
        let mut is_first = true;
        loop {
            let Some(membership) = &mut self.membership else { return };
            let link = membership.links.entry(peer).or_default();
            let (store, config) = (&self.store, &self.config);
            let batch = link.take_batch(|queue| {
                fit(store, queue, config.batch_entries_max, config.batch_bytes_max)
            });
            if batch.is_empty() && !is_first {
                return;
            }
            let silent = link.silent_since().is_some();
            let gossip = compose(now, link, store, self.boot_id, batch, purpose, config);
            if silent {
                let floor = link.rtt().timeout().unwrap_or(config.retry_initial);
                link.note_probe(now, floor.max(config.probe_min), config.probe_max);
            }
            let is_last = silent || link.queue().is_empty();
            self.stats.note_sent(&gossip, silent);
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
    boot_id: u64,
    batch: Held,
    purpose: Purpose,
    config: &Config,
) -> Gossip {
    let values = batch
        .iter()
        .flat_map(|(origin, ranges)| ranges.iter().map(move |range| store.entries(origin, &range)))
        .collect();
    let all = purpose == Purpose::Digest;
    let have = if all {
        store.held().iter().map(|(origin, _)| store.have(origin)).collect()
    } else {
        let changed = store.changed_since(link.told).collect::<BTreeSet<_>>();
        changed.union(&link.retell).map(|&origin| store.have(origin)).collect()
    };
    link.told = store.version();
    link.retell.clear();
    link.evidence_at = None;
    let answer_within = if all { Duration::ZERO } else { config.ack_delay };
    let timeout = link.rtt().timeout().unwrap_or(config.retry_initial);
    let echo = link.echo(now);
    let number = link.note_sent(now, batch, now.after(timeout + answer_within));
    Gossip { generation: boot_id, number, echo, values, have, all }
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

/// How long after an entry arrived here it may still be on its way to the peer without help:
/// one round trip and the windows on both sides.
fn grace(link: &Link, config: &Config) -> Duration {
    let round_trip = link.rtt().timeout().unwrap_or(config.retry_initial);
    (round_trip + config.window * 2).min(GRACE_MAX)
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
