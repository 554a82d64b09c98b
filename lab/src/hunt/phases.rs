//! The phases of a hunted run: faults, a quiescent partitioned cluster, the heal, and the quiet after it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rumormill::protocols::rumormill::config::Config;
use rumormill::set::VersionSet;
use rumormill_sim::network::partition::Partition;
use rumormill_sim::{MS, Nanos, RETRY_INTERVAL};

use super::bound::{
    BACK_OFF_INTERVALS, Circumstances, convergence_bound, longest_interval, settling_bound,
};
use super::case::Case;
use super::counts::Counts;
use super::recorder::Recorder;
use super::setup::{AtRest, Setup, Tweak};
use super::shape::Shape;
use super::violation::{Kind, Violation, broken};
use super::words;
use super::world::World;
use crate::node::Inspect as _;

/// One of so many runs is watched to the end of its bound, for what happens late.
const FULL_WAIT_EVERY: u64 = 8;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The violation, if there was one.
    pub violation: Option<Violation>,
    /// The counts.
    pub counts: Counts,
    /// From the heal until all agreed.
    pub converged: Option<Duration>,
    /// How long that was allowed to take.
    pub bound: Duration,
    /// If something was wrong: the state of every node, in words.
    pub state: String,
    /// A hash of all messages: the same for the same run.
    pub fingerprint: u64,
    /// Every event, if asked for.
    pub trace: Vec<String>,
}

/// Runs a case.
#[must_use]
pub fn run(case: &Case, tweak: Tweak<'_>, with_trace: bool) -> Outcome {
    run_kept(case, tweak, with_trace, None).0
}

/// Runs a case and keeps what happened, if there is a recorder.
#[must_use]
pub fn run_kept(
    case: &Case,
    tweak: Tweak<'_>,
    with_trace: bool,
    recorder: Option<Recorder>,
) -> (Outcome, Option<Recorder>) {
    let mut setup = Setup::of(case);
    tweak(&mut setup);
    let mut world = World::new(case, &setup, recorder);
    let (config, at_rest) = (setup.slowest(), setup.at_rest());
    if with_trace {
        world = world.with_trace();
    }
    let mut life =
        Life { config, at_rest, shape: Shape::of(case), converged: None, bound: Duration::ZERO };
    // A panic leaves a node as it was: good enough to tell how that is.
    let result = catch_unwind(AssertUnwindSafe(|| life.pass(&mut world)));
    let violation = match result {
        Ok(result) => result.err(),
        Err(_) => Some(Violation::new(Kind::Panic, words::last_panic())),
    };
    let state = violation.as_ref().map(|_| words::state(&world)).unwrap_or_default();
    let (counts, fingerprint) = (world.total(), world.watch.fingerprint.value());
    let (trace, recorder) = world.into_parts();
    let Life { converged, bound, .. } = life;
    (Outcome { violation, counts, converged, bound, state, fingerprint, trace }, recorder)
}

struct Life {
    /// The slowest settings.
    config: Config,
    at_rest: AtRest,
    shape: Shape,
    converged: Option<Duration>,
    bound: Duration,
}

/// The entries that each node is to hold in the end, at least; none for nodes that are down.
struct Goal(Vec<Option<VersionSet>>);

impl Life {
    fn pass(&mut self, world: &mut World<'_>) -> Result<(), Violation> {
        let case = world.case;
        world.begin()?;
        world.start_faults();
        while world.step(case.main_ms * MS)? {}
        world.end_script()?;
        let all: Vec<usize> = (0..case.nodes.len()).collect();
        if !case.partitioned.is_empty() {
            self.stay_partitioned(world)?;
        }
        world.set_partition(None);
        let circumstances = self.circumstances(world, &all);
        self.bound = convergence_bound(&self.config, &circumstances);
        let healed_at = world.sim.now();
        let parts = [all];
        self.converged = Some(agree(world, &parts, self.bound, Kind::Convergence)?);
        self.bound = self.bound.max(Duration::from_millis(1));
        let settling = settling_bound(&self.config, &circumstances);
        let settled_at = healed_at + nanos(self.bound.min(settling)) + nanos(settling);
        self.quiesce(world, settled_at)?;
        if let Err(early) = self.rest(world) {
            if world.sim.now() >= settled_at {
                return Err(early);
            }
            // Not all had been said yet.
            while world.step(settled_at)? {}
            self.rest(world)?;
        }
        same_everywhere(world)?;
        world.read_everywhere()
    }

    /// Without faults, but partitioned in two: each connected component has to agree on its own.
    fn stay_partitioned(&self, world: &mut World<'_>) -> Result<(), Violation> {
        let case = world.case;
        let sides: Vec<bool> =
            case.nodes.iter().map(|name| case.partitioned.contains(name)).collect();
        let lives = world.alive();
        let parts = self.shape.parts(|a, b| sides[a] == sides[b] && lives[a] && lives[b]);
        world.set_partition(Some(Partition::Groups(sides)));
        let longest = parts
            .iter()
            .map(|part| convergence_bound(&self.config, &self.circumstances(world, part)));
        let bound = longest.max().unwrap_or_default();
        agree(world, &parts, bound, Kind::Partitioned)?;
        Ok(())
    }

