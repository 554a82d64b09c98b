//! The transmitter: turns what waits on a link into messages.

use std::time::Duration;

use super::compose::{Purpose, Terms, compose, keeps_queue};
use crate::id::NodeId;
use crate::protocol::Effects;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::ack_policy::{AckPolicy, Relation};
use crate::protocols::rumormill::context::Context;
use crate::protocols::rumormill::link::Link;
use crate::protocols::rumormill::link::sent::AckWait;
use crate::protocols::rumormill::message::{Forward, Gossip};
use crate::protocols::rumormill::repair::TreeRepair;

/// Delay of a blind repeat: long enough to escape a short disturbance.
const REPEAT_DELAY: Duration = Duration::from_millis(30);

/// Sends what is due on the link to `peer`: a probe, a digest with retransmissions, a repeat, or
/// a batch. The first that is due carries everything else.
pub(crate) fn on_link_due(
    cx: &mut Context<'_>,
    repair: &mut TreeRepair,
    peer: NodeId,
    out: &mut Effects<Gossip>,
) {
    let now = cx.now;
    let gap = cx.peers.get_mut(peer).and_then(|link| link.acks.gaps.take_due(now));
    if let Some(in_a_row) = gap.filter(|_| !cx.peers.rtt().is_jittery()) {
        repair.on_loss(cx, peer, 1, in_a_row);
    }
    let Some(link) = cx.peers.get_mut(peer) else { return };
    let is_request = link.take_due_request(now) && !link.known().is_subset(cx.replica.held());
    let purpose = if link.suspect_probe_due(now) {
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
    send(cx, repair, peer, purpose, out);
}

/// Sends messages to `peer` until everything queued for it is on its way: one, unless the queue
/// is longer than a message may be. If a probe was requested, the first is one.
pub(crate) fn send(
    cx: &mut Context<'_>,
    repair: &mut TreeRepair,
    peer: NodeId,
    purpose: Purpose,
    out: &mut Effects<Gossip>,
) {
    let now = cx.now;
    let is_requested = cx.peers.get(peer).is_some_and(Link::is_probe_requested);
    let purpose = if is_requested { Purpose::Probe } else { purpose };
    send_one(cx, repair, peer, purpose, out);
    let has_more = |link: &Link| link.has_more() && !keeps_queue(now, link, purpose);
    while cx.peers.get(peer).is_some_and(has_more) {
        send_one(cx, repair, peer, purpose, out);
    }
}

fn send_one(
    cx: &mut Context<'_>,
    repair: &mut TreeRepair,
    peer: NodeId,
    purpose: Purpose,
    out: &mut Effects<Gossip>,
) {
    let terms = terms(cx, repair, peer, purpose);
    let link = cx.peers.open(peer);
    if let Some(gossip) = compose(cx.now, cx.config, cx.replica, link, purpose, &terms) {
        on_sent(cx, peer, &terms, &gossip);
        repair.tree_mut().on_sent(peer);
        out.send(peer, gossip);
    }
}

/// The terms of a message to `peer`, sent now.
fn terms(cx: &mut Context<'_>, repair: &TreeRepair, peer: NodeId, purpose: Purpose) -> Terms {
    let (now, tree) = (cx.now, repair.tree());
    let relation = cx.push.relation(tree, cx.peers, peer);
    let forward = cx.push.forward_for(tree, cx.peers, peer);
    let piggyback_max = match relation {
        Relation::Child | Relation::Parent => cx.peers.piggyback_max(now),
        Relation::Neighbour | Relation::Other => 0,
    };
    let is_batch = purpose == Purpose::Batch;
    let is_mail = |link: &Link| link.queue.piggyback_forward() == Forward::Mail;
    let is_told = purpose == Purpose::Probe || cx.peers.get(peer).is_some_and(is_mail);
    let offer = cx.push.uses_hubs(tree);
    let offer = offer.then(|| tree.offer_for(now, cx.peers, peer, is_told));
    let max_ack_delay = match purpose {
        Purpose::Batch | Purpose::Repeat | Purpose::Checksum => {
            AckPolicy::new(cx.config.ack_delay).peer_delay(relation, cx.push.period())
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
        is_lossy: cx.peers.is_lossy(now),
        pulse: cx.push.pulse_for(now, tree, cx.peers, peer),
        offer: offer.flatten(),
        wait: AckWait {
            timeout: purpose.timeout(cx.peers.timeout(peer)),
            max_ack_delay,
            threshold: AckPolicy::peer_threshold(relation, tree.is_leaf(peer)),
        },
    }
}

/// A message to `peer` leaves: what follows from it for the link's timers and the counters.
fn on_sent(cx: &mut Context<'_>, peer: NodeId, terms: &Terms, gossip: &Gossip) {
    let (now, link) = (cx.now, cx.peers.open(peer));
    if terms.is_repeated && !gossip.entries.is_empty() {
        link.repeat_at = Some(now.after(REPEAT_DELAY));
    }
    if terms.is_child && !gossip.entries.is_empty() {
        link.on_heartbeat_sent(now);
    }
    let is_suspected = link.is_suspected();
    if is_suspected {
        let floor = terms.wait.timeout.max(cx.config.probe_min);
        link.liveness.on_suspect_probed(now, floor, cx.config.probe_max);
    }
    cx.peers.loss_mut().on_sent(now);
    cx.stats.on_sent(gossip, is_suspected);
}

#[cfg(test)]
mod tests;
