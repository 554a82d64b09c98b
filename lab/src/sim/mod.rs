//! `lab sim`: the same nodes, the same workload and network as with processes, in virtual time.
//!
//! The nodes run in [`rumormill_sim::Sim`]; a [`Run`] stands around them: the network, the clients
//! and the history. Every source of chance has a seed of its own, so the same settings give the
//! same run to the byte.

mod record;
mod suspicion;
pub mod sweep;

use std::time::Duration;

use anyhow::Result;
use rumormill::family::{ProtocolName as _, Visitor};
use rumormill::id::{Generation, NodeId};
use rumormill::protocol::Protocol;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::{self, Options};
use rumormill::service::AnyService;
use rumormill::wire::Wire;
use rumormill_judge::generator::schedule;
use rumormill_judge::message::events::EventSink;
use rumormill_judge::outcome::{Notice, Outcome, Phase, State};
use rumormill_judge::results::{Results, RunInfo};
use rumormill_judge::run::Run;
use rumormill_judge::settings::Settings;
use rumormill_judge::settings::faults::{DISK_SYNC_MS, FaultSettings};
use rumormill_judge::verdict::judge;
use rumormill_sim::dice::Dice;
use rumormill_sim::server::Maelstrom;
use rumormill_sim::{DiskConfig, Host, Medium, Observer, Process, Sim};

pub use record::Records;
use suspicion::{SuspicionWatch, Watch};

/// A node of the simulation: the protocol `P` behind a server. Ours, unless it says otherwise.
pub type Node<P = Rumormill> = Maelstrom<P, AnyService>;

/// The kind of the nodes of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Ours, with these settings.
    Rumormill(Config),
    /// Of any protocol.
    Other(Options),
}

impl NodeKind {
    /// The kind of node that a command line asks for.
    ///
    /// # Errors
    /// The flag, what was expected, and what came.
    pub fn of(options: Options) -> Result<Self, String> {
        match options.protocol {
            protocols::Name::Rumormill => options.settings().map(Self::Rumormill),
            _ => {
                options.protocol.visit(Check(&options))?;
                Ok(Self::Other(options))
            }
        }
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> protocols::Name {
        match self {
            Self::Rumormill(_) => protocols::Name::Rumormill,
            Self::Other(options) => options.protocol,
        }
    }
}

/// Reads the settings of a protocol.
struct Check<'a>(&'a Options);

impl Visitor for Check<'_> {
    type Output = Result<(), String>;

    fn visit<P: Protocol<Message: Wire>>(self) -> Self::Output {
        self.0.settings::<P::Config>().map(drop)
    }
}

/// The remains of a simulated run.
#[derive(Debug)]
pub struct Simulated<S, N = ()> {
    /// The outcome of the run, as for real processes. If an observer broke it off, its state is
    /// [`Crashed`](rumormill_judge::outcome::State::Crashed) with the observer's reason.
    pub outcome: Outcome,
    /// Notices for people, in order.
    pub notices: Vec<Notice>,
    /// Where the events went.
    pub sink: S,
    /// The nodes as they were at the end.
    pub nodes: N,
    /// Events handled: messages delivered and timers run.
    pub events: u64,
    /// The observer broke the run off.
    pub broken_off: bool,
}

/// Runs the whole test with simulated nodes of any kind.
///
/// # Errors
/// If the settings make no sense.
pub fn simulate<S: EventSink>(
    settings: &Settings,
    kind: &NodeKind,
    sink: S,
) -> Result<Simulated<S>> {
    Ok(match kind {
        NodeKind::Rumormill(config) => {
            simulate_observed(settings, config, sink, &mut ())?.without_nodes()
        }
        NodeKind::Other(options) => options.protocol.visit(Play { settings, options, sink })?,
    })
}

/// Runs the whole test with nodes of a protocol.
struct Play<'a, S> {
    settings: &'a Settings,
    options: &'a Options,
    sink: S,
}

impl<S: EventSink> Visitor for Play<'_, S> {
    type Output = Result<Simulated<S>>;

    fn visit<P: Protocol<Message: Wire>>(self) -> Self::Output {
        let config: P::Config = self.options.settings().map_err(anyhow::Error::msg)?;
        let nodes = nodes::<P>(self.settings, &config);
        Ok(play(self.settings, nodes, self.sink, ((), ()))?.without_nodes())
    }
}

/// Runs the whole test with simulated nodes of ours, watched by `observer`.
///
/// # Errors
/// If the settings make no sense.
pub fn simulate_observed<S: EventSink>(
    settings: &Settings,
    config: &Config,
    sink: S,
    observer: &mut impl Observer<Node, Run<S>>,
) -> Result<Simulated<S, Vec<Host<Node>>>> {
    play(settings, nodes(settings, config), sink, (SuspicionWatch::default(), observer))
}

