//! One rumour: its way from injection to silence, and the figures of many such runs.

use std::thread;
use std::time::Duration;

use rumormill::config::{Settings, parse_time};
use rumormill::id::NodeId;
use rumormill::protocol::Protocol;
use rumormill::wire::Wire;

use super::clocked::Clocked;
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

struct Tally {
    learned: u32,
    run: Run,
}

impl<M: Wire> Observer<M> for Tally {
    fn on_send(&mut self, _: NodeId, _: NodeId, message: &M) {
        self.run.messages += 1;
        message.values(&mut |_| self.run.copies += 1);
    }

    fn on_deliver(&mut self, _: NodeId, _: NodeId) {
        self.learned += 1;
    }
}

/// The protocol's period: the value of its flag `--period`.
#[must_use]
pub fn period<C: Settings>(config: &C) -> Option<Duration> {
    let flag = C::FLAGS.iter().find(|flag| flag.name == "--period")?;
    parse_time(&flag.setting.show(&mut config.clone()))
}

/// Spreads one rumour from node 0.
#[must_use]
pub fn run<P: Protocol>(world: &World, config: &P::Config, until: Until) -> Run {
    run_after::<P>(world, config, until, 0)
}

/// The same after some cycles without a rumour.
#[must_use]
pub fn run_after<P: Protocol>(
    world: &World,
    config: &P::Config,
    until: Until,
    warm_up: u64,
) -> Run {
    let mut cycles = Cycles::<P>::new(world, config, period(config).unwrap_or(Duration::ZERO));
    (0..warm_up).for_each(|_| cycles.run_cycle(&mut Blind));
    let mut tally = Tally { learned: 0, run: Run { learned: vec![1], ..Run::default() } };
    cycles.submit(NodeId(0), 0, 1, &mut tally);
    let mut known = 1;
    let is_over = |cycles: &Cycles<P>, known: u32| match until {
        Until::Silence => cycles.is_silent() || cycles.cycle() >= CYCLES_MAX,
        Until::Everywhere(max) => {
            known >= world.nodes || cycles.cycle() - warm_up >= max || cycles.is_silent()
        }
    };
    while !is_over(&cycles, known) {
        cycles.run_cycle(&mut tally);
        let learned = std::mem::take(&mut tally.learned);
        known += learned;
        tally.run.learned.push(learned);
    }
    tally.run
}

/// Steps per unit of asynchronous time in which arrivals are counted.
pub const STEPS: u32 = 10;

/// Spreads one rumour from node 0 in asynchronous time. [`Run::learned`] counts by tenths of `unit`.
#[must_use]
pub fn run_clocked<P: Protocol>(
    world: &World,
    config: &P::Config,
    until: Until,
    latency: Duration,
    unit: Duration,
    warm_up: u64,
) -> Run {
    let mut clocked = Clocked::<P>::new(world, config, latency);
    let units = u32::try_from(warm_up).unwrap_or(u32::MAX);
    clocked.run_for(unit.saturating_mul(units), &mut Blind);
    let mut tally = Tally { learned: 0, run: Run { learned: vec![1], ..Run::default() } };
    clocked.submit(NodeId(0), 0, 1, &mut tally);
    let (mut known, mut steps) = (1, 0);
    let is_over = |clocked: &Clocked<P>, known: u32, steps: u64| match until {
        Until::Silence => clocked.is_silent() || steps >= CYCLES_MAX * u64::from(STEPS),
        Until::Everywhere(max) => {
            known >= world.nodes || clocked.is_idle() || steps >= max * u64::from(STEPS)
        }
    };
    while !is_over(&clocked, known, steps) {
        clocked.run_for(unit / STEPS, &mut tally);
        steps += 1;
        let learned = std::mem::take(&mut tally.learned);
        known += learned;
        tally.run.learned.push(learned);
    }
    tally.run
}

/// Many runs, on several threads. Their order, and all of their figures, depend on the seed only.
#[must_use]
pub fn runs<P>(world: &World, config: &P::Config, until: Until, runs: u64, jobs: usize) -> Vec<Run>
where
    P: Protocol,
    P::Config: Sync,
{
    in_parallel(runs, jobs, |number| {
        run::<P>(&World { run: number, ..world.clone() }, config, until)
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
