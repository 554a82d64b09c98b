//! When each value came to be on each node: observations, not estimates.
//!
//! Two sources: probe reads (any node binary) and the values in our own gossip messages as they
//! are handed over. Checkers turn them into figures.

use crate::history::Nanos;

/// What one source saw of one broadcast value. Times are relative, like the history's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueSpread {
    /// When its broadcast was invoked.
    pub invoked: Nanos,
    /// When its broadcast was acknowledged, if it was.
    pub acked: Option<Nanos>,
    /// Nodes seen to hold it.
    pub holders: u32,
    /// When the latest of them was first seen to hold it.
    pub last_held: Nanos,
}

impl ValueSpread {
    /// From the acknowledgement until the last node held it; `None` unless all `nodes` do. Zero
    /// if all held it before the acknowledgement.
    #[must_use]
    pub fn since_ack(&self, nodes: usize) -> Option<Nanos> {
        let acked = self.acked?;
        (self.holders as usize == nodes).then(|| self.last_held.saturating_sub(acked))
    }

    /// From the invocation until the last node held it; `None` unless all `nodes` do.
    #[must_use]
    pub fn since_invoke(&self, nodes: usize) -> Option<Nanos> {
        (self.holders as usize == nodes).then(|| self.last_held.saturating_sub(self.invoked))
    }
}

/// What one source saw of all values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Convergence {
    /// How many nodes there are.
    pub nodes: usize,
    /// By value: they are 0, 1, 2, …
    pub values: Vec<ValueSpread>,
}
