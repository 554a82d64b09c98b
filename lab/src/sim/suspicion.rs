//! False suspicions: how long nodes suspect peers that could be heard.
//!
//! A suspicion is *false* while messages get through both ways between the two, both are up, and time
//! stands still for neither. Delay and loss at random are no excuse. Its clock starts when the
//! node begins to suspect the peer or, if the peer was out of reach then, when it is in
//! reach again: after a heal or a restart a node needs some time to find that out, and this is the
//! figure for it. It stops when the node hears the peer, or cannot any more.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rumormill::id::NodeId;
use rumormill::protocols::rumormill::Rumormill;
use rumormill_judge::message::events::EventSink;
use rumormill_judge::outcome::{FalseSuspicion, SuspicionReport};
use rumormill_judge::run::Run;
use rumormill_sim::{Nanos, Observer, Process, Sim};

use super::Node;

/// Watches a run for its report.
pub(super) trait Watch<N: Process, S>: Observer<N, Run<S>> {
    /// An event is over: who is connected to whom may be different now.
    fn stepped(&mut self, sim: &Sim<N, Run<S>>);

    /// The run is over.
    fn into_report(self, now: Nanos) -> Option<SuspicionReport>;
}

/// Of nodes that are not known from inside nothing can be said.
impl<N: Process, S> Watch<N, S> for () {
    fn stepped(&mut self, _: &Sim<N, Run<S>>) {}

    fn into_report(self, _: Nanos) -> Option<SuspicionReport> {
        None
    }
}

/// Watches the suspicions of nodes of ours.
#[derive(Debug, Default)]
pub(super) struct SuspicionWatch {
    /// By node and peer, of all suspicions that last: since when it is false, if it is.
    false_since: BTreeMap<(u32, u32), Option<Nanos>>,
    /// By node: its generation, and how many suspicions had begun in it.
    seen: BTreeMap<u32, (u64, u64)>,
    /// The count of changes of who is connected to whom that `false_since` is up to date with.
    connectivity: u64,
    report: SuspicionReport,
}

impl<S: EventSink> Observer<Node, Run<S>> for SuspicionWatch {
    fn handled(&mut self, sim: &Sim<Node, Run<S>>, node: NodeId) -> ControlFlow<String> {
        let host = &sim.hosts()[node.0 as usize];
        let Some(protocol) = host.process().server().protocol() else {
            return ControlFlow::Continue(());
        };
        let NodeId(node) = node;
        let began = (host.generation().0, protocol.stats().suspicions);
        let is_new = self.seen.get(&node).map_or(began.1 > 0, |seen| *seen != began);
        if !is_new && self.false_since.range((node, 0)..(node + 1, 0)).next().is_none() {
            return ControlFlow::Continue(());
        }
        self.seen.insert(node, began);
        let suspected = suspected_peers(protocol);
        let known = self.false_since.range((node, 0)..(node + 1, 0)).map(|(pair, _)| *pair);
        let ended: Vec<_> = known.filter(|(_, peer)| !suspected.contains(peer)).collect();
        for pair in ended {
            self.end(sim.now(), pair);
        }
        for peer in suspected {
            let pair = (node, peer);
            let since = || reachable(sim, pair).then_some(sim.now());
            self.false_since.entry(pair).or_insert_with(since);
        }
        ControlFlow::Continue(())
    }
}

impl<S: EventSink> Watch<Node, S> for SuspicionWatch {
    fn stepped(&mut self, sim: &Sim<Node, Run<S>>) {
        let connectivity = sim.medium().connectivity();
        if self.connectivity == connectivity {
            return;
        }
        self.connectivity = connectivity;
        let pairs: Vec<_> = self.false_since.keys().copied().collect();
        for pair in pairs {
            if !sim.hosts()[pair.0 as usize].is_up() {
                self.end(sim.now(), pair);
            } else if !reachable(sim, pair) {
                self.end(sim.now(), pair);
                self.false_since.insert(pair, None);
            } else if let Some(since @ None) = self.false_since.get_mut(&pair) {
                *since = Some(sim.now());
            }
        }
    }

    fn into_report(mut self, now: Nanos) -> Option<SuspicionReport> {
        while let Some((&pair, _)) = self.false_since.first_key_value() {
            self.end(now, pair);
        }
        Some(self.report)
    }
}

impl SuspicionWatch {
    fn end(&mut self, now: Nanos, pair: (u32, u32)) {
        let Some(Some(since)) = self.false_since.remove(&pair) else { return };
        let (node, peer) = (pair.0 as usize, pair.1 as usize);
        let ended = FalseSuspicion { node, peer, at: since, lasted: now.saturating_sub(since) };
        self.report.count += 1;
        if self.report.longest.is_none_or(|longest| longest.lasted < ended.lasted) {
            self.report.longest = Some(ended);
        }
    }
}

/// The peers that a node suspects.
fn suspected_peers(protocol: &Rumormill) -> Vec<u32> {
    let suspected = protocol.links().filter(|(_, link)| link.suspected_since().is_some());
    suspected.map(|(peer, _)| peer.0).collect()
}

fn reachable<S: EventSink>(sim: &Sim<Node, Run<S>>, (node, peer): (u32, u32)) -> bool {
    let conditions = sim.medium().conditions();
    conditions.connects(sim.now(), peer, node) && conditions.connects(sim.now(), node, peer)
}
