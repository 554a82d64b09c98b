//! Asynchronous time: every node has timers of its own, and messages take a while.

use std::time::Duration;

use rumormill::protocol::Protocol;
use rumormill::wire::Wire;
use rumormill_sim::network::latency::Latency;
use rumormill_sim::network::{NetworkConfig, Rules};
use rumormill_sim::{Bare, Nanos, Plain, Sim};

use super::cycles::World;
use crate::random::Dice;

/// A cluster in which each node can send to each, to be started. Messages are lost once the network's
/// faults are started, too.
#[must_use]
pub fn cluster<P: Protocol<Message: Wire>>(
    world: &World,
    config: &P::Config,
    latency_ms: u64,
) -> Sim<Bare<P>> {
    let seed = Dice::numbered(world.seed, "run", world.run).next_u64();
    let network = NetworkConfig {
        nodes: world.nodes(),
        seed,
        latency: Latency { mean_ms: latency_ms, ..Latency::default() },
        rules: Rules { loss: world.loss, ..Rules::default() },
        ..NetworkConfig::default()
    };
    Sim::new(Bare::cluster(&world.graph, config, seed), Plain::new(network))
}

/// A length of virtual time; at most 584 years.
#[must_use]
pub fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}

/// Lets time pass, unobserved.
pub fn run_for<P: Protocol<Message: Wire>>(sim: &mut Sim<Bare<P>>, time: Duration) {
    sim.run_until(sim.now().saturating_add(nanos(time)), &mut ());
}
