//! When evidence is due, and how long it is waited for: both ends of a link keep to the same rule.
//!
//! Evidence goes along with what is sent anyway. A message for it alone is the price of knowing, and
//! how soon it is due depends on what the peers are to each other.

use std::time::Duration;

use super::Rumormill;
use super::message::Entries;
use super::planner::Plan;
use crate::id::NodeId;
use crate::time::Instant;

/// The evidence of direct mail waits this long: everybody mails everybody now and then, and
/// between two such mails there is nothing to be gained by an extra message.
const DIRECT_ACK_DELAY: Duration = Duration::from_secs(5);

/// While its parent goes on sending, a leaf of the tree of hubs confirms so many messages at once.
const CONFIRMED_AT_ONCE: u64 = 24;

/// It does so if fewer of its own values than this are to be expected while evidence waits.
const COMPANY: f64 = 1.5;

/// What a peer is to this node; decides when evidence is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Parent,
    Child,
    Neighbour,
    Other,
}

impl Rumormill {
    /// How often an unconfirmed entry may ride along to `peer` again.
    pub(crate) fn rides(&mut self, now: Instant, peer: NodeId) -> u8 {
        match self.relation(peer) {
            Relation::Child | Relation::Parent => {
                self.loss.rides(now, self.network_rtt.is_jittery())
            }
            Relation::Neighbour | Relation::Other => 0,
        }
    }

    fn relation(&self, peer: NodeId) -> Relation {
        match self.overlay.plan {
            Some(Plan::Flood { .. }) => Relation::Neighbour,
            Some(Plan::Tree { .. }) if self.overlay.parent == Some(peer) => Relation::Parent,
            Some(Plan::Tree { .. }) if self.is_child(peer) => Relation::Child,
            _ => Relation::Other,
        }
    }

    /// How long evidence for the parent waits for something that goes up anyway.
    fn evidence_delay(&self) -> Duration {
        self.config.ack_delay.max(self.period() * 5 / 2)
    }

    /// By when entries that just came from `peer` are to be confirmed to it.
    pub(crate) fn evidence_deadline(
        &mut self,
        now: Instant,
        peer: NodeId,
        values: &[Entries],
    ) -> Instant {
        match self.relation(peer) {
            Relation::Parent => now.after(self.evidence_delay()),
            Relation::Child => self.tree_deadline(now, peer, None),
            Relation::Neighbour => now.after(self.config.ack_delay),
            // What others broadcast comes from a hub, which plans differently and waits for it.
            Relation::Other if self.passes_on(peer, values) => now.after(self.config.ack_delay),
            Relation::Other => now.after(DIRECT_ACK_DELAY),
        }
    }

    /// True if any of what `peer` has sent was broadcast elsewhere.
    fn passes_on(&self, peer: NodeId, values: &[Entries]) -> bool {
        values.iter().any(|entries| entries.origin.node != peer)
    }

    /// How long `peer` may take to confirm what it is sent, its way and back not counted.
    pub(crate) fn answer_within(&self, peer: NodeId) -> Duration {
        match self.relation(peer) {
            Relation::Parent => self.period(),
            // Somewhat more than it is allowed: there is no hurry, since a child that is cut off
            // looks for another parent by itself.
            Relation::Child => self.evidence_delay() + self.period() / 2,
            Relation::Neighbour => self.config.ack_delay,
            Relation::Other => DIRECT_ACK_DELAY,
        }
    }

    /// How many messages of `peer` this node confirms at once, as long as they keep coming.
    ///
    /// A leaf of a large cluster seldom has anything to send up that its evidence could go along
    /// with. What is lost on the way down still shows soon, by a gap in the numbers. A leaf that
    /// sends often confirms as often: it saves nothing by waiting, and learns how far its parent is.
    pub(crate) fn confirmed_at_once(&mut self, now: Instant, peer: NodeId) -> u64 {
        let (me, nodes) = (self.cluster.me(), self.cluster.len());
        if self.relation(peer) != Relation::Parent || !self.is_leaf(me) {
            return 1;
        }
        let own = self.load.per_second(now).map(|all| all / f64::from(nodes));
        let delay = self.evidence_delay().as_secs_f64();
        if own.is_some_and(|own| own * delay < COMPANY) { CONFIRMED_AT_ONCE } else { 1 }
    }

    /// How many messages `peer` may confirm at once: it is for the peer to say how often it sends.
    ///
    /// A hub below this node confirms each soon: when it is gone, not all of those below it notice.
    pub(crate) fn confirms_at_once(&self, peer: NodeId) -> u64 {
        let is_leaf = self.relation(peer) == Relation::Child && self.is_leaf(peer);
        if is_leaf { CONFIRMED_AT_ONCE } else { 1 }
    }

    /// True if nobody stands below `node` in the tree of hubs.
    fn is_leaf(&self, node: NodeId) -> bool {
        let layout = self.overlay.layout.as_ref();
        self.follows_hubs() && layout.is_some_and(|layout| !layout.has_children(node))
    }
}
