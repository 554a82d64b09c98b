//! Faults of nodes.

use rumormill::id::NodeId;

use crate::time::Nanos;

/// A fault of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeFault {
    /// The node.
    pub node: NodeId,
    /// The fault.
    pub kind: NodeFaultKind,
}

/// Kinds of faults of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFaultKind {
    /// Time stands still for the node, so long; [`Nanos::MAX`] until a fault lets it go on.
    Pause(Nanos),
    /// The node goes on; all that came meanwhile arrives.
    Resume,
    /// The node's disk has no space, so long. Meanwhile the node does not start.
    FillDisk(Nanos),
    /// The disk has space again.
    FreeDisk,
    /// The node's clock jumps by so many nanoseconds.
    ClockJump(i64),
    /// The node dies. Its memory is gone.
    Crash {
        /// How long it is down; `None` for good.
        down: Option<Nanos>,
        /// It will not be told the topology again.
        forget_topology: bool,
    },
    /// The node comes back, in its next generation.
    Restart {
        /// It is told the topology as well.
        topology: bool,
    },
}
