//! Lines from a node: one JSON object with exactly `src`, `dest` and `body`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A message as a node wrote it.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) src: Cow<'a, str>,
    pub(crate) dest: Cow<'a, str>,
    pub(crate) body: &'a RawValue,
    /// What follows it on the line, if that is more than white space.
    pub(crate) trailing: Option<String>,
}

impl<'a> Envelope<'a> {
    /// Reads a line.
    ///
    /// As in Maelstrom, an integer `id` is accepted and ignored, any other further key is wrong,
    /// and what follows the message on its line is ignored.
    ///
    /// # Errors
    /// Says what is wrong with the line, in the words of a sentence's predicate.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, String> {
        let mut stream = serde_json::Deserializer::from_slice(line).into_iter::<Parts<'a>>();
        let parts = match stream.next() {
            Some(Ok(parts)) => parts,
            Some(Err(error)) => return Err(diagnose(line, &error)),
            None => return Err("is blank".into()),
        };
        let rest = line.get(stream.byte_offset()..).unwrap_or_default().trim_ascii();
        let trailing = (!rest.is_empty()).then(|| String::from_utf8_lossy(rest).into_owned());
        let missing = |key: &str| format!("has no {key:?}");
        let body = parts.body.ok_or_else(|| missing("body"))?;
        if !body.get().starts_with('{') && body.get() != "null" {
            return Err("has a \"body\" that is not an object".into());
        }
        Ok(Self {
            src: parts.src.ok_or_else(|| missing("src"))?,
            dest: parts.dest.ok_or_else(|| missing("dest"))?,
            body,
            trailing,
        })
    }
}

/// The `type` of a body; empty if it has none.
pub(crate) fn body_type(body: &RawValue) -> Cow<'_, str> {
    // Nearly every body begins so.
    if let Some(rest) = body.get().strip_prefix("{\"type\":\"")
        && let Some((kind, _)) = rest.split_once('"')
        && !kind.contains('\\')
    {
        return Cow::Borrowed(kind);
    }
    let fields: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(body.get()).ok();
    let kind = fields.and_then(|fields| serde_json::from_str(fields.get("type")?.get()).ok());
    Cow::Owned(kind.unwrap_or_default())
}

#[derive(Default)]
struct Parts<'a> {
    src: Option<Cow<'a, str>>,
    dest: Option<Cow<'a, str>>,
    body: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Id,
    Src,
    Dest,
    Body,
}

/// A string that is borrowed if it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    /// A key that comes twice counts as the last one says, as in most JSON parsers.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
        let mut parts = Parts::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::Id => {
                    let id: &RawValue = map.next_value()?;
                    if !is_integer(id.get()) {
                        return Err(de::Error::custom("id"));
                    }
                }
                Key::Src => parts.src = Some(map.next_value::<Text<'de>>()?.0),
                Key::Dest => parts.dest = Some(map.next_value::<Text<'de>>()?.0),
                Key::Body => parts.body = Some(map.next_value()?),
            }
        }
        Ok(parts)
    }
}

/// True for a JSON integer of any size.
pub(crate) fn is_integer(json: &str) -> bool {
    let digits = json.strip_prefix('-').unwrap_or(json);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// What is wrong with a line that [`Parts`] refused: slower, but for people.
fn diagnose(line: &[u8], error: &serde_json::Error) -> String {
    let Ok(text) = std::str::from_utf8(line) else { return "is not UTF-8".into() };
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
            "src" | "dest" if !value.get().starts_with('"') => {
                return format!("has a {key:?} that is not a string");
            }
            "id" if !is_integer(value.get()) => {
                return "has an \"id\" that is not an integer".into();
            }
            "id" | "src" | "dest" | "body" => {}
            _ => return format!("has the key {key:?} beside \"src\", \"dest\" and \"body\""),
        }
    }
    format!("is not a message ({error})")
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
        assert_eq!(envelope.body.get(), r#"{"b":[1, 2]}"#);
        assert_eq!(envelope.trailing, None);
    }

    #[test]
    fn what_follows_the_message_is_told() {
        let envelope = Envelope::parse(br#"{"src":"a","dest":"b","body":{}} oops"#).unwrap();
        assert_eq!(envelope.trailing.as_deref(), Some("oops"));
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
        assert!(with(r#""body":[]"#).contains("not an object"));
        assert_eq!(Envelope::parse(b"{\"src\":\"\xff\"}").unwrap_err(), "is not UTF-8");
    }

    #[test]
    fn types_are_found_wherever_they_stand() {
        let kind = |json: &str| {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            body_type(raw).into_owned()
        };
        assert_eq!(kind(r#"{"type":"gossip","x":1}"#), "gossip");
        assert_eq!(kind(r#"{ "x" : {"type":"no"}, "type" : "a\"b" }"#), "a\"b");
        assert_eq!(kind(r#"{"type":"a\"b"}"#), "a\"b");
        assert_eq!(kind(r#"{"type":3}"#), "");
        assert_eq!(kind("null"), "");
    }
}
