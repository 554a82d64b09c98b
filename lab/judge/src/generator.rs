//! The generator: which worker does what, and when, as Jepsen's scheduler would have it.
//!
//! It knows nothing of messages: it is asked for the next step whenever something may have
//! changed, and told when a worker is free again.

mod faults;
mod stops;

use std::collections::BTreeSet;

use rumormill_sim::dice::Dice;
use rumormill_sim::{MS, Nanos};

use crate::settings::{Nemesis, Settings};
use crate::workload::Turns;
pub use faults::{schedule, scripted};
use stops::Stops;
pub(crate) use stops::{Action, Target};

/// How much of the driver's own scheduling delay the next operation makes up for: being woken a little
/// late each time must not add up to a lower rate. What is later than that is not made up for,
/// nor is any wait for a free worker, as in Maelstrom.
const CATCH_UP: Nanos = 10 * MS;

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A worker does something, now.
    Work(usize, Task),
    /// The nemesis cuts the network, now.
    StartPartition,
    /// The nemesis heals the network, now.
    StopPartition,
    /// The nemesis acts on nodes, now: until [`Generator::nemesis_done`] it does nothing else.
    Stop(Action),
    /// The wait for the cluster to become quiescent begins.
    Recover,
    /// The wait is over; final reads follow.
    Recovered,
    /// Nothing before this time, unless a worker becomes free.
    Wait(Nanos),
    /// Nothing until a worker or the nemesis becomes free.
    Busy,
    /// All is done.
    Done,
}

/// The task of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// The workload's next operation.
    Next,
    /// Its operation at the end.
    Last,
}

#[derive(Debug)]
enum Stage {
    Main,
    /// Steps that are left to end all faults, the next one last.
    Heal(Vec<Step>),
    Recovery {
        until: Nanos,
    },
    /// Workers that have yet to do the operation at the end, the next one last.
    Last(Vec<usize>),
    Done,
}

/// The schedule of a run.
#[derive(Debug)]
pub(crate) struct Generator {
    stage: Stage,
    workers: usize,
    free: BTreeSet<usize>,
    /// Neither free nor at work: their nodes are down.
    suspended: BTreeSet<usize>,
    /// Position in the rotation over all workers and the nemesis.
    cursor: usize,
    round_robin: bool,
    /// Every worker has an operation at the end.
    has_last: bool,
    /// Longest gap between two operations; `None` if there are none.
    gap_max_ns: Option<f64>,
    next_work: Nanos,
    /// Since when some worker is free, if one is.
    free_since: Option<Nanos>,
    nemesis: Option<Nemesis>,
    next_nemesis: Nanos,
    partitioned: bool,
    /// The kills and pauses, and the longest gap between two of them.
    stops: Option<(Stops, Nanos)>,
    next_stop: Nanos,
    /// An action on nodes is not done.
    is_nemesis_busy: bool,
    time_limit: Nanos,
    /// The main phase ends before anything at or after this; set with the first step.
    cutoff: Option<Nanos>,
    recovery: Nanos,
    pacing: Dice,
    ties: Dice,
    choice: Dice,
    nemesis_times: Dice,
    stop_times: Dice,
}

/// A stream of actions of the nemesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Partitions,
    Stops,
}

