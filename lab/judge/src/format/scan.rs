//! A JSON scanner that finds where values end, and says whether they are JSON at all.
//!
//! The lab passes bodies on untouched and looks only at their first level, but it has to notice
//! bad ones. Large reads go through here, so this is the lab's hottest loop; `serde_json` takes
//! several times as long to skip a list of integers. It accepts exactly what `serde_json` does.

use std::borrow::Cow;

/// The first level of a JSON object, field by field.
#[derive(Debug)]
pub struct Fields<'a> {
    text: &'a str,
    at: usize,
    first: bool,
}

/// The state of a text when scanning it was no more possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

impl<'a> Fields<'a> {
    /// Begins to look at an object; `None` if the text does not begin like one.
    pub fn of(text: &'a str) -> Option<Self> {
        let at = after_space(text.as_bytes(), 0);
        (text.as_bytes().get(at) == Some(&b'{')).then_some(Self { text, at: at + 1, first: true })
    }

    /// The next key and the text of its value; `None` after the last one.
    ///
    /// # Errors
    /// If the text is not JSON.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<(Cow<'a, str>, &'a str)>, NotJson> {
        let json = self.text.as_bytes();
        let mut at = after_space(json, self.at);
        match json.get(at) {
            Some(b'}') => {
                self.at = at + 1;
                return Ok(None);
            }
            Some(b',') if !self.first => at = after_space(json, at + 1),
            _ if self.first => {}
            _ => return Err(NotJson),
        }
        self.first = false;
        let key_end = string_end(json, at).ok_or(NotJson)?;
        let key = key_text(&self.text[at..key_end]);
        at = after_space(json, key_end);
        if json.get(at) != Some(&b':') {
            return Err(NotJson);
        }
        let start = after_space(json, at + 1);
        let end = value_end(json, start).ok_or(NotJson)?;
        self.at = end;
        Ok(Some((key, &self.text[start..end])))
    }

    /// The text behind the object, once [`next_field`](Self::next_field) has come to its end.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

fn key_text(quoted: &str) -> Cow<'_, str> {
    // Strings are at least their quotes.
    let inside = &quoted[1..quoted.len() - 1];
    if inside.contains('\\') {
        // An escape that is no character makes a key that is never looked for.
        serde_json::from_str(quoted).map_or(Cow::Borrowed(inside), Cow::Owned)
    } else {
        Cow::Borrowed(inside)
    }
}

/// The elements of an array, from the text between its brackets, which must be JSON.
pub fn items(inside: &str) -> impl Iterator<Item = &str> {
    let json = inside.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = after_space(json, at);
        let end = value_end(json, start)?;
        at = after_space(json, end) + 1;
        Some(&inside[start..end])
    })
}

/// The text between the brackets of an array; `None` if it is none.
pub fn array_inside(value: &str) -> Option<&str> {
    value.strip_prefix('[')?.strip_suffix(']')
}

fn after_space(json: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = json.get(at) {
        at += 1;
    }
    at
}

/// The end of the value that begins at `at`; `None` if there is no JSON value.
fn value_end(json: &[u8], mut at: usize) -> Option<usize> {
    // The brackets that are open. Not recursive: nesting may be as deep as the line is long.
    let mut open: Vec<u8> = Vec::new();
    loop {
        at = match *json.get(at)? {
            b'0'..=b'9' | b'-' => number_end(json, at)?,
            b'"' => string_end(json, at)?,
            bracket @ (b'[' | b'{') => {
                let inside = after_space(json, at + 1);
                // In ASCII the closing brackets are two after the opening ones.
                if *json.get(inside)? == bracket + 2 {
                    inside + 1
                } else {
                    open.push(bracket);
                    at = if bracket == b'{' { after_key(json, inside)? } else { inside };
                    continue;
                }
            }
            b't' => literal_end(json, at, b"true")?,
            b'f' => literal_end(json, at, b"false")?,
            b'n' => literal_end(json, at, b"null")?,
            _ => return None,
        };
        loop {
            let Some(bracket) = open.last() else { return Some(at) };
            at = after_space(json, at);
            match *json.get(at)? {
                b',' => {
                    at = after_space(json, at + 1);
                    if *bracket == b'{' {
                        at = after_key(json, at)?;
                    }
                    break;
                }
                close if close == bracket + 2 => {
                    open.pop();
                    at += 1;
                }
                _ => return None,
            }
        }
    }
}

/// Behind a key, its colon and space.
fn after_key(json: &[u8], at: usize) -> Option<usize> {
    let colon = after_space(json, string_end(json, at)?);
    (*json.get(colon)? == b':').then(|| after_space(json, colon + 1))
}

fn literal_end(json: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    json[at..].starts_with(literal).then_some(at + literal.len())
}

