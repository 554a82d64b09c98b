//! What is to happen when: operations and faults of nodes, in the order of time.

use std::collections::{BTreeMap, VecDeque};

use rumormill::cluster::Name;

use super::case::Case;
use crate::generator::MS;
use crate::history::Nanos;

/// Something that happens to a node, by its position in the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The case's operation of this number is made.
    Operate(usize),
    Pause(usize),
    Resume(usize),
    /// Its clock jumps this far.
    Jump(usize, i64),
    Crash(usize),
    /// It comes back, and may be told the topology.
    Restart(usize, bool),
    /// Messages take this long from now on, on average.
    Latency(u64),
}

#[derive(Debug)]
pub(super) struct Script(VecDeque<(Nanos, Event)>);

impl Script {
    pub(super) fn of(case: &Case, ids: &BTreeMap<Name, u32>) -> Self {
        let mut events = Vec::new();
        let id = |name: &Name| ids.get(name).map_or(0, |&id| id as usize);
        let mut add = |at_ms: u64, event| events.push((at_ms.saturating_mul(MS), event));
        let faults = &case.faults;
        for pause in &faults.pause {
            add(pause.at_ms, Event::Pause(id(&pause.node)));
            add(pause.at_ms.saturating_add(pause.for_ms), Event::Resume(id(&pause.node)));
        }
        for jump in &faults.clock_jump {
            let by = jump.by_ms.saturating_mul(MS.cast_signed());
            add(jump.at_ms, Event::Jump(id(&jump.node), by));
        }
        for crash in &faults.crash {
            let node = id(&crash.node);
            add(crash.at_ms, Event::Crash(node));
            if let Some(down_ms) = crash.down_ms {
                add(
                    crash.at_ms.saturating_add(down_ms),
                    Event::Restart(node, !crash.forget_topology),
                );
            }
        }
        for change in &faults.latency {
            add(change.at_ms, Event::Latency(change.mean_ms));
        }
        for (number, op) in case.op.iter().enumerate() {
            add(op.at_ms, Event::Operate(number));
        }
        events.sort_by_key(|(at, _)| *at);
        Self(events.into())
    }

    pub(super) fn next_time(&self) -> Option<Nanos> {
        self.0.front().map(|(at, _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.0.pop_front().map(|(_, event)| event)
    }
}
