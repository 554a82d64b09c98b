//! What goes out to peers, and when: batches, evidence, digests, retries, probes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Rumormill;
use super::link::{Allowance, Batch, Link};
use super::message::{Gossip, Relay};
#[cfg(feature = "mutations")]
use super::mutation::Mutation;
use super::replica::Replica;
use crate::id::{Generation, NodeId};
use crate::protocol::Effects;
use crate::set::{OriginId, VersionSet};
use crate::time::Instant;
use crate::value::Value;

/// An answer is waited for at least this long. On a quick network that is much longer than it takes;
/// but nothing is lost by it, and networks become slow at times.
const ANSWER_MIN: Duration = Duration::from_millis(250);

/// How long after a batch it is repeated blindly: long enough to escape a short disturbance.
const REPEAT_DELAY: Duration = Duration::from_millis(30);

/// Evidence of so many origins is told again until the peer is known to have it. More would be news
/// at the price of all of it: with a thousand origins and a peer that answers once a second, every
/// message would say again what happened in the last second. If a message that told of more is
/// lost, the peer sends the entries again, and is told then.
const RETOLD_MAX: usize = 32;

/// Why a message is sent; it decides what evidence goes along and when an answer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// New entries, or evidence whose time has come. The peer answers when it suits it.
    Batch,
    /// The last batch once more, blindly: so much is lost that waiting would take too long.
    Repeat,
    /// A digest. If it carries entries (a retry), the peer answers at once.
    Digest,
    /// A digest that the peer answers at once, with all that this node lacks.
    Question,
}

/// What the next message carries.
struct Parcel {
    /// From the queue.
    batch: VersionSet,
    /// Sent before and not confirmed.
    riders: Vec<Batch>,
    relay: Relay,
    /// How long to wait for its confirmation.
    allowance: Allowance,
}

impl Rumormill {
    pub(crate) fn run_link_timers(&mut self, now: Instant, out: &mut Effects<Gossip>) {
        let due = self.links.due(now);
        for peer in due {
            self.run_timers_of(now, peer, out);
        }
    }

    fn run_timers_of(&mut self, now: Instant, peer: NodeId, out: &mut Effects<Gossip>) {
        self.run_loss_timer(now, peer);
        let gap = self.link_mut(peer).and_then(|link| link.gaps.take_due(now));
        let has_gap = gap.is_some();
        if let Some(in_a_row) = gap.filter(|_| !self.network_rtt.is_jittery()) {
            self.note_loss(now, peer, 1, in_a_row);
        }
        let Some(link) = self.links.get_mut(peer) else { return };
        let is_asked = link.request_at.take_if(|at| *at <= now).is_some();
        let is_request = is_asked && !link.known().is_subset(self.replica.held());
        let is_question = link.ask_at.take_if(|at| *at <= now).is_some();
        let is_retry = link.urgent && link.flush_due(now);
        if link.probe_due(now) || is_question {
            self.transmit(now, peer, Purpose::Question, out);
        } else if is_request || is_retry {
            self.transmit(now, peer, Purpose::Digest, out);
        } else if link.repeat_due(now) {
            self.transmit(now, peer, Purpose::Repeat, out);
        } else if link.flush_due(now) || has_gap || link.evidence_due(now) || link.reassure_due(now)
        {
            self.transmit(now, peer, Purpose::Batch, out);
        }
    }

    pub(crate) fn run_sync_timer(&mut self, now: Instant, out: &mut Effects<Gossip>) {
        if let Some(peer) = self.anti_entropy.next_peer(now, &self.cluster, &mut self.rng) {
            self.transmit(now, peer, Purpose::Digest, out);
        }
    }

    pub(crate) fn flush_all(&mut self, now: Instant, out: &mut Effects<Gossip>) {
        let owes = |link: &Link| !link.queue().is_empty() || link.owes_evidence();
        let peers: Vec<NodeId> =
            self.links.iter().filter(|(_, link)| owes(link)).map(|(peer, _)| peer).collect();
        for peer in peers {
            self.transmit(now, peer, Purpose::Batch, out);
        }
    }

    /// Sends messages to `peer` until all that is queued for it is on its way: one, unless the
    /// queue is longer than a batch may be.
    fn transmit(
        &mut self,
        now: Instant,
        peer: NodeId,
        purpose: Purpose,
        out: &mut Effects<Gossip>,
    ) {
        self.transmit_one(now, peer, purpose, out);
        while self.link(peer).is_some_and(Link::has_more) {
            self.transmit_one(now, peer, purpose, out);
        }
    }

