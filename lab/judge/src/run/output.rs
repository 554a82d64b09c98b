//! The knowledge that a driver of processes has of a node's output beyond its lines.

use crate::format::text::quote;

/// Bytes of an unfinished line that are kept to be quoted.
const HEAD_BYTES: usize = 1_000;

/// A node's output so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Output {
    /// Bytes that the node has written.
    written: u64,
    /// Length of the line whose newline has not come yet.
    unfinished: usize,
    /// The beginning of it.
    head: Vec<u8>,
}

impl Output {
    /// The node has written `count` bytes; its last line without a newline is now `unfinished`.
    pub(super) fn note(&mut self, count: usize, unfinished: &[u8]) {
        self.written = self.written.saturating_add(count as u64);
        self.unfinished = unfinished.len();
        self.head.clear();
        self.head.extend_from_slice(&unfinished[..unfinished.len().min(HEAD_BYTES)]);
    }

    /// A predicate about the line that is not finished, if there is one.
    pub(super) fn unfinished_words(&self) -> Option<String> {
        (self.unfinished > 0).then(|| {
            format!("wrote {} bytes that no newline ends: {}", self.unfinished, quote(&self.head))
        })
    }

    /// A predicate that may explain why the node seems not to answer.
    pub(super) fn why_silent(&self) -> Option<String> {
        if self.written == 0 {
            return Some("has written nothing to stdout (is its output flushed?)".to_owned());
        }
        self.unfinished_words()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_a_reason() {
        let mut output = Output::default();
        assert!(output.why_silent().is_some_and(|why| why.contains("nothing")));
        output.note(5, b"{\"src");
        let why = output.why_silent().unwrap();
        assert_eq!(why, "wrote 5 bytes that no newline ends: {\"src");
        output.note(1, b"");
        assert_eq!(output.why_silent(), None);
    }
}
