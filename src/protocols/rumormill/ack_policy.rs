//! The ack policy: how long an ack may wait, and how long it is waited for (QUIC's max ack delay,
//! RFC 9000; ack frequency extension). Both ends of a link keep to the same rule.
//!
//! Acks go along with what is sent anyway. A message for an ack alone is the price of knowing, and
//! how soon it is due depends on what the peers are to each other.

use std::time::Duration;

use super::ablation::Rule;

/// Max ack delay of direct mail: every node mails every other one now and then, and between two
/// such mails an extra message gains nothing.
const DIRECT_ACK_DELAY: Duration = Duration::from_secs(5);

/// Ack threshold: a leaf of the tree of hubs acks this many messages at once while its parent keeps
/// sending.
const LEAF_THRESHOLD: u64 = 24;

/// A leaf that expects at least this many entries of its own while an ack waits acks each message.
const OWN_ENTRIES_MAX: f64 = 1.5;

/// The relation of a peer to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Parent,
    Child,
    Neighbour,
    Other,
}

/// The delays that follow from the relation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckPolicy {
    /// Max ack delay between neighbours.
    delay: Duration,
}

impl AckPolicy {
    pub(crate) const fn new(delay: Duration) -> Self {
        Self { delay }
    }

    /// Delay of an ack to the parent, with this longest wait at the root.
    fn delay_to_parent(self, period: Duration) -> Duration {
        self.delay.max(period * 5 / 2)
    }

    /// Delay of this node's ack of entries. `forwards`: some of them were submitted elsewhere.
    /// `None`: the ack goes along with the next message down the tree.
    pub(crate) fn own_delay(
        self,
        relation: Relation,
        period: Duration,
        forwards: bool,
    ) -> Option<Duration> {
        match relation {
            Relation::Parent => Some(self.delay_to_parent(period)),
            Relation::Child => None,
            Relation::Neighbour => Some(self.delay),
            // Entries of other nodes come from a hub, which plans differently and waits for it.
            Relation::Other if forwards => Some(self.delay),
            Relation::Other if !Rule::DirectAckDelay.applies() => Some(self.delay),
            Relation::Other => Some(DIRECT_ACK_DELAY),
        }
    }

    /// Max ack delay of the peer, as this node waits for it.
    pub(crate) fn peer_delay(self, relation: Relation, period: Duration) -> Duration {
        match relation {
            Relation::Parent => period,
            // Somewhat more than it may take: a child that is cut off looks for another parent by
            // itself.
            Relation::Child => self.delay_to_parent(period) + period / 2,
            Relation::Neighbour => self.delay,
            Relation::Other if !Rule::DirectAckDelay.applies() => self.delay,
            Relation::Other => DIRECT_ACK_DELAY,
        }
    }

    /// Messages that this node acks at once, while they keep coming. `rate`: its own entries per
    /// second.
    ///
    /// A leaf of a large cluster seldom sends anything up that an ack could go along with. A lost
    /// message shows soon all the same, by a gap in the numbers. A leaf that sends often acks as
    /// often: it saves nothing by waiting, and learns its distance to the parent.
    pub(crate) fn own_threshold(
        self,
        relation: Relation,
        is_leaf: bool,
        rate: Option<f64>,
        period: Duration,
    ) -> u64 {
        let delay = self.delay_to_parent(period).as_secs_f64();
        let is_quiet =
            rate.is_some_and(|rate| rate * delay < OWN_ENTRIES_MAX) || !Rule::BusyLeaf.applies();
        let applies = Rule::LeafThreshold.applies();
        if applies && relation == Relation::Parent && is_leaf && is_quiet {
            LEAF_THRESHOLD
        } else {
            1
        }
    }

    /// Messages that the peer may ack at once. A hub below this node acks each soon: when it is
    /// down, not all nodes below it notice.
    pub(crate) fn peer_threshold(relation: Relation, is_leaf: bool) -> u64 {
        let applies = Rule::LeafThreshold.applies();
        if applies && matches!(relation, Relation::Child) && is_leaf { LEAF_THRESHOLD } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: AckPolicy = AckPolicy::new(Duration::from_secs(1));
    const RELATIONS: [Relation; 4] =
        [Relation::Parent, Relation::Child, Relation::Neighbour, Relation::Other];

    #[test]
    fn no_ack_is_waited_for_less_than_the_peer_may_take() {
        for period in [0, 100, 700, 5_000].map(Duration::from_millis) {
            // The other end of each relation.
            let pairs = [
                (Relation::Child, Relation::Parent),
                (Relation::Neighbour, Relation::Neighbour),
                (Relation::Other, Relation::Other),
            ];
            for (mine, theirs) in pairs {
                for forwards in [false, true] {
                    let own = POLICY.own_delay(theirs, period, forwards).unwrap();
                    assert!(own <= POLICY.peer_delay(mine, period), "{mine:?} {period:?}");
                }
            }
        }
        assert_eq!(POLICY.own_delay(Relation::Child, Duration::ZERO, false), None);
    }

    #[test]
    fn a_long_period_lengthens_the_delay_to_the_parent() {
        let delay = |period| POLICY.own_delay(Relation::Parent, period, false).unwrap();
        assert_eq!(delay(Duration::from_millis(100)), Duration::from_secs(1));
        assert_eq!(delay(Duration::from_secs(2)), Duration::from_secs(5));
        // The parent waits half a period longer.
        let peer = POLICY.peer_delay(Relation::Child, Duration::from_secs(2));
        assert_eq!(peer, Duration::from_secs(6));
    }

    #[test]
    fn direct_mail_is_acked_late_and_what_others_submitted_is_not() {
        let delay = |forwards| POLICY.own_delay(Relation::Other, Duration::ZERO, forwards);
        assert_eq!((delay(false), delay(true)), (Some(DIRECT_ACK_DELAY), Some(POLICY.delay)));
        assert_eq!(POLICY.peer_delay(Relation::Other, Duration::ZERO), DIRECT_ACK_DELAY);
    }

    #[test]
    fn a_leaf_is_busy_if_it_sends_while_an_ack_waits() {
        // An ack to the parent waits for 4 s.
        let period = Duration::from_millis(1_600);
        let threshold = |rate| POLICY.own_threshold(Relation::Parent, true, Some(rate), period);
        assert_eq!([0.37, 0.375, 1.0].map(threshold), [LEAF_THRESHOLD, 1, 1]);
    }

    #[test]
    fn only_a_quiet_leaf_acks_many_messages_at_once() {
        let period = Duration::from_millis(100);
        for relation in RELATIONS {
            for (is_leaf, rate) in
                [(true, Some(1.4)), (true, Some(1.6)), (true, None), (false, Some(0.1))]
            {
                let is_quiet = relation == Relation::Parent && is_leaf && rate == Some(1.4);
                let expected = if is_quiet { LEAF_THRESHOLD } else { 1 };
                assert_eq!(POLICY.own_threshold(relation, is_leaf, rate, period), expected);
            }
            let expected = if relation == Relation::Child { LEAF_THRESHOLD } else { 1 };
            assert_eq!(AckPolicy::peer_threshold(relation, true), expected);
            assert_eq!(AckPolicy::peer_threshold(relation, false), 1);
        }
    }
}
