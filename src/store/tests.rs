use super::*;
use crate::protocols::testing::entry;

#[test]
fn an_entry_is_taken_once_and_gaps_are_seen() {
    let mut store = Store::default();
    for (node, sequence) in [(0, 0), (0, 1), (0, 3), (1, 2)] {
        assert!(store.insert(&entry(node, sequence)));
        assert!(!store.insert(&entry(node, sequence)));
    }
    let [first, second] = [0, 1].map(|node| entry(node, 0).id.origin);
    assert_eq!((store.prefix(first), store.prefix(second), store.len()), (2, 0, 4));
    let known: Versions = [0, 3, 4, 5].map(|sequence| entry(0, sequence).id).into_iter().collect();
    assert_eq!(store.missing_from(&known), [entry(0, 1), entry(1, 2)]);
    assert_eq!(store.missing_from(store.held()), []);
    assert!(store.lacks(&known) && !store.lacks(store.held()));
    assert!(store.insert(&entry(0, u64::MAX)) && store.contains(entry(0, u64::MAX).id));
}
