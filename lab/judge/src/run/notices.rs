//! Warnings: each is told once, then counted.

use std::collections::{BTreeMap, VecDeque};

use rumormill_sim::Nanos;

use crate::outcome::{Notice, NoticeKind, Repeated};

/// Different warnings of a kind that are told; a node may find a new mistake in every line.
const MAX_CLASSES: usize = 50;

#[derive(Debug, Default)]
pub(super) struct Notices {
    queue: VecDeque<Notice>,
    /// By kind and by what is wrong: the text that was told, and how often it was true.
    classes: BTreeMap<NoticeKind, BTreeMap<String, (String, Repeated)>>,
}

impl Notices {
    /// Adds a warning. Those of one kind and `class` are the same warning, whatever node it is
    /// about and whatever it quotes: only the first is told.
    pub(super) fn add(
        &mut self,
        time: Nanos,
        node: Option<usize>,
        kind: NoticeKind,
        class: &str,
        text: String,
    ) {
        let classes = self.classes.entry(kind).or_default();
        let is_full = classes.len() >= MAX_CLASSES;
        let known = match classes.get_mut(class) {
            Some(known) => Some(known),
            // The last one stands for all that there is no room for.
            None if is_full => classes.values_mut().next_back(),
            None => None,
        };
        if let Some((_, repeated)) = known {
            repeated.add(node);
            return;
        }
        let mut repeated = Repeated::default();
        repeated.add(node);
        classes.insert(class.to_owned(), (text.clone(), repeated));
        self.queue.push_back(Notice { time, node, kind, text });
    }

    pub(super) fn poll(&mut self) -> Option<Notice> {
        self.queue.pop_front()
    }

    /// How often each text was true, if more than once.
    pub(super) fn into_repeated(self) -> BTreeMap<String, Repeated> {
        let all = self.classes.into_values().flat_map(BTreeMap::into_values);
        all.filter(|(_, repeated)| repeated.count > 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_warning_is_told_once_and_counted() {
        let mut notices = Notices::default();
        for round in 0..100 {
            let text = format!("n{} wrote {round}", round % 2);
            notices.add(round, Some(round as usize % 2), NoticeKind::BadLine, "no JSON", text);
        }
        notices.add(0, Some(2), NoticeKind::BadLine, "blank", "n2 wrote nothing".into());
        let told: Vec<Notice> = std::iter::from_fn(|| notices.poll()).collect();
        let texts: Vec<&str> = told.iter().map(|notice| &*notice.text).collect();
        assert_eq!(texts, ["n0 wrote 0", "n2 wrote nothing"]);
        let repeated = notices.into_repeated();
        assert_eq!(repeated.len(), 1);
        let Repeated { count, nodes } = &repeated["n0 wrote 0"];
        assert_eq!((*count, nodes.len()), (100, 2));
    }

    #[test]
    fn ever_new_warnings_are_counted_too() {
        let mut notices = Notices::default();
        for round in 0..1_000 {
            let class = format!("column {round}");
            notices.add(0, Some(0), NoticeKind::BadLine, &class, class.clone());
        }
        assert_eq!(std::iter::from_fn(|| notices.poll()).count(), MAX_CLASSES);
        let all: u64 = notices.into_repeated().values().map(|repeated| repeated.count).sum();
        assert_eq!(all, 1_000 - MAX_CLASSES as u64 + 1);
    }
}
