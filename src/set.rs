//! Sets of entries, as ranges of sequence numbers per origin.
//!
//! The set behind everything the node knows about its peers. When nothing is missing it is one
//! range per origin, however many values there are: the observation that lets QUIC acknowledge
//! packets by ranges, and a version vector with exceptions in the gossip literature.

mod origins;
pub(crate) mod ranges;
mod version_set;
mod versions;

pub use origins::Origins;
pub use ranges::Ranges;
pub use version_set::{OriginId, VersionSet};
pub use versions::Versions;
