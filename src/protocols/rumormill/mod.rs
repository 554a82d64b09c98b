//! Rumormill's own protocol; see the crate's page.

mod anti_entropy;
pub mod config;
mod describe;
mod doubt;
mod evidence;
mod gossip;
pub mod link;
mod links;
mod loss_rate;
pub mod message;
#[cfg(feature = "mutations")]
pub mod mutation;
mod network_rtt;
mod overlay;
mod place;
pub mod planner;
mod rate_meter;
pub mod replica;
mod rhythm;
pub mod route;
pub mod rtt;
pub mod stats;
mod succession;
mod transmit;
mod wire;

use std::fmt;
use std::sync::Arc;

use crate::cluster::{Cluster, Graph, Nodes};
use crate::id::{Generation, NodeId, Origin};
use crate::protocol::{Effects, Entry, Protocol, Rng};
use crate::set::{OriginId, VersionSet};
use crate::time::Instant;
use anti_entropy::AntiEntropy;
use config::Config;
use link::Link;
use links::Links;
use loss_rate::LossRate;
use message::Gossip;
use network_rtt::NetworkRtt;
use overlay::Overlay;
use planner::Plan;
use rate_meter::RateMeter;
use replica::Replica;
use route::Route;
use stats::Stats;

/// One node's state.
#[derive(Clone, Debug)]
pub struct Rumormill {
    config: Config,
    generation: Generation,
    rng: Rng,
    cluster: Cluster,
    own: OriginId,
    next_sequence: u64,
    links: Links,
    replica: Replica,
    fresh: VersionSet,
    fresh_at: Option<Instant>,
    anti_entropy: AntiEntropy,
    overlay: Overlay,
    load: RateMeter,
    loss: LossRate,
    network_rtt: NetworkRtt,
    stats: Stats,
    log: Vec<String>,
}

impl Protocol for Rumormill {
    type Config = Config;
    type Message = Gossip;

    fn new(
        cluster: Cluster,
        generation: Generation,
        config: &Config,
        rng: Rng,
        now: Instant,
    ) -> Self {
        let mut replica = Replica::new();
        let own = replica.origin_id(Origin { node: cluster.me(), generation });
        let mut node = Self {
            anti_entropy: AntiEntropy::new(config),
            config: config.clone(),
            generation,
            rng,
            cluster,
            own,
            next_sequence: 0,
            links: Links::default(),
            replica,
            fresh: VersionSet::new(),
            fresh_at: None,
            overlay: Overlay::default(),
            load: RateMeter::default(),
            loss: LossRate::default(),
            network_rtt: NetworkRtt::default(),
            stats: Stats::default(),
            log: Vec::new(),
        };
        node.lay_out();
        node.anti_entropy.start_quietly(now, &mut node.rng);
        node
    }

    fn on_topology(&mut self, now: Instant, graph: Arc<Graph>, out: &mut Effects<Gossip>) {
        self.cluster.set_topology(graph);
        self.anti_entropy.start(now, &mut self.rng);
        self.expect_first_word(now);
        if matches!(self.config.route, Route::Topology | Route::Tree) {
            self.lay_out();
            self.spread_own(now, &self.replica.held().clone());
        }
        self.finish(out);
    }

    fn on_submit(&mut self, now: Instant, entry: Entry, _out: &mut Effects<Gossip>) {
        let sequence = entry.id.sequence;
        self.next_sequence = sequence + 1;
        self.replica.insert(now, self.own, sequence, &[entry.value]);
        // Handed on with whatever else came in at the same time.
        self.fresh.insert(self.own, sequence..sequence + 1);
        self.fresh_at.get_or_insert(now);
        self.load.note(now, 1);
    }

    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        gossip: Gossip,
        out: &mut Effects<Gossip>,
    ) {
        self.handle_gossip(now, from, &gossip, out);
        self.finish(out);
    }

    fn on_timeout(&mut self, now: Instant, out: &mut Effects<Gossip>) {
        self.spread_fresh(now);
        self.run_suspicion_timer(now);
        self.run_link_timers(now, out);
        self.run_sync_timer(now, out);
        self.finish(out);
    }

    fn on_end(&mut self, now: Instant, out: &mut Effects<Gossip>) {
        self.spread_fresh(now);
        self.flush_all(now, out);
        self.finish(out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let others = [self.fresh_at, self.anti_entropy.at(), self.overlay.suspect_at];
        self.links.next_deadline().into_iter().chain(others.into_iter().flatten()).min()
    }

    fn describe(&self, now: Instant, nodes: &Nodes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe::Description::new(self, now, nodes).write(f)
    }
}

impl Rumormill {
    fn finish(&mut self, out: &mut Effects<Gossip>) {
        self.links.settle();
        self.log.drain(..).for_each(|line| out.log(line));
    }

    fn spread_fresh(&mut self, now: Instant) {
        if self.fresh_at.take().is_some() {
            let fresh = std::mem::take(&mut self.fresh);
            self.spread_own(now, &fresh);
        }
    }

    /// What has been counted so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The entries held.
    #[must_use]
    pub const fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The peers that anything was sent to or heard from.
    pub fn links(&self) -> impl Iterator<Item = (NodeId, &Link)> {
        self.links.iter()
    }

    /// How new values travel at the moment, once there was one.
    #[must_use]
    pub const fn plan(&self) -> Option<Plan> {
        self.overlay.plan
    }
}
