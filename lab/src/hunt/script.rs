//! What is to happen when: operations and faults of nodes, in the order of time.

use std::collections::{BTreeMap, VecDeque};

use rumormill::message::Name;

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
    Jump(usize, Nanos),
    Crash(usize),
    /// It comes back, and may be told the topology.
    Restart(usize, bool),
}

#[derive(Debug)]
pub(super) struct Script(VecDeque<(Nanos, Event)>);

impl Script {
    pub(super) fn of(case: &Case, ids: &BTreeMap<Name, u32>) -> Self {
        let mut events = Vec::new();
        let id = |name: &Name| ids.get(name).map_or(0, |&id| id as usize);
        let mut add = |at_ms: u64, event| events.push((at_ms.saturating_mul(MS), event));
        for pause in &case.pause {
            add(pause.at_ms, Event::Pause(id(&pause.node)));
            add(pause.at_ms.saturating_add(pause.for_ms), Event::Resume(id(&pause.node)));
        }
        for jump in &case.jump {
            add(jump.at_ms, Event::Jump(id(&jump.node), jump.by_ms.saturating_mul(MS)));
        }
        for crash in &case.crash {
            let node = id(&crash.node);
            add(crash.at_ms, Event::Crash(node));
            if let Some(down_ms) = crash.down_ms {
                add(crash.at_ms.saturating_add(down_ms), Event::Restart(node, crash.topology));
            }
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
