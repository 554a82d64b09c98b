//! A broadcast value: any JSON, integers on the fast path, kept exactly as it was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

/// Nesting deeper than this is refused: canonical form is built by recursion.
const MAX_DEPTH: usize = 128;

/// One value of the broadcast workload.
///
/// Two values are equal if they are the same JSON: white space, the order of object keys and the
/// way a string is escaped make no difference. Numbers keep their text, so integers of any size
/// survive, and `1` and `1.0` are different values, as they are to Maelstrom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// An integer of at most 64 bits: what Maelstrom sends.
    Int(i64),
    /// Any other JSON, in canonical form: no white space, object keys sorted.
    Json(Arc<str>),
}

impl Value {
    /// Reads a value from its JSON text.
    ///
    /// # Errors
    /// If objects and arrays are nested more than 128 deep.
    pub fn from_raw(raw: &RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        match text.parse::<i64>() {
            // "-0" is a float in JSON's eyes; "007" and "+7" never get here, they are not JSON.
            Ok(int) if text != "-0" => Ok(Self::Int(int)),
            _ => {
                let mut out = String::with_capacity(text.len());
                write_canonical(raw, MAX_DEPTH, &mut out)?;
                Ok(Self::Json(out.into()))
            }
        }
    }

    /// Appends the value's canonical JSON text.
    pub fn write_to(&self, out: &mut String) {
        match self {
            Self::Int(int) => {
                use std::fmt::Write as _;
                // Writing to a String cannot fail.
                let _ = write!(out, "{int}");
            }
            Self::Json(text) => out.push_str(text),
        }
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(int) => int.fmt(f),
            Self::Json(text) => f.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Self::from_raw(raw).map_err(de::Error::custom)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Json(text) => {
                let raw: &RawValue = serde_json::from_str(text).map_err(ser::Error::custom)?;
                raw.serialize(serializer)
            }
        }
    }
}

/// Two texts of the same JSON become the same text, without a number ever being converted.
fn write_canonical(
    raw: &RawValue,
    depth_left: usize,
    out: &mut String,
) -> Result<(), serde_json::Error> {
    let text = raw.get();
    let deeper = || {
        depth_left
            .checked_sub(1)
            .ok_or_else(|| de::Error::custom(format!("nested more than {MAX_DEPTH} deep")))
    };
    match text.as_bytes().first() {
        Some(b'{') => {
            let depth_left = deeper()?;
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            for (i, (key, value)) in fields.iter().enumerate() {
                out.push(if i == 0 { '{' } else { ',' });
                out.push_str(&serde_json::to_string(key)?);
                out.push(':');
                write_canonical(value, depth_left, out)?;
            }
            out.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        Some(b'[') => {
            let depth_left = deeper()?;
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            for (i, item) in items.iter().enumerate() {
                out.push(if i == 0 { '[' } else { ',' });
                write_canonical(item, depth_left, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Some(b'"') => {
            let string: String = serde_json::from_str(text)?;
            out.push_str(&serde_json::to_string(&string)?);
        }
        _ => out.push_str(text),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_same_json_is_the_same_value() {
        assert_eq!(value(r#"{"b":[1, 2],"a":"x"}"#), value(r#" {"a":"\u0078", "b":[1,2]} "#));
        assert_ne!(value("1"), value("1.0"));
        assert_ne!(value("1"), value("\"1\""));
    }

    #[test]
    fn every_json_type_comes_back_as_it_was() {
        let texts = [
            "0",
            "-9223372036854775808",
            "123456789012345678901234567890",
            "-0",
            "1.50",
            "1e400",
            "null",
            "true",
            "[]",
            "{}",
            "\"a\\nb\"",
            "[12345678901234567890123,{\"k\":[null]}]",
        ];
        for text in texts {
            assert_eq!(serde_json::to_string(&value(text)).unwrap(), text);
            assert_eq!(value(text).to_string(), text);
        }
    }

    #[test]
    fn bottomless_nesting_is_refused() {
        let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
        assert_eq!(value(&deep).to_string(), deep);
        let bottomless = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(serde_json::from_str::<Value>(&bottomless).is_err());
    }
}
