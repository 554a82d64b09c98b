//! One field of a message: its JSON text, not yet decoded, or nothing.
//!
//! Decoding happens when it is known which fields the message needs, so that an error can name
//! the field, say what was expected, and quote what came.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Part;
use crate::cluster::{Name, Nodes};
use crate::value::Value;

/// How much of a bad field is quoted, in characters.
const QUOTE_CHARS: usize = 60;

/// A field as it came. Absent and `null` are different things: `null` is a legal value.
///
/// Every method that decodes it takes its name, for the error: the field, what was expected, and
/// what came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

impl<'a> Field<'a> {
    /// True if the field is present and not `null`.
    #[must_use]
    pub fn is_given(self) -> bool {
        self.0.is_some_and(|raw| raw.get() != "null")
    }

    /// True if the field is present, `null` included.
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.0.is_some()
    }

    /// True if the field is a list.
    pub(crate) fn is_list(self) -> bool {
        self.0.is_some_and(|raw| raw.get().starts_with('['))
    }

    fn required(self, name: &str) -> Result<&'a RawValue, String> {
        self.0.ok_or_else(|| format!("field `{name}` is missing"))
    }

    /// A string.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn string(self, name: &str) -> Result<Cow<'a, str>, String> {
        let raw = self.required(name)?;
        unquote(raw.get()).ok_or_else(|| unexpected(name, "a string", raw))
    }

    /// The name of a node or client.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn node(self, name: &str) -> Result<Name, String> {
        self.string(name).map(Name::from)
    }

    /// A signed integer.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn i64(self, name: &str) -> Result<i64, String> {
        self.integer(name, "an integer of at most 64 bits")
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn u64(self, name: &str) -> Result<u64, String> {
        self.integer(name, "an integer from 0 to 18446744073709551615")
    }

    /// The text is known to be JSON, so what the number types' own parsers take beyond it
    /// ("+7", "007") cannot be here.
    fn integer<T: FromStr>(self, name: &str, expected: &str) -> Result<T, String> {
        let raw = self.required(name)?;
        raw.get().parse().map_err(|_| unexpected(name, expected, raw))
    }

    /// `true` or `false`; `false` if the field is absent.
    ///
    /// # Errors
    /// If the field is something else.
    pub fn flag(self, name: &str) -> Result<bool, String> {
        match self.0 {
            None => Ok(false),
            Some(raw) => raw.get().parse().map_err(|_| unexpected(name, "true or false", raw)),
        }
    }

    /// A broadcast value: any JSON.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn value(self, name: &str) -> Result<Value, String> {
        let raw = self.required(name)?;
        Value::from_raw(raw)
            .map_err(|error| format!("{} ({error})", unexpected(name, "a usable value", raw)))
    }

    /// A list of names.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn nodes(self, name: &str) -> Result<Vec<Name>, String> {
        self.decode(name, "a list of node names")
    }

    /// A map of names to lists of names, each key once.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn topology(self, name: &str) -> Result<BTreeMap<Name, Vec<Name>>, String> {
        let map: UniqueKeys = self.decode(name, "an object of node names to lists of them")?;
        Ok(map.0)
    }

    /// A part of a message.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn part<T: Part>(self, name: &str, nodes: &Nodes) -> Result<T, String> {
        T::get(self.required(name)?, nodes).map_err(|problem| format!("field `{name}`: {problem}"))
    }

    /// Any type that serde can decode.
    ///
    /// # Errors
    /// If the field is absent or something else.
    pub fn decode<T: Deserialize<'a>>(self, name: &str, expected: &str) -> Result<T, String> {
        let raw = self.required(name)?;
        serde_json::from_str(raw.get())
            .map_err(|error| format!("{} ({error})", unexpected(name, expected, raw)))
    }
}

/// The string that a JSON text is; `None` if it is none, or not one of Unicode characters.
fn unquote(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn unexpected(name: &str, expected: &str, raw: &RawValue) -> String {
    format!("field `{name}`: expected {expected}, got {}", excerpt(raw.get(), QUOTE_CHARS))
}

/// The text's beginning, with an ellipsis if there is more.
pub(crate) fn excerpt(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A map in which no key may come twice (serde's own would silently keep the last).
struct UniqueKeys(BTreeMap<Name, Vec<Name>>);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = UniqueKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
                let mut unique = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<Name, _>()? {
                    if unique.contains_key(&key) {
                        return Err(A::Error::custom(format!("`{key}` comes twice")));
                    }
                    unique.insert(key, value);
                }
                Ok(UniqueKeys(unique))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}
