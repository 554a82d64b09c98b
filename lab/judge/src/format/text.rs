//! Text made safe: what other programs wrote, to be shown short, on one line, with nothing invisible;
//! and words for a shell.

/// Characters of a text that are quoted.
const MAX_QUOTE: usize = 200;

/// A quotation of what a node wrote, on one line and not too long.
pub fn quote(text: &[u8]) -> String {
    // No need to look at all of a line of 100 MB; a character has at most 4 bytes.
    let head = &text[..text.len().min(4 * MAX_QUOTE + 4)];
    let head = String::from_utf8_lossy(head);
    let head = head.trim_end_matches(['\r', '\n']);
    let cut: String = head.chars().take(MAX_QUOTE).collect();
    let clean = printable(&cut);
    if cut.len() == text.trim_ascii_end().len() {
        clean
    } else {
        format!("{clean}… ({} bytes)", text.len())
    }
}

/// The text with escapes in place of what a terminal would obey or not show.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// True for marks that change how text looks, or are not seen at all: the byte order mark,
/// characters without width, changes of direction.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
}

/// Quotes a word for a shell, if need be.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Appends a line without spaces at its end.
pub fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
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
    fn marks_that_are_not_seen_are_shown() {
        assert_eq!(quote("\u{feff}{}".as_bytes()), "\\u{feff}{}");
        assert_eq!(printable("a\u{202e}b\u{200b}ü"), "a\\u{202e}b\\u{200b}ü");
    }
}
