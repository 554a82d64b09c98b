//! Faults beyond Maelstrom's partitions: what may happen to messages between nodes.
//!
//! They act from the start of the main phase to its end, when everything heals; only slow nodes
//! are slow all the time. Clients are never affected.

mod settings;
mod words;

use std::collections::BTreeMap;

use rumormill::cluster::Name;

use super::packet::{Packet, Peer};
use crate::generator::MS;
use crate::history::Nanos;
use crate::random::Dice;
pub use settings::{ClockJump, Crash, Cut, FaultCounts, FaultSettings, LatencyChange, Pause, Slow};

/// What happens to a message when it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) lost: bool,
    pub(crate) duplicated: bool,
    pub(crate) extra_ms: u64,
}

/// The faults of the settings at work.
#[derive(Debug)]
pub(crate) struct Faults {
    settings: FaultSettings,
    /// By node: added to the latency of its messages.
    slow_ms: BTreeMap<u32, u64>,
    cuts: Vec<ResolvedCut>,
    /// By node: it is down.
    down: Vec<bool>,
    /// By node: time stands still for it.
    paused: Vec<bool>,
    /// Since when, if they act.
    active_since: Option<Nanos>,
    loss: Dice,
    duplicate: Dice,
    reorder: Dice,
    counts: FaultCounts,
}

/// A cut with nodes as a table instead of names.
#[derive(Debug)]
struct ResolvedCut {
    /// By node: on which sides it is.
    sides: Vec<(bool, bool)>,
    one_way: bool,
    from: Nanos,
    until: Nanos,
    flap: Option<Nanos>,
}

impl Faults {
    pub(crate) fn new(settings: &FaultSettings, nodes: &[Name], seed: u64) -> Self {
        let ids: BTreeMap<&Name, u32> = nodes.iter().zip(0..).collect();
        let slow = settings.slow.iter().filter_map(|slow| Some((*ids.get(&slow.node)?, slow)));
        Self {
            slow_ms: slow.map(|(id, slow)| (id, slow.extra_ms)).collect(),
            cuts: settings.cut.iter().map(|cut| ResolvedCut::new(cut, nodes)).collect(),
            down: vec![false; nodes.len()],
            paused: vec![false; nodes.len()],
            settings: settings.clone(),
            active_since: None,
            loss: Dice::new(seed, "loss"),
            duplicate: Dice::new(seed, "duplicate"),
            reorder: Dice::new(seed, "reorder"),
            counts: FaultCounts::default(),
        }
    }

    pub(crate) const fn start(&mut self, now: Nanos) {
        self.active_since = Some(now);
    }

    pub(crate) const fn stop(&mut self) {
        self.active_since = None;
    }

    pub(crate) const fn counts(&self) -> FaultCounts {
        self.counts
    }

    pub(crate) const fn counts_mut(&mut self) -> &mut FaultCounts {
        &mut self.counts
    }

    pub(crate) fn set_down(&mut self, node: usize, down: bool) {
        self.down[node] = down;
    }

    pub(crate) fn set_paused(&mut self, node: usize, paused: bool) {
        self.paused[node] = paused;
    }

    pub(crate) fn is_down(&self, node: u32) -> bool {
        self.down[node as usize]
    }

    /// Decides what happens to a message between nodes. Rolls the same dice whatever comes out,
    /// and also while no fault acts.
    pub(crate) fn roll(&mut self, packet: &Packet) -> Fate {
        let settings = &self.settings;
        let lost = settings.loss > 0.0 && self.loss.chance(settings.loss);
        let duplicated = settings.duplicate > 0.0 && self.duplicate.chance(settings.duplicate);
        let mut held_up_ms = 0;
        if settings.reorder > 0.0 {
            let held_up = self.reorder.chance(settings.reorder);
            let by_ms = 1 + self.reorder.below(settings.reorder_max_ms);
            held_up_ms = if held_up { by_ms } else { 0 };
        }
        let slow = [&packet.src.peer, &packet.dest.peer].map(|peer| match peer {
            Peer::Node(node) => self.slow_ms.get(node).copied().unwrap_or(0),
            _ => 0,
        });
        let slow_ms = slow[0].saturating_add(slow[1]);
        let acts = self.active_since.is_some();
        let mut fate = Fate { extra_ms: slow_ms, ..Fate::default() };
        self.counts.slowed += u64::from(slow_ms > 0);
        if acts && lost {
            self.counts.lost += 1;
            return Fate { lost, ..fate };
        }
        if acts {
            fate.duplicated = duplicated;
            fate.extra_ms = slow_ms.saturating_add(held_up_ms);
            self.counts.duplicated += u64::from(duplicated);
            self.counts.reordered += u64::from(held_up_ms > 0);
        }
        fate
    }

    /// True if a message between these nodes runs into a cut now.
    pub(crate) fn cuts(&self, now: Nanos, sender: u32, receiver: u32) -> bool {
        let Some(since) = self.active_since else { return false };
        let elapsed = now.saturating_sub(since);
        self.cuts.iter().any(|cut| cut.blocks(elapsed, sender, receiver))
    }

