//! The transmitter: turns what waits on a link into messages.

use std::time::Duration;

use super::compose::{Draft, Purpose, compose};
use super::room::Room;
use crate::id::{Generation, NodeId};
use crate::protocol::Effects;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::ack_policy::{AckPolicy, Relation};
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::context::Context;
use crate::protocols::rumormill::link::Link;
use crate::protocols::rumormill::link::sent::AckWait;
use crate::protocols::rumormill::message::{Forward, Gossip, Pulse, TreeOffer};
#[cfg(feature = "mutations")]
use crate::protocols::rumormill::mutation::Mutation;
use crate::protocols::rumormill::repair::TreeRepair;
use crate::set::VersionSet;
use crate::time::Instant;

/// Delay of a blind repeat: long enough to escape a short disturbance.
const REPEAT_DELAY: Duration = Duration::from_millis(30);

/// The limits of a message and the intervals of probes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmitter {
    generation: Generation,
    policy: AckPolicy,
    entries_max: usize,
    bytes_max: usize,
    probe_min: Duration,
    probe_max: Duration,
}

impl Transmitter {
    pub(crate) const fn new(config: &Config, generation: Generation) -> Self {
        Self {
            generation,
            policy: AckPolicy::new(config.ack_delay),
            entries_max: config.batch_entries_max,
            bytes_max: config.batch_bytes_max,
            probe_min: config.probe_min,
            probe_max: config.probe_max,
        }
    }

    /// Sends what is due on the link to `peer`: a probe, a digest with retransmissions, a repeat, or
    /// a batch. The first that is due carries everything else.
    pub(crate) fn on_link_due(
        self,
        cx: &mut Context<'_>,
        repair: &mut TreeRepair,
        peer: NodeId,
        out: &mut Effects<Gossip>,
    ) {
        let now = cx.now;
        let gap = cx.peers.get_mut(peer).and_then(|link| link.acks_mut().take_due_gap(now));
        if let Some(in_a_row) = gap.filter(|_| !cx.peers.rtt().is_jittery()) {
            repair.on_loss(cx, peer, 1, in_a_row);
        }
        let Some(link) = cx.peers.get_mut(peer) else { return };
        let is_request = link.take_due_request(now) && !link.known().is_subset(cx.replica.held());
        let is_probe = link.liveness_mut().take_requested_probe(now) || link.suspect_probe_due(now);
        let purpose = if is_probe {
            Purpose::Probe
        } else if is_request || link.retransmission_due(now) {
            Purpose::Digest
        } else if link.repeat_due(now) {
            Purpose::Repeat
        } else if link.flush_due(now) || gap.is_some() || link.bare_message_due(now) {
            Purpose::Batch
        } else {
            return;
        };
        self.send(cx, repair, peer, purpose, out);
    }

    /// Sends messages to `peer` until everything queued for it is on its way: one, unless the queue
    /// is longer than a message may be.
    pub(crate) fn send(
        self,
        cx: &mut Context<'_>,
        repair: &mut TreeRepair,
        peer: NodeId,
        purpose: Purpose,
        out: &mut Effects<Gossip>,
    ) {
        let now = cx.now;
        self.send_one(cx, repair, peer, purpose, out);
        let has_more = |link: &Link| link.has_more() && !keeps_queue(now, link, purpose);
        while cx.peers.get(peer).is_some_and(has_more) {
            self.send_one(cx, repair, peer, purpose, out);
        }
    }

    fn send_one(
        self,
        cx: &mut Context<'_>,
        repair: &mut TreeRepair,
        peer: NodeId,
        purpose: Purpose,
        out: &mut Effects<Gossip>,
    ) {
        let terms = self.terms(cx, repair, peer, purpose);
        if let Some(gossip) = self.next_message(cx, peer, purpose, &terms) {
            self.on_sent(cx, peer, &terms, &gossip);
            repair.tree_mut().on_sent(peer);
            out.send(peer, gossip);
        }
    }

    /// The terms of a message to `peer`, sent now.
    fn terms(
        self,
        cx: &mut Context<'_>,
        repair: &TreeRepair,
        peer: NodeId,
        purpose: Purpose,
    ) -> Terms {
        let (now, tree) = (cx.now, repair.tree());
        let relation = cx.push.relation(tree, cx.peers, peer);
        let forward = cx.push.forward_for(tree, cx.peers, peer);
        let piggyback_max = match relation {
            Relation::Child | Relation::Parent => cx.peers.piggyback_max(now),
            Relation::Neighbour | Relation::Other => 0,
        };
        let is_batch = purpose == Purpose::Batch;
        let offer = cx
            .push
            .uses_hubs(tree)
            .then(|| tree.offer_for(now, cx.peers, peer, purpose == Purpose::Probe));
        let max_ack_delay = match purpose {
            Purpose::Batch | Purpose::Repeat | Purpose::Checksum => {
                self.policy.peer_delay(relation, cx.push.period())
            }
            Purpose::Digest | Purpose::Probe => Duration::ZERO,
        };
        Terms {
            forward,
            piggyback_max,
            is_child: tree.has_hubs() && tree.is_child(cx.peers, peer),
            is_repeated: Rule::BlindRepeat.applies()
                && is_batch
                && forward == Forward::Tree
                && cx.peers.loss_mut().is_heavy(now),
            is_paced: is_batch && cx.push.is_paced(tree, peer),
            pulse: cx.push.pulse_for(now, tree, cx.peers, peer),
            offer: offer.flatten(),
            timeout: purpose.timeout(cx.peers.timeout(peer)),
            max_ack_delay,
            threshold: AckPolicy::peer_threshold(relation, tree.is_leaf(peer)),
        }
    }