impl<S, N> Simulated<S, N> {
    /// The results, or why the run crashed.
    ///
    /// # Errors
    /// If a limit makes no sense.
    pub fn results(&self, settings: &Settings) -> Result<Result<Results, String>> {
        if let State::Crashed(why) = &self.outcome.state {
            return Ok(Err(why.clone()));
        }
        judge(settings, &self.outcome, &self.notices, RunInfo::default()).map(Ok)
    }

    /// The same without the nodes.
    #[must_use]
    pub fn without_nodes(self) -> Simulated<S> {
        let Self { outcome, notices, sink, events, broken_off, .. } = self;
        Simulated { outcome, notices, sink, nodes: (), events, broken_off }
    }
}

/// Gives a node its service, and a disk if it is durable. A node of a workload that ours does not serve
/// refuses all requests.
fn equip<P: Protocol<Message: Wire>>(node: Node<P>, settings: &Settings) -> Node<P> {
    let service = AnyService::new(settings.workload.name.parse().unwrap_or_default());
    let FaultSettings { durable, disk_sync_ms, .. } = settings.faults;
    let sync = Duration::from_millis(disk_sync_ms.unwrap_or(DISK_SYNC_MS));
    let disk = durable.then(|| DiskConfig { sync, ..DiskConfig::default() });
    node.with_service(service).with_disk(disk)
}

/// The nodes of a run. Checked with the settings: there are far fewer than 2^32.
fn nodes<P: Protocol<Message: Wire>>(settings: &Settings, config: &P::Config) -> Vec<Node<P>> {
    let node = |number| Node::new(config.clone(), settings.seed, NodeId(number), seed_of);
    (0..settings.nodes.len() as u32).map(|number| equip(node(number), settings)).collect()
}

/// The seed of a generation of a node: each draws another number from the same dice.
fn seed_of(seed: u64, node: u64, generation: Generation) -> u64 {
    let mut dice = Dice::numbered(seed, "nodes", node);
    for _ in 1..generation.0 {
        dice.next_u64();
    }
    dice.next_u64()
}

fn play<N, S, W, O>(
    settings: &Settings,
    nodes: Vec<N>,
    sink: S,
    watch: (W, O),
) -> Result<Simulated<S, Vec<Host<N>>>>
where
    N: Process,
    S: EventSink,
    Run<S>: Medium<N>,
    W: Watch<N, S>,
    O: Observer<N, Run<S>>,
{
    let mut run = Run::new(settings, sink)?;
    run.set_exact();
    let simulation = Simulation { sim: Sim::new(nodes, run), settings, watch, phase: Phase::Init };
    Ok(simulation.play())
}

struct Simulation<'s, N: Process, S, W, O> {
    sim: Sim<N, Run<S>>,
    settings: &'s Settings,
    watch: (W, O),
    /// The phase that faults were last set for.
    phase: Phase,
}

impl<N, S, W, O> Simulation<'_, N, S, W, O>
where
    N: Process,
    S: EventSink,
    Run<S>: Medium<N>,
    W: Watch<N, S>,
    O: Observer<N, Run<S>>,
{
    fn play(mut self) -> Simulated<S, Vec<Host<N>>> {
        self.sim.medium_mut().start(0);
        self.sim.deliver_pending(&mut self.watch);
        while self.sim.medium().state() == &State::Running {
            let goes_on = self.sim.step(&mut self.watch);
            self.follow_phase();
            while let Some(fault) = self.sim.medium_mut().poll_fault() {
                self.sim.strike_now(fault, &mut self.watch);
            }
            self.watch.0.stepped(&self.sim);
            let now = self.sim.now();
            if let Some(why) = self.sim.broken_off().map(str::to_owned) {
                self.sim.medium_mut().abort(now, &why);
            } else if !goes_on {
                break;
            }
        }
        let (now, events) = (self.sim.now(), self.sim.events());
        let broken_off = self.sim.broken_off().is_some();
        let suspicions = self.watch.0.into_report(now);
        let (nodes, mut run) = self.sim.into_parts();
        let notices = std::iter::from_fn(|| run.poll_notice()).collect();
        let (mut outcome, sink) = run.into_outcome(now);
        outcome.suspicions = suspicions;
        Simulated { outcome, notices, sink, nodes, events, broken_off }
    }

    /// Faults begin with the main phase and end with it: then every node is well that can be.
    fn follow_phase(&mut self) {
        let phase = self.sim.medium().phase();
        if phase == self.phase {
            return;
        }
        if self.phase < Phase::Main && phase >= Phase::Main {
            for (at, fault) in schedule(self.settings) {
                self.sim.plan(self.sim.now().saturating_add(at), fault);
            }
        }
        if self.phase < Phase::Recovery && phase >= Phase::Recovery {
            self.sim.end_faults(&mut self.watch);
        }
        self.phase = phase;
    }
}