    fn circumstances(&self, world: &World<'_>, part: &[usize]) -> Circumstances {
        let case = world.case;
        let lives = world.alive();
        let delay_ms = self.shape.delay_ms(case);
        let faults = &case.faults;
        let stalls = faults.pause.iter().map(|pause| pause.for_ms).sum::<u64>();
        // A node with a full disk tries again in this interval.
        let retry_ms = RETRY_INTERVAL.as_millis() as u64;
        let full = faults.disk_full.iter().map(|full| full.for_ms + retry_ms).sum::<u64>();
        let jumps = faults.clock_jump.iter().map(|jump| jump.by_ms.unsigned_abs()).sum::<u64>();
        Circumstances {
            nodes: case.nodes.len() as u64,
            delay_ms,
            round_trip_ms: 2 * (delay_ms + faults.reorder_max_ms) + stalls + full + jumps,
            outage_ms: world.sim.now() / MS + jumps,
            degree: self.shape.degree(),
            distance: self.shape.distance(part, |node| lives[node]),
            tree: self.shape.tree(),
            // The node that is to pass an entry on may be in another part now.
            forgetful: !faults.crash.is_empty() || part.len() < case.nodes.len(),
        }
    }

    /// Waits until the traffic has had time to die down: until `end`, or, in most runs, until everything is
    /// confirmed for as long as digests take to back off.
    fn quiesce(&self, world: &mut World<'_>, end: Nanos) -> Result<(), Violation> {
        let interval = nanos(longest_interval(&self.config)).max(1);
        let waits_to_the_end = world.case.seed.is_multiple_of(FULL_WAIT_EVERY);
        let mut now = world.sim.now();
        let mut busy_at = now;
        while now < end {
            now = end.min(now.saturating_add(interval));
            while world.step(now)? {}
            if waits_to_the_end || !is_quiescent(world, &self.shape) {
                busy_at = now;
            } else if now - busy_at >= interval * BACK_OFF_INTERVALS {
                break;
            }
        }
        Ok(())
    }

    /// Invariants 5 and 6: once all agree, little is said, and little is remembered.
    fn rest(&self, world: &mut World<'_>) -> Result<(), Violation> {
        let interval = self.config.sync_interval_max.max(self.config.sync_interval);
        let (before, entries, restarts) =
            (world.total(), entries_sent(world), restarts_seen(world));
        let watched = interval * 4;
        let end = world.sim.now() + nanos(watched);
        while world.step(end)? {}
        let spent = world.total();
        let lives = world.alive();
        let dead = lives.iter().filter(|is_alive| !**is_alive).count() as u64;
        let up = lives.len() as u64 - dead;
        // Jitter shortens an interval to a half at most. Probes of the dead come at a fraction of the time
        // that they are suspected, or at the longest interval set for them.
        let probe = (world.sim.now() / 64).min(nanos(self.at_rest.probe)).max(1);
        let digests = watched.as_nanos().div_ceil(self.at_rest.digest.as_nanos().max(1)) as u64;
        let allowed = up * (2 * digests + 2) + up * dead * (nanos(watched) / probe + 2);
        let said = spent.messages - before.messages;
        if said > allowed {
            broken!(Kind::Restless, "{said} messages in {watched:?} of rest; {allowed} are enough");
        }
        // A node that hears of a restart only now sends the restarted one everything, once.
        let noticed = restarts_seen(world) - restarts;
        let nodes = world.servers().flatten().filter_map(|server| server.protocol());
        let held = nodes.map(|node| node.replica().held().count()).max();
        let allowed = noticed * held.unwrap_or(0);
        let repeated = entries_sent(world) - entries;
        if dead == 0 && repeated > allowed {
            broken!(
                Kind::Restless,
                "{repeated} entries sent when all had all; {allowed} are enough"
            );
        }
        check_memory(world, &self.shape)
    }
}

/// Goes on until every node holds what any node of its part holds now; returns how long it took.
fn agree(
    world: &mut World<'_>,
    parts: &[Vec<usize>],
    bound: Duration,
    kind: Kind,
) -> Result<Duration, Violation> {
    let began = world.sim.now();
    let goal = Goal::of(world, parts);
    let mut open: BTreeSet<usize> = (0..world.case.nodes.len()).collect();
    world.watch.grown.clear();
    open.retain(|&index| !goal.is_reached(world, index));
    while !open.is_empty() {
        if !world.step(began + nanos(bound))? {
            let laggards: Vec<&str> = open.iter().map(|&i| &**world.name(i)).collect();
            broken!(kind, "{} after {bound:?}: the bound", laggards.join(", "));
        }
        for index in std::mem::take(&mut world.watch.grown) {
            if open.contains(&index) && goal.is_reached(world, index) {
                open.remove(&index);
            }
        }
    }
    Ok(Duration::from_nanos(world.sim.now() - began))
}

