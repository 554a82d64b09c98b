//! Where a new value goes first.

/// The rule that decides which peers a new value is sent to.
///
/// Whatever the route, the topology's neighbours are the graph of anti-entropy: digests go along
/// it, and whatever somebody is found to lack is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To every topology neighbour not known to hold it (eager push).
    Topology,
}
