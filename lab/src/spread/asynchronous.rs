//! Asynchronous time: every node has timers of its own, messages take a while, and nodes and links fail
//! as their surroundings have it.

use std::ops::ControlFlow;
use std::time::Duration;

use rumormill::id::NodeId;
use rumormill::protocol::{Entry, Protocol};
use rumormill::value::Value;
use rumormill::wire::Wire;
use rumormill_sim::dice::Dice;
use rumormill_sim::network::{NetworkConfig, Rules};
use rumormill_sim::{Bare, MS, Nanos, NodeFault, NodeFaultKind, Observer, Plain, Sim};

use super::cycles::World;
use super::film::{Film, Limits};
use super::rumour::{Run, STEPS, Steps, Tally, Until, follow};
use super::surroundings::{Surroundings, nanos};

/// Times of a run: the unit that its figures are in, and so many before the injection.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The protocol's period, or a message delay.
    pub unit: Duration,
    /// Units before the injection.
    pub warm_up: u64,
}

/// A cluster with one rumour in asynchronous time.
struct Asynchronous<P: Protocol<Message: Wire>> {
    sim: Sim<Bare<P>>,
    watch: Watch,
    step: Nanos,
    latency: Nanos,
    /// The last planned fault is over then.
    faults_end: Nanos,
    /// Since when all has been quiet, if it is.
    quiet_since: Option<Nanos>,
}

/// Sees where the rumour is. A crash erases it from a node.
struct Watch {
    tally: Tally,
    injection: Nanos,
    /// By node: it holds the rumour.
    holds: Vec<bool>,
    /// By node: it dies for good, and is not counted.
    goes: Vec<bool>,
    known: u32,
    /// For each share in [`SHARES`]: nodes, and when so many hold the rumour.
    goals: [(u32, Option<Nanos>); 3],
    film: Option<(Film, Brake)>,
}

/// Shares of the nodes whose times are figures of a run.
pub const SHARES: [f64; 3] = [0.5, 0.99, 1.0];

impl Watch {
    fn new(injection: Nanos, goes: Vec<bool>) -> Self {
        let counted = goes.iter().filter(|goes| !**goes).count() as f64;
        let goal = |share: f64| ((share * counted).ceil() as u32, None);
        Self {
            tally: Tally::default(),
            injection,
            holds: vec![false; goes.len()],
            goes,
            known: 0,
            goals: SHARES.map(goal),
            film: None,
        }
    }

    fn set(&mut self, now: Nanos, node: NodeId, holds: bool) {
        let at = node.0 as usize;
        if std::mem::replace(&mut self.holds[at], holds) == holds {
            return;
        }
        let since = now.saturating_sub(self.injection);
        if let Some((film, _)) = &mut self.film {
            film.holds.push((since, node, holds));
        }
        if self.goes[at] {
            return;
        }
        if holds {
            self.known += 1;
            self.tally.learned += 1;
        } else {
            self.known -= 1;
            self.tally.forgot += 1;
        }
        for (goal, reached) in &mut self.goals {
            match reached {
                None if self.known >= *goal => *reached = Some(since),
                Some(_) if self.known < *goal => *reached = None,
                _ => {}
            }
        }
    }
}

impl<P: Protocol<Message: Wire>> Observer<Bare<P>> for Watch {
    fn delivered(&mut self, sim: &Sim<Bare<P>>, node: NodeId, _: &Entry) {
        self.set(sim.now(), node, true);
    }

    fn sent(&mut self, _: &Sim<Bare<P>>, _: NodeId, _: NodeId, message: &P::Message) {
        self.tally.count(message);
    }

    fn fault(&mut self, sim: &Sim<Bare<P>>, fault: &NodeFault) {
        let is_up = match fault.kind {
            NodeFaultKind::Crash { .. } => false,
            NodeFaultKind::Restart { .. } => true,
            _ => return,
        };
        let now = sim.now();
        if let Some((film, _)) = &mut self.film {
            film.ups.push((now.saturating_sub(self.injection), fault.node, is_up));
        }
        if !is_up {
            self.set(now, fault.node, false);
        }
    }

    fn handled(&mut self, sim: &Sim<Bare<P>>, node: NodeId) -> ControlFlow<String> {
        self.film.as_mut().map_or(ControlFlow::Continue(()), |(_, brake)| brake.handled(sim, node))
    }
}

/// Ends a simulation that has reached its limits, if it has any.
struct Brake(Option<Limits>);

impl<P: Protocol<Message: Wire>> Observer<Bare<P>> for Brake {
    fn handled(&mut self, sim: &Sim<Bare<P>>, _: NodeId) -> ControlFlow<String> {
        let is_over =
            |limits: Limits| sim.events() > limits.events || sim.medium().sent() > limits.messages;
        if self.0.is_some_and(is_over) {
            return ControlFlow::Break("a limit of the recording is reached".to_owned());
        }
        ControlFlow::Continue(())
    }
}