impl Goal {
    fn of(world: &World<'_>, parts: &[Vec<usize>]) -> Self {
        let lives = world.alive();
        let mut goals = vec![None; lives.len()];
        for part in parts {
            let mut all = VersionSet::new();
            let alive: Vec<usize> = part.iter().copied().filter(|&index| lives[index]).collect();
            for &index in &alive {
                let held = world.watch.oracle.life(index).map(|life| &life.held);
                held.into_iter().for_each(|held| all.union_with(held));
            }
            for index in alive {
                goals[index] = Some(all.clone());
            }
        }
        Self(goals)
    }

    fn is_reached(&self, world: &World<'_>, index: usize) -> bool {
        let Some(goal) = &self.0[index] else { return true };
        world.watch.oracle.life(index).is_some_and(|life| goal.is_subset(&life.held))
    }
}

fn entries_sent(world: &World<'_>) -> u64 {
    world.servers().flatten().map(|server| server.stats().entries_sent).sum()
}

fn restarts_seen(world: &World<'_>) -> u64 {
    world.servers().flatten().map(|server| server.stats().restarts_seen).sum()
}

/// True if all hold the same, and nothing is on its way to a node that is up.
fn is_quiescent(world: &World<'_>, shape: &Shape) -> bool {
    same_everywhere(world).is_ok() && check_memory(world, shape).is_ok()
}

/// Also what was on its way when its holders died has reached all nodes, or none.
fn same_everywhere(world: &World<'_>) -> Result<(), Violation> {
    let held = |index: usize| world.watch.oracle.life(index).map(|life| &life.held);
    let lives = world.alive();
    let up: Vec<usize> = (0..lives.len()).filter(|&index| lives[index]).collect();
    match up.iter().find(|&&index| held(index) != held(up[0])) {
        None => Ok(()),
        Some(&index) => {
            let (one, other) = (world.name(up[0]), world.name(index));
            broken!(Kind::Convergence, "{one} and {other} do not hold the same at rest")
        }
    }
}

/// At rest, what a node knows of a peer takes no more room than what it holds, and nothing is
/// queued or in flight for a peer that is there.
///
/// Digests go to neighbours in turn. Any other peer is known by pieces until one comes, and one that is down
/// for good: of n entries sent one by one with loss p, those acked are about n p (1 - p) runs, a quarter of
/// n at most.
fn check_memory(world: &World<'_>, shape: &Shape) -> Result<(), Violation> {
    let lives = world.alive();
    for (index, server) in world.servers().enumerate() {
        let Some(node) = server else { continue };
        let held = node.replica().held();
        let ranges = held.range_count();
        for (peer, link) in node.links() {
            let peer_name = world.name(peer.0 as usize);
            let place = format!("{} of its link to {peer_name}", world.name(index));
            let known = link.known().range_count();
            let peer = peer.0 as usize;
            let has_digests = lives[peer] && shape.are_neighbours(index, peer);
            let pieces = if has_digests { 0 } else { held.count() as usize / 4 };
            if known > 2 * (ranges + lives.len()) + pieces {
                let text = format!("knows {known} ranges and holds {ranges}");
                return Err(Violation::new(Kind::Memory, text).at(&place));
            }
            if lives[peer] && !(link.queue().is_empty() && link.in_flight().is_empty()) {
                let (queued, flying) = (link.queue().count(), link.in_flight().count());
                let text = format!("has {queued} entries queued and {flying} in flight at rest");
                return Err(Violation::new(Kind::Memory, text).at(&place));
            }
        }
    }
    Ok(())
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use rumormill_judge::settings::faults::FaultSettings;

    use super::*;

    #[test]
    fn a_run_ends_when_it_is_quiescent_but_one_of_eight_at_the_end_of_its_bound() {
        // A round trip measured over the jump may delay a timeout by minutes: the bound is long.
        let jump = "[[clock-jump]]\nnode = 'n1'\nat-ms = 500\nby-ms = 20000";
        let events = |seed| {
            let mut case = Case::new(seed, 3);
            case.config.sync_interval = Duration::from_millis(200);
            case.config.sync_interval_max = Duration::from_millis(500);
            case.config.probe_max = Duration::from_millis(500);
            case.faults = FaultSettings::from_toml(jump).unwrap();
            let outcome = run(&case, &|_| (), false);
            assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
            outcome.counts.events
        };
        let (early, full) = (events(9), events(8));
        assert!(full > 10 * early, "{full} events to the end, {early} without");
    }
}
