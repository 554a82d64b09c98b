//! Makes a failing case small: takes out whatever is not needed for it to fail.
//!
//! Delta debugging over operations, nodes and faults, then everything else that can be made
//! plainer. What is taken out shifts the network's dice, so each candidate is also tried with a
//! few other seeds.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rumormill::cluster::Name;
use rumormill::config::{Flag, Setting, Settings as _};
use rumormill::protocols::rumormill::config::Config;
use rumormill::service::Workload;
use rumormill_sim::network::latency::Distribution;

use super::case::Case;
use super::phases::run;
use super::setup::Tweak;
use super::violation::Kind;

/// Seeds tried per candidate, its own included.
const SEEDS: u64 = 4;
/// A case that takes this long to shrink is small enough.
const TIME_MAX: Duration = Duration::from_secs(60);

/// The smallest case found that still breaks the same promise. Once `stop` is true, the smallest so
/// far is taken.
#[must_use]
pub fn shrink(case: &Case, kind: Kind, tweak: Tweak<'_>, stop: &AtomicBool) -> Case {
    let started = Instant::now();
    let mut shrinker = Shrinker { best: case.clone(), kind, tweak, started, stop };
    loop {
        let before = shrinker.best.clone();
        shrinker.shorten_lists();
        shrinker.drop_nodes();
        shrinker.make_plainer();
        if shrinker.best == before || shrinker.is_late() {
            return shrinker.best;
        }
    }
}

struct Shrinker<'a> {
    best: Case,
    kind: Kind,
    tweak: Tweak<'a>,
    started: Instant,
    stop: &'a AtomicBool,
}

impl Shrinker<'_> {
    fn is_late(&self) -> bool {
        self.started.elapsed() > TIME_MAX || self.stop.load(Ordering::Relaxed)
    }

    /// Keeps the candidate if it still fails in the same way.
    fn try_case(&mut self, candidate: &Case) -> bool {
        if *candidate == self.best || self.is_late() {
            return false;
        }
        for seed in std::iter::once(candidate.seed).chain(1..SEEDS) {
            let case = Case { seed, ..candidate.clone() };
            let found = run(&case, self.tweak, false).violation;
            if found.is_some_and(|violation| violation.kind == self.kind) {
                self.best = case;
                return true;
            }
        }
        false
    }

    fn shorten_lists(&mut self) {
        self.shorten(|case| &mut case.op);
        self.shorten(|case| &mut case.faults.crash);
        self.shorten(|case| &mut case.faults.disk_full);
        self.shorten(|case| &mut case.faults.pause);
        self.shorten(|case| &mut case.faults.clock_jump);
        self.shorten(|case| &mut case.faults.cut);
        self.shorten(|case| &mut case.faults.slow);
        self.shorten(|case| &mut case.faults.latency);
    }

    /// Takes out halves, then quarters and so on, down to single items.
    fn shorten<T: Clone>(&mut self, list: fn(&mut Case) -> &mut Vec<T>) {
        let mut chunk = list(&mut self.best).len();
        while chunk > 0 && !self.is_late() {
            let mut at = 0;
            while at < list(&mut self.best).len() {
                let mut candidate = self.best.clone();
                let items = list(&mut candidate);
                items.drain(at..(at + chunk).min(items.len()));
                if !self.try_case(&candidate) {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn drop_nodes(&mut self) {
        let mut chunk = self.best.nodes.len() / 2;
        while chunk > 0 && !self.is_late() {
            let mut at = self.best.nodes.len();
            while at > 0 && self.best.nodes.len() > 1 {
                let from = at.saturating_sub(chunk);
                let gone: BTreeSet<Name> = self.best.nodes[from..at].iter().cloned().collect();
                at = from;
                if gone.len() < self.best.nodes.len() {
                    let candidate = without_nodes(&self.best, &gone);
                    self.try_case(&candidate);
                    at = at.min(self.best.nodes.len());
                }
            }
            chunk /= 2;
        }
    }

    fn make_plainer(&mut self) {
        for change in PLAINER {
            self.try_change(change);
        }
        // The longest interval goes along with the shortest.
        let is_longest = |flag: &Flag<Config>| {
            matches!(flag.setting, Setting::Interval(_)) && flag.name.ends_with("-max")
        };
        for flags in Config::FLAGS.chunk_by(|_, next| is_longest(next)) {
            self.try_change(|case| {
                for Flag { setting, .. } in flags {
                    setting.set(&mut case.config, &setting.show(&mut Config::default()));
                }
            });
        }
        self.try_change(|case| {
            for (number, op) in case.op.iter_mut().enumerate() {
                op.broadcast = op.broadcast.as_ref().map(|_| number.to_string());
            }
        });
    }

    fn try_change(&mut self, change: impl FnOnce(&mut Case)) {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        self.try_case(&candidate);
    }
}

const PLAINER: &[fn(&mut Case)] = &[
    |case| case.workload = Workload::default(),
    |case| case.partitioned.clear(),
    |case| case.other = None,
    |case| case.faults.slow.iter_mut().for_each(|slow| slow.one_way = false),
    |case| case.faults.loss = 0.0,
    |case| case.faults.duplicate = 0.0,
    |case| (case.faults.reorder, case.faults.reorder_max_ms) = (0.0, 0),
    |case| {
        (case.faults.durable, case.faults.disk_sync_ms) = (false, None);
        case.faults.disk_full.clear();
        case.segment_bytes = None;
    },
    |case| case.segment_bytes = None,
    |case| case.head_of_line = false,
    |case| case.latency_dist = Distribution::Constant,
    |case| case.main_ms = case.op.iter().map(|op| op.at_ms + 1).max().unwrap_or(1),
    |case| case.main_ms = case.main_ms * 2 / 3,
    |case| case.faults.cut.iter_mut().for_each(|cut| cut.flap_ms = None),
    |case| case.faults.cut.iter_mut().for_each(|cut| cut.one_way = false),
    |case| case.faults.cut.iter_mut().for_each(|cut| cut.until_ms = None),
    |case| case.faults.cut.iter_mut().for_each(|cut| cut.from_ms = 0),
];

fn without_nodes(case: &Case, gone: &BTreeSet<Name>) -> Case {
    let mut case = case.clone();
    let stays = |name: &Name| !gone.contains(name);
    case.nodes.retain(stays);
    case.partitioned.retain(stays);
    case.op.retain(|op| stays(&op.node));
    case.faults.pause.retain(|pause| stays(&pause.node));
    case.faults.clock_jump.retain(|jump| stays(&jump.node));
    case.faults.crash.retain(|crash| stays(&crash.node));
    case.faults.disk_full.retain(|full| stays(&full.node));
    case.faults.slow.retain(|slow| stays(&slow.node));
    for cut in &mut case.faults.cut {
        let had_other_side = !cut.b.is_empty();
        cut.a.retain(stays);
        cut.b.retain(stays);
        if had_other_side && cut.b.is_empty() {
            cut.a.clear(); // An empty other side would mean all other nodes.
        }
    }
    case.faults.cut.retain(|cut| !cut.a.is_empty());
    case
}
