//! Lines from a node: one JSON object with exactly `src`, `dest` and `body`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{Deserialize, IgnoredAny};
use serde_json::value::RawValue;

use crate::format::scan::Fields;

/// A message as a node wrote it.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The sender.
    pub src: Cow<'a, str>,
    /// The addressee.
    pub dest: Cow<'a, str>,
    /// The text of a JSON object, or `null`.
    pub body: &'a str,
    /// The rest of the line, if that is more than white space.
    pub trailing: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Reads a line.
    ///
    /// As in Maelstrom, an integer `id` is accepted and ignored, any other further key is wrong,
    /// what follows the message on its line is ignored, and of keys that come twice the last one
    /// counts.
    ///
    /// # Errors
    /// Says what is wrong with the line, in the words of a sentence's predicate.
    pub fn parse(line: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
        let mut fields = Fields::of(text).ok_or_else(|| diagnose(text))?;
        let (mut src, mut dest, mut body) = (None, None, None);
        while let Some((key, value)) = fields.next_field().map_err(|_| diagnose(text))? {
            let slot = match &*key {
                "src" => &mut src,
                "dest" => &mut dest,
                "body" => &mut body,
                "id" if is_integer(value) => continue,
                _ => return Err(diagnose(text)),
            };
            *slot = Some(value);
        }
        let missing = |key: &str| format!("has no {key:?}");
        let name = |value: &'a str| string(value).ok_or_else(|| diagnose(text));
        let body = body.ok_or_else(|| missing("body"))?;
        if !body.starts_with('{') && body != "null" {
            return Err("has a \"body\" that is not an object".into());
        }
        let trailing = fields.rest().trim();
        Ok(Self {
            src: name(src.ok_or_else(|| missing("src"))?)?,
            dest: name(dest.ok_or_else(|| missing("dest"))?)?,
            body,
            trailing: (!trailing.is_empty()).then_some(trailing),
        })
    }
}

/// The `type` of a body; empty if it has none.
pub fn body_type(body: &str) -> Cow<'_, str> {
    // Nearly every body begins so.
    if let Some(rest) = body.strip_prefix("{\"type\":\"")
        && let Some((kind, _)) = rest.split_once('"')
        && !kind.contains('\\')
    {
        return Cow::Borrowed(kind);
    }
    let mut kind = None;
    if let Some(mut fields) = Fields::of(body) {
        while let Ok(Some((key, value))) = fields.next_field() {
            if key == "type" {
                kind = string(value);
            }
        }
    }
    kind.unwrap_or_default()
}

/// The content of a JSON string; `None` if it is none.
pub fn string(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}

/// True for a JSON integer of any size.
pub fn is_integer(json: &str) -> bool {
    let digits = json.strip_prefix('-').unwrap_or(json);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The fault of a line that was refused: slower, but for people.
fn diagnose(text: &str) -> String {
    if text.trim().is_empty() {
        return "is blank".into();
    }
    if text.starts_with('\u{feff}') {
        return "begins with a byte order mark (U+FEFF), which is not JSON".into();
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    if let Err(error) = IgnoredAny::deserialize(&mut deserializer) {
        return format!("is not JSON ({error})");
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Ok(fields) = BTreeMap::<String, &RawValue>::deserialize(&mut deserializer) else {
        return "is not a JSON object".into();
    };
    for (key, value) in &fields {
        match key.as_str() {
            "src" | "dest" if string(value.get()).is_none() => {
                return format!("has a {key:?} that is not a string");
            }
            "id" if !is_integer(value.get()) => {
                return "has an \"id\" that is not an integer".into();
            }
            "id" | "src" | "dest" | "body" => {}
            _ => return format!("has the key {key:?} beside \"src\", \"dest\" and \"body\""),
        }
    }
    "is not a message".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> String {
        Envelope::parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_message_is_taken_apart_and_its_body_left_as_it_is() {
        let line = br#" {"body": {"b":[1, 2]}, "src":"n1","dest":"\u006e2", "id":-7} "#;
        let envelope = Envelope::parse(line).unwrap();
        assert_eq!((&*envelope.src, &*envelope.dest), ("n1", "n2"));
        assert_eq!(envelope.body, r#"{"b":[1, 2]}"#);
        assert_eq!(envelope.trailing, None);
    }

    #[test]
    fn what_follows_the_message_is_told() {
        let envelope = Envelope::parse(br#"{"src":"a","dest":"b","body":{}} oops"#).unwrap();
        assert_eq!(envelope.trailing, Some("oops"));
        let again = br#"{"src":"x","dest":"b","body":{},"src":"a"}"#;
        assert_eq!(Envelope::parse(again).unwrap().src, "a");
        assert!(Envelope::parse(br#"{"src":"a","dest":"b","body":null}"#).is_ok());
    }

    #[test]
    fn every_way_to_be_wrong_is_named() {
        assert_eq!(refusal("  "), "is blank");
        assert!(refusal("hello").starts_with("is not JSON"));
        assert!(refusal("{\"src\":\"a\"").starts_with("is not JSON"));
        assert_eq!(refusal("[1]"), "is not a JSON object");
        assert_eq!(refusal("3"), "is not a JSON object");
        assert_eq!(refusal(r#"{"src":"a","body":{}}"#), "has no \"dest\"");
        assert_eq!(refusal(r#"{"dest":"a","body":{}}"#), "has no \"src\"");
        assert_eq!(refusal(r#"{"src":"a","dest":"b"}"#), "has no \"body\"");
        let with = |more: &str| refusal(&format!(r#"{{"src":"a","dest":"b","body":{{}},{more}}}"#));
        assert!(with(r#""time":1"#).contains("has the key \"time\""));
        assert!(with(r#""id":1.0"#).contains("\"id\" that is not an integer"));
        assert!(with(r#""src":1"#).contains("\"src\" that is not a string"));
        assert!(with(r#""src":"\ud800""#).contains("\"src\" that is not a string"));
        assert!(with(r#""body":[]"#).contains("not an object"));
        assert_eq!(Envelope::parse(b"{\"src\":\"\xff\"}").unwrap_err(), "is not UTF-8");
    }

    #[test]
    fn types_are_found_wherever_they_stand() {
        let kind = |json| body_type(json).into_owned();
        assert_eq!(kind(r#"{"type":"rumormill","x":1}"#), "rumormill");
        assert_eq!(kind(r#"{ "x" : {"type":"no"}, "type" : "a\"b" }"#), "a\"b");
        assert_eq!(kind(r#"{"type":"a\"b"}"#), "a\"b");
        assert_eq!(kind(r#"{"type":3}"#), "");
        assert_eq!(kind("null"), "");
    }
}
