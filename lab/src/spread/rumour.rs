//! One rumour: its way from injection to silence, and the figures of many such runs.

use std::thread;
use std::time::Duration;

use rumormill::config::{Settings, parse_time};
use rumormill::id::NodeId;
use rumormill::protocol::{Entry, Protocol};
use rumormill::value::Value;
use rumormill::wire::Wire;
use rumormill_sim::{Bare, MS, Nanos, Sim};

use super::asynchronous;
use super::cycles::{Blind, Cycles, Observer, World};

/// One run. Times are in cycles after the injection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Nodes that learned the rumour in each cycle; in cycle 0 its origin.
    pub learned: Vec<u32>,
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
        self.learned.iter().map(|&count| u64::from(count)).sum()
    }

    /// Share of the nodes that never learned it: Demers' residue s.
    #[must_use]
    pub fn residue(&self, nodes: u32) -> f64 {
        1.0 - self.reached() as f64 / f64::from(nodes)
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
        self.learned.iter().take(cycle + 1).map(|&count| u64::from(count)).sum()
    }
}

/// Counts a rumour's copies and arrivals.
#[derive(Default)]
struct Tally {
    /// Arrivals since the last step.
    learned: u32,
    run: Run,
}

impl Tally {
    fn count<M: Wire>(&mut self, message: &M) {
        self.run.messages += 1;
        message.values(&mut |_| self.run.copies += 1);
    }

    /// A step ends; returns its arrivals.
    fn end_step(&mut self) -> u32 {
        let learned = std::mem::take(&mut self.learned);
        self.run.learned.push(learned);
        learned
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

impl<P: Protocol<Message: Wire>> rumormill_sim::Observer<Bare<P>> for Tally {
    fn delivered(&mut self, _: &Sim<Bare<P>>, _: NodeId, _: &Entry) {
        self.learned += 1;
    }

    fn sent(&mut self, _: &Sim<Bare<P>>, _: NodeId, _: NodeId, message: &P::Message) {
        self.count(message);
    }
}

/// A cluster with one rumour, going on step by step.
trait Steps {
    fn step(&mut self, tally: &mut Tally);
    /// No node will be sent the rumour any more.
    fn is_silent(&self) -> bool;
}

impl<P: Protocol<Message: Wire>> Steps for Cycles<P> {
    fn step(&mut self, tally: &mut Tally) {
        self.run_cycle(tally);
    }

    fn is_silent(&self) -> bool {
        Self::is_silent(self)
    }
}

struct Asynchronous<P: Protocol<Message: Wire>> {
    sim: Sim<Bare<P>>,
    step: Nanos,
    latency: Nanos,
    /// Since when all has been quiet, if it is.
    quiet_since: Option<Nanos>,
}

impl<P: Protocol<Message: Wire>> Steps for Asynchronous<P> {
    fn step(&mut self, tally: &mut Tally) {
        let end = self.sim.now() + self.step;
        self.sim.run_until(end, tally);
        self.quiet_since = self.sim.is_quiet().then(|| self.quiet_since.unwrap_or(end));
    }

    /// All messages that were on their way when all fell quiet have arrived, and woke no node.
    fn is_silent(&self) -> bool {
        self.quiet_since.is_some_and(|since| self.sim.now() - since >= self.latency)
    }
}

/// Follows a rumour that was just submitted to its end.
fn follow(
    cluster: &mut impl Steps,
    mut tally: Tally,
    nodes: u32,
    until: Until,
    per_cycle: u32,
) -> Run {
    let (is_enough, cycles_max) = match until {
        Until::Silence => (u32::MAX, CYCLES_MAX),
        Until::Everywhere(max) => (nodes, max),
    };
    // The origin has it.
    tally.learned = 1;
    let mut known = tally.end_step();
    let steps_max = cycles_max.saturating_mul(per_cycle.into());
    let mut steps = 0;
    while known < is_enough && steps < steps_max && !cluster.is_silent() {
        cluster.step(&mut tally);
        known += tally.end_step();
        steps += 1;
    }
    tally.run
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
    follow(&mut cycles, tally, world.nodes(), until, 1)
}

/// Steps per unit of asynchronous time in which arrivals are counted.
pub const STEPS: u32 = 10;

/// The same in asynchronous time. [`Run::learned`] counts by tenths of `unit`, and `warm_up` is in
/// units.
#[must_use]
pub fn run_asynchronous<P: Protocol<Message: Wire>>(
    world: &World,
    config: &P::Config,
    until: Until,
    latency_ms: u64,
    unit: Duration,
    warm_up: u64,
) -> Run {
    let mut sim = asynchronous::cluster::<P>(world, config, latency_ms);
    sim.medium_mut().network_mut().conditions_mut().start_faults(0);
    sim.start(&mut ());
    let unit = asynchronous::nanos(unit);
    sim.run_until(unit.saturating_mul(warm_up), &mut ());
    let mut tally = Tally::default();
    sim.request(NodeId(0), Value::Int(1), &mut tally);
    let (step, latency) = ((unit / Nanos::from(STEPS)).max(1), latency_ms.saturating_mul(MS));
    let mut cluster = Asynchronous { sim, step, latency, quiet_since: None };
    follow(&mut cluster, tally, world.nodes(), until, STEPS)
}

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

/// Calls the function for 0 to `count`, the latter excluded, on several threads; results in order.
pub fn in_parallel<T: Send>(count: u64, jobs: usize, call: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let jobs = jobs.max(1) as u64;
    let call = &call;
    let mut by_job: Vec<std::vec::IntoIter<T>> = thread::scope(|scope| {
        let job = |job: u64| {
            scope.spawn(move || {
                (job..count).step_by(jobs as usize).map(call).collect::<Vec<T>>().into_iter()
            })
        };
        let threads: Vec<_> = (0..jobs).map(job).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    });
    (0..count).filter_map(|number| by_job[(number % jobs) as usize].next()).collect()
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
    Mean { mean, deviation: (squares / n - mean * mean).max(0.0).sqrt(), count }
}
