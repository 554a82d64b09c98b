//! Parts of a text file that are written by a command, between markers.

/// Replaces the part of that name, or appends it if there is none yet.
#[must_use]
pub fn replace(text: &str, name: &str, command: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin"), format!("<!-- {name}: end -->"));
    let part = format!("{begin}, written by `{command}` -->\n\n{}\n\n{end}", content.trim());
    let found = text.find(&begin).and_then(|from| {
        let until = from + text[from..].find(&end)? + end.len();
        Some((from, until))
    });
    match found {
        Some((from, until)) => format!("{}{part}{}", &text[..from], &text[until..]),
        None if text.is_empty() => part + "\n",
        None => format!("{}\n\n{part}\n", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_its_markers_changes() {
        let first = replace("# Title\n\nBefore.\n", "a", "lab x", "one\n");
        assert!(first.starts_with("# Title\n\nBefore.\n\n<!-- a: begin"));
        let both = replace(&first, "b", "lab y", "two") + "\nAfter.\n";
        let changed = replace(&both, "a", "lab x", "three\n\nfour");
        assert!(!changed.contains("one"));
        assert_eq!(changed.replace("three\n\nfour", "one"), both);
        assert_eq!(replace(&changed, "a", "lab x", "three\n\nfour"), changed);
        assert!(replace("", "a", "lab x", "y").starts_with("<!-- a: begin"));
    }
}
