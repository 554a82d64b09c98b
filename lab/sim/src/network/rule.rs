//! One condition of the network: what it does to a message.

use super::{DropCause, FaultCounts};
use crate::time::Nanos;

/// The fate of a message at one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It goes on so much later.
    Delay(Nanos),
    /// It goes on, and a copy of it with a latency of its own.
    Duplicate,
    /// It is lost.
    Drop(DropCause),
}

/// A message on its way between two nodes, as the rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Crossing {
    /// Sender.
    pub from: u32,
    /// Receiver.
    pub to: u32,
    /// For how long the faults have acted; `None` while they do not act.
    pub faults_since: Option<Nanos>,
}

/// A rule of the chain. It draws from its dice once per message, whatever other rules say and
/// also while no fault acts: so one rule never moves the dice of another.
pub trait Rule {
    /// Decides about a message when it is sent.
    fn on_send(&mut self, crossing: &Crossing) -> Verdict {
        let _ = crossing;
        Verdict::Pass
    }

    /// Decides about a message when its receiver takes it.
    fn on_arrival(&self, crossing: &Crossing) -> Verdict {
        let _ = crossing;
        Verdict::Pass
    }

    /// Counts a verdict that took effect.
    fn count(&self, counts: &mut FaultCounts) {
        let _ = counts;
    }
}
