//! EDN, the notation of Jepsen's files: a value that can be written, and read with the
//! `clojure-reader` crate.

mod guard;

use std::fmt::{self, Write as _};

use anyhow::{Result, anyhow, bail};
use clojure_reader::edn::{self as reader, Edn as Parsed};
use derive_more::From;

use crate::format::envelope::is_integer;
use guard::{too_deep, words};

/// Collections of at most this many characters stay on one line.
const MAX_LINE: usize = 92;

/// Deeper nesting is refused: it would exhaust the stack.
const MAX_DEPTH: usize = 200;

/// A value. Maps keep the order they were given.
#[derive(Clone, Debug, From, PartialEq)]
pub enum Edn {
    /// `nil`
    Nil,
    /// `true`
    #[from]
    Bool(bool),
    /// `42`
    Int(i64),
    /// `0.5`
    #[from]
    Float(f64),
    /// A single-precision number, written with no more digits than it has.
    #[from]
    Float32(f32),
    /// `"text"`
    Str(String),
    /// `:name`
    Key(String),
    /// `name`
    Symbol(String),
    /// `[1 2]`; lists are read as this too.
    Vector(Vec<Self>),
    /// `#{1 2}`
    Set(Vec<Self>),
    /// `{:a 1, :b 2}`
    Map(Vec<(Self, Self)>),
    /// `#tag value`
    Tagged(String, Box<Self>),
}

impl Edn {
    /// A keyword, given without its colon.
    pub fn key(name: impl Into<String>) -> Self {
        Self::Key(name.into())
    }

    /// A map with keywords as keys.
    pub fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (Self::key(key), value)).collect())
    }

    /// A vector.
    pub fn vector<T: Into<Self>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Vector(items.into_iter().map(Into::into).collect())
    }

    /// Reads one value from text.
    ///
    /// # Errors
    /// If the text is not EDN; the error says where.
    pub fn parse(text: &str) -> Result<Self> {
        // The reader takes seconds for deep nesting, and would fill the stack.
        if let Some(line) = too_deep(text) {
            bail!("not EDN for the lab: line {line} is nested more than {MAX_DEPTH} deep");
        }
        let parsed =
            reader::read_string(text).map_err(|error| anyhow!("{}", words(&error, text)))?;
        Self::from_parsed(&parsed, MAX_DEPTH)
    }

    fn from_parsed(parsed: &Parsed<'_>, depth: usize) -> Result<Self> {
        let Some(depth) = depth.checked_sub(1) else {
            bail!("EDN nested more than {MAX_DEPTH} deep");
        };
        let one = |item: &Parsed<'_>| Self::from_parsed(item, depth);
        Ok(match parsed {
            Parsed::Nil => Self::Nil,
            Parsed::Bool(bool) => Self::Bool(*bool),
            Parsed::Int(int) => Self::Int(*int),
            Parsed::Double(float) => Self::Float(float.into_inner()),
            Parsed::Rational((over, under)) => Self::Float(*over as f64 / *under as f64),
            Parsed::Char(char) => Self::Str((*char).into()),
            Parsed::Str(text) => Self::Str(text.as_ref().to_owned()),
            Parsed::Key(name) => Self::Key(name.as_ref().to_owned()),
            Parsed::Symbol(name) => Self::Symbol(name.as_ref().to_owned()),
            Parsed::Vector(items) | Parsed::List(items) => {
                Self::Vector(items.iter().map(one).collect::<Result<_>>()?)
            }
            Parsed::Set(items) => Self::Set(items.iter().map(one).collect::<Result<_>>()?),
            Parsed::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(key, value)| Ok((one(key)?, one(value)?)))
                    .collect::<Result<_>>()?,
            ),
            Parsed::Tagged(tag, value) => {
                Self::Tagged(tag.as_ref().to_owned(), Box::new(one(value)?))
            }
            other => bail!("EDN of a kind that no results have: {other}"),
        })
    }

    /// The value at a path of keywords; none if there is nothing there. Tags are looked through.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(key, _)| matches!(key, Self::Key(key) if key == name))
                .map(|(_, value)| value),
            Self::Tagged(_, value) => value.get(name),
            _ => None,
        }
    }

    /// A number of any kind.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Int(int) => Some(int as f64),
            Self::Float(float) => Some(float),
            Self::Float32(float) => Some(f64::from(float)),
            _ => None,
        }
    }

    /// An integer of at least 0, also if written `5.0`.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::Int(int) => u64::try_from(int).ok(),
            // Beyond this, floats are no longer exact, and no count is that high.
            Self::Float(float) if (0.0..=9e15).contains(&float) && float.fract() == 0.0 => {
                Some(float as u64)
            }
            _ => None,
        }
    }

    /// Text, or a keyword's name.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Key(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a vector, list or set.
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::Vector(items) | Self::Set(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map, looking through a tag.
    pub fn entries(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(entries) => Some(entries),
            Self::Tagged(_, value) => value.entries(),
            _ => None,
        }
    }

    /// The value over as many lines as it needs, each of a length that people can read.
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        self.write_pretty(&mut out, 0);
        out.push('\n');
        out
    }

    fn write_pretty(&self, out: &mut String, indent: usize) {
        let flat = self.to_string();
        let (open, close) = match self {
            Self::Map(_) => ("{", "}"),
            Self::Vector(_) => ("[", "]"),
            Self::Set(_) => ("#{", "}"),
            _ => return out.push_str(&flat),
        };
        if indent + flat.len() <= MAX_LINE {
            return out.push_str(&flat);
        }
        out.push_str(open);
        let inner = indent + open.len();
        let break_line = |out: &mut String| {
            let _ = write!(out, "\n{:inner$}", "");
        };
        match self {
            Self::Map(entries) => {
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                        break_line(out);
                    }
                    let key = key.to_string();
                    out.push_str(&key);
                    out.push(' ');
                    value.write_pretty(out, inner + key.len() + 1);
                }
            }
            _ => {
                for (i, item) in self.items().unwrap_or_default().iter().enumerate() {
                    if i > 0 {
                        break_line(out);
                    }
                    item.write_pretty(out, inner);
                }
            }
        }
        out.push_str(close);
    }
}

