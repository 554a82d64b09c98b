//! Whether a peer is there: what is concluded from messages that stay unanswered or do not come.
//!
//! One message that is late proves little. It may have been lost, the peer may be far away, and the
//! whole network may have become slower, in which case nobody answers. So before a node takes a
//! peer for silent, it wants a witness: somebody else who has answered what was sent later. And
//! before it leaves its parent, it asks around (as SWIM does before it declares anybody dead, Das
//! 2002): whoever answers is the witness, and may be the next parent.

use std::time::Duration;

use rand::RngExt as _;

use super::Rumormill;
use super::link::{Link, Lost};
use super::message::Relay;
#[cfg(feature = "mutations")]
use super::mutation::Mutation;
use crate::id::NodeId;
use crate::set::VersionSet;
use crate::time::Instant;

/// Before the parent is given up, so many of those who would come next are asked whether they are
/// there, and so many others: those who come next may be on the other side of the same cut.
const NEXT_ASKED: usize = 3;
const OTHERS_ASKED: usize = 5;

/// Others are not asked again before this time: each answers with all that this node lacks.
const ASK_SPACING: Duration = Duration::from_millis(500);

/// By how much later the parent is missed where some messages are lost, and where many are.
const FORBEARANCE_LIGHT: u32 = 2;
const FORBEARANCE_HEAVY: u32 = 3;

/// So many messages more may stay unanswered while nobody else has answered either, or the peer
/// may be just far away.
const PATIENCE: u8 = 2;

/// Who was never heard is asked whether it is there after this time, or after the latency budget
/// and a quarter, if that is longer: by then the first values should have come.
const FIRST_WORD: Duration = Duration::from_millis(400);

/// More messages lost in a row than this were cut off, or fell on deaf ears: loss at random seldom
/// does that.
const LOST_IN_A_ROW: u64 = 2;

impl Rumormill {
    /// Looks after what `peer` has left unanswered. Returns what was found lost.
    pub(crate) fn run_loss_timer(&mut self, now: Instant, peer: NodeId) -> Lost {
        let typical = self.network_rtt.timeout();
        let Some(link) = self.link_mut(peer) else { return Lost::Nothing };
        if let Some(timeout) = link.rtt().timeout().max(typical) {
            link.stretch(now, timeout);
        }
        let Some(since) = link.overdue_since(now) else { return Lost::Nothing };
        let is_new = link.rtt().smoothed().is_none();
        let question_is_due = link.question_due(now);
        let is_heard = self.spoke_since(peer, since);
        let is_parent = self.sends_by_hubs() && self.overlay.parent == Some(peer);
        let is_audible_parent = is_parent && is_heard && self.overlay.missed_at.is_none();
        let has_witness = self.has_witness(peer, since);
        let is_excused = !has_witness || (is_new && is_heard);
        let is_lossy = self.loss.is_heavy(now);
        let patience = if is_excused { PATIENCE } else { u8::from(is_lossy || is_audible_parent) };
        let Some(link) = self.link_mut(peer) else { return Lost::Nothing };
        let lost = link.expire(now, patience);
        if lost == Lost::Batch && is_excused {
            link.excuse();
        }
        if lost == Lost::Batch && is_parent && question_is_due {
            self.ask(now, peer);
        }
        self.stats.retries += u64::from(lost != Lost::Nothing);
        #[cfg(feature = "mutations")]
        if self.config.mutation == Some(Mutation::RetryNeverSent)
            && matches!(lost, Lost::Batch | Lost::Overtaken)
            && let Some(link) = self.link_mut(peer)
        {
            link.drop_queue();
        }
        // (Where much is lost, an answer that is missing casts no doubt yet.)
        if lost == Lost::Batch && is_parent && !is_lossy && !(is_new && is_heard) {
            match (is_audible_parent, has_witness) {
                (true, _) => self.doubt_parent(now, since, 0),
                (false, false) => self.doubt_parent(now, now, OTHERS_ASKED),
                (false, true) => {}
            }
        }
        if lost == Lost::Peer {
            self.stats.silences += 1;
            self.anti_entropy.hasten(now, &mut self.rng);
            self.route_around(now, peer);
        }
        if lost == Lost::Overtaken && !self.network_rtt.is_jittery() {
            self.note_loss(now, peer, 1, 1);
        }
        lost
    }

    /// Counts messages as lost by the network, if it is likely that it loses them at random: if not
    /// too many in a row are gone, and if, in a tree, `peer` is one with whom messages are exchanged
    /// all the time. (Questions go to those, too, who are out of reach.)
    pub(crate) fn note_loss(&mut self, now: Instant, peer: NodeId, messages: u64, in_a_row: u64) {
        let is_in_touch = !self.sends_by_hubs() || self.is_tree_edge(peer);
        if is_in_touch && in_a_row <= LOST_IN_A_ROW {
            self.loss.note_lost(now, messages);
        }
    }

    /// True if somebody else has answered what was sent at `since` or later.
    fn has_witness(&self, peer: NodeId, since: Instant) -> bool {
        self.links().any(|(other, link)| other != peer && link.answered_since(since))
    }

