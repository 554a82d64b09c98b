//! Around the EDN reader: a bound on nesting, and its errors in words.

use clojure_reader::error::{Code, Error};

use super::MAX_DEPTH;

/// The line, from 1, on which brackets or tags are nested too deep, if there is one.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let (mut line, mut depth, mut tags) = (1, 0_usize, 0_usize);
    // By open bracket: the tags before it.
    let mut open: Vec<usize> = Vec::new();
    let mut bytes = text.bytes().peekable();
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"[](){}\",;".contains(byte);
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => line += 1,
            b' ' | b'\t' | b'\r' | b',' => {}
            b';' => while bytes.next_if(|byte| *byte != b'\n').is_some() {},
            b'#' if bytes.peek() == Some(&b'{') => {}
            b'#' => {
                while bytes.next_if(|byte| !is_end(byte)).is_some() {}
                (depth, tags) = (depth + 1, tags + 1);
            }
            b'[' | b'(' | b'{' => {
                open.push(std::mem::take(&mut tags));
                depth += 1;
            }
            b']' | b')' | b'}' => {
                depth -= std::mem::take(&mut tags);
                depth -= open.pop().map_or(0, |tags| tags + 1);
            }
            value => {
                depth -= std::mem::take(&mut tags);
                match value {
                    b'"' => line += skip_string(&mut bytes),
                    // A character such as `\[`.
                    b'\\' => _ = bytes.next(),
                    _ => while bytes.next_if(|byte| !is_end(byte)).is_some() {},
                }
            }
        }
        if depth > MAX_DEPTH {
            return Some(line);
        }
    }
    None
}

/// Skips the rest of a string; returns how many lines it is long, less one.
fn skip_string(bytes: &mut impl Iterator<Item = u8>) -> usize {
    let mut lines = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => lines += 1,
            b'\\' => _ = bytes.next(),
            b'"' => break,
            _ => {}
        }
    }
    lines
}

/// An error of the reader for people: where, and what was expected.
pub(super) fn words(error: &Error, text: &str) -> String {
    let what = match &error.code {
        Code::UnexpectedEOF => "it ends before its last value does".to_owned(),
        Code::UnmatchedDelimiter(bracket) => format!("{bracket:?} closes nothing"),
        Code::HashMapDuplicateKey => "a map has a key twice".to_owned(),
        Code::SetDuplicateKey => "a set has an element twice".to_owned(),
        Code::InvalidNumber => "expected a number".to_owned(),
        Code::InvalidKeyword => "expected a keyword such as :name".to_owned(),
        Code::InvalidEscape => "unknown escape in a string".to_owned(),
        Code::InvalidTag => "expected a tag such as #name".to_owned(),
        other => format!("{other:?}"),
    };
    match (error.line, error.column) {
        // A line of a file, whose number its reader knows.
        (_, Some(column)) if !text.contains('\n') => format!("not EDN: column {column}: {what}"),
        (Some(line), Some(column)) => format!("not EDN: line {line}, column {column}: {what}"),
        _ => format!("not EDN: {what}"),
    }
}
