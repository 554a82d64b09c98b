//! The room in a message: as many entries and bytes as one may carry.

use std::ops::Range;

use crate::protocols::rumormill::replica::{Replica, weight};
use crate::set::{OriginId, SharedSet, VersionSet};

/// The rest of the limits of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    entries: u64,
    bytes: usize,
    is_untouched: bool,
}

impl Room {
    /// An empty message of at most so many entries and bytes; it has room for one entry at least,
    /// however long.
    pub(crate) fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self { entries: entries_max.max(1) as u64, bytes: bytes_max, is_untouched: true }
    }

    /// Takes as much out of `queue`, in order, as there is room for.
    pub(crate) fn take(&mut self, replica: &Replica, queue: &mut SharedSet) -> SharedSet {
        if self.take_all(replica, queue) {
            return std::mem::take(queue);
        }
        let mut taken = VersionSet::new();
        for (origin, range) in queue.ranges() {
            let admitted = self.admit(replica, origin, &range);
            taken.insert(origin, admitted.clone());
            if admitted != range {
                break;
            }
        }
        queue.change(|queue| queue.subtract(&taken));
        taken.into()
    }

    /// True if there is room for all of `entries`: then they have it.
    pub(crate) fn take_all(&mut self, replica: &Replica, entries: &VersionSet) -> bool {
        let count = entries.count();
        if count > self.entries {
            return false;
        }
        let bytes = replica.bytes(entries);
        let fits = bytes <= self.bytes || (self.is_untouched && count == 1);
        if fits {
            self.entries -= count;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.is_untouched &= count == 0;
        }
        fits
    }

    /// The part of `range` that there is room for: then it has it.
    fn admit(&mut self, replica: &Replica, origin: OriginId, range: &Range<u64>) -> Range<u64> {
        let end = range.end.min(range.start.saturating_add(self.entries));
        let values = replica.values(origin, &(range.start..end)).iter();
        let count = values.take_while(|value| self.admits(weight(value))).count() as u64;
        range.start..range.start + count
    }

    /// True if there is room for an entry of so many bytes: then it has it.
    const fn admits(&mut self, bytes: usize) -> bool {
        let fits = self.entries > 0 && (self.is_untouched || bytes <= self.bytes);
        if fits {
            self.entries -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.is_untouched = false;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Generation, NodeId, Origin};
    use crate::time::Instant;
    use crate::value::Value;

    /// Two values of 30 bytes and two numbers, all of one origin.
    fn replica() -> Replica {
        let own = Origin { node: NodeId(0), generation: Generation(1) };
        let mut replica = Replica::new(own);
        let origin = replica.origin_id(own);
        let text: Value = Value::Json("x".repeat(30).into());
        replica.insert(Instant::ZERO, origin, 0, &[text.clone(), text, 1.into(), 2.into()]);
        replica
    }

    #[test]
    fn a_message_has_at_least_one_entry_and_no_more_than_fit() {
        let replica = replica();
        let count = |entries, bytes| {
            Room::new(entries, bytes).take(&replica, &mut replica.held().clone().into()).count()
        };
        assert_eq!((count(10, 1_000), count(3, 1_000), count(0, 1_000)), (4, 3, 1));
        // A value larger than the limit goes alone.
        assert_eq!((count(10, 5), count(10, 59), count(10, 60), count(10, 68)), (1, 1, 2, 3));
    }

    #[test]
    fn what_goes_along_has_the_room_that_is_left_or_stays_behind() {
        let replica = replica();
        let origin = OriginId(0);
        let entries = |range: Range<u64>| -> SharedSet {
            VersionSet::from_iter([(origin, std::iter::once(range).collect())]).into()
        };
        let mut room = Room::new(10, 64);
        assert_eq!(room.take(&replica, &mut entries(0..1)).count(), 1);
        // 34 bytes are left: a text and a number are too long, and take nothing of them.
        assert!(!room.take_all(&replica, &entries(1..3)));
        assert!(room.take_all(&replica, &entries(1..2)));
        assert!(!room.take_all(&replica, &entries(2..3)));
        let mut room = Room::new(1, 64);
        assert!(room.take_all(&replica, &entries(0..1)));
        assert!(
            !room.take_all(&replica, &entries(2..3))
                && room.take(&replica, &mut entries(2..3)).is_empty()
        );
    }

    #[test]
    fn what_fits_is_taken_range_by_range() {
        let replica = replica();
        let mut queue = VersionSet::new();
        [0..1, 2..3, 3..4].into_iter().for_each(|range| queue.insert(OriginId(0), range));
        let queue = SharedSet::from(queue);
        let taken = |entries| Room::new(entries, 1_000).take(&replica, &mut queue.clone()).count();
        assert_eq!([1, 2, 3].map(taken), [1, 2, 3]);
        // One that finds no room keeps those after it back.
        let mut mixed = VersionSet::new();
        [0..2, 3..4].into_iter().for_each(|range| mixed.insert(OriginId(0), range));
        assert_eq!(Room::new(10, 40).take(&replica, &mut mixed.into()).count(), 1);
        assert_eq!(Room::new(10, 37).take(&replica, &mut queue.clone()).count(), 1);
        assert_eq!(Room::new(10, 38).take(&replica, &mut queue.clone()).count(), 2);
    }
}
