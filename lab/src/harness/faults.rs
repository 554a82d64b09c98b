//! Faults of node processes: SIGKILL and another start, SIGSTOP and SIGCONT.

use std::collections::BTreeMap;

use rumormill_judge::generator::schedule;
use rumormill_judge::outcome::Phase;
use rumormill_judge::settings::Settings;
use rumormill_sim::{Nanos, NodeFault, NodeFaultKind};

/// The faults to come. They begin with the main phase and end with it: then every node is well that
/// can be.
#[derive(Debug)]
pub struct FaultPlan {
    /// By time from the start of the main phase; empty once that has begun.
    scheduled: Vec<(Nanos, NodeFault)>,
    /// By time and order of entry.
    due: BTreeMap<(Nanos, u64), NodeFault>,
    count: u64,
    has_ended: bool,
    /// By node: until when it is paused.
    paused_until: Vec<Option<Nanos>>,
    /// By node: it was killed, and has not come back.
    is_down: Vec<bool>,
}

impl FaultPlan {
    pub(super) fn new(settings: &Settings) -> Self {
        let nodes = settings.nodes.len();
        Self {
            scheduled: schedule(settings),
            due: BTreeMap::new(),
            count: 0,
            has_ended: false,
            paused_until: vec![None; nodes],
            is_down: vec![false; nodes],
        }
    }

    /// The time of the next fault.
    pub(super) fn next_time(&self) -> Option<Nanos> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// True from a kill to the next start.
    pub(super) fn is_down(&self, node: usize) -> bool {
        self.is_down[node]
    }

    /// Begins or ends the faults, if the run has come to that phase.
    pub(super) fn follow(&mut self, now: Nanos, phase: Phase) {
        if phase >= Phase::Main {
            for (at, fault) in std::mem::take(&mut self.scheduled) {
                self.plan(now.saturating_add(at), fault);
            }
        }
        if phase >= Phase::Recovery && !self.has_ended {
            self.has_ended = true;
            for (_, fault) in std::mem::take(&mut self.due) {
                if let NodeFaultKind::Resume | NodeFaultKind::Restart { .. } = fault.kind {
                    self.paused_until[index(fault)] = self.paused_until[index(fault)].map(|_| now);
                    self.plan(now, fault);
                }
            }
        }
    }

    /// Lets a fault of the nemesis be due now. A pause ends, however long it was to be.
    pub(super) fn command(&mut self, now: Nanos, fault: NodeFault) {
        if fault.kind == NodeFaultKind::Resume {
            let until = &mut self.paused_until[index(fault)];
            *until = until.map(|_| now);
        }
        self.plan(now, fault);
    }

    /// The next fault that is due, unless the node is in no state for it.
    pub(super) fn pop_due(&mut self, now: Nanos) -> Option<NodeFault> {
        while self.next_time().is_some_and(|at| at <= now) {
            let (_, fault) = self.due.pop_first()?;
            if self.strike(now, fault) {
                return Some(fault);
            }
        }
        None
    }

    fn plan(&mut self, at: Nanos, fault: NodeFault) {
        self.count += 1;
        self.due.insert((at, self.count), fault);
    }

    /// Notes what becomes of the node; false if nothing does.
    fn strike(&mut self, now: Nanos, fault: NodeFault) -> bool {
        let node = index(fault);
        let (is_down, paused_until) = (self.is_down[node], self.paused_until[node]);
        match fault.kind {
            NodeFaultKind::Pause(length) if !is_down => {
                let until = now.saturating_add(length).max(paused_until.unwrap_or_default());
                self.paused_until[node] = Some(until);
                if until < Nanos::MAX {
                    self.plan(until, NodeFault { kind: NodeFaultKind::Resume, ..fault });
                }
                true
            }
            NodeFaultKind::Resume if paused_until.is_some_and(|until| until <= now) => {
                self.paused_until[node] = None;
                true
            }
            NodeFaultKind::Crash { down, forget_topology } if !is_down => {
                self.is_down[node] = true;
                self.paused_until[node] = None;
                if let Some(down) = down {
                    let kind = NodeFaultKind::Restart { topology: !forget_topology };
                    self.plan(now.saturating_add(down), NodeFault { kind, ..fault });
                }
                true
            }
            NodeFaultKind::Restart { .. } if is_down => {
                self.is_down[node] = false;
                true
            }
            // Clocks of processes are the machine's: refused before the run.
            _ => false,
        }
    }
}

/// The node's place in the list of nodes.
pub(super) const fn index(fault: NodeFault) -> usize {
    fault.node.0 as usize
}

#[cfg(test)]
mod tests {
    use rumormill_judge::settings::faults::FaultSettings;
    use rumormill_sim::MS;

    use super::*;

    fn plan(toml: &str) -> FaultPlan {
        let faults = FaultSettings::from_toml(toml).unwrap();
        FaultPlan::new(&Settings { faults, ..Settings::with_nodes(3) })
    }

    fn struck(plan: &mut FaultPlan, at_ms: u64) -> Vec<NodeFaultKind> {
        std::iter::from_fn(|| plan.pop_due(at_ms * MS)).map(|fault| fault.kind).collect()
    }

    #[test]
    fn faults_begin_with_the_main_phase_and_every_node_is_back_at_its_end() {
        let mut plan = plan(
            "crash = [{ node = 'n0', at-ms = 10, down-ms = 5000 }, { node = 'n1', at-ms = 10 }]
             pause = [{ node = 'n2', at-ms = 20, for-ms = 5000 }]",
        );
        plan.follow(0, Phase::Topology);
        assert_eq!(plan.next_time(), None);
        plan.follow(100 * MS, Phase::Main);
        assert_eq!(plan.next_time(), Some(110 * MS));
        assert!(struck(&mut plan, 109).is_empty());
        assert_eq!((struck(&mut plan, 130).len(), plan.is_down(0)), (3, true));
        plan.follow(200 * MS, Phase::Recovery);
        let back = [NodeFaultKind::Restart { topology: true }, NodeFaultKind::Resume];
        let kinds = struck(&mut plan, 200);
        assert!(kinds.len() == 2 && back.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
        assert_eq!((plan.is_down(0), plan.is_down(1)), (false, true));
    }

    #[test]
    fn a_node_that_is_down_neither_dies_nor_pauses_and_pauses_add_up() {
        let mut plan = plan(
            "crash = [{ node = 'n0', at-ms = 10, down-ms = 20 }, { node = 'n0', at-ms = 15 }]
             pause = [{ node = 'n0', at-ms = 20, for-ms = 5 }, { node = 'n1', at-ms = 20, for-ms = 50 },
                      { node = 'n1', at-ms = 30, for-ms = 10 }]",
        );
        plan.follow(0, Phase::Main);
        assert_eq!((struck(&mut plan, 10).len(), struck(&mut plan, 20).len()), (1, 1));
        // Back, and paused once more.
        assert_eq!(struck(&mut plan, 30).len(), 2);
        assert!(struck(&mut plan, 69).is_empty());
        assert_eq!(struck(&mut plan, 70), [NodeFaultKind::Resume]);
        assert_eq!(plan.next_time(), None);
    }
}
