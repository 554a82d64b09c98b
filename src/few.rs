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
    One(T),
    /// None or several; one, if there were several.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// The empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Many(Vec::new()))
    }

    /// Appends an element.
    pub fn push(&mut self, element: T) {
        match &mut self.0 {
            Repr::Many(many) if !many.is_empty() => many.push(element),
            _ => self.insert(self.len(), element),
        }
    }

    /// Inserts an element at this place; panics if it is beyond the end.
    pub fn insert(&mut self, at: usize, element: T) {
        self.0 = match std::mem::replace(&mut self.0, Repr::Many(Vec::new())) {
            Repr::Many(many) if many.is_empty() && at == 0 => Repr::One(element),
            Repr::Many(mut many) => {
                many.insert(at, element);
                Repr::Many(many)
            }
            Repr::One(one) => {
                // Exactly two: many lists never have more.
                let mut many = Vec::with_capacity(2);
                many.push(one);
                many.insert(at, element);
                Repr::Many(many)
            }
        };
    }

    /// Removes the element at this place, if there is one.
    pub fn remove(&mut self, at: usize) -> Option<T> {
        if at >= self.len() {
            return None;
        }
        match &mut self.0 {
            Repr::Many(many) => Some(many.remove(at)),
            Repr::One(_) => std::mem::take(self).into_iter().next(),
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
            Repr::One(one) => std::slice::from_ref(one),
            Repr::Many(many) => many,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Repr::One(one) => std::slice::from_mut(one),
            Repr::Many(many) => many,
        }
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(mut many: Vec<T>) -> Self {
        Self(match many.pop() {
            Some(one) if many.is_empty() => Repr::One(one),
            last => {
                many.extend(last);
                Repr::Many(many)
            }
        })
    }
}

impl<T: Clone> From<&[T]> for Few<T> {
    fn from(elements: &[T]) -> Self {
        Self(match elements {
            [one] => Repr::One(one.clone()),
            many => Repr::Many(many.to_vec()),
        })
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

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = Chain<option::IntoIter<T>, vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self.0 {
            Repr::One(one) => (Some(one), Vec::new()),
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
