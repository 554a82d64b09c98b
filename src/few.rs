//! Lists that are seldom longer than one.

use std::iter::Chain;
use std::ops::{Deref, DerefMut};
use std::{option, vec};

/// A list that keeps a single element in place.
///
/// With a million nodes and one rumour, the time goes into waiting for memory. An element in place
/// costs neither an allocation nor a second wait.
#[derive(Clone, Debug)]
pub struct Few<T>(Repr<T>);

#[derive(Clone, Debug)]
enum Repr<T> {
    /// At most one element.
    One(Option<T>),
    /// Any number, as it has been more than one.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// The empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::One(None))
    }

    /// Appends an element.
    pub fn push(&mut self, element: T) {
        self.insert(self.len(), element);
    }

    /// Inserts an element at this place; panics if it is beyond the end.
    pub fn insert(&mut self, at: usize, element: T) {
        match &mut self.0 {
            Repr::One(one @ None) if at == 0 => *one = Some(element),
            Repr::One(one) => {
                let mut many: Vec<T> = one.take().into_iter().collect();
                many.insert(at, element);
                self.0 = Repr::Many(many);
            }
            Repr::Many(many) => many.insert(at, element),
        }
    }

    /// Removes the element at this place, if there is one.
    pub fn remove(&mut self, at: usize) -> Option<T> {
        match &mut self.0 {
            Repr::One(one) if at == 0 => one.take(),
            Repr::Many(many) if at < many.len() => {
                let element = many.remove(at);
                if many.is_empty() {
                    *self = Self::new();
                }
                Some(element)
            }
            _ => None,
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Repr::One(one) => one.as_slice(),
            Repr::Many(many) => many,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Repr::One(one) => one.as_mut_slice(),
            Repr::Many(many) => many,
        }
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(mut many: Vec<T>) -> Self {
        Self(if many.len() > 1 { Repr::Many(many) } else { Repr::One(many.pop()) })
    }
}

impl<T, const N: usize> From<[T; N]> for Few<T> {
    fn from(elements: [T; N]) -> Self {
        elements.into_iter().collect()
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        elements.into_iter().for_each(|element| self.push(element));
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut few = Self::new();
        few.extend(elements);
        few
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = Chain<option::IntoIter<T>, vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self.0 {
            Repr::One(one) => (one, Vec::new()),
            Repr::Many(many) => (None, many),
        };
        one.into_iter().chain(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_few_is_a_list() {
        let mut few = Few::new();
        assert_eq!((few.len(), few.remove(0)), (0, None));
        few.push('b');
        few.insert(0, 'a');
        few.insert(2, 'c');
        assert_eq!(*few, ['a', 'b', 'c']);
        few[1] = 'x';
        assert_eq!((few.remove(3), few.remove(1)), (None, Some('x')));
        assert_eq!(few, Few::from(['a', 'c']));
        assert_eq!((few.remove(0), few.remove(0), few.len()), (Some('a'), Some('c'), 0));
        for count in 0..3 {
            let few: Few<i32> = (0..count).collect();
            assert!(few.iter().copied().eq(0..count) && few.into_iter().eq(0..count));
        }
    }
}
