//! News that rides on messages which are sent anyway, a limited number of times each.

/// A queue of news: the least-sent goes first, and newer before older among equals (memberlist's
/// order). News about the same thing replaces older news.
#[derive(Clone, Debug)]
pub struct Piggyback<K, T> {
    items: Vec<Item<K, T>>,
    pushed: u64,
}

#[derive(Clone, Debug)]
struct Item<K, T> {
    sent: u32,
    age: std::cmp::Reverse<u64>,
    key: K,
    news: T,
}

impl<K, T> Default for Piggyback<K, T> {
    fn default() -> Self {
        Self { items: Vec::new(), pushed: 0 }
    }
}

impl<K: PartialEq, T: Clone> Piggyback<K, T> {
    /// Adds news about `key`.
    pub fn push(&mut self, key: K, news: T) {
        self.items.retain(|item| item.key != key);
        self.pushed += 1;
        self.items.insert(0, Item { sent: 0, age: std::cmp::Reverse(self.pushed), key, news });
    }

    /// At most `count` news for a message. News that were sent `limit` times are dropped.
    pub fn take(&mut self, count: usize, limit: u32) -> Vec<T> {
        let taken = self.items.iter_mut().take(count);
        let news = taken.map(|item| {
            item.sent += 1;
            item.news.clone()
        });
        let news = news.collect();
        self.items.retain(|item| item.sent < limit);
        self.items.sort_by_key(|item| (item.sent, item.age));
        news
    }

    /// True if there are no news.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_sent_goes_first_and_each_a_limited_number_of_times() {
        let mut queue = Piggyback::default();
        queue.push(1, "a");
        queue.push(2, "b");
        assert_eq!(queue.take(1, 2), ["b"]);
        assert_eq!(queue.take(1, 2), ["a"]);
        queue.push(3, "c");
        assert_eq!(queue.take(2, 2), ["c", "b"]);
        assert_eq!(queue.take(9, 2), ["c", "a"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn news_about_the_same_thing_replaces_the_older() {
        let mut queue = Piggyback::default();
        queue.push(1, "suspect");
        queue.push(1, "alive");
        assert_eq!(queue.take(9, 1), ["alive"]);
    }
}