impl fmt::Display for Edn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) => write_float(f, *float, format_args!("{float:?}")),
            Self::Float32(float) => write_float(f, f64::from(*float), format_args!("{float:?}")),
            Self::Str(text) => f.write_str(&quote(text)),
            Self::Key(name) => write!(f, ":{name}"),
            Self::Symbol(name) => f.write_str(name),
            Self::Vector(items) => write_items(f, "[", items, "]"),
            Self::Set(items) => write_items(f, "#{", items, "}"),
            Self::Map(entries) => {
                f.write_char('{')?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key} {value}", if i > 0 { ", " } else { "" })?;
                }
                f.write_char('}')
            }
            Self::Tagged(tag, value) => write!(f, "#{tag} {value}"),
        }
    }
}

fn write_float(f: &mut fmt::Formatter<'_>, value: f64, text: fmt::Arguments<'_>) -> fmt::Result {
    match value {
        _ if value.is_nan() => f.write_str("##NaN"),
        f64::INFINITY => f.write_str("##Inf"),
        f64::NEG_INFINITY => f.write_str("##-Inf"),
        _ => f.write_fmt(text),
    }
}

fn write_items(f: &mut fmt::Formatter<'_>, open: &str, items: &[Edn], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i > 0 { " " } else { "" })?;
    }
    f.write_str(close)
}

/// A string literal.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

impl From<u64> for Edn {
    fn from(value: u64) -> Self {
        // Beyond the integers that readers take for granted there are only floats.
        i64::try_from(value).map_or(Self::Float(value as f64), Self::Int)
    }
}

impl From<&str> for Edn {
    fn from(value: &str) -> Self {
        Self::Str(value.to_owned())
    }
}

impl<T: Into<Self>> From<Option<T>> for Edn {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl Edn {
    /// JSON as it stands in a body: the keys of objects are strings, and an integer of more than
    /// 64 bits keeps its digits.
    #[must_use]
    pub fn of_json(text: &str) -> Self {
        if is_integer(text) && text.parse::<i64>().is_err() {
            return Self::Symbol(format!("{text}N"));
        }
        match serde_json::from_str(text) {
            Ok(value) => Self::with_string_keys(value),
            // Nested too deep, for example.
            Err(_) => Self::Str(text.to_owned()),
        }
    }

    fn with_string_keys(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Array(items) => {
                Self::Vector(items.into_iter().map(Self::with_string_keys).collect())
            }
            Value::Object(entries) => Self::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (Self::Str(key), Self::with_string_keys(value)))
                    .collect(),
            ),
            other => other.into(),
        }
    }

    /// The value as JSON: keywords become their names, and other keys their texts.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        let list = |items: &[Self]| Value::Array(items.iter().map(Self::to_json).collect());
        match self {
            Self::Nil => Value::Null,
            Self::Bool(bool) => (*bool).into(),
            Self::Int(int) => (*int).into(),
            Self::Float(float) => (*float).into(),
            Self::Float32(float) => (*float).into(),
            Self::Str(text) | Self::Key(text) | Self::Symbol(text) => text.as_str().into(),
            Self::Vector(items) | Self::Set(items) => list(items),
            Self::Map(entries) => {
                let text = |key: &Self| key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                Value::Object(
                    entries.iter().map(|(key, value)| (text(key), value.to_json())).collect(),
                )
            }
            Self::Tagged(_, value) => value.to_json(),
        }
    }
}

