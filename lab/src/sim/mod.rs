//! The simulator: the same nodes, the same workload and network, in virtual time.
//!
//! A discrete-event loop. What happens next is decided by time, then by kind (a node's fault, the
//! run, a node's timer), then by node number; every source of chance has a seed of its own. So the
//! same settings give the same run to the byte.

mod faults;
mod node;
mod observer;
mod record;
mod simulation;
mod suspicion;
pub mod sweep;

use anyhow::Result;
use rumormill::protocols::rumormill::config::Config;

use crate::journal::EventSink;
use crate::outcome::{Notice, Outcome};
use crate::settings::Settings;
pub use faults::{NodeFault, NodeFaultKind};
pub use node::{Machine, NodeKind, SimNode};
pub use observer::{Nobody, Observer, World};
pub use record::Records;
use simulation::Simulation;

/// What is left of a simulated run.
#[derive(Debug)]
pub struct Simulated<S> {
    /// What the run tells, as for real processes. If an observer broke it off, its state is
    /// [`Crashed`](crate::outcome::State::Crashed) with the observer's reason.
    pub outcome: Outcome,
    /// What a person should see, in order.
    pub notices: Vec<Notice>,
    /// Where the events went.
    pub sink: S,
    /// The nodes as they were at the end.
    pub nodes: Vec<SimNode>,
    /// Events handled: messages delivered and timers run.
    pub events: u64,
    /// The observer broke the run off.
    pub broken_off: bool,
}

/// Runs the whole test with simulated nodes of ours.
///
/// # Errors
/// If the settings make no sense.
pub fn simulate<S: EventSink>(
    settings: &Settings,
    config: &Config,
    sink: S,
) -> Result<Simulated<S>> {
    simulate_observed(settings, &NodeKind::Rumormill(config.clone()), sink, &mut Nobody)
}

/// Runs the whole test with simulated nodes, watched by `observer`.
///
/// # Errors
/// If the settings make no sense.
pub fn simulate_observed<S: EventSink, O: Observer>(
    settings: &Settings,
    kind: &NodeKind,
    sink: S,
    observer: &mut O,
) -> Result<Simulated<S>> {
    Ok(Simulation::new(settings, kind, sink, observer)?.play())
}
