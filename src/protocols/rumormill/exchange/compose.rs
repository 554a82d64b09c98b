//! Composes the next message of a link: entries, acks or a digest, and what goes along.

use std::time::Duration;

use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::exchange::room::Room;
use crate::protocols::rumormill::link::Link;
use crate::protocols::rumormill::link::sent::AckWait;
use crate::protocols::rumormill::message::{Forward, Gossip, Have, Pulse, TreeOffer};
#[cfg(feature = "mutations")]
use crate::protocols::rumormill::mutation::Mutation;
use crate::protocols::rumormill::replica::Replica;
use crate::set::{SharedSet, VersionSet};
use crate::time::Instant;

/// Shortest timeout of a message that the peer answers at once. On a fast network that is much
/// longer than it takes, but nothing is lost by it, and networks become slow at times.
const ANSWER_MIN: Duration = Duration::from_millis(250);

/// The reason for a message; decides what it carries and when an ack is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// New entries, or acks that are due. The peer acks by its max ack delay.
    Batch,
    /// The last batch once more, blindly: so much is lost that waiting would take too long.
    Repeat,
    /// A digest. If it carries entries (a retransmission), the peer acks at once.
    Digest,
    /// A checksum of what a digest would say. A peer that holds other entries answers with a probe.
    Checksum,
    /// A digest that the peer answers at once, with all that this node lacks.
    Probe,
}

impl Purpose {
    /// True for a digest.
    pub(crate) const fn is_digest(self) -> bool {
        matches!(self, Self::Digest | Self::Probe)
    }

    /// Timeout of a message to a peer with this retransmission timeout.
    pub(crate) fn timeout(self, timeout: Duration) -> Duration {
        if self.is_digest() { timeout.max(ANSWER_MIN) } else { timeout }
    }
}

/// The terms on which a peer gets the next message: its place in the tree, the pace, the losses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// The action wanted for the entries.
    pub(crate) forward: Forward,
    /// How often unconfirmed entries go along.
    pub(crate) piggyback_max: u8,
    /// The peer suspects this node if entries stay away.
    pub(crate) is_child: bool,
    /// The message is repeated blindly.
    pub(crate) is_repeated: bool,
    /// The entries are for a beat of the root, if they are due.
    pub(crate) is_paced: bool,
    pub(crate) is_lossy: bool,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) offer: Option<TreeOffer>,
    /// Time within which an ack is expected, but for the delay of the peer, until the timeout is doubled.
    pub(crate) wait: AckWait,
}

/// Makes the next message of a link, with what is due on it, and notes it as sent; `None` if there is nothing
/// to repeat.
pub(crate) fn compose(
    now: Instant,
    config: &Config,
    replica: &mut Replica,
    link: &mut Link,
    purpose: Purpose,
    terms: &Terms,
) -> Option<Gossip> {
    // Entries that go along with an ack are early, not late.
    let is_paced = terms.is_paced && link.flush_due(now);
    let mut room = Room::new(config.batch_entries_max, config.batch_bytes_max);
    let batch = if keeps_queue(now, link, purpose) {
        SharedSet::default()
    } else {
        link.take_batch(|queue| room.take(replica, queue))
    };
    #[cfg(feature = "mutations")]
    match config.mutation {
        Some(Mutation::AckWithoutEvidence) => link.confirm(&batch),
        Some(Mutation::DroppedAtBatchLimit) => link.queue.clear(),
        _ => {}
    }
    let fits = |entries: &VersionSet| room.take_all(replica, entries);
    let unconfirmed = link.sent.take_unconfirmed(terms.piggyback_max, terms.forward, fits);
    if purpose == Purpose::Repeat && batch.is_empty() && unconfirmed.is_empty() {
        return None;
    }
    let (piggyback, piggyback_forward) = link.take_piggyback(|entries| room.take(replica, entries));
    let (batch, mut entries) = replica.entries(now, batch);
    if !piggyback.is_empty() || !unconfirmed.is_empty() {
        let mut cargo = VersionSet::clone(&batch);
        cargo.union_with(&piggyback);
        for more in &unconfirmed {
            cargo.add_difference(more.entries(), link.known());
        }
        (_, entries) = replica.entries(now, cargo);
    }
    // The answer to a probe tells the same as a digest, but asks for nothing. So does every message of
    // a node with a journal until the peer has acked one: to the peer a restarted node holds nothing,
    // and is sent everything.
    let is_digest = purpose.is_digest();
    let is_unheard = replica.has_restored() && !link.has_acked();
    let is_told_all = is_digest || link.acks.is_probed() || is_unheard;
    #[cfg_attr(not(feature = "mutations"), allow(unused_mut))]
    let mut have = if is_told_all { everything_held(replica) } else { Vec::new() };
    #[cfg(feature = "mutations")]
    if config.mutation == Some(Mutation::DigestClaimsTooMuch) && is_digest {
        have.iter_mut().for_each(|have| have.ranges = have.ranges.without_gaps());
    }
    let is_paced = is_paced && !batch.is_empty();
    let ack = link.ack(now);
    let wait = AckWait { timeout: terms.wait.timeout * link.liveness.backoff(), ..terms.wait };
    let number = link.on_sent(now, batch, terms.forward, wait, piggyback);
    link.sent.add_unconfirmed(now, wait, unconfirmed);
    // A suspected peer is probed with every digest.
    let is_probe = purpose == Purpose::Probe || (is_digest && link.is_suspected());
    if is_probe {
        link.on_probe_sent(now, wait);
    }
    Some(Gossip {
        generation: replica.own().generation,
        number,
        ack,
        entries,
        have,
        checksum: (purpose == Purpose::Checksum).then(|| replica.checksum()),
        is_digest,
        is_probe,
        forward: terms.forward.max(piggyback_forward),
        is_paced,
        is_lossy: terms.is_lossy,
        pulse: terms.pulse,
        offer: terms.offer,
    })
}

