//! Wrong silences: how long nodes take peers for silent that could be heard.
//!
//! A silence is *wrong* while messages get through both ways between the two, both are up, and time
//! stands still for neither. Delay and loss at random are no excuse. Its clock starts when the
//! node begins to take the peer for silent or, if the peer was out of reach then, when it is in
//! reach again: after a heal or a restart a node needs some time to find that out, and this is the
//! figure for it. It stops when the node hears the peer, or cannot any more.

use std::collections::BTreeMap;

use rumormill::cluster::Name;

use super::node::SimNode;
use super::observer::World;
use crate::history::Nanos;
use crate::node::Inspect as _;
use crate::outcome::{FalseSuspicion, SuspicionReport};

/// Watches the nodes' silences.
#[derive(Debug)]
pub(super) struct SuspicionWatch {
    ids: BTreeMap<Name, usize>,
    /// By node and peer, of all silences that last: since when it is wrong, if it is.
    wrong: BTreeMap<(usize, usize), Option<Nanos>>,
    /// By node: its life, and how many silences had begun in it.
    seen: BTreeMap<usize, (u64, u64)>,
    /// The count of changes of who is connected to whom that `wrong` is up to date with.
    connectivity: u64,
    report: SuspicionReport,
}

impl SuspicionWatch {
    pub(super) fn new(nodes: &[Name]) -> Self {
        Self {
            ids: nodes.iter().cloned().zip(0..).collect(),
            wrong: BTreeMap::new(),
            seen: BTreeMap::new(),
            connectivity: 0,
            report: SuspicionReport::default(),
        }
    }

    /// A node has handled something.
    pub(super) fn handled(&mut self, world: &World<'_>, node: usize) {
        let member = &world.nodes[node];
        let Some(machine) = member.node() else { return };
        let began = (member.generation(), machine.stats().suspicions);
        let is_new = self.seen.get(&node).map_or(began.1 > 0, |seen| *seen != began);
        if !is_new && self.wrong.range((node, 0)..(node + 1, 0)).next().is_none() {
            return;
        }
        self.seen.insert(node, began);
        let silent = self.silent_peers(member);
        let known = self.wrong.range((node, 0)..(node + 1, 0)).map(|(pair, _)| *pair);
        let ended: Vec<_> = known.filter(|(_, peer)| !silent.contains(peer)).collect();
        for pair in ended {
            self.end(world.now, pair);
        }
        for peer in silent {
            let pair = (node, peer);
            self.wrong.entry(pair).or_insert_with(|| reachable(world, pair).then_some(world.now));
        }
    }

    /// An event is over: who is connected to whom may be different now.
    pub(super) fn reconnect(&mut self, world: &World<'_>, connectivity: u64) {
        if self.connectivity == connectivity {
            return;
        }
        self.connectivity = connectivity;
        let pairs: Vec<_> = self.wrong.keys().copied().collect();
        for pair in pairs {
            if !world.nodes[pair.0].is_up() {
                self.end(world.now, pair);
            } else if !reachable(world, pair) {
                self.end(world.now, pair);
                self.wrong.insert(pair, None);
            } else if let Some(since @ None) = self.wrong.get_mut(&pair) {
                *since = Some(world.now);
            }
        }
    }

    /// The run is over.
    pub(super) fn into_report(mut self, now: Nanos) -> SuspicionReport {
        while let Some((&pair, _)) = self.wrong.first_key_value() {
            self.end(now, pair);
        }
        self.report
    }

    /// The peers that a node takes for silent.
    fn silent_peers(&self, member: &SimNode) -> Vec<usize> {
        let Some(node) = member.node() else { return Vec::new() };
        let silent = node.links().filter(|(_, link)| link.suspected_since().is_some());
        let names = silent.filter_map(|(peer, _)| Some(node.nodes()?.name(peer)));
        names.filter_map(|name| self.ids.get(name).copied()).collect()
    }

    fn end(&mut self, now: Nanos, pair: (usize, usize)) {
        let Some(Some(since)) = self.wrong.remove(&pair) else { return };
        let (node, peer) = pair;
        let silence = FalseSuspicion { node, peer, at: since, lasted: now.saturating_sub(since) };
        self.report.count += 1;
        if self.report.longest.is_none_or(|longest| longest.lasted < silence.lasted) {
            self.report.longest = Some(silence);
        }
    }
}

fn reachable(world: &World<'_>, (node, peer): (usize, usize)) -> bool {
    world.hears(node, peer) && world.hears(peer, node)
}
