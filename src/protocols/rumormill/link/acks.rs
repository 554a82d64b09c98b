//! What this node owes a peer: acks, and when they are due.
//!
//! An ack is everything held of some origins. It goes along with messages that are sent anyway;
//! when none is, it leaves by a deadline (QUIC's max ack delay, RFC 9000 section 13.2).

use std::collections::BTreeSet;
use std::time::Duration;

use super::gaps::Gaps;
use super::heartbeat::Heartbeat;
use crate::id::Generation;
use crate::protocols::rumormill::message::Echo;
use crate::protocols::rumormill::replica::Replica;
use crate::set::OriginId;
use crate::time::Instant;

/// Acks of this many origins are repeated until the peer is known to have them. More would cost too
/// much: with 1,000 origins and a peer that acks once a second, every message would repeat what
/// happened in the last second. If a message that acked more is lost, the peer sends the entries
/// again, and is acked then.
const REPEATED_MAX: usize = 32;

/// The receiving side of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acks {
    newest_received: Option<(u64, Instant)>,
    heartbeat: Heartbeat,
    gaps: Gaps,
    ack_at: Option<Instant>,
    /// Messages with entries that arrived since anything was sent.
    unacked: u64,
    /// The replica's version up to which the peer is known to have this node's acks.
    acked_version: u64,
    /// Origins of which the peer sent entries that it could have known to be here.
    duplicated: BTreeSet<OriginId>,
}

impl Acks {
    /// The peer restarted: it has none of this node's acks.
    pub(crate) fn on_restart(&mut self) {
        let (ack_at, unacked) = (self.ack_at, self.unacked);
        *self = Self { ack_at, unacked, ..Self::default() };
    }

    /// Message `number` of the peer arrived. Returns how late it is, if it was overtaken.
    pub(crate) fn on_received(
        &mut self,
        now: Instant,
        number: u64,
        has_entries: bool,
        reordering: Duration,
    ) -> Option<Duration> {
        let expected = self.newest_received.map_or(0, |(newest, _)| newest.saturating_add(1));
        if number >= expected {
            self.newest_received = Some((number, now));
            if has_entries {
                self.heartbeat.on_message(now);
            }
        }
        self.gaps.on_received(now, expected, number, reordering)
    }

    /// The peer sent entries of `origin` that were held already: it lacks the ack.
    pub(crate) fn on_duplicates(&mut self, origin: OriginId) {
        self.duplicated.insert(origin);
    }

    /// The peer acknowledged a message that carried this node's acks up to `version`.
    pub(crate) fn on_acked(&mut self, version: u64) {
        self.acked_version = self.acked_version.max(version);
    }

    /// A message leaves: it carries all acks.
    pub(crate) fn on_sent(&mut self) {
        self.duplicated.clear();
        self.ack_at = None;
        self.unacked = 0;
    }

    /// An ack is to leave by `deadline`.
    pub(crate) fn schedule(&mut self, deadline: Instant) {
        self.ack_at = Some(self.ack_at.map_or(deadline, |at| at.min(deadline)));
    }

    /// A message with entries is to be acked by `deadline`. With a threshold above 1 the ack waits
    /// longer while more such messages arrive, until there are `threshold` of them.
    pub(crate) fn schedule_batched(&mut self, now: Instant, deadline: Instant, threshold: u64) {
        self.unacked += 1;
        if threshold <= 1 {
            self.schedule(deadline);
        } else if self.unacked >= threshold {
            self.schedule(now);
        } else if self.ack_at.is_none_or(|at| at > now) {
            self.ack_at = Some(deadline);
        }
    }

    /// When an ack is due, if any is.
    pub(crate) const fn at(&self) -> Option<Instant> {
        self.ack_at
    }

    /// The origins to ack: those that have grown since the last message (which covered
    /// `sent_version`), those that grew since the last ack that the peer is known to have, the
    /// latest [`REPEATED_MAX`], and those that it sent again.
    pub(crate) fn due_origins(&self, sent_version: u64, replica: &Replica) -> BTreeSet<OriginId> {
        let acked = self.acked_version;
        let repeated = replica.changed_between(acked, sent_version).rev().take(REPEATED_MAX);
        let new = replica.changed_between(acked.max(sent_version), replica.version());
        new.chain(repeated).chain(self.duplicated.iter().copied()).collect()
    }

    /// The echo of the peer's newest message, to be sent now.
    pub(crate) fn echo(&self, now: Instant, generation: Option<Generation>) -> Option<Echo> {
        let (number, at) = self.newest_received?;
        let held_us = u64::try_from(now.since(at).as_micros()).unwrap_or(u64::MAX);
        Some(Echo { generation: generation?, number, held_us })
    }

    /// True if no later message of the peer has arrived than that one.
    pub(crate) fn is_newest(&self, number: u64) -> bool {
        self.newest_received.is_none_or(|(newest, _)| newest <= number)
    }