    fn transmit_one(
        &mut self,
        now: Instant,
        peer: NodeId,
        purpose: Purpose,
        out: &mut Effects<Gossip>,
    ) {
        let (relay, pulse) = (self.relay_for(peer), self.pulse_for(now, peer));
        let place = self.place_for(now, peer, purpose == Purpose::Question);
        let answer_within = match purpose {
            Purpose::Batch | Purpose::Repeat => self.answer_within(peer),
            Purpose::Digest | Purpose::Question => Duration::ZERO,
        };
        let (timeout, at_once) = (self.timeout(peer, purpose), self.confirms_at_once(peer));
        let rides = self.rides(now, peer);
        let is_child = self.follows_hubs() && self.is_child(peer);
        let repeats = purpose == Purpose::Batch && relay == Relay::Up && self.loss.is_heavy(now);
        let link = self.links.open(peer);
        let (store, config) = (&self.replica, &self.config);
        let batch = link.take_batch(|queue| {
            fit(store, queue, config.batch_entries_max, config.batch_bytes_max)
        });
        #[cfg(feature = "mutations")]
        match config.mutation {
            Some(Mutation::AckWithoutEvidence) => link.confirm(&batch),
            Some(Mutation::DroppedAtBatchLimit) => link.drop_queue(),
            _ => {}
        }
        let room = (config.batch_entries_max as u64).saturating_sub(batch.count());
        let riders = link.take_riders(rides, room, relay);
        if purpose == Purpose::Repeat && batch.is_empty() && riders.is_empty() {
            return;
        }
        let allowance = Allowance { timeout: timeout * link.backoff(), answer_within, at_once };
        let parcel = Parcel { batch, riders, relay, allowance };
        let mut gossip = compose(now, link, store, purpose, parcel);
        (gossip.generation, gossip.pulse, gossip.place) = (self.generation, pulse, place);
        #[cfg(feature = "mutations")]
        if config.mutation == Some(Mutation::DigestClaimsTooMuch) && gossip.all {
            gossip.have.iter_mut().for_each(|have| have.ranges = have.ranges.without_gaps());
        }
        if repeats && !gossip.values.is_empty() {
            link.repeat_at(now.after(REPEAT_DELAY));
        }
        if is_child && !gossip.values.is_empty() {
            link.note_missable(now);
        }
        let is_probe = link.silent_since().is_some();
        gossip.ask = purpose == Purpose::Question || (is_probe && gossip.all);
        if is_probe {
            link.note_probe(now, timeout.max(config.probe_min), config.probe_max);
        } else if gossip.ask {
            link.note_question(now, timeout * link.backoff());
        }
        self.loss.note_sent(now);
        self.stats.note_sent(&gossip, is_probe);
        out.send(peer, gossip);
    }

    /// How long an answer takes that is given at once.
    fn timeout(&self, peer: NodeId, purpose: Purpose) -> Duration {
        let measured = self.link(peer).and_then(|link| link.rtt().timeout());
        // What was never measured is as far away as the others are.
        let timeout = measured.or_else(|| self.network_rtt.timeout());
        let timeout = timeout.unwrap_or(self.config.retry_initial);
        match purpose {
            Purpose::Digest | Purpose::Question => timeout.max(ANSWER_MIN),
            Purpose::Batch | Purpose::Repeat => timeout,
        }
    }
}

/// Makes the next message of a link, and notes it as sent.
fn compose(
    now: Instant,
    link: &mut Link,
    store: &Replica,
    purpose: Purpose,
    parcel: Parcel,
) -> Gossip {
    let Parcel { batch, riders, relay, allowance } = parcel;
    let mut cargo = batch.clone();
    let mut asked = relay;
    if purpose == Purpose::Question {
        let (aside, aside_relay) = link.take_aside();
        cargo.union_with(&aside);
        asked = relay.max(aside_relay);
    }
    riders.iter().for_each(|rider| cargo.union_with(rider.entries()));
    let values = cargo
        .iter()
        .flat_map(|(origin, ranges)| ranges.iter().map(move |range| store.entries(origin, &range)))
        .collect();
    let all = matches!(purpose, Purpose::Digest | Purpose::Question);
    let have = if all {
        store.held().iter().map(|(origin, _)| store.have(origin)).collect()
    } else {
        evidence(link, store).into_iter().map(|origin| store.have(origin)).collect()
    };
    let echo = link.echo(now);
    let number = link.note_sent(now, batch, relay, allowance, store.version());
    link.note_riders(now, allowance, riders);
    Gossip {
        generation: Generation(0),
        number,
        echo,
        values,
        have,
        all,
        ask: false,
        relay: asked,
        pulse: None,
        place: None,
    }
}

/// The origins of which the peer is to be told what is held here: those that have grown since the
/// last message, and of those that a message has told before, which may be lost, the latest.
fn evidence(link: &Link, store: &Replica) -> BTreeSet<OriginId> {
    let (known, said) = (link.told(), link.said());
    let again = store.changed_between(known, said).rev().take(RETOLD_MAX);
    let new = store.changed_between(known.max(said), store.version());
    new.chain(again).chain(link.retell.iter().copied()).collect()
}

/// As much of `queue`, in order, as one message may carry; at least one entry.
fn fit(store: &Replica, queue: &VersionSet, entries_max: usize, bytes_max: usize) -> VersionSet {
    let (mut entries_left, mut bytes_left) = (entries_max.max(1) as u64, bytes_max);
    let mut batch = VersionSet::new();
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
