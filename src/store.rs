//! Entries held, by name: the memory of a protocol of the family.

use std::collections::BTreeMap;
use std::collections::btree_map;

use crate::id::{EntryId, Origin};
use crate::protocol::Entry;
use crate::set::Ranges;
use crate::value::Value;

/// A set of entries by name: a version vector with exceptions.
pub type Versions = BTreeMap<Origin, Ranges>;

/// Entries with their values. None is ever removed.
#[derive(Clone, Debug, Default)]
pub struct Store {
    values: BTreeMap<EntryId, Value>,
    held: Versions,
}

impl Store {
    /// Takes an entry in; false if it is held already.
    pub fn insert(&mut self, entry: &Entry) -> bool {
        let btree_map::Entry::Vacant(vacant) = self.values.entry(entry.id) else { return false };
        vacant.insert(entry.value.clone());
        let EntryId { origin, sequence } = entry.id;
        // The set is of half-open ranges: the very last number has no end.
        self.held.entry(origin).or_default().insert(sequence..sequence.saturating_add(1));
        true
    }

    /// True if the entry is held.
    #[must_use]
    pub fn contains(&self, id: EntryId) -> bool {
        self.values.contains_key(&id)
    }

    /// The entry, if it is held.
    #[must_use]
    pub fn get(&self, id: EntryId) -> Option<Entry> {
        self.values.get(&id).map(|value| Entry { id, value: value.clone() })
    }

    /// The names of the entries held, as ranges.
    #[must_use]
    pub const fn held(&self) -> &Versions {
        &self.held
    }

    /// Number of entries held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True if no entry is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names of the entries held, ascending.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = EntryId> + '_ {
        self.values.keys().copied()
    }

    /// The entries held, ascending by name.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.values.iter().map(|(&id, value)| Entry { id, value: value.clone() })
    }

    /// The entries of some names, as far as they are held.
    pub fn entries_of<'a>(
        &'a self,
        ids: impl IntoIterator<Item = EntryId> + 'a,
    ) -> impl Iterator<Item = Entry> + 'a {
        ids.into_iter().filter_map(|id| self.get(id))
    }

    /// The entries held that are not among those of `known`, ascending by name.
    #[must_use]
    pub fn missing_from(&self, known: &Versions) -> Vec<Entry> {
        let none = Ranges::new();
        let missing = self.held.iter().flat_map(|(&origin, held)| {
            let missing = held.difference(known.get(&origin).unwrap_or(&none));
            let ids: Vec<EntryId> =
                missing.iter().flatten().map(|sequence| EntryId { origin, sequence }).collect();
            ids
        });
        self.entries_of(missing).collect()
    }

    /// True if there is an entry among those of `known` that is not held.
    #[must_use]
    pub fn lacks(&self, known: &Versions) -> bool {
        known.iter().any(|(origin, theirs)| match self.held.get(origin) {
            Some(ours) => !theirs.difference(ours).is_empty(),
            None => !theirs.is_empty(),
        })
    }

    /// The number of consecutive entries of an origin that are held, from its first on.
    #[must_use]
    pub fn prefix(&self, origin: Origin) -> u64 {
        let first = self.held.get(&origin).and_then(|held| held.iter().next());
        first.filter(|range| range.start == 0).map_or(0, |range| range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Generation, NodeId};

    fn entry(node: u32, sequence: u64) -> Entry {
        let origin = Origin { node: NodeId(node), generation: Generation(1) };
        Entry { id: EntryId { origin, sequence }, value: Value::Int(7) }
    }

    #[test]
    fn an_entry_is_taken_once_and_gaps_are_seen() {
        let mut store = Store::default();
        for (node, sequence) in [(0, 0), (0, 1), (0, 3), (1, 2)] {
            assert!(store.insert(&entry(node, sequence)));
            assert!(!store.insert(&entry(node, sequence)));
        }
        let [first, second] = [0, 1].map(|node| entry(node, 0).id.origin);
        assert_eq!((store.prefix(first), store.prefix(second), store.len()), (2, 0, 4));
        let known = Versions::from([(first, [0..1, 3..9].into_iter().collect())]);
        assert_eq!(store.missing_from(&known), [entry(0, 1), entry(1, 2)]);
        assert_eq!(store.missing_from(store.held()), []);
        assert!(store.lacks(&known) && !store.lacks(store.held()));
        assert!(store.insert(&entry(0, u64::MAX)) && store.contains(entry(0, u64::MAX).id));
    }
}