fn digits_end(json: &[u8], mut at: usize) -> usize {
    while json.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

fn number_end(json: &[u8], at: usize) -> Option<usize> {
    let start = if json[at] == b'-' { at + 1 } else { at };
    let mut end = digits_end(json, start);
    if end == start || (json[start] == b'0' && end > start + 1) {
        return None;
    }
    if json.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits_end(json, fraction);
        if end == fraction {
            return None;
        }
    }
    if let Some(b'e' | b'E') = json.get(end) {
        let sign = end + 1;
        let exponent = if let Some(b'+' | b'-') = json.get(sign) { sign + 1 } else { sign };
        end = digits_end(json, exponent);
        if end == exponent {
            return None;
        }
    }
    Some(end)
}

fn string_end(json: &[u8], at: usize) -> Option<usize> {
    if *json.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        match *json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match *json.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => {
                    let digits = json.get(at + 2..at + 6)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    at += 6;
                }
                _ => return None,
            },
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use rumormill_sim::dice::Dice;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_json(text: &str) -> bool {
        let json = text.as_bytes();
        let end = value_end(json, after_space(json, 0));
        end.is_some_and(|end| after_space(json, end) == json.len())
    }

    const TEXTS: [&str; 6] = [
        r#"{"type":"read_ok","messages":[0, 1,22,-3],"in_reply_to":1}"#,
        r#"[[],{},[[{"a":{}}]],"x\"\\\/\b\f\n\r\t\u00e9",1.5e-3,-0,0.1,1E+9]"#,
        r#" { "ä" : null , "b" : [ true , false ] } "#,
        r#"{"a":"","a":[[[[1],2],3],4],"b":{"c":{"d":"e"}}}"#,
        "-12.50",
        r#""\ud83d\ude00""#,
    ];

    #[test]
    fn it_agrees_with_serde_json_on_mutilated_texts() {
        let mut dice = Dice::new(1, "mutilation");
        let alphabet: Vec<char> = r#"{}[]",:\u0123456789eE+-. tfn"#.chars().collect();
        let (mut good, mut bad) = (0, 0);
        for round in 0..60_000 {
            let mut chars: Vec<char> = TEXTS[round % TEXTS.len()].chars().collect();
            for _ in 0..dice.below(4) {
                let at = dice.index(chars.len());
                match dice.below(3) {
                    0 => _ = chars.remove(at),
                    1 => chars[at] = alphabet[dice.index(alphabet.len())],
                    _ => chars.insert(at, alphabet[dice.index(alphabet.len())]),
                }
            }
            let text: String = chars.into_iter().collect();
            let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            assert_eq!(is_json(&text), expected, "{text}");
            *(if expected { &mut good } else { &mut bad }) += 1;
        }
        assert!(good > 15_000 && bad > 15_000, "{good} {bad}");
    }

    #[test]
    fn every_beginning_of_a_text_is_survived() {
        for text in TEXTS {
            for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
                is_json(&text[..end]);
                if let Some(mut fields) = Fields::of(&text[..end]) {
                    while let Ok(Some(_)) = fields.next_field() {}
                }
            }
        }
        assert!(is_json(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))));
    }

    #[test]
    fn fields_come_in_order_with_the_text_of_their_values() {
        let mut fields = Fields::of(r#" {"a": [1, 2] , "\u0062":"x","a":{}} tail"#).unwrap();
        let mut seen = Vec::new();
        while let Some((key, value)) = fields.next_field().unwrap() {
            seen.push(format!("{key}={value}"));
        }
        assert_eq!(seen, ["a=[1, 2]", "b=\"x\"", "a={}"]);
        assert_eq!(fields.rest(), " tail");
        assert!(Fields::of("{}").unwrap().next_field() == Ok(None));
        assert!(Fields::of("[]").is_none());
        for bad in ["{,}", r#"{"a":1,}"#, r#"{"a" 1}"#, r#"{"a":1 "b":2}"#, "{1:2}", "{"] {
            let mut fields = Fields::of(bad).unwrap();
            let outcome = loop {
                match fields.next_field() {
                    Ok(Some(_)) => {}
                    other => break other.map(|_| ()),
                }
            };
            assert_eq!(outcome, Err(NotJson), "{bad}");
        }
    }

    #[test]
    fn items_of_an_array() {
        let inside = array_inside(r#"[1, "a,b",[2,3] ,{"c":4}]"#).unwrap();
        assert_eq!(items(inside).collect::<Vec<_>>(), ["1", "\"a,b\"", "[2,3]", "{\"c\":4}"]);
        assert_eq!(items(" ").count(), 0);
        assert_eq!(array_inside("{}"), None);
    }
}
