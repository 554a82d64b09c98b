//! The generator: which worker does what, and when, as Jepsen's scheduler would have it.
//!
//! It knows nothing of messages: it is asked for the next step whenever something may have
//! changed, and told when a worker is free again.

mod stops;

use std::collections::BTreeSet;

use crate::history::Nanos;
use crate::random::Dice;
use crate::settings::{Nemesis, Settings};
use crate::workload::Turns;
pub(crate) use rumormill_sim::MS;
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
    /// The wait for the cluster to settle begins.
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

    /// Ends the wait for the cluster to settle.
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
        let stops = self.stops.iter().flat_map(|(stops, _)| stops.last()).map(Step::Stop);
        let heal = self.nemesis.map(|_| Step::StopPartition);
        stops.collect::<Vec<_>>().into_iter().rev().chain(heal).collect()
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
mod tests {
    use super::*;
    use crate::settings::{Compat, Recovery};

    fn settings(workers: usize, rate: f64, seconds: u64) -> Settings {
        Settings {
            concurrency: workers,
            rate,
            time_limit_ms: seconds * 1_000,
            ..Settings::with_nodes(workers)
        }
    }

    /// Runs the schedule with workers that need `busy` per operation; times of all steps.
    fn play(settings: &Settings, busy: Nanos) -> Vec<(Nanos, Step)> {
        let mut generator = Generator::new(settings);
        let mut steps = Vec::new();
        let mut now = 0;
        let mut working: BTreeSet<(Nanos, usize)> = BTreeSet::new();
        loop {
            while let Some((_, worker)) = working.first().copied().filter(|(end, _)| *end <= now) {
                working.pop_first();
                generator.release(worker);
            }
            let step = generator.next(now);
            match step {
                Step::Work(worker, _) => {
                    working.insert((now + busy, worker));
                }
                Step::Wait(time) => {
                    now = working.first().map_or(time, |(end, _)| time.min(*end));
                    continue;
                }
                Step::Busy => {
                    now = working.first().unwrap().0;
                    continue;
                }
                _ => {}
            }
            steps.push((now, step));
            if step == Step::Done {
                return steps;
            }
        }
    }

    fn main_workers(steps: &[(Nanos, Step)]) -> Vec<usize> {
        let worker = |(_, step): &(Nanos, Step)| match step {
            Step::Work(worker, Task::Next) => Some(*worker),
            _ => None,
        };
        steps.iter().filter_map(worker).collect()
    }

