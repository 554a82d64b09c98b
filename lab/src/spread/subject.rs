//! A protocol with its settings, as `lab spread` runs it.

use std::any::Any;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rumormill::args;
use rumormill::cluster::Graph;
use rumormill::config::Settings;
use rumormill::family::{ProtocolName as _, Visitor};
use rumormill::id::NodeId;
use rumormill::protocol::Protocol;
use rumormill::protocols::{self, Name, Options, rumor};
use rumormill::wire::Wire;
use rumormill_sim::MS;
use rumormill_sim::network::latency::Distribution;

use super::asynchronous::{self, Timing};
use super::cycles::{Order, World};
use super::film::{Film, Limits};
use super::model::{self, Direction};
use super::rumour::{self, Mean, Run, Until, mean};
use super::surroundings::Surroundings;
use crate::cost::{cpu_time, peak_mib};
use crate::parallel::Pool;
use crate::shard::Shard;
use crate::steps::steps_from;

/// The conditions that all protocols of a comparison share.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Cluster, cycles, loss and seed.
    pub world: World,
    /// Asynchronous time instead of cycles, in these surroundings.
    pub surroundings: Option<Surroundings>,
    /// Number of runs.
    pub runs: u64,
    /// Threads.
    pub jobs: usize,
    /// End of a run; by default silence for protocols that fall silent.
    pub until: Option<Ending>,
    /// Cycles before the injection; by default 2, and 30 for membership.
    pub warm_up: Option<u64>,
    /// Flags for every protocol that has them: name and value.
    pub flags: Vec<(String, String)>,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ending {
    /// No node spreads the rumour any more.
    Silence,
    /// All nodes know it.
    Everywhere,
}

/// A protocol and its flags.
#[derive(Clone, Debug)]
pub struct Subject {
    options: Options,
    /// Its command line.
    pub words: String,
}

/// The figures of a protocol.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its command line.
    pub words: String,
    /// Number of nodes.
    pub nodes: u32,
    /// Cycles or asynchronous time, in words.
    pub time: String,
    /// Share of the nodes that know the rumour, by steps of [`Found::step`].
    pub curve: Vec<f64>,
    /// The model's, by cycles; empty if there is none.
    pub model: Vec<f64>,
    /// Length of a step of the curve, in cycles.
    pub step: f64,
    /// Demers' s.
    pub residue: Mean,
    /// Demers' m: copies of the rumour per node.
    pub traffic: Mean,
    /// Plumtree's RMR: copies that no node needed, per node.
    pub redundancy: Mean,
    /// Asynchronous time only: the unit, and when 50, 99 and 100 % of the nodes held the rumour, in
    /// milliseconds, of the runs in which so many did.
    pub clock: Option<(Duration, [Mean; 3])>,
    /// Messages of any kind per node.
    pub messages: Mean,
    /// Mean arrival, in cycles.
    pub mean_arrival: Mean,
    /// Last arrival, in cycles.
    pub last: Mean,
    /// End of the run, in cycles.
    pub cycles: Mean,
    /// Runs that reached every node.
    pub complete: u64,
    /// Processor time that the runs took, of all threads.
    pub took: Duration,
    /// Most memory of this process so far.
    pub peak_mib: Option<f64>,
}

/// A run that is never silent is broken off after so many cycles.
const CYCLES_MAX: u64 = 1_000;

