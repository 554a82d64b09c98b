//! Composes the next message of a link: entries, acks or a digest, and what goes along.

use std::time::Duration;

use crate::id::Generation;
use crate::protocols::rumormill::exchange::room::Room;
use crate::protocols::rumormill::link::Link;
use crate::protocols::rumormill::link::sent::{AckWait, Batch};
use crate::protocols::rumormill::message::{Entries, Forward, Gossip, Have, Pulse, TreeOffer};
use crate::protocols::rumormill::replica::Replica;
use crate::set::VersionSet;
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

/// The parts of the next message.
pub(crate) struct Draft {
    pub(crate) generation: Generation,
    pub(crate) purpose: Purpose,
    /// Entries from the queue.
    pub(crate) batch: VersionSet,
    /// Unconfirmed entries that go along.
    pub(crate) unconfirmed: Vec<Batch>,
    /// Room for the entries that go along with a probe.
    pub(crate) room: Room,
    pub(crate) forward: Forward,
    pub(crate) wait: AckWait,
    /// Sent for a beat of the root.
    pub(crate) is_paced: bool,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) offer: Option<TreeOffer>,
}

/// Makes the next message of a link, and notes it as sent.
pub(crate) fn compose(
    now: Instant,
    link: &mut Link,
    replica: &Replica,
    mut draft: Draft,
) -> Gossip {
    let purpose = draft.purpose;
    let mut cargo = draft.batch.clone();
    let (piggyback, piggyback_forward) = if purpose == Purpose::Probe {
        link.take_piggyback(|entries| draft.room.take(replica, entries))
    } else {
        (VersionSet::new(), Forward::No)
    };
    cargo.union_with(&piggyback);
    draft.unconfirmed.iter().for_each(|batch| cargo.union_with(batch.entries()));
    let mut entries: Vec<Entries> =
        cargo.ranges().map(|(origin, range)| replica.entries(origin, &range)).collect();
    // By name, so that each origin is near the one before it.
    entries.sort_by_key(|entries| entries.origin);
    // The answer to a probe tells the same as a digest, but asks for nothing. So does every message of
    // a node with a journal until the peer has acked one: to the peer a restarted node holds nothing,
    // and is sent everything.
    let is_unheard = replica.has_restored() && !link.has_acked();
    let have = if purpose.is_digest() || link.acks().is_probed() || is_unheard {
        let have = replica.held().iter().map(|(origin, _)| replica.have(origin));
        let mut have: Vec<Have> = have.collect();
        have.sort_by_key(|have| have.origin);
        have
    } else {
        Vec::new()
    };
    let ack = link.ack(now);
    let number = link.on_sent(now, draft.batch, draft.forward, draft.wait, piggyback);
    link.sent_mut().add_unconfirmed(now, draft.wait, draft.unconfirmed);
    let is_digest = purpose.is_digest();
    Gossip {
        generation: draft.generation,
        number,
        ack,
        entries,
        have,
        checksum: (purpose == Purpose::Checksum).then(|| replica.checksum()),
        is_digest,
        // A suspected peer is probed with every digest.
        is_probe: purpose == Purpose::Probe || (is_digest && link.is_suspected()),
        forward: draft.forward.max(piggyback_forward),
        is_paced: draft.is_paced,
        pulse: draft.pulse,
        offer: draft.offer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntryId, NodeId, Origin};
    use crate::protocol::Entry;
    use crate::protocols::rumormill::message::Ack;
    use crate::value::Value;

    fn replica(values: &[Value]) -> Replica {
        let own = Origin { node: NodeId(0), generation: Generation(1) };
        let mut replica = Replica::new(own);
        let origin = replica.origin_id(own);
        replica.insert(Instant::ZERO, origin, 0, values);
        replica
    }

    fn draft(purpose: Purpose, batch: VersionSet) -> Draft {
        Draft {
            generation: Generation(1),
            purpose,
            batch,
            unconfirmed: Vec::new(),
            room: Room::new(10, 1_000),
            forward: Forward::No,
            wait: AckWait::default(),
            is_paced: false,
            pulse: None,
            offer: None,
        }
    }

    #[test]
    fn a_digest_tells_everything_held_and_a_batch_only_its_entries() {
        let replica = replica(&[Value::Int(1)]);
        let mut link = Link::default();
        let batch = compose(
            Instant::ZERO,
            &mut link,
            &replica,
            draft(Purpose::Batch, replica.held().clone()),
        );
        assert_eq!((batch.number, batch.entries.len(), batch.have.len()), (0, 1, 0));
        assert!(!batch.is_digest && !batch.is_probe);
        let none = VersionSet::new();
        let batch =
            compose(Instant::ZERO, &mut link, &replica, draft(Purpose::Batch, none.clone()));
        assert_eq!((batch.number, batch.have.len()), (1, 0));
        let digest =
            compose(Instant::ZERO, &mut link, &replica, draft(Purpose::Digest, none.clone()));
        assert!(digest.is_digest && !digest.is_probe && digest.have.len() == 1);
        let probe = compose(Instant::ZERO, &mut link, &replica, draft(Purpose::Probe, none));
        assert!(probe.is_digest && probe.is_probe);
    }

    #[test]
    fn a_restarted_node_tells_what_it_held_before_until_the_peer_has_acked_a_message() {
        let mut replica = replica(&[Value::Int(1)]);
        let mut link = Link::default();
        let none = VersionSet::new;
        let have = |replica: &Replica, link: &mut Link| {
            compose(Instant::ZERO, link, replica, draft(Purpose::Batch, none())).have.len()
        };
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
    fn piggybacked_entries_go_along_with_a_probe_only_and_are_not_waited_for() {
        let replica = replica(&[Value::Int(1)]);
        let mut link = Link::default();
        link.queue_mut().piggyback(replica.held(), Forward::Tree);
        let none = VersionSet::new;
        let digest = compose(Instant::ZERO, &mut link, &replica, draft(Purpose::Digest, none()));
        assert!(digest.entries.is_empty());
        let probe = compose(Instant::ZERO, &mut link, &replica, draft(Purpose::Probe, none()));
        assert_eq!((probe.entries.len(), probe.forward), (1, Forward::Tree));
        assert!(link.in_flight().is_empty());
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
        let none = VersionSet::new;
        let mut is_probe =
            |purpose| compose(Instant::ZERO, &mut link, &replica, draft(purpose, none())).is_probe;
        assert_eq!([Purpose::Digest, Purpose::Batch].map(&mut is_probe), [true, false]);
    }
}