    #[test]
    fn worker_0_has_two_turns_in_a_round() {
        let workers = main_workers(&play(&settings(3, 100.0, 1), 1));
        assert_eq!(workers[..9], [0, 1, 2, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn without_the_quirk_the_turns_are_random() {
        let compat = Compat { round_robin: false, ..Compat::default() };
        let workers = main_workers(&play(&Settings { compat, ..settings(3, 1_000.0, 10) }, 1));
        for worker in 0..3 {
            let share = workers.iter().filter(|w| **w == worker).count() * 100 / workers.len();
            assert!((31..=35).contains(&share), "{share} %");
        }
    }

    #[test]
    fn the_main_phase_outlasts_a_time_when_all_nodes_are_down() {
        let mut generator = Generator::new(&settings(2, 100.0, 1));
        let Step::Work(worker, _) = generator.next(0) else { panic!("nothing to do") };
        generator.release(worker);
        (0..2).for_each(|worker| generator.suspend(worker));
        assert_eq!(generator.next(100 * MS), Step::Wait(1_000 * MS));
        generator.release(1);
        assert!(matches!(generator.next(200 * MS), Step::Work(1, _)));
        // They stay down: the phase ends when it should.
        generator.suspend(1);
        assert_eq!(generator.next(300 * MS), Step::Wait(1_000 * MS));
        assert_eq!(generator.next(1_000 * MS), Step::Recover);
    }

    #[test]
    fn a_busy_worker_is_passed_over_and_the_rotation_goes_on() {
        let mut generator = Generator::new(&settings(3, 1e9, 1));
        let worker = |step| match step {
            Step::Work(worker, _) => worker,
            other => panic!("{other:?}"),
        };
        let mut now = 0;
        let mut next = |generator: &mut Generator| {
            now += 100;
            worker(generator.next(now))
        };
        assert_eq!(next(&mut generator), 0);
        generator.release(0);
        assert_eq!(next(&mut generator), 1);
        assert_eq!(next(&mut generator), 2);
        generator.release(2);
        // The nemesis' turn: on to worker 0. Then worker 0's, 1's: both busy, so 2.
        assert_eq!(next(&mut generator), 0);
        assert_eq!(next(&mut generator), 2);
        assert_eq!(generator.next(1_000_000), Step::Busy);
    }

    #[test]
    fn operations_come_at_the_rate() {
        let steps = play(&settings(5, 100.0, 100), MS);
        let count = main_workers(&steps).len();
        assert!((9_600..10_400).contains(&count), "{count}");
        let gaps: Vec<_> = steps[..1_000].windows(2).map(|w| w[1].0 - w[0].0).collect();
        assert!(gaps.iter().all(|gap| *gap < 20 * MS));
        assert!(gaps.iter().any(|gap| *gap > 19 * MS) && gaps.iter().any(|gap| *gap < MS));
    }

    #[test]
    fn a_late_operation_starts_when_a_worker_is_free_and_is_not_caught_up() {
        let steps = play(&settings(1, 1_000.0, 1), 100 * MS);
        // Ten at 0, 100, …, 900 ms, each as soon as the one before is done.
        let times: Vec<_> = steps.iter().take(10).map(|(time, _)| *time / MS).collect();
        assert_eq!(times, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(main_workers(&steps).len(), 10);
    }

    #[test]
    fn a_driver_that_wakes_late_does_not_lower_the_rate() {
        let mut generator = Generator::new(&settings(5, 1_000.0, 10));
        let (mut now, mut count) = (0, 0);
        loop {
            match generator.next(now) {
                Step::Work(worker, _) => {
                    count += 1;
                    generator.release(worker);
                }
                Step::Wait(time) => now = time + MS / 2,
                _ => break,
            }
        }
        assert!((9_600..10_400).contains(&count), "{count}");
    }

    #[test]
    fn the_phases_follow_each_other() {
        let base = settings(4, 10.0, 5);
        let steps = play(&base, 3 * MS);
        let tail = &steps[steps.len() - 7..];
        let (recover, recovered) = (tail[0], tail[1]);
        assert_eq!(recover.1, Step::Recover);
        // The main phase ends as soon as the next operation would be too late.
        let last = steps[steps.len() - 8].0;
        assert_eq!(recover.0, last + 3 * MS);
        assert!(last < 5_000 * MS && last > 4_800 * MS);
        assert_eq!(recovered, (recover.0 + 10_000 * MS, Step::Recovered));
        let mut readers: Vec<_> = tail[2..6].iter().map(|(time, step)| (*time, *step)).collect();
        readers.sort_by_key(|(_, step)| format!("{step:?}"));
        let all = (0..4).map(|w| (recovered.0, Step::Work(w, Task::Last)));
        assert_eq!(readers, all.collect::<Vec<_>>());
        assert_eq!(tail[6], (recovered.0 + 3 * MS, Step::Done));
    }

    #[test]
    fn final_reads_are_in_random_order() {
        let order = |seed| {
            let steps = play(&Settings { seed, ..settings(5, 0.0, 1) }, MS);
            steps.iter().map(|(_, step)| format!("{step:?}")).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn without_a_rate_the_time_just_passes() {
        let steps = play(&settings(2, 0.0, 7), MS);
        assert_eq!(steps[0], (7_000 * MS, Step::Recover));
        assert_eq!(main_workers(&steps).len(), 0);
    }

    #[test]
    fn a_workload_without_a_last_operation_ends_with_the_main_phase() {
        let mut generator = Generator::new(&settings(2, 100.0, 1));
        generator.has_last = false;
        let (mut now, mut last) = (0, 0);
        loop {
            match generator.next(now) {
                Step::Work(worker, task) => {
                    assert_eq!(task, Task::Next);
                    last = now;
                    generator.release(worker);
                }
                Step::Wait(time) => now = time,
                step => {
                    assert_eq!(step, Step::Done);
                    break;
                }
            }
        }
        assert!(last > 900 * MS && now < 1_000 * MS, "{last} {now}");
    }

    #[test]
    fn the_nemesis_starts_at_once_alternates_and_heals_at_the_end() {
        let nemesis = Some(Nemesis { interval_ms: 1_000 });
        let steps = play(&Settings { nemesis, ..settings(5, 10.0, 60) }, MS);
        let is_cut = |step: &Step| matches!(step, Step::StartPartition | Step::StopPartition);
        let cuts: Vec<_> = steps.iter().copied().filter(|(_, step)| is_cut(step)).collect();
        assert_eq!(cuts[0], (0, Step::StartPartition));
        let (heal, main) = cuts.split_last().unwrap();
        for (i, (_, step)) in main.iter().enumerate() {
            let start = i % 2 == 0;
            assert_eq!(*step, if start { Step::StartPartition } else { Step::StopPartition });
        }
        assert!((45..80).contains(&main.len()), "{}", main.len());
        assert!(main.windows(2).all(|w| w[1].0 - w[0].0 < 2_000 * MS));
        assert_eq!(heal.1, Step::StopPartition);
        let after = steps.iter().position(|step| step == heal).unwrap() + 1;
        assert_eq!(steps[after].1, Step::Recover);
    }

    #[test]
    fn with_all_workers_busy_a_late_nemesis_ends_the_main_phase() {
        let nemesis = Some(Nemesis { interval_ms: 1_000_000_000 });
        let steps = play(&Settings { nemesis, ..settings(1, 100.0, 60) }, 4_000 * MS);
        // One operation, and while it waits the only candidate is far beyond the end.
        assert_eq!(main_workers(&steps).len(), 1);
        assert!(steps.contains(&(4_000 * MS, Step::Recover)));
    }

    #[test]
    fn the_wait_can_be_ended_early() {
        let recovery = Recovery { wait_ms: 5_000, quiet_ms: None };
        let mut generator = Generator::new(&Settings { recovery, ..settings(1, 0.0, 0) });
        assert_eq!(generator.next(0), Step::Recover);
        assert_eq!(generator.next(0), Step::Wait(5_000 * MS));
        generator.end_recovery();
        assert_eq!(generator.next(1), Step::Recovered);
    }
}
