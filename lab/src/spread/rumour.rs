//! One rumour: its way from injection to silence, and the figures of many such runs.

use std::time::Duration;

use rumormill::config::{Settings, parse_time};
use rumormill::id::NodeId;
use rumormill::protocol::Protocol;
use rumormill::wire::Wire;
use rumormill_sim::Nanos;

use super::cycles::{Blind, Cycles, Observer, World};
use crate::parallel::in_parallel;

/// One run. Times are in cycles after the injection.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// Nodes that learned the rumour in each cycle; in cycle 0 its origin.
    pub learned: Vec<u32>,
    /// Nodes that lost it with their memory in each cycle, because they crashed; empty if none did.
    pub forgot: Vec<u32>,
    /// Nodes that die for good. They count nowhere.
    pub gone: u32,
    /// When the shares [`SHARES`](super::asynchronous::SHARES) of the nodes held it, in nanoseconds
    /// after the injection. None in synchronous cycles, and for a share that was never reached.
    pub reached_after: [Option<Nanos>; 3],
    /// Copies of the rumour sent.
    pub copies: u64,
    /// Messages sent.
    pub messages: u64,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// No node spreads the rumour any more.
    Silence,
    /// All nodes know it; at most that many cycles.
    Everywhere(u64),
}

/// Mean and standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of one run.
    pub deviation: f64,
    /// Number of runs.
    pub count: u64,
}

/// A run that is not silent after so many cycles is broken off.
const CYCLES_MAX: u64 = 10_000;

impl Run {
    /// Number of nodes that know the rumour at the end.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.known_after(self.learned.len())
    }

    /// Share of the nodes that never learned it: Demers' residue s.
    #[must_use]
    pub fn residue(&self, nodes: u32) -> f64 {
        1.0 - self.reached() as f64 / f64::from(nodes - self.gone)
    }

    /// Copies beyond the one that each node but the origin needs, per such node: the relative message
    /// redundancy (RMR) of Plumtree.
    #[must_use]
    pub fn redundancy(&self) -> f64 {
        self.copies as f64 / self.reached().saturating_sub(1).max(1) as f64 - 1.0
    }

    /// Cycle of the last arrival: t_last.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.learned.iter().rposition(|&count| count > 0).unwrap_or(0) as f64
    }

    /// Mean cycle of the arrivals at the nodes but the origin.
    #[must_use]
    pub fn mean_arrival(&self) -> f64 {
        let sum: f64 =
            self.learned.iter().zip(0_u32..).map(|(&n, at)| f64::from(n) * f64::from(at)).sum();
        sum / self.reached().saturating_sub(1).max(1) as f64
    }

    /// Cycles until silence, or until the run was ended.
    #[must_use]
    pub fn cycles(&self) -> f64 {
        self.learned.len().saturating_sub(1) as f64
    }

    /// Nodes that know the rumour after a cycle.
    #[must_use]
    pub fn known_after(&self, cycle: usize) -> u64 {
        let sum = |list: &[u32]| -> u64 {
            list.iter().take(cycle.saturating_add(1)).map(|&count| u64::from(count)).sum()
        };
        sum(&self.learned).saturating_sub(sum(&self.forgot))
    }
}

/// Counts a rumour's copies and arrivals.
#[derive(Default)]
pub(super) struct Tally {
    /// Arrivals since the last step.
    pub(super) learned: u32,
    /// Nodes that lost it since the last step.
    pub(super) forgot: u32,
    run: Run,
}

impl Tally {
    pub(super) fn count<M: Wire>(&mut self, message: &M) {
        self.run.messages += 1;
        message.values(&mut |_| self.run.copies += 1);
    }

    /// A step ends.
    fn end_step(&mut self) {
        self.run.learned.push(std::mem::take(&mut self.learned));
        let forgot = std::mem::take(&mut self.forgot);
        if forgot > 0 || !self.run.forgot.is_empty() {
            self.run.forgot.resize(self.run.learned.len() - 1, 0);
            self.run.forgot.push(forgot);
        }
    }
}

