//! Direct mail while the parent is missed (Demers 1987): entries go to all peers at once, since until the
//! parent is replaced would be too long.

use std::time::Duration;

use crate::id::NodeId;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::context::Context;
use crate::protocols::rumormill::message::Forward;
use crate::protocols::rumormill::peers::Peers;
use crate::set::VersionSet;

/// Most peers that are mailed, or probed at once.
pub(super) const MAIL_MAX: usize = 64;

/// Longest round trip at which entries are not mailed before the parent is suspected: another parent is
/// found soon enough, and a pause of the parent would cost a mail of every node.
const FAST: Duration = Duration::from_millis(100);

/// The mail since the parent is missed.
#[derive(Clone, Debug, Default)]
pub(super) struct Mail {
    mailed: VersionSet,
}

impl Mail {
    /// True if entries were mailed.
    pub(super) fn was_sent(&self) -> bool {
        !self.mailed.is_empty()
    }

    /// The entries that were not mailed.
    pub(super) fn without_mailed(&self, mut entries: VersionSet) -> VersionSet {
        entries.subtract(&self.mailed);
        entries
    }

    /// Entries that the parent has not confirmed, and that were not mailed.
    pub(super) fn not_mailed(&self, peers: &Peers, parent: NodeId) -> VersionSet {
        peers.get(parent).map(|link| self.without_mailed(link.unconfirmed())).unwrap_or_default()
    }

    /// Mails all peers the entries of this node that the parent has not confirmed, unless losses or delays are such
    /// that the parent is likely to be up.
    pub(super) fn send_own(&mut self, cx: &mut Context<'_>, parent: NodeId) {
        let rtt = cx.peers.get(parent).and_then(|link| link.rtt().smoothed());
        let is_unsure = cx.peers.is_lossy(cx.now) || cx.peers.rtt().is_jittery();
        if is_unsure || rtt.is_none_or(|rtt| rtt <= FAST) || !Rule::MailOwn.applies() {
            return;
        }
        let me = cx.cluster.me();
        let entries = self.not_mailed(cx.peers, parent);
        let own = entries.iter().filter(|(origin, _)| cx.replica.origin(*origin).node == me);
        let own: VersionSet = own.map(|(origin, ranges)| (origin, ranges.into_owned())).collect();
        if own.is_empty() {
            return;
        }
        for peer in cx.cluster.others().filter(|&peer| peer != parent).take(MAIL_MAX) {
            let link = cx.peers.open(peer);
            if !link.is_suspected() {
                link.queue.piggyback(&own, Forward::Mail);
                link.acks.schedule(cx.now);
            }
        }
        self.mailed.union_with(&own);
    }
}

/// Probes all peers that are not suspected, and sends them `entries`.
pub(super) fn probe_all(cx: &mut Context<'_>, entries: &VersionSet) {
    // Where much is lost, the parent is likely to be up.
    if cx.peers.is_unreliable(cx.now) || !Rule::Mail.applies() {
        return;
    }
    for peer in cx.cluster.others().take(MAIL_MAX) {
        let link = cx.peers.open(peer);
        if !link.is_suspected() {
            link.request_probe(cx.now);
            link.queue.piggyback(entries, Forward::No);
        }
    }
}