impl Subject {
    /// Reads `NAME --flag value …`; `given` are flags for all protocols, of which it takes those it has.
    ///
    /// # Errors
    /// The flag or name that is wrong.
    pub fn parse(words: &str, conditions: &Conditions) -> Result<Self> {
        let mut parts = words.split_whitespace();
        let name = parts.next().unwrap_or_default();
        let name: Name = name.parse().map_err(|names| anyhow!("no protocol {name:?}: {names}"))?;
        let own: Vec<String> = parts.map(str::to_owned).collect();
        let has_own = |flag: &str| own.iter().any(|part| part.split('=').next() == Some(flag));
        let flags = name.visit(Flags);
        // One rumour in the papers' setting: nothing else runs, and cycles mean what they say.
        let judge = match (conditions.world.order, &conditions.surroundings) {
            (Order::Snapshot, None) => "start",
            _ => "now",
        };
        let mut given: Vec<(String, String)> = conditions.flags.clone();
        for (flag, value) in [("--backup", "0"), ("--judge", judge)] {
            if !given.iter().any(|(name, _)| name == flag) {
                given.push((flag.to_owned(), value.to_owned()));
            }
        }
        let mut line = vec![format!("--protocol={name}")];
        for (flag, value) in given {
            if flags.contains(&&*flag) && !has_own(&flag) {
                line.push(format!("{flag}={value}"));
            }
        }
        line.extend(own);
        let words = std::iter::once(name.to_string())
            .chain(line[1..].iter().map(|part| part.replacen('=', " ", 1)))
            .collect::<Vec<_>>()
            .join(" ");
        match protocols::family().parse(line.into_iter().map(Into::into)) {
            Ok(args::Command::Run(options)) => Ok(Self { options: *options, words }),
            Ok(_) => bail!("{words}: a protocol only takes its own flags here"),
            Err(why) => bail!("{words}: {why}"),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn run(&self, conditions: &Conditions) -> Result<Found> {
        let started = cpu_time();
        let runs = self.runs(conditions, Shard::WHOLE)?;
        let took = cpu_time().saturating_sub(started);
        self.sum_up(conditions, runs.into_iter().map(|(_, run)| run).collect(), took)
    }

    /// The runs of a shard, by number.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn runs(&self, conditions: &Conditions, shard: Shard) -> Result<Vec<(u64, Run)>> {
        Ok(self.visit(conditions, Task::Runs(shard))?.runs)
    }

    /// The figures of runs, in the order of their numbers. `took` is the processor time that they took.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn sum_up(&self, conditions: &Conditions, runs: Vec<Run>, took: Duration) -> Result<Found> {
        let found = self.visit(conditions, Task::SumUp(runs, took))?.found;
        found.context("no figures were made")
    }

    /// Runs the first run of it in asynchronous time, and records that.
    ///
    /// # Errors
    /// Settings that contradict each other; conditions without surroundings.
    pub fn film(&self, conditions: &Conditions, limits: Limits) -> Result<(Found, Film)> {
        let Done { runs, film, .. } = self.visit(conditions, Task::Film(limits))?;
        let film = film.context("synchronous cycles cannot be recorded")?;
        let runs = runs.into_iter().map(|(_, run)| run).collect();
        Ok((self.sum_up(conditions, runs, Duration::ZERO)?, film))
    }

    fn visit(&self, conditions: &Conditions, task: Task) -> Result<Done> {
        self.options.protocol.visit(Spread { subject: self, conditions, task })
    }
}

/// True if any protocol has the flag.
#[must_use]
pub fn is_flag(flag: &str) -> bool {
    Name::ALL.into_iter().any(|name| name.visit(Flags).contains(&flag))
}

struct Flags;

impl Visitor for Flags {
    type Output = Vec<&'static str>;

    fn visit<P: Protocol<Message: Wire>>(self) -> Self::Output {
        P::Config::FLAGS.iter().map(|flag| flag.name).collect()
    }
}

struct Spread<'a> {
    subject: &'a Subject,
    conditions: &'a Conditions,
    task: Task,
}

/// What a visit is for.
enum Task {
    /// The runs of a shard.
    Runs(Shard),
    /// The first run and its film.
    Film(Limits),
    /// The figures of these runs, and the processor time that they took.
    SumUp(Vec<Run>, Duration),
}

/// What came of it, each if it was asked for.
#[derive(Default)]
struct Done {
    runs: Vec<(u64, Run)>,
    film: Option<Film>,
    found: Option<Found>,
}