/// JSON with its objects' keys as keywords.
impl From<serde_json::Value> for Edn {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Nil,
            Value::Bool(bool) => Self::Bool(bool),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(float)) => Self::Float(float),
                (None, None) => Self::Str(number.to_string()),
            },
            Value::String(text) => Self::Str(text),
            Value::Array(items) => Self::vector(items),
            Value::Object(entries) => Self::Map(
                entries.into_iter().map(|(key, value)| (json_key(key), value.into())).collect(),
            ),
        }
    }
}

/// A number if the key is one, as those of quantiles are; a keyword if it can be one.
fn json_key(key: String) -> Edn {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_?.".contains(&byte);
    match (key.parse::<i64>(), key.parse::<f64>()) {
        (Ok(int), _) => Edn::Int(int),
        (Err(_), Ok(float)) if key.starts_with('0') => Edn::Float(float),
        _ if key.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && key.bytes().all(is_plain) =>
        {
            Edn::Key(key)
        }
        _ => Edn::Str(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let value = Edn::map([
            ("valid?", true.into()),
            ("text", "a \"b\" \\ \n\t\r ü".into()),
            ("ratio", Edn::Float(11.608_248)),
            ("whole", Edn::Float(2.0)),
            ("none", Edn::Nil),
            ("list", Edn::vector([1u64, 2, 3])),
            ("set", Edn::Set(vec![Edn::Int(1), Edn::Int(2)])),
        ]);
        let Edn::Map(mut entries) = value else { unreachable!() };
        // The reader orders its maps.
        entries.sort_by_key(|(key, _)| key.to_string());
        let value = Edn::Map(entries);
        assert_eq!(Edn::parse(&value.to_string()).unwrap(), value);
        assert_eq!(Edn::parse(&value.pretty()).unwrap(), value);
    }

    #[test]
    fn single_precision_is_written_with_its_own_digits() {
        assert_eq!(Edn::from(11.608_248_f32).to_string(), "11.608248");
        assert_eq!(Edn::from(2.0_f32).to_string(), "2.0");
        assert_eq!(Edn::from(f64::INFINITY).to_string(), "##Inf");
    }

    #[test]
    fn tags_are_looked_through() {
        let text = "{:a #jepsen.history.Op{:index 3, :f :add, :value nil} :b (1 2.5 1/2 \\x)}";
        let value = Edn::parse(text).unwrap();
        assert_eq!(value.at(&["a", "index"]).and_then(Edn::as_u64), Some(3));
        assert_eq!(value.at(&["a", "f"]).and_then(Edn::as_str), Some("add"));
        let numbers: Vec<Option<f64>> =
            value.at(&["b"]).unwrap().items().unwrap().iter().map(Edn::as_f64).collect();
        assert_eq!(numbers, [Some(1.0), Some(2.5), Some(0.5), None]);
        assert_eq!(value.at(&["a", "nothing"]), None);
    }

    #[test]
    fn bad_text_is_an_error() {
        for bad in ["{:a", "{:a 1 :b}", ")", "\"open", "#{1 1}"] {
            assert!(Edn::parse(bad).is_err(), "{bad}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(Edn::parse(&deep).is_err());
        let tags = "#a ".repeat(500_000) + "1";
        for text in [&deep, &tags, &("\n{:a ".repeat(500_000))] {
            let error = Edn::parse(text).unwrap_err().to_string();
            assert!(error.contains("nested more than 200 deep"), "{error}");
        }
        assert_eq!(
            Edn::parse("{:a\n [1 2").unwrap_err().to_string(),
            "not EDN: line 2, column 6: it ends before its last value does"
        );
        assert!(Edn::parse("[\"[[[\" \\[ #{1} #a 2]").is_ok());
        let many = format!("[{}]", "#{1} #a 2 ".repeat(1_000));
        assert!(Edn::parse(&many).is_ok(), "side by side is not nested");
        assert_eq!(Edn::Float(1e308).as_u64(), None);
    }

    #[test]
    fn long_values_are_broken_into_lines() {
        let long = Edn::map([("first", Edn::vector(0u64..40)), ("second", Edn::Int(1))]);
        let text = long.pretty();
        assert!(text.starts_with("{:first [0\n         1\n         2\n"), "{text}");
        assert!(text.ends_with("39],\n :second 1}\n"), "{text}");
        assert_eq!(Edn::map([("a", Edn::Int(1))]).pretty(), "{:a 1}\n");
    }

    #[test]
    fn json_keys_become_keywords_numbers_or_strings() {
        let json = serde_json::json!({"0.5": 1, "1": 2.5, "by-f": {"n0 -> n1": null}});
        assert_eq!(Edn::from(json).to_string(), "{0.5 1, 1 2.5, :by-f {\"n0 -> n1\" nil}}");
    }
}