impl<P: Protocol<Message: Wire>> Steps for Asynchronous<P> {
    fn step(&mut self) {
        let end = self.sim.now() + self.step;
        self.sim.run_until(end, &mut self.watch);
        self.quiet_since = self.sim.is_quiet().then(|| self.quiet_since.unwrap_or(end));
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.watch.tally
    }

    /// All messages that were on their way when all fell quiet have arrived, and woke no node.
    fn is_silent(&self) -> bool {
        let is_quiet = self.quiet_since.is_some_and(|since| self.sim.now() - since >= self.latency);
        is_quiet && !self.is_pending()
    }

    fn is_pending(&self) -> bool {
        self.sim.now() < self.faults_end
    }

    fn is_broken_off(&self) -> bool {
        self.sim.broken_off().is_some()
    }
}

/// Spreads one rumour from node 0 in asynchronous time. [`Run::learned`] counts by tenths of the unit.
///
/// With limits the run is recorded, too, and broken off beyond them.
#[must_use]
pub fn run<P: Protocol<Message: Wire>>(
    world: &World,
    config: &P::Config,
    until: Until,
    surroundings: &Surroundings,
    timing: Timing,
    limits: Option<Limits>,
) -> (Run, Option<Film>) {
    let unit = nanos(timing.unit);
    let injection = unit.saturating_mul(timing.warm_up);
    let mut sim = cluster::<P>(world, config, surroundings, injection);
    sim.medium_mut().network_mut().conditions_mut().start_faults(0);
    let mut brake = Brake(limits);
    sim.start(&mut brake);
    sim.run_until(injection, &mut brake);
    let mut goes = vec![false; world.nodes() as usize];
    let mut faults_end = 0;
    for (node, crash) in surroundings.crashes(world.nodes(), seed(world)) {
        let down = crash.down.map(nanos);
        let kind = NodeFaultKind::Crash { down, forget_topology: false };
        let at = injection.saturating_add(nanos(crash.at));
        sim.plan(at, NodeFault { node, kind });
        goes[node.0 as usize] |= down.is_none();
        faults_end = faults_end.max(at.saturating_add(down.unwrap_or(0)));
    }
    let gone = goes.iter().filter(|goes| **goes).count() as u32;
    let mut watch = Watch::new(injection, goes);
    if let Some(limits) = limits {
        sim.medium_mut().record_flights(limits.flights);
        watch.film = Some((Film::default(), brake));
    }
    sim.request(NodeId(0), Value::Int(1), &mut watch);
    let step = (unit / Nanos::from(STEPS)).max(1);
    let latency = surroundings.latency.mean_ms.saturating_mul(MS);
    let mut cluster = Asynchronous { sim, watch, step, latency, faults_end, quiet_since: None };
    let mut run = follow(&mut cluster, world.nodes() - gone, until, STEPS);
    run.gone = gone;
    run.reached_after = cluster.watch.goals.map(|(_, reached)| reached);
    let film = cluster.watch.film.take();
    let film = film.map(|(film, _)| film.finish(&cluster.sim, injection, run.messages));
    (run, film)
}

/// A cluster in which each node can send to each, which has run for so long. Messages are lost once the
/// network's faults are started, too.
#[must_use]
pub fn running<P: Protocol<Message: Wire>>(
    world: &World,
    config: &P::Config,
    latency_ms: u64,
    time: Duration,
) -> Sim<Bare<P>> {
    let mut sim = cluster(world, config, &Surroundings::of_latency(latency_ms), 0);
    sim.start(&mut ());
    run_for(&mut sim, time);
    sim
}

/// A cluster to be started. A partition counts from the injection.
fn cluster<P: Protocol<Message: Wire>>(
    world: &World,
    config: &P::Config,
    surroundings: &Surroundings,
    injection: Nanos,
) -> Sim<Bare<P>> {
    let seed = seed(world);
    let network = NetworkConfig {
        nodes: world.nodes(),
        seed,
        latency: surroundings.latency,
        rules: Rules {
            loss: world.loss,
            cuts: surroundings.cuts(world.nodes(), injection),
            ..Rules::default()
        },
        ..NetworkConfig::default()
    };
    Sim::new(Bare::cluster(&world.graph, config, seed), Plain::new(network))
}

/// The seed of one run.
fn seed(world: &World) -> u64 {
    Dice::numbered(world.seed, "run", world.run).next_u64()
}

/// Lets time pass, unobserved.
pub fn run_for<P: Protocol<Message: Wire>>(sim: &mut Sim<Bare<P>>, time: Duration) {
    sim.run_until(sim.now().saturating_add(nanos(time)), &mut ());
}