impl Visitor for Spread<'_> {
    type Output = Result<Done>;

    fn visit<P: Protocol<Message: Wire>>(self) -> Self::Output {
        let Self { subject, conditions, task } = self;
        let config: P::Config = subject.options.settings().map_err(anyhow::Error::msg)?;
        let name = subject.options.protocol;
        let period = rumour::period(&config);
        // A protocol without a period acts on messages only: cycles do not exist for it.
        let by_default = period.is_none().then(|| Surroundings::of_latency(10));
        let surroundings = conditions.surroundings.clone().or(by_default);
        let until = match conditions.until.unwrap_or_else(|| ending(name, &config)) {
            Ending::Silence => Until::Silence,
            // Without a period a cycle is a message delay: a line of nodes takes one per node.
            Ending::Everywhere if period.is_none() => {
                Until::Everywhere(CYCLES_MAX.max(conditions.world.nodes().into()))
            }
            Ending::Everywhere => Until::Everywhere(CYCLES_MAX),
        };
        let is_membership = matches!(name, Name::Swim | Name::Heartbeat | Name::Phi);
        let warm_up = conditions.warm_up.unwrap_or(if is_membership { 30 } else { 2 });
        let (world, count, jobs) = (&conditions.world, conditions.runs, conditions.jobs);
        let latency = surroundings.as_ref().map(|surroundings| surroundings.latency.mean_ms);
        let unit = period.unwrap_or_else(|| Duration::from_millis(latency.unwrap_or_default()));
        let run = |number: u64, limits: Option<Limits>| {
            let world = World { run: number, ..world.clone() };
            match &surroundings {
                None => (rumour::run::<P>(&world, &config, until, warm_up), None),
                Some(surroundings) => {
                    let timing = Timing { unit, warm_up };
                    asynchronous::run::<P>(&world, &config, until, surroundings, timing, limits)
                }
            }
        };
        match task {
            Task::Runs(shard) => {
                let pool = Pool { count, jobs, shard, is_over: &|_| false };
                let runs = pool.run(|number| run(number, None).0, |_| false, &|_, _| {});
                Ok(Done { runs: runs.into_iter().collect(), ..Done::default() })
            }
            Task::Film(limits) => {
                let (run, film) = run(0, Some(limits));
                Ok(Done { runs: vec![(0, run)], film, ..Done::default() })
            }
            Task::SumUp(runs, took) => {
                let time = time_in_words(surroundings.as_ref(), period.is_some(), world.order);
                let model = model_of(name, &config, world);
                let unit = surroundings.is_some().then_some(unit);
                let (words, nodes) = (&subject.words, world.nodes());
                let found = Found::new(words, nodes, time, &runs, unit, model, took);
                Ok(Done { found: Some(found), ..Done::default() })
            }
        }
    }
}

/// Silence for protocols that lose interest, everywhere for the others.
fn ending<C: Settings>(name: Name, config: &C) -> Ending {
    let config = (config as &dyn Any).downcast_ref::<rumor::Config>();
    match (name, config) {
        (_, Some(config)) if config.interest != rumor::Interest::Forever => Ending::Silence,
        (Name::MedianCounter, _) => Ending::Silence,
        _ => Ending::Everywhere,
    }
}

fn time_in_words(surroundings: Option<&Surroundings>, has_period: bool, order: Order) -> String {
    let Some(Surroundings { latency, partition, crashes }) = surroundings else {
        return match order {
            Order::Snapshot => "synchronous cycles, all on the state at the cycle's start",
            Order::Immediate => "synchronous cycles, one node after another",
        }
        .to_owned();
    };
    let unit = if has_period { "periods" } else { "message delays" };
    let mut text = format!("asynchronous time in {unit}, latency {} ms", latency.mean_ms);
    if latency.distribution != Distribution::Constant {
        text += &format!(" ({})", latency.distribution);
    }
    if let Some(partition) = partition {
        text += &format!(", two halves {partition}");
    }
    for crash in crashes {
        text += &format!(", crash {crash}");
    }
    text
}

