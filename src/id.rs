//! Names of nodes, of their generations, and of entries, as numbers.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A node, by its position in the node list of `init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// One generation of a node: it begins when the process starts and ends with it (SWIM's
/// incarnation, Scuttlebutt's generation). A later generation of a node has another number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Times in milliseconds since 1970 below this one (in 2004) are those of a clock that was not set.
const CLOCK_SET_MILLIS: u64 = 1 << 40;

impl Generation {
    /// The generation of a process that starts at this time of its clock.
    ///
    /// A generation is the time in milliseconds, so a later one is larger, and peers take a larger
    /// one for a newer one. Two starts of a node must be a millisecond apart. A clock that was never set tells nothing: it may start at the same time
    /// again and again. Then the generation is `drawn`, a random number, from 1 to
    /// [`CLOCK_SET_MILLIS`]: below all times, so that it is older than any generation of a clock
    /// that was set. Two drawn ones differ, but for one case in 2^40, and their order is that of
    /// chance. That is no harm: a peer that takes the living generation for an older one challenges
    /// it, as after a clock was set back.
    #[must_use]
    pub fn new(clock: SystemTime, drawn: u64) -> Self {
        let since = clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self(if millis > CLOCK_SET_MILLIS { millis } else { 1 + drawn % CLOCK_SET_MILLIS })
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One generation of one node: the origin of the entries that clients submit to it.
///
/// A restarted node has lost its sequence numbers. Its new generation makes it a new origin, so
/// the name of an entry is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The node.
    pub node: NodeId,
    /// Its generation.
    pub generation: Generation,
}

/// The name of an entry: unique in a cluster, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Where the entry was submitted.
    pub origin: Origin,
    /// Its number among the entries of its origin, from 0.
    pub sequence: u64,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_generation_is_the_time_of_its_start() {
        let at = |secs| Generation::new(UNIX_EPOCH + Duration::from_secs(secs), 7);
        assert_eq!(at(1_700_000_000), Generation(1_700_000_000_000));
        assert!(at(1_700_000_000) < at(1_700_000_001));
    }

    #[test]
    fn a_generation_of_a_clock_that_was_not_set_is_drawn_and_older_than_any_time() {
        let clocks = [UNIX_EPOCH - Duration::from_secs(5), UNIX_EPOCH + Duration::from_secs(5)];
        for clock in clocks {
            let [a, b] = [7, 8].map(|drawn| Generation::new(clock, drawn));
            assert_ne!(a, b);
            for drawn in [0, u64::MAX] {
                let generation = Generation::new(clock, drawn);
                assert!((1..=CLOCK_SET_MILLIS).contains(&generation.0), "{generation}");
            }
        }
    }
}
