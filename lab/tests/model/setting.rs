//! What is explored, and how far.

use rumormill::protocols::rumormill::mutation::Mutation;
use rumormill::protocols::rumormill::route::Route;

/// The explored settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) route: Route,
    pub(crate) edges: &'static [(usize, usize)],
    /// The nodes at which the first and the second value are broadcast.
    pub(crate) origins: [usize; 2],
    /// A bug to be found.
    pub(crate) mutation: Option<Mutation>,
    pub(crate) bounds: Bounds,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// Timeouts, messages lost, and messages delivered twice, in the whole run.
    pub(crate) timeouts: u8,
    pub(crate) losses: u8,
    pub(crate) duplications: u8,
    /// Times that a node loses its memory and starts again.
    pub(crate) restarts: u8,
    /// False: a timer that is further away does not come. It is that of the next digest, so what
    /// holds holds by acknowledgements and retries alone.
    pub(crate) digests: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { timeouts: 0, losses: 0, duplications: 0, restarts: 0, digests: true }
    }
}
