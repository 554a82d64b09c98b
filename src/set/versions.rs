//! A set of entries by their origins' names: a version vector with exceptions.

use std::collections::BTreeMap;

use super::Ranges;
use crate::id::{EntryId, Origin};

/// No entries of an origin.
static NONE: Ranges = Ranges::new();

/// A set of entries by name, as messages of the family carry it. (A
/// [`VersionSet`](super::VersionSet) is the same by a node's own numbers for origins.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<Origin, Ranges>);

impl Versions {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// True if no entry is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(Ranges::is_empty)
    }

    /// Adds an entry.
    pub fn insert(&mut self, EntryId { origin, sequence }: EntryId) {
        // The set is of half-open ranges: the very last number has no end.
        self.0.entry(origin).or_default().insert(sequence..sequence.saturating_add(1));
    }

    /// True if the entry is in the set.
    #[must_use]
    pub fn contains(&self, id: EntryId) -> bool {
        self.of(id.origin).contains(id.sequence)
    }

    /// The entries of an origin.
    #[must_use]
    pub fn of(&self, origin: Origin) -> &Ranges {
        self.0.get(&origin).unwrap_or(&NONE)
    }

    /// The origins, ascending.
    pub fn origins(&self) -> impl Iterator<Item = Origin> + '_ {
        self.0.keys().copied()
    }

    /// The entries by origin.
    #[must_use]
    pub const fn by_origin(&self) -> &BTreeMap<Origin, Ranges> {
        &self.0
    }

    /// Adds all of `other`.
    pub fn union_with(&mut self, other: &Self) {
        for (&origin, ranges) in &other.0 {
            self.0.entry(origin).or_default().union_with(ranges);
        }
    }

    /// The entries of this set that are not in `other`, ascending.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = EntryId> + 'a {
        self.0.iter().flat_map(|(&origin, ranges)| {
            let rest: Vec<_> = ranges.difference(other.of(origin)).iter().collect();
            rest.into_iter().flatten().map(move |sequence| EntryId { origin, sequence })
        })
    }
}

impl From<BTreeMap<Origin, Ranges>> for Versions {
    fn from(by_origin: BTreeMap<Origin, Ranges>) -> Self {
        Self(by_origin)
    }
}

impl FromIterator<EntryId> for Versions {
    fn from_iter<I: IntoIterator<Item = EntryId>>(ids: I) -> Self {
        let mut versions = Self::new();
        ids.into_iter().for_each(|id| versions.insert(id));
        versions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Generation, NodeId};

    fn ids(node: u32, sequences: &[u64]) -> Vec<EntryId> {
        let origin = Origin { node: NodeId(node), generation: Generation(1) };
        sequences.iter().map(|&sequence| EntryId { origin, sequence }).collect()
    }

    #[test]
    fn an_origin_that_only_one_set_knows_counts_in_union_and_difference() {
        let ours: Versions = [ids(0, &[0, 1, 5]), ids(2, &[3])].concat().into_iter().collect();
        let theirs: Versions = [ids(0, &[1, 2]), ids(1, &[0])].concat().into_iter().collect();
        let missing: Vec<EntryId> = ours.difference(&theirs).collect();
        assert_eq!(missing, [ids(0, &[0, 5]), ids(2, &[3])].concat());
        let mut all = theirs;
        all.union_with(&ours);
        assert_eq!(all.difference(&Versions::new()).count(), 6);
        assert!(ours.difference(&all).next().is_none());
        assert!(all.contains(ids(1, &[0])[0]) && !ours.contains(ids(1, &[0])[0]));
    }

    #[test]
    fn an_origin_without_entries_does_not_make_a_set_that_is_not_empty() {
        let origin = ids(0, &[0])[0].origin;
        assert!(Versions::from(BTreeMap::from([(origin, Ranges::new())])).is_empty());
        assert!(!ids(0, &[0]).into_iter().collect::<Versions>().is_empty());
    }
}