    /// True if both nodes are up, time goes on for them, and no cut stands between them.
    pub(crate) fn connects(&self, now: Nanos, sender: u32, receiver: u32) -> bool {
        let is_well = |node: u32| !self.down[node as usize] && !self.paused[node as usize];
        is_well(sender) && is_well(receiver) && !self.cuts(now, sender, receiver)
    }

    /// When a cut begins or ends next.
    pub(crate) fn next_change(&self, now: Nanos) -> Option<Nanos> {
        let since = self.active_since?;
        let elapsed = now.saturating_sub(since);
        let next = self.cuts.iter().filter_map(|cut| cut.next_change(elapsed)).min()?;
        Some(since.saturating_add(next))
    }

    /// Every change of the latency, by time from the start of the main phase, and the new mean.
    pub(crate) fn latency_changes(&self) -> impl Iterator<Item = (Nanos, u64)> + '_ {
        let changes = self.settings.latency.iter();
        changes.map(|change| (change.at_ms.saturating_mul(MS), change.mean_ms))
    }
}

impl ResolvedCut {
    fn new(cut: &Cut, nodes: &[Name]) -> Self {
        let sides = nodes.iter().map(|node| {
            let (in_a, in_b) = (cut.a.contains(node), cut.b.contains(node));
            (
                if cut.a.is_empty() { !in_b } else { in_a },
                if cut.b.is_empty() { !in_a } else { in_b },
            )
        });
        Self {
            sides: sides.collect(),
            one_way: cut.one_way,
            from: cut.from_ms.saturating_mul(MS),
            until: cut.until_ms.map_or(Nanos::MAX, |ms| ms.saturating_mul(MS)),
            flap: cut.flap_ms.map(|ms| ms.saturating_mul(MS)),
        }
    }

    fn blocks(&self, elapsed: Nanos, sender: u32, receiver: u32) -> bool {
        if elapsed < self.from || elapsed >= self.until {
            return false;
        }
        if self.flap.is_some_and(|flap| (elapsed - self.from) / flap % 2 == 1) {
            return false;
        }
        let side = |node: u32| self.sides.get(node as usize).copied().unwrap_or_default();
        let (sender, receiver) = (side(sender), side(receiver));
        (sender.0 && receiver.1) || (!self.one_way && sender.1 && receiver.0)
    }

    /// The next time at which it begins or ends to block.
    fn next_change(&self, elapsed: Nanos) -> Option<Nanos> {
        if elapsed < self.from {
            return Some(self.from);
        }
        let flap = self.flap.map(|flap| self.from + (elapsed - self.from) / flap * flap + flap);
        let end = (elapsed < self.until && self.until < Nanos::MAX).then_some(self.until);
        flap.filter(|at| *at < self.until).or(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    /// Which of three nodes do not hear each other at this time, as `sender>receiver`.
    fn blocked(toml: &str, at_ms: u64) -> String {
        let nodes = Settings::numbered_nodes(3);
        let settings = FaultSettings::from_toml(toml).unwrap();
        settings.check(&nodes).unwrap();
        let mut faults = Faults::new(&settings, &nodes, 0);
        faults.start(1_000 * MS);
        let mut pairs = Vec::new();
        for (from, to) in (0..3).flat_map(|from| (0..3).map(move |to| (from, to))) {
            if faults.cuts((1_000 + at_ms) * MS, from, to) {
                pairs.push(format!("{from}>{to}"));
            }
        }
        pairs.join(" ")
    }

    #[test]
    fn a_node_alone() {
        assert_eq!(blocked("[[cut]]\na = ['n1']", 0), "0>1 1>0 1>2 2>1");
    }

    #[test]
    fn one_way_only() {
        assert_eq!(blocked("[[cut]]\na = ['n1']\none-way = true", 0), "1>0 1>2");
        assert_eq!(blocked("[[cut]]\nb = ['n1']\none-way = true", 0), "0>1 2>1");
        assert_eq!(blocked("[[cut]]\na = ['n0']\nb = ['n2']\none-way = true", 0), "0>2");
    }

    #[test]
    fn a_hears_b_and_b_hears_c_but_a_does_not_hear_c() {
        assert_eq!(blocked("[[cut]]\na = ['n0']\nb = ['n2']", 0), "0>2 2>0");
    }

    #[test]
    fn cuts_have_their_times_and_flap() {
        let toml = "[[cut]]\na = ['n0']\nb = ['n1']\nfrom-ms = 100\nuntil-ms = 400\nflap-ms = 50";
        let cut: Vec<u64> =
            (0..500).step_by(50).filter(|ms| !blocked(toml, *ms).is_empty()).collect();
        assert_eq!(cut, [100, 200, 300]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let nodes = Settings::numbered_nodes(3);
        let refusal = |toml: &str| match FaultSettings::from_toml(toml) {
            Ok(settings) => settings.check(&nodes).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(refusal("loss = 1.5").contains("loss: 1.5"));
        assert!(refusal("[[cut]]\na = ['n7']").contains("\"n7\""));
        assert!(refusal("[[slow]]\nnode = 'x'\nextra-ms = 1").contains("\"x\""));
        assert!(refusal("[[cut]]\na = ['n1']\nflap-ms = 0").contains("flap"));
        assert!(refusal("[[cut]]\nb = []").contains("no node"));
        assert!(refusal("los = 0.5").contains("los"));
    }
}