impl Generator {
    pub(crate) fn new(settings: &Settings) -> Self {
        let seed = settings.seed;
        Self {
            stage: Stage::Main,
            workers: settings.concurrency,
            free: (0..settings.concurrency).collect(),
            suspended: BTreeSet::new(),
            cursor: 0,
            round_robin: settings.compat.round_robin
                && settings.workload.turns == Turns::RoundRobin,
            has_last: settings.workload.last.is_some(),
            gap_max_ns: (settings.rate > 0.0).then(|| 2e9 / settings.rate),
            next_work: 0,
            free_since: None,
            nemesis: settings.nemesis,
            next_nemesis: 0,
            partitioned: false,
            stops: settings.node_nemesis.map(|nemesis| {
                let gap_max = nemesis.interval_ms.saturating_mul(2 * MS);
                (Stops::new(nemesis, seed), gap_max)
            }),
            next_stop: 0,
            is_nemesis_busy: false,
            time_limit: settings.time_limit_ms.saturating_mul(MS),
            cutoff: None,
            recovery: settings.recovery.wait_ms.saturating_mul(MS),
            pacing: Dice::new(seed, "pacing"),
            ties: Dice::new(seed, "ties"),
            choice: Dice::new(seed, "workers"),
            nemesis_times: Dice::new(seed, "nemesis times"),
            stop_times: Dice::new(seed, "stop times"),
        }
    }

    /// The nemesis has done what it did to nodes.
    pub(crate) const fn nemesis_done(&mut self) {
        self.is_nemesis_busy = false;
    }

    /// A worker has completed what it did.
    pub(crate) fn release(&mut self, worker: usize) {
        self.suspended.remove(&worker);
        self.free.insert(worker);
    }

    /// Suspends a worker whose node is down.
    pub(crate) fn suspend(&mut self, worker: usize) {
        self.free.remove(&worker);
        self.suspended.insert(worker);
        if self.free.is_empty() {
            self.free_since = None;
        }
    }

    /// Ends the wait for the cluster to become quiescent.
    pub(crate) fn end_recovery(&mut self) {
        if let Stage::Recovery { until } = &mut self.stage {
            *until = 0;
        }
    }

    /// The next step; ask again after every step but `Wait`, `Busy` and `Done`.
    pub(crate) fn next(&mut self, now: Nanos) -> Step {
        if matches!(self.stage, Stage::Main) {
            if let Some(step) = self.next_main(now) {
                return step;
            }
            self.stage = Stage::Heal(self.heals());
        }
        if let Stage::Last(workers) = &mut self.stage
            && let Some(worker) = workers.pop()
        {
            self.free.remove(&worker);
            return Step::Work(worker, Task::Last);
        }
        if self.free.len() + self.suspended.len() < self.workers || self.is_nemesis_busy {
            return Step::Busy;
        }
        if let Stage::Heal(steps) = &mut self.stage
            && let Some(step) = steps.pop()
        {
            self.is_nemesis_busy = matches!(step, Step::Stop(_));
            return step;
        }
        self.next_stage(now)
    }

    /// Steps that end all faults, the first one last. None in a workload without an end.
    fn heals(&self) -> Vec<Step> {
        if !self.has_last {
            return Vec::new();
        }
        let stops = self.stops.iter().flat_map(|(stops, _)| stops.last().rev()).map(Step::Stop);
        stops.chain(self.nemesis.map(|_| Step::StopPartition)).collect()
    }

    /// Goes on to the next phase: all workers are idle.
    fn next_stage(&mut self, now: Nanos) -> Step {
        let (stage, step) = match &self.stage {
            // Nothing is healed, waited for or read.
            Stage::Main | Stage::Heal(_) if !self.has_last => (Stage::Done, Step::Done),
            Stage::Main | Stage::Heal(_) => {
                (Stage::Recovery { until: now.saturating_add(self.recovery) }, Step::Recover)
            }
            Stage::Recovery { until } if *until > now => return Step::Wait(*until),
            Stage::Recovery { .. } => {
                let mut order: Vec<usize> = (0..self.workers).collect();
                self.choice.shuffle(&mut order);
                order.retain(|worker| self.free.contains(worker));
                (Stage::Last(order), Step::Recovered)
            }
            Stage::Last(_) | Stage::Done => (Stage::Done, Step::Done),
        };
        self.stage = stage;
        step
    }