    /// `peer` has answered something. If the parent has left earlier messages unanswered, and was
    /// not heard meanwhile, it is the parent that is out of reach, and not everybody.
    pub(crate) fn bear_witness(&mut self, now: Instant, peer: NodeId) {
        if !self.sends_by_hubs() || self.loss.is_heavy(now) {
            return;
        }
        let Some(parent) = self.overlay.parent.filter(|&parent| parent != peer) else { return };
        let Some(since) = self.link(parent).and_then(Link::struck_since) else { return };
        if !self.spoke_since(parent, since)
            && self.link(peer).is_some_and(|link| link.answered_since(since))
            && let Some(link) = self.link_mut(parent)
        {
            link.judge_at(now);
            self.run_loss_timer(now, parent);
        }
    }

    /// The parent was heard. If it sends entries, and does so often, it will be missed soon when it
    /// stops; without any it is only there.
    pub(crate) fn expect_parent(&mut self, now: Instant, from: NodeId, has_entries: bool) {
        if self.overlay.parent == Some(from) && self.sends_by_hubs() {
            let missed_after = self.link(from).and_then(Link::missed_after);
            let missed_after =
                missed_after.map(|after| (after * self.forbearance(now)).max(self.hop(from) * 2));
            self.overlay.suspect_at =
                missed_after.filter(|_| has_entries).map(|after| now.after(after));
        }
    }

    /// All nodes can be written to now. The parent should be heard soon.
    pub(crate) fn expect_first_word(&mut self, now: Instant) {
        let soon = FIRST_WORD.max(self.config.latency_budget * 5 / 4);
        let has_parent = self.follows_hubs() && self.overlay.parent.is_some();
        self.overlay.suspect_at = has_parent.then(|| now.after(soon));
    }

    /// Where messages get lost, or delays vary widely, one that is missing means little.
    fn forbearance(&mut self, now: Instant) -> u32 {
        if self.is_unreliable(now) {
            FORBEARANCE_HEAVY
        } else if self.loss.rides(now, self.network_rtt.is_jittery()) > 0 {
            FORBEARANCE_LIGHT
        } else {
            1
        }
    }

    /// True if so many messages are lost, or late, that a missing one is no sign of anything.
    pub(crate) fn is_unreliable(&mut self, now: Instant) -> bool {
        self.loss.is_heavy(now) || self.network_rtt.is_jittery()
    }

    /// If the parent is missed, it is doubted. If it was never heard, nothing may have happened yet,
    /// and it is only asked; unless something was sent to it, which is a question as well.
    pub(crate) fn run_suspicion_timer(&mut self, now: Instant) {
        if self.overlay.suspect_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        self.review(now);
        let Some(parent) = self.overlay.parent.filter(|_| self.sends_by_hubs()) else { return };
        let link = self.link(parent);
        if link.is_some_and(|link| link.heard_at().is_some()) {
            self.doubt_parent(now, now, OTHERS_ASKED);
        } else if link.is_none_or(|link| link.in_flight().is_empty()) {
            self.ask(now, parent);
        }
    }

    /// The parent may be gone: it is asked whether it is there, and so are some who could take its
    /// place. They are sent what the parent has not confirmed, too. Who has spoken since
    /// `missed_at` is there.
    fn doubt_parent(&mut self, now: Instant, missed_at: Instant, others: usize) {
        let Some(parent) = self.overlay.parent else { return };
        let mut unconfirmed = VersionSet::new();
        if let Some(link) = self.link(parent) {
            unconfirmed.union_with(link.queue());
            unconfirmed.union_with(&link.in_flight());
        }
        self.overlay.missed_at.get_or_insert(missed_at);
        self.ask(now, parent);
        if self.overlay.ask_others_at.is_none_or(|at| at <= now) {
            if others > 0 {
                self.overlay.ask_others_at = Some(now.after(ASK_SPACING));
            }
            self.ask_some(now, others, &unconfirmed);
        }
    }

    /// The peer is asked whether it is there, where it stands, and for all that is missing here.
    pub(crate) fn ask(&mut self, now: Instant, peer: NodeId) {
        self.links.open(peer).ask_at = Some(now);
    }

    /// Asks those who come next and `others` at random, and sends them entries to pass on, unless
    /// delays vary or losses abound so much that the parent is likely to be there.
    fn ask_some(&mut self, now: Instant, others: usize, entries: &VersionSet) {
        let is_unreliable = self.is_unreliable(now);
        let Some(layout) = &self.overlay.layout else {
            return;
        };
        let (me, nodes) = (self.cluster.me(), self.cluster.len());
        let parent = self.overlay.parent;
        let picks: Vec<NodeId> =
            (0..others).map(|_| NodeId(self.rng.random_range(0..nodes))).collect();
        let is_there =
            |peer: &NodeId| Some(*peer) != parent && *peer != me && !self.is_silent(*peer);
        let mut asked: Vec<NodeId> =
            layout.candidates(me).filter(is_there).take(NEXT_ASKED).collect();
        asked.extend(picks.into_iter().filter(is_there));
        for peer in asked {
            self.ask(now, peer);
            if let Some(link) = self.link_mut(peer).filter(|_| !is_unreliable) {
                link.put_aside(entries, Relay::Up);
            }
        }
    }
}
