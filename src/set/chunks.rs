//! Lists that grow without being moved.

use std::ops::{Index, IndexMut};

use super::make_room;

/// Elements of a chunk.
const CHUNK: usize = 64;

/// A list that only grows. It stands in chunks of one size: a longer list is not copied, and the memory
/// that it leaves is none that no other list fits into.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Chunks<T> {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    /// Appends an element.
    pub(crate) fn push(&mut self, element: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < CHUNK => {
                make_room(last);
                last.push(element);
            }
            Some(_) => {
                let mut next = Vec::with_capacity(CHUNK);
                next.push(element);
                make_room(&mut self.0);
                self.0.push(next);
            }
            None => self.0.push(vec![element]),
        }
    }

    /// The element at this place, if there is one.
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.0.get(at / CHUNK)?.get(at % CHUNK)
    }

    /// The elements.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.0[at / CHUNK][at % CHUNK]
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.0[at / CHUNK][at % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_one_list_and_none_is_moved() {
        let mut list = Chunks::default();
        assert_eq!((list.len(), list.iter().count()), (0, 0));
        for i in 0..5 * CHUNK {
            list.push(i);
            assert_eq!((list.len(), list[i]), (i + 1, i));
        }
        let second: *const usize = &raw const list[CHUNK];
        list[CHUNK] = 7;
        (0..CHUNK).for_each(|i| list.push(i));
        assert!(std::ptr::eq(second, &raw const list[CHUNK]) && list[CHUNK] == 7);
        assert_eq!(list.iter().skip(CHUNK).step_by(CHUNK).count(), 5);
        assert!(list.0.iter().all(|chunk| chunk.len() == CHUNK && chunk.capacity() < 2 * CHUNK));
    }
}
