//! Sets that several may share.

use std::ops::Deref;
use std::sync::Arc;

use super::VersionSet;

static EMPTY: VersionSet = VersionSet::new();

/// A set of entries that is not copied until it is changed: a hub sends many children the same. The empty
/// set takes no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SharedSet(Option<Arc<VersionSet>>);

impl SharedSet {
    /// True if both are the same set in memory, or empty.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.as_ref().map(Arc::as_ptr) == other.0.as_ref().map(Arc::as_ptr)
    }

    /// True if changing it costs a copy, or it is empty.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.0.as_ref().is_none_or(|set| Arc::strong_count(set) > 1)
    }

    /// Changes this one, and no other.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut VersionSet) -> T) -> T {
        let set = Arc::make_mut(self.0.get_or_insert_default());
        let result = change(set);
        if set.is_empty() {
            self.0 = None;
        }
        result
    }
}

impl Deref for SharedSet {
    type Target = VersionSet;

    fn deref(&self) -> &VersionSet {
        self.0.as_deref().unwrap_or(&EMPTY)
    }
}

impl From<VersionSet> for SharedSet {
    fn from(set: VersionSet) -> Self {
        Self((!set.is_empty()).then(|| Arc::new(set)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::OriginId;

    #[test]
    fn a_change_of_one_is_none_of_the_others() {
        let set = |end| VersionSet::from_iter([(OriginId(0), std::iter::once(0..end).collect())]);
        let mut one = SharedSet::from(set(3));
        let other = one.clone();
        assert!(one.is(&other) && one.is_shared());
        one.change(|one| one.insert(OriginId(0), 3..4));
        assert!(!one.is(&other) && !one.is_shared() && one != other);
        assert_eq!((one.clone(), &*other), (set(4).into(), &set(3)));
        one.change(|one| one.subtract(&set(9)));
        assert!(one.is(&SharedSet::default()) && one.is_shared() && one.is_empty());
    }
}
