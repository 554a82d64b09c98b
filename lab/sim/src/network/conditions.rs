//! The conditions of a network: all rules, and what they did.

use super::cut::Cuts;
use super::duplicate::Duplicate;
use super::loss::Loss;
use super::partition::Partition;
use super::reorder::Reorder;
use super::rule::{Crossing, Rule, Verdict};
use super::slow::Slow;
use super::{DropCause, FaultCounts};
use crate::dice::Dice;
use crate::time::Nanos;

/// The network's decision about a message when it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) dropped: Option<DropCause>,
    pub(super) is_duplicated: bool,
    pub(super) delay: Nanos,
}

/// The chain of rules between the nodes, and which nodes are there.
#[derive(Clone, Debug)]
pub struct Conditions {
    slow: Slow,
    loss: Loss,
    duplicate: Duplicate,
    reorder: Reorder,
    partition: Option<Partition>,
    cuts: Cuts,
    /// By node: it is down.
    down: Vec<bool>,
    /// By node: time stands still for it.
    paused: Vec<bool>,
    /// Since when the faults act, if they do.
    active_since: Option<Nanos>,
    /// No rule has anything to do when a message is sent.
    is_plain: bool,
    counts: FaultCounts,
}

/// The parameters of the rules. Nothing, by default.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Probability that a message is lost.
    pub loss: f64,
    /// Probability that a message arrives twice; the copy has a latency of its own.
    pub duplicate: f64,
    /// Probability that a message is held up, and so overtaken by later ones.
    pub reorder: f64,
    /// By how much it is held up, at most, in milliseconds.
    pub reorder_max_ms: u64,
    /// Nodes whose messages, in and out, take longer, all the time.
    pub slow: Slow,
    /// Links that are cut for some time.
    pub cuts: Cuts,
}

impl Conditions {
    pub(super) fn new(nodes: u32, seed: u64, rules: Rules) -> Self {
        let is_plain = rules.loss <= 0.0
            && rules.duplicate <= 0.0
            && rules.reorder <= 0.0
            && rules.slow.is_off();
        Self {
            slow: rules.slow,
            loss: Loss { probability: rules.loss, dice: Dice::new(seed, "loss") },
            duplicate: Duplicate {
                probability: rules.duplicate,
                dice: Dice::new(seed, "duplicate"),
            },
            reorder: Reorder {
                probability: rules.reorder,
                max_ms: rules.reorder_max_ms,
                dice: Dice::new(seed, "reorder"),
            },
            partition: None,
            cuts: rules.cuts,
            down: vec![false; nodes as usize],
            paused: vec![false; nodes as usize],
            active_since: None,
            is_plain,
            counts: FaultCounts::default(),
        }
    }

    /// Lets the faults act from now on: loss, duplication, reordering and cuts.
    pub const fn start_faults(&mut self, now: Nanos) {
        self.active_since = Some(now);
    }

    /// Ends the faults.
    pub const fn stop_faults(&mut self) {
        self.active_since = None;
    }

    /// Cuts the network, or heals it.
    pub fn set_partition(&mut self, partition: Option<Partition>) {
        self.partition = partition;
    }

    /// The node's process is gone, or a new one is there. Messages to a node that is down are
    /// dropped, those of clients too.
    pub fn set_down(&mut self, node: usize, is_down: bool) {
        self.down[node] = is_down;
    }

    /// Pauses or resumes a node. Messages reach it all the same: its host makes them wait.
    pub fn set_paused(&mut self, node: usize, is_paused: bool) {
        self.paused[node] = is_paused;
    }

    /// True if the node is down.
    #[must_use]
    pub fn is_down(&self, node: u32) -> bool {
        self.down[node as usize]
    }

    /// True if the node is paused.
    #[must_use]
    pub fn is_paused(&self, node: u32) -> bool {
        self.paused[node as usize]
    }

