//! Entries held, by name: the memory of a protocol of the family.

use std::collections::BTreeMap;
use std::collections::btree_map;

use crate::effects::{Effects, Entry};
use crate::id::{EntryId, Origin};
use crate::set::Versions;
use crate::value::Value;

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
        self.held.insert(entry.id);
        true
    }

    /// Takes an entry of a peer in, and delivers it if it is new: then true.
    pub fn receive<M>(&mut self, entry: &Entry, out: &mut Effects<M>) -> bool {
        let is_new = self.insert(entry);
        if is_new {
            out.deliver(entry.clone());
        }
        is_new
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

    /// The names of the entries held, as a set.
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
        self.entries_of(self.held.difference(known)).collect()
    }

    /// True if there is an entry among those of `known` that is not held.
    #[must_use]
    pub fn lacks(&self, known: &Versions) -> bool {
        known.difference(&self.held).next().is_some()
    }

    /// The number of consecutive entries of an origin that are held, from its first on.
    #[must_use]
    pub fn prefix(&self, origin: Origin) -> u64 {
        let first = self.held.of(origin).iter().next();
        first.filter(|range| range.start == 0).map_or(0, |range| range.end)
    }
}

#[cfg(test)]
mod tests;
