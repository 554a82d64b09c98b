//! What a person should see, but not a thousand times.

use std::collections::{BTreeMap, VecDeque};

use crate::history::Nanos;
use crate::outcome::{Notice, NoticeKind};

/// Notices of one kind about one node before only counting goes on.
const MAX_ALIKE: u32 = 5;

/// Characters of a node's text that are quoted.
const MAX_QUOTE: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Notices {
    queue: VecDeque<Notice>,
    alike: BTreeMap<(Option<usize>, NoticeKind), u32>,
}

impl Notices {
    pub(super) fn add(&mut self, time: Nanos, node: Option<usize>, kind: NoticeKind, text: String) {
        let alike = self.alike.entry((node, kind)).or_default();
        *alike = alike.saturating_add(1);
        let text = match (*alike).cmp(&MAX_ALIKE) {
            std::cmp::Ordering::Less => text,
            std::cmp::Ordering::Equal => format!("{text} (more of this kind are only counted)"),
            std::cmp::Ordering::Greater => return,
        };
        self.queue.push_back(Notice { time, node, kind, text });
    }

    pub(super) fn poll(&mut self) -> Option<Notice> {
        self.queue.pop_front()
    }
}

/// What a node wrote, on one line and not too long.
pub(super) fn quote(text: &[u8]) -> String {
    // No need to look at all of a line of 100 MB; a character has at most 4 bytes.
    let head = &text[..text.len().min(4 * MAX_QUOTE + 4)];
    let head = String::from_utf8_lossy(head);
    let head = head.trim_end_matches(['\r', '\n']);
    let cut: String = head.chars().take(MAX_QUOTE).collect();
    let clean: String = cut.chars().flat_map(printable).collect();
    if cut.len() == text.trim_ascii_end().len() {
        clean
    } else {
        format!("{clean}… ({} bytes)", text.len())
    }
}

/// Control characters could do anything to a terminal.
fn printable(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) =
        if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_short_and_harmless() {
        assert_eq!(quote(b"hello\n"), "hello");
        assert_eq!(quote(b"a\tb\x1b[2J"), "a\\tb\\u{1b}[2J");
        let long = quote(&[b'x'; 1_000]);
        assert!(long.starts_with("xxx") && long.ends_with("… (1000 bytes)"));
        assert!(long.len() < 250);
        assert!(quote(b"\xff\xfe").starts_with('\u{fffd}'));
    }

    #[test]
    fn the_same_thing_is_not_told_for_ever() {
        let mut notices = Notices::default();
        for _ in 0..100 {
            notices.add(0, Some(1), NoticeKind::BadLine, "bad".into());
        }
        notices.add(0, Some(2), NoticeKind::BadLine, "bad".into());
        let told: Vec<Notice> = std::iter::from_fn(|| notices.poll()).collect();
        assert_eq!(told.len(), 6);
        assert!(told[4].text.contains("only counted"));
    }
}
