//! Parts of a text file that are written by a command, between markers.

/// The content with a stamp below its heading, which says how it was measured.
#[must_use]
pub fn stamped(content: &str, stamp: &str) -> String {
    match content.trim().split_once('\n') {
        Some((heading, rest)) if heading.starts_with('#') => {
            format!("{heading}\n\n{stamp}\n\n{}", rest.trim_start())
        }
        _ => format!("{stamp}\n\n{content}"),
    }
}

/// Text of several lines as one line.
#[must_use]
pub fn paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Replaces the part of that name, or appends it if there is none yet.
#[must_use]
pub fn replace(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin"), format!("<!-- {name}: end -->"));
    let part = format!("{begin} -->\n\n{}\n\n{end}", content.trim());
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
        let first = replace("# Title\n\nBefore.\n", "a", "one\n");
        assert!(first.starts_with("# Title\n\nBefore.\n\n<!-- a: begin -->\n\none\n"));
        let both = replace(&first, "b", "two") + "\nAfter.\n";
        let changed = replace(&both, "a", "three\n\nfour");
        assert!(!changed.contains("one"));
        assert_eq!(changed.replace("three\n\nfour", "one"), both);
        assert_eq!(replace(&changed, "a", "three\n\nfour"), changed);
        assert!(replace("", "a", "y").starts_with("<!-- a: begin -->\n\ny"));
    }

    #[test]
    fn the_stamp_stands_below_the_heading() {
        assert_eq!(stamped("## A\n\ntext\n", "*s*"), "## A\n\n*s*\n\ntext");
        assert_eq!(stamped("text", "*s*"), "*s*\n\ntext");
    }
}
