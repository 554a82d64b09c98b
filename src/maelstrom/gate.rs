//! The gate: a message waits here until everything that it depends on is on disk.
//!
//! A message may vouch for anything that the node held when it was made: it depends on everything
//! appended to the journal until then. Without a journal nothing is ever appended, and nothing waits.

use std::collections::VecDeque;

use crate::journal::Offset;

/// Messages in order, each with the place in the journal that has to be on disk before it leaves.
#[derive(Clone, Debug)]
pub(super) struct Gate<M> {
    waiting: VecDeque<(Offset, M)>,
    /// Messages that depend on nothing.
    free: VecDeque<M>,
    appended: Offset,
    synced: Offset,
}

impl<M> Default for Gate<M> {
    fn default() -> Self {
        let (waiting, free) = (VecDeque::new(), VecDeque::new());
        Self { waiting, free, appended: Offset(0), synced: Offset(0) }
    }
}

impl<M> Gate<M> {
    /// Something was appended to the journal.
    pub(super) const fn on_append(&mut self) {
        self.appended.0 += 1;
    }

    /// Everything before this place is on disk.
    pub(super) fn on_sync(&mut self, upto: Offset) {
        self.synced = self.synced.max(upto.min(self.appended));
    }

    /// The place behind everything appended.
    pub(super) const fn appended(&self) -> Offset {
        self.appended
    }

    /// The place behind everything that is on disk.
    pub(super) const fn synced(&self) -> Offset {
        self.synced
    }

    /// Number of messages that are not taken yet.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.free.len()
    }

    /// Adds a message, which depends on everything appended so far.
    pub(super) fn push(&mut self, message: M) {
        self.waiting.push_back((self.appended, message));
    }

    /// Adds a message that depends on nothing.
    pub(super) fn push_free(&mut self, message: M) {
        self.free.push_back(message);
    }

    /// Takes the next message that may leave.
    pub(super) fn pop(&mut self) -> Option<M> {
        if let Some(message) = self.free.pop_front() {
            return Some(message);
        }
        let (needs, _) = self.waiting.front()?;
        let may_leave = *needs <= self.synced;
        may_leave.then(|| self.waiting.pop_front())?.map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(gate: &mut Gate<u32>) -> Vec<u32> {
        std::iter::from_fn(|| gate.pop()).collect()
    }

    #[test]
    fn a_message_leaves_when_what_was_appended_before_it_is_on_disk() {
        let mut gate = Gate::default();
        gate.push(1);
        gate.on_append();
        gate.push(2);
        gate.on_append();
        gate.push(3);
        gate.push_free(4);
        assert_eq!((taken(&mut gate), gate.len()), (vec![4, 1], 2));
        gate.on_sync(Offset(1));
        assert_eq!(taken(&mut gate), [2]);
        // A sync of less than before, and of more than there is.
        gate.on_sync(Offset(0));
        gate.on_sync(Offset(9));
        assert_eq!((taken(&mut gate), gate.synced()), (vec![3], Offset(2)));
        gate.on_append();
        gate.push(5);
        assert_eq!((taken(&mut gate), gate.appended()), (vec![], Offset(3)));
    }

    #[test]
    fn nothing_waits_as_long_as_nothing_is_appended() {
        let mut gate = Gate::default();
        (0..3).for_each(|message| gate.push(message));
        assert_eq!(taken(&mut gate), [0, 1, 2]);
    }
}