    /// When the newest of the peer's messages arrived.
    pub(crate) fn heard_at(&self) -> Option<Instant> {
        self.newest_received.map(|(_, at)| at)
    }

    /// Heartbeat timeout of the peer's messages with entries.
    pub(crate) fn heartbeat_timeout(&self) -> Option<Duration> {
        self.heartbeat.timeout()
    }

    /// Gaps in the numbers of the peer's messages.
    pub(crate) const fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The same, to be changed.
    pub(crate) const fn gaps_mut(&mut self) -> &mut Gaps {
        &mut self.gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{NodeId, Origin};
    use crate::value::Value;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn is_due(acks: &Acks, ms: u64) -> bool {
        acks.at().is_some_and(|deadline| deadline <= at(ms))
    }

    #[test]
    fn a_batched_ack_waits_until_no_more_messages_come_or_the_threshold_is_reached() {
        let mut acks = Acks::default();
        let receive = |acks: &mut Acks, ms| acks.schedule_batched(at(ms), at(ms + 100), 3);
        receive(&mut acks, 0);
        receive(&mut acks, 60);
        assert_eq!((is_due(&acks, 159), is_due(&acks, 160)), (false, true));
        receive(&mut acks, 120);
        assert!(is_due(&acks, 120));
        acks.on_sent();
        receive(&mut acks, 130);
        assert_eq!((is_due(&acks, 229), is_due(&acks, 230)), (false, true));
        // An ack that is due waits no longer.
        receive(&mut acks, 230);
        assert!(is_due(&acks, 230));
        // Messages that arrived before the threshold was known count as well.
        acks.on_sent();
        acks.schedule_batched(at(300), at(1_300), 1);
        receive(&mut acks, 310);
        assert!(!is_due(&acks, 320));
        receive(&mut acks, 320);
        assert!(is_due(&acks, 320));
    }

    #[test]
    fn acks_are_repeated_until_the_peer_has_them_and_after_duplicates() {
        let (mut acks, mut replica) =
            (Acks::default(), Replica::new(Origin { node: NodeId(9), generation: Generation(1) }));
        let grow = |replica: &mut Replica, node: u32, first: u64| {
            let origin = Origin { node: NodeId(node), generation: Generation(1) };
            let id = replica.origin_id(origin);
            replica.insert(at(0), id, first, &[Value::Int(0)]);
            id
        };
        let (a, b) = (grow(&mut replica, 0, 0), grow(&mut replica, 1, 0));
        assert_eq!(acks.due_origins(0, &replica), BTreeSet::from([a, b]));
        // Sent, but not acknowledged: repeated with what is new.
        let sent = replica.version();
        acks.on_sent();
        let c = grow(&mut replica, 2, 0);
        assert_eq!(acks.due_origins(sent, &replica), BTreeSet::from([a, b, c]));
        acks.on_acked(sent);
        assert_eq!(acks.due_origins(sent, &replica), BTreeSet::from([c]));
        acks.on_duplicates(a);
        assert_eq!(acks.due_origins(sent, &replica), BTreeSet::from([a, c]));
        acks.on_sent();
        let all = replica.version();
        acks.on_acked(all);
        assert!(acks.due_origins(all, &replica).is_empty());
        // A restarted peer has none of them.
        acks.on_restart();
        assert_eq!(acks.due_origins(all, &replica), BTreeSet::from([a, b, c]));
    }

    #[test]
    fn at_most_so_many_origins_are_repeated() {
        let (acks, mut replica) =
            (Acks::default(), Replica::new(Origin { node: NodeId(9), generation: Generation(1) }));
        for node in 0..100 {
            let origin = Origin { node: NodeId(node), generation: Generation(1) };
            let id = replica.origin_id(origin);
            replica.insert(at(0), id, 0, &[Value::Int(0)]);
        }
        let repeated = acks.due_origins(replica.version(), &replica);
        assert_eq!(repeated.len(), REPEATED_MAX);
        assert_eq!(repeated.first(), Some(&OriginId(100 - REPEATED_MAX as u32)));
    }

    #[test]
    fn the_echo_names_the_newest_message_and_the_time_it_was_held() {
        let mut acks = Acks::default();
        assert_eq!(acks.echo(at(0), Some(Generation(3))), None);
        acks.on_received(at(10), 4, false, Duration::ZERO);
        acks.on_received(at(20), 2, false, Duration::ZERO);
        let echo = acks.echo(at(25), Some(Generation(3))).unwrap();
        assert_eq!((echo.number, echo.held_us, echo.generation), (4, 15_000, Generation(3)));
        assert!(acks.is_newest(4) && !acks.is_newest(2));
        assert_eq!(acks.heard_at(), Some(at(10)));
    }
}