/// The model's share of nodes that know, by cycles.
fn model_of<C: Settings>(name: Name, config: &C, world: &World) -> Vec<f64> {
    let n = f64::from(world.nodes());
    let success = 1.0 - world.loss;
    let known = match (name, (config as &dyn Any).downcast_ref::<rumor::Config>()) {
        (_, Some(config)) => {
            let direction = match config.mode {
                rumor::Mode::Push => Direction::Push,
                rumor::Mode::Pull => Direction::Pull,
                rumor::Mode::PushPull => Direction::PushPull,
            };
            let ends = config.interest != rumor::Interest::Forever;
            if ends && direction == Direction::Push && config.fanout == 1 {
                model::rumour(n, config.k as f64, config.loss == rumor::Loss::Blind)
            } else {
                model::epidemic(n, config.fanout as f64, direction, success)
            }
        }
        (Name::Flood, _) => return shortest_paths(&world.graph),
        (Name::MedianCounter | Name::Extrema | Name::Heartbeat | Name::Phi, _) => {
            model::epidemic(n, 1.0, Direction::PushPull, success)
        }
        _ => return Vec::new(),
    };
    known.into_iter().map(|known| known / n).collect()
}

/// The share of nodes within so many hops of the first one: a flood's, while nothing is lost.
fn shortest_paths(graph: &Graph) -> Vec<f64> {
    let nodes = graph.len() as usize;
    let steps = steps_from(0, nodes, |node| {
        graph.neighbours(NodeId(node as u32)).iter().map(|neighbour| neighbour.0 as usize)
    });
    let mut at: Vec<u64> = Vec::new();
    for steps in steps.into_iter().flatten() {
        at.resize(at.len().max(steps as usize + 1), 0);
        at[steps as usize] += 1;
    }
    let known = at.iter().scan(0, |known, at| {
        *known += at;
        Some(*known)
    });
    known.map(|known| known as f64 / nodes as f64).collect()
}

impl Found {
    fn new(
        words: &str,
        nodes: u32,
        time: String,
        runs: &[Run],
        unit: Option<Duration>,
        model: Vec<f64>,
        took: Duration,
    ) -> Self {
        let step = if unit.is_some() { 1.0 / f64::from(rumour::STEPS) } else { 1.0 };
        let gone = runs.first().map_or(0, |run| run.gone);
        let n = f64::from(nodes - gone);
        let length = runs.iter().map(|run| run.learned.len()).max().unwrap_or(0);
        let mut sums = vec![0.0; length];
        for run in runs {
            let mut known = 0.0;
            for (at, sum) in sums.iter_mut().enumerate() {
                known += f64::from(run.learned.get(at).copied().unwrap_or(0));
                known -= f64::from(run.forgot.get(at).copied().unwrap_or(0));
                *sum += known;
            }
        }
        let share = 1.0 / (n * runs.len().max(1) as f64);
        let of = |figure: &dyn Fn(&Run) -> f64| mean(runs.iter().map(figure));
        let reached = |goal: usize| {
            let times = runs.iter().filter_map(|run| run.reached_after[goal]);
            mean(times.map(|nanos| nanos as f64 / MS as f64))
        };
        Self {
            words: words.to_owned(),
            nodes,
            time,
            curve: sums.into_iter().map(|sum| sum * share).collect(),
            model,
            step,
            residue: of(&|run| run.residue(nodes)),
            traffic: of(&|run| run.copies as f64 / n),
            redundancy: of(&Run::redundancy),
            clock: unit.map(|unit| (unit, [0, 1, 2].map(reached))),
            messages: of(&|run| run.messages as f64 / n),
            mean_arrival: of(&|run| run.mean_arrival() * step),
            last: of(&|run| run.last() * step),
            cycles: of(&|run| run.cycles() * step),
            complete: runs.iter().filter(|run| run.reached() == u64::from(nodes - gone)).count()
                as u64,
            took,
            peak_mib: peak_mib(),
        }
    }

    /// Share of the nodes that know, after so many cycles.
    #[must_use]
    pub fn known_at(&self, cycles: f64) -> f64 {
        let at = (cycles / self.step) as usize;
        self.curve.get(at).or_else(|| self.curve.last()).copied().unwrap_or(0.0)
    }

    /// Length of the curve, in cycles.
    #[must_use]
    pub fn length(&self) -> f64 {
        self.curve.len().saturating_sub(1) as f64 * self.step
    }
}