impl<M: Wire> Observer<M> for Tally {
    fn on_send(&mut self, _: NodeId, _: NodeId, message: &M) {
        self.count(message);
    }

    fn on_deliver(&mut self, _: NodeId, _: NodeId) {
        self.learned += 1;
    }
}

/// A cluster with one rumour, going on step by step.
pub(super) trait Steps {
    fn step(&mut self);
    fn tally(&mut self) -> &mut Tally;
    /// No node will be sent the rumour any more.
    fn is_silent(&self) -> bool;
    /// Something is planned that may change what nodes hold.
    fn is_pending(&self) -> bool {
        false
    }
    /// It goes no further.
    fn is_broken_off(&self) -> bool {
        false
    }
}

struct Synchronous<P: Protocol> {
    cycles: Cycles<P>,
    tally: Tally,
}

impl<P: Protocol<Message: Wire>> Steps for Synchronous<P> {
    fn step(&mut self) {
        self.cycles.run_cycle(&mut self.tally);
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn is_silent(&self) -> bool {
        self.cycles.is_silent()
    }
}

/// Follows a rumour that was just submitted to its end. `nodes`: those that can come to hold it.
pub(super) fn follow(cluster: &mut impl Steps, nodes: u32, until: Until, per_cycle: u32) -> Run {
    let (is_enough, cycles_max) = match until {
        Until::Silence => (i64::MAX, CYCLES_MAX),
        Until::Everywhere(max) => (nodes.into(), max),
    };
    let steps_max = cycles_max.saturating_mul(per_cycle.into());
    let (mut known, mut steps) = (0, 0);
    loop {
        let tally = cluster.tally();
        known += i64::from(tally.learned) - i64::from(tally.forgot);
        tally.end_step();
        let is_done = known >= is_enough && !cluster.is_pending();
        if is_done || steps >= steps_max || cluster.is_silent() || cluster.is_broken_off() {
            return std::mem::take(&mut cluster.tally().run);
        }
        cluster.step();
        steps += 1;
    }
}

/// The protocol's period: the value of its flag `--period`.
#[must_use]
pub fn period<C: Settings>(config: &C) -> Option<Duration> {
    let flag = C::FLAGS.iter().find(|flag| flag.name == "--period")?;
    parse_time(&flag.setting.show(&mut config.clone()))
}

/// Spreads one rumour from node 0, after some cycles without one.
#[must_use]
pub fn run<P: Protocol<Message: Wire>>(
    world: &World,
    config: &P::Config,
    until: Until,
    warm_up: u64,
) -> Run {
    let mut cycles = Cycles::<P>::new(world, config, period(config).unwrap_or(Duration::ZERO));
    (0..warm_up).for_each(|_| cycles.run_cycle(&mut Blind));
    let mut tally = Tally::default();
    cycles.submit(NodeId(0), 0, 1, &mut tally);
    // The origin has it.
    tally.learned = 1;
    follow(&mut Synchronous { cycles, tally }, world.nodes(), until, 1)
}

/// Steps per unit of asynchronous time in which arrivals are counted.
pub const STEPS: u32 = 10;

/// Many runs, on several threads. Their order, and all of their figures, depend on the seed only.
#[must_use]
pub fn runs<P>(world: &World, config: &P::Config, until: Until, runs: u64, jobs: usize) -> Vec<Run>
where
    P: Protocol<Message: Wire>,
    P::Config: Sync,
{
    in_parallel(runs, jobs, |number| {
        run::<P>(&World { run: number, ..world.clone() }, config, until, 0)
    })
}

/// The mean of a figure of runs.
#[must_use]
pub fn mean(values: impl Iterator<Item = f64>) -> Mean {
    let (mut count, mut sum, mut squares) = (0_u64, 0.0, 0.0);
    for value in values {
        count += 1;
        sum += value;
        squares += value * value;
    }
    let n = count.max(1) as f64;
    let mean = sum / n;
    let variance = squares / n - mean * mean;
    // What is left of equal values is the error of their sums.
    let is_noise = variance <= mean * mean * 1e-12;
    Mean { mean, deviation: if is_noise { 0.0 } else { variance.sqrt() }, count }
}
