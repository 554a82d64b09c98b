//! The alarms of a run.

/// Something to be done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The next operation, or the end of a phase.
    Generator,
    /// The mean latency changes.
    Latency(u64),
    /// A cut begins or ends.
    Connectivity,
    /// Half of the wait for the cluster to become quiescent is over.
    Rest,
    /// Look whether the cluster is quiet.
    Quiet,
    /// Read all nodes for the probe.
    Probe,
    /// Stop waiting for nodes that are read for the last time.
    Audit,
    /// The request of this client may have run out of time.
    Client(u32),
}