/// All that is held, by name.
fn everything_held(replica: &Replica) -> Vec<Have> {
    let mut have: Vec<Have> =
        replica.held().iter().map(|(origin, _)| replica.have(origin)).collect();
    have.sort_by_key(|have| have.origin);
    have
}

/// True if what is queued stays there. A peer takes the entries of a digest for late and forwards them
/// at once; those that are not due have time.
pub(crate) fn keeps_queue(now: Instant, link: &Link, purpose: Purpose) -> bool {
    let is_bare = matches!(purpose, Purpose::Digest | Purpose::Checksum);
    let is_early = is_bare && !link.is_suspected() && !link.flush_due(now);
    is_early && Rule::BareDigest.applies()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntryId, Generation, NodeId, Origin};
    use crate::protocol::Entry;
    use crate::protocols::rumormill::message::Ack;
    use crate::set::OriginId;
    use crate::value::Value;

    fn replica(values: &[Value]) -> Replica {
        let own = Origin { node: NodeId(0), generation: Generation(1) };
        let mut replica = Replica::new(own);
        let origin = replica.origin_id(own);
        replica.insert(Instant::ZERO, origin, 0, values);
        replica
    }

    /// The next message, when nothing happens in the tree.
    fn next(link: &mut Link, replica: &Replica, purpose: Purpose) -> Gossip {
        let (config, replica) = (Config::default(), &mut replica.clone());
        let message = compose(Instant::ZERO, &config, replica, link, purpose, &Terms::default());
        message.expect("it is no repeat")
    }

    #[test]
    fn a_digest_tells_everything_held_and_a_batch_only_its_entries() {
        let replica = replica(&[Value::Int(1)]);
        let mut link = Link::default();
        link.enqueue(replica.held(), Instant::ZERO);
        let batch = next(&mut link, &replica, Purpose::Batch);
        assert_eq!((batch.number, batch.entries.len(), batch.have.len()), (0, 1, 0));
        assert!(!batch.is_digest && !batch.is_probe);
        let batch = next(&mut link, &replica, Purpose::Batch);
        assert_eq!((batch.number, batch.entries.len(), batch.have.len()), (1, 0, 0));
        let digest = next(&mut link, &replica, Purpose::Digest);
        assert!(digest.is_digest && !digest.is_probe && digest.have.len() == 1);
        let probe = next(&mut link, &replica, Purpose::Probe);
        assert!(probe.is_digest && probe.is_probe);
    }

    #[test]
    fn entries_and_what_is_held_are_in_the_order_of_their_origins() {
        let mut replica = replica(&[]);
        let origins =
            [3, 1, 2].map(|node| Origin { node: NodeId(node), generation: Generation(5) });
        for origin in origins {
            let id = replica.origin_id(origin);
            replica.insert(Instant::ZERO, id, 0, &[Value::Int(1)]);
        }
        let mut link = Link::default();
        link.enqueue(replica.held(), Instant::ZERO);
        let probe = next(&mut link, &replica, Purpose::Probe);
        assert!(probe.entries.len() == 3 && probe.entries.is_sorted_by_key(|row| row.origin));
        assert!(probe.have.len() == 3 && probe.have.is_sorted_by_key(|row| row.origin));
    }

    #[test]
    fn a_restarted_node_tells_what_it_held_before_until_the_peer_has_acked_a_message() {
        let mut replica = replica(&[Value::Int(1)]);
        let mut link = Link::default();
        let have =
            |replica: &Replica, link: &mut Link| next(link, replica, Purpose::Batch).have.len();
        assert_eq!(have(&replica, &mut link), 0);
        let origin = Origin { node: NodeId(0), generation: Generation(0) };
        let id = EntryId { origin, sequence: 0 };
        replica.restore(Entry { id, value: Value::Int(2) });
        assert_eq!((have(&replica, &mut link), have(&replica, &mut link)), (2, 2));
        let acked = std::iter::once(1..2).collect();
        let ack = Ack { generation: Generation(1), numbers: acked, held_us: 0 };
        link.on_ack(Instant::ZERO, &ack, Duration::ZERO);
        assert_eq!(have(&replica, &mut link), 0);
    }

    #[test]
    fn piggybacked_entries_go_along_with_the_next_message_and_are_not_waited_for() {
        let replica = replica(&[Value::Int(1)]);
        let mut link = Link::default();
        link.queue.piggyback(replica.held(), Forward::Tree);
        let message = next(&mut link, &replica, Purpose::Batch);
        assert_eq!((message.entries.len(), message.forward), (1, Forward::Tree));
        assert!(link.in_flight().is_empty());
        assert!(next(&mut link, &replica, Purpose::Probe).entries.is_empty());
    }

    #[test]
    fn unconfirmed_entries_go_along_without_those_that_the_peer_holds() {
        let mut replica = replica(&[1, 2, 3].map(Value::Int));
        let part = |range| {
            let mut part = VersionSet::new();
            part.insert(OriginId(0), range);
            part
        };
        let mut link = Link::default();
        link.enqueue(&part(0..2), Instant::ZERO);
        next(&mut link, &replica, Purpose::Batch);
        link.confirm(&part(0..1));
        assert_eq!(link.in_flight(), part(1..2));
        link.enqueue(&part(2..3), Instant::ZERO);
        let terms = Terms { piggyback_max: 1, ..Terms::default() };
        let (config, purpose) = (Config::default(), Purpose::Batch);
        let message =
            compose(Instant::ZERO, &config, &mut replica, &mut link, purpose, &terms).unwrap();
        let rows: Vec<(u64, usize)> =
            message.entries.iter().map(|row| (row.first, row.values.len())).collect();
        assert_eq!(rows, [(1, 2)]);
    }

    #[test]
    fn a_digest_is_waited_for_longer_than_a_batch() {
        let ms = Duration::from_millis;
        let times = |purpose: Purpose| [100, 400].map(|timeout| purpose.timeout(ms(timeout)));
        assert_eq!(
            (times(Purpose::Batch), times(Purpose::Digest)),
            ([100, 400].map(ms), [250, 400].map(ms))
        );
    }

    #[test]
    fn a_suspected_peer_is_probed_with_a_digest_and_a_batch_is_no_probe() {
        let replica = replica(&[Value::Int(1)]);
        let mut link = Link::default();
        let wait = AckWait::default();
        link.on_sent(Instant::ZERO, replica.held().clone(), Forward::No, wait, VersionSet::new());
        link.on_deadline(Instant::ZERO, 0);
        assert!(link.is_suspected());
        let mut is_probe = |purpose| next(&mut link, &replica, purpose).is_probe;
        assert_eq!([Purpose::Digest, Purpose::Batch].map(&mut is_probe), [true, false]);
    }
}