    /// The next step of the main phase; `None` if that is over.
    fn next_main(&mut self, now: Nanos) -> Option<Step> {
        if !self.free.is_empty() {
            self.free_since.get_or_insert(now);
        }
        let work = match self.gap_max_ns {
            Some(_) => (!self.free.is_empty()).then(|| self.next_work.max(now)),
            // Without operations, one worker just sleeps until the end.
            None => Some(self.cutoff.unwrap_or_else(|| now.saturating_add(self.time_limit))),
        };
        let nemesis = self.next_of_nemesis(now);
        let (time, stream) = match (work, nemesis) {
            // All nodes are down: one of them may come back before the end.
            (None, None) if self.suspended.len() == self.workers => {
                return self.cutoff.filter(|cutoff| *cutoff > now).map(Step::Wait);
            }
            // All workers are busy. If the nemesis' turn is beyond the end, the phase is over.
            (None, None) => return Some(Step::Busy),
            (Some(work), None) => (work, None),
            (None, Some((nemesis, stream))) => (nemesis, Some(stream)),
            (Some(work), Some((nemesis, stream))) if work == nemesis => {
                (work, self.ties.coin().then_some(stream))
            }
            (Some(work), Some((nemesis, stream))) => {
                (work.min(nemesis), (nemesis < work).then_some(stream))
            }
        };
        let cutoff = *self.cutoff.get_or_insert_with(|| time.saturating_add(self.time_limit));
        if time >= cutoff {
            return None;
        }
        if time > now {
            return Some(Step::Wait(time));
        }
        let turn = self.cursor;
        self.cursor = (self.cursor + 1) % (self.workers + 1);
        Some(match stream {
            None => self.dispatch_work(now, turn),
            Some(Stream::Partitions) => self.dispatch_nemesis(now),
            Some(Stream::Stops) => self.dispatch_stop(now),
        })
    }

    /// The next action of the nemesis, which does one thing at a time; partitions come first.
    fn next_of_nemesis(&self, now: Nanos) -> Option<(Nanos, Stream)> {
        let partitions = self.nemesis.map(|_| (self.next_nemesis.max(now), Stream::Partitions));
        let stops = self.stops.as_ref().map(|_| (self.next_stop.max(now), Stream::Stops));
        let streams = partitions.into_iter().chain(stops);
        streams.filter(|_| !self.is_nemesis_busy).min_by_key(|(time, _)| *time)
    }

    fn dispatch_stop(&mut self, now: Nanos) -> Step {
        let Some((stops, gap_max)) = &mut self.stops else { return Step::Busy };
        let gap = self.stop_times.unit() * *gap_max as f64;
        self.next_stop = now.saturating_add(gap as Nanos);
        self.is_nemesis_busy = true;
        Step::Stop(stops.next())
    }

    fn dispatch_nemesis(&mut self, now: Nanos) -> Step {
        let interval_ms = self.nemesis.map_or(0, |nemesis| nemesis.interval_ms);
        let gap = self.nemesis_times.unit() * 2.0 * (interval_ms.saturating_mul(MS)) as f64;
        self.next_nemesis = now.saturating_add(gap as Nanos);
        self.partitioned = !self.partitioned;
        if self.partitioned { Step::StartPartition } else { Step::StopPartition }
    }

    fn dispatch_work(&mut self, now: Nanos, turn: usize) -> Step {
        let gap = self.pacing.unit() * self.gap_max_ns.unwrap_or(0.0);
        let start = self.next_work.max(self.free_since.unwrap_or(now));
        let start = start.max(now.saturating_sub(CATCH_UP));
        self.next_work = start.saturating_add(gap as Nanos);
        let free = &self.free;
        let worker = if self.round_robin {
            free.range(turn..).chain(free).next()
        } else {
            free.iter().nth(self.choice.index(free.len()))
        };
        // A worker is free, or this would not have been the next step.
        let worker = worker.copied().unwrap_or(0);
        self.free.remove(&worker);
        if self.free.is_empty() {
            self.free_since = None;
        }
        Step::Work(worker, Task::Next)
    }
}

#[cfg(test)]
mod tests;