    /// How often each fault has happened.
    #[must_use]
    pub const fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// The counts, for faults that are not the network's.
    pub const fn counts_mut(&mut self) -> &mut FaultCounts {
        &mut self.counts
    }

    /// When a cut begins or ends next.
    #[must_use]
    pub fn next_change(&self, now: Nanos) -> Option<Nanos> {
        let since = self.active_since?;
        let next = self.cuts.next_change(now.saturating_sub(since))?;
        Some(since.saturating_add(next))
    }

    /// True if a message between these nodes would get through if it arrived now: both are up and
    /// not paused, and no partition or cut stands between them. Loss at random does not count.
    #[must_use]
    pub fn connects(&self, now: Nanos, from: u32, to: u32) -> bool {
        let is_well = |node: u32| !self.down[node as usize] && !self.paused[node as usize];
        let crossing = self.crossing(now, from, to);
        is_well(from)
            && is_well(to)
            && self.partition.on_arrival(&crossing) == Verdict::Pass
            && self.cuts.on_arrival(&crossing) == Verdict::Pass
    }

    /// By node: the number of its connected component. Two nodes are linked if messages get
    /// through both ways. A node that is down or paused is alone.
    #[must_use]
    pub fn components(&self, now: Nanos) -> Vec<u32> {
        let nodes = self.down.len();
        let mut components = vec![0; nodes];
        let mut rest: Vec<u32> = (0..nodes as u32).rev().collect();
        let mut frontier = Vec::new();
        for component in 0.. {
            let Some(first) = rest.pop() else { break };
            frontier.push(first);
            while let Some(node) = frontier.pop() {
                components[node as usize] = component;
                rest.retain(|other| {
                    let is_linked =
                        self.connects(now, node, *other) && self.connects(now, *other, node);
                    if is_linked {
                        frontier.push(*other);
                    }
                    !is_linked
                });
            }
        }
        components
    }

    fn crossing(&self, now: Nanos, from: u32, to: u32) -> Crossing {
        let faults_since = self.active_since.map(|since| now.saturating_sub(since));
        Crossing { from, to, faults_since }
    }

    /// Decides what happens to a message between nodes that is sent.
    pub(super) fn on_send(&mut self, now: Nanos, from: u32, to: u32) -> Fate {
        let mut fate = Fate::default();
        if self.is_plain {
            return fate;
        }
        let crossing = self.crossing(now, from, to);
        let Self { slow, loss, duplicate, reorder, counts, .. } = self;
        let chain: [&mut dyn Rule; 4] = [slow, loss, duplicate, reorder];
        for rule in chain {
            let verdict = rule.on_send(&crossing);
            if fate.dropped.is_some() || verdict == Verdict::Pass {
                continue;
            }
            rule.count(counts);
            match verdict {
                Verdict::Pass => {}
                Verdict::Delay(by) => fate.delay = fate.delay.saturating_add(by),
                Verdict::Duplicate => fate.is_duplicated = true,
                Verdict::Drop(cause) => fate.dropped = Some(cause),
            }
        }
        fate
    }

    /// The cause why a message does not reach its receiver, which takes it now. `from` is only asked
    /// where it matters; it is `None` for a message from outside the cluster: only a node that is
    /// down keeps that away.
    pub(super) fn on_arrival(
        &mut self,
        now: Nanos,
        to: u32,
        from: impl FnOnce() -> Option<u32>,
    ) -> Option<DropCause> {
        if self.is_down(to) {
            self.counts.unheard += 1;
            return Some(DropCause::Down);
        }
        if self.partition.is_none() && self.cuts.0.is_empty() {
            return None;
        }
        let crossing = self.crossing(now, from()?, to);
        let Self { partition, cuts, counts, .. } = self;
        let chain: [&dyn Rule; 2] = [partition, cuts];
        chain.into_iter().find_map(|rule| match rule.on_arrival(&crossing) {
            Verdict::Drop(cause) => {
                rule.count(counts);
                Some(cause)
            }
            _ => None,
        })
    }
}