    /// The next message to `peer`, with what is due on the link; `None` if there is nothing to repeat.
    fn next_message(
        self,
        cx: &mut Context<'_>,
        peer: NodeId,
        purpose: Purpose,
        terms: &Terms,
    ) -> Option<Gossip> {
        let (now, link) = (cx.now, cx.peers.open(peer));
        // Entries that go along with an ack are early, not late.
        let is_paced = terms.is_paced && link.flush_due(now);
        let mut room = Room::new(self.entries_max, self.bytes_max);
        let batch = if keeps_queue(now, link, purpose) {
            VersionSet::new()
        } else {
            link.take_batch(|queue| room.take(cx.replica, queue))
        };
        #[cfg(feature = "mutations")]
        match cx.mutation {
            Some(Mutation::AckWithoutEvidence) => link.confirm(&batch),
            Some(Mutation::DroppedAtBatchLimit) => link.queue_mut().clear(),
            _ => {}
        }
        let unconfirmed =
            link.sent_mut().take_unconfirmed(terms.piggyback_max, terms.forward, |batch| {
                room.take_all(cx.replica, batch)
            });
        if purpose == Purpose::Repeat && batch.is_empty() && unconfirmed.is_empty() {
            return None;
        }
        let timeout = terms.timeout * link.liveness().backoff();
        let draft = Draft {
            generation: self.generation,
            purpose,
            is_paced: is_paced && !batch.is_empty(),
            batch,
            unconfirmed,
            room,
            forward: terms.forward,
            wait: AckWait {
                timeout,
                max_ack_delay: terms.max_ack_delay,
                threshold: terms.threshold,
            },
            pulse: terms.pulse,
            offer: terms.offer,
        };
        #[cfg_attr(not(feature = "mutations"), allow(unused_mut))]
        let mut gossip = compose(now, link, cx.replica, draft);
        #[cfg(feature = "mutations")]
        if cx.mutation == Some(Mutation::DigestClaimsTooMuch) && gossip.is_digest {
            gossip.have.iter_mut().for_each(|have| have.ranges = have.ranges.without_gaps());
        }
        Some(gossip)
    }

    /// A message to `peer` leaves: what follows from it for the link's timers and the counters.
    fn on_sent(self, cx: &mut Context<'_>, peer: NodeId, terms: &Terms, gossip: &Gossip) {
        let (now, link) = (cx.now, cx.peers.open(peer));
        if terms.is_repeated && !gossip.entries.is_empty() {
            link.repeat_at(now.after(REPEAT_DELAY));
        }
        if terms.is_child && !gossip.entries.is_empty() {
            link.on_heartbeat_sent(now);
        }
        let is_suspected = link.is_suspected();
        if is_suspected {
            let floor = terms.timeout.max(self.probe_min);
            link.liveness_mut().on_suspect_probed(now, floor, self.probe_max);
        } else if gossip.is_probe {
            link.on_probe_sent(now, terms.timeout * link.liveness().backoff());
        }
        cx.peers.loss_mut().on_sent(now);
        cx.stats.on_sent(gossip, is_suspected);
    }
}

/// True if what is queued stays there. A peer takes the entries of a digest for late and forwards them
/// at once; those that are not due have time.
fn keeps_queue(now: Instant, link: &Link, purpose: Purpose) -> bool {
    let is_bare = matches!(purpose, Purpose::Digest | Purpose::Checksum);
    let is_early = is_bare && !link.is_suspected() && !link.flush_due(now);
    is_early && Rule::BareDigest.applies()
}

/// The terms on which a peer gets the next message: its place in the tree, the pace, the losses.
struct Terms {
    /// The action wanted for the entries.
    forward: Forward,
    /// How often unconfirmed entries go along.
    piggyback_max: u8,
    /// The peer suspects this node if entries stay away.
    is_child: bool,
    /// The message is repeated blindly.
    is_repeated: bool,
    /// The entries are for a beat of the root, if they are due.
    is_paced: bool,
    pulse: Option<Pulse>,
    offer: Option<TreeOffer>,
    /// Time within which an ack is expected, but for [`Terms::max_ack_delay`].
    timeout: Duration,
    max_ack_delay: Duration,
    /// The number of messages that the peer acks together.
    threshold: u64,
}

#[cfg(test)]
mod tests;
