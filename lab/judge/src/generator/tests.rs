//! The schedule: turns, rates, phases, the nemesis.

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
    let compat = Compat { round_robin: false, ..Settings::default().compat };
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
