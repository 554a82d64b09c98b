//! A broadcast value: any JSON, integers on the fast path, kept exactly as it was sent.

use std::borrow::Cow;
use std::ops::Range;
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
            _ => Ok(Self::Json(Canonical::new(text).text()?.into())),
        }
    }

    /// Length of the canonical JSON text in bytes; an upper bound for an integer.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Int(_) => 20,
            Self::Json(text) => text.len(),
        }
    }

    /// Appends the value's canonical JSON text.
    pub fn write_to(&self, out: &mut String) {
        match self {
            Self::Int(int) => write_int(*int, out),
            Self::Json(text) => out.push_str(text),
        }
    }
}

/// Appends the digits of an integer: much faster than what can pad, which counts for a reply to `read`
/// that every new value is added to.
fn write_int(int: i64, out: &mut String) {
    // As many as 2^64 has.
    let mut digits = [b'0'; 20];
    let (mut rest, mut first) = (int.unsigned_abs(), digits.len());
    while rest > 0 || first == digits.len() {
        first -= 1;
        // Below ten.
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if int < 0 {
        out.push('-');
    }
    // Digits are text.
    out.push_str(str::from_utf8(&digits[first..]).unwrap_or_default());
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

/// Rewrites a JSON text in canonical form, in one pass over it: two texts of the same JSON become
/// the same text, without a number ever being converted.
///
/// The fields of an object are sorted where they are not, which is done at the end for all objects:
/// an object that is moved takes those inside along.
struct Canonical<'a> {
    /// The rest of the text, which is known to be JSON.
    rest: &'a str,
    /// The text as it was read, without white space.
    out: String,
    /// Objects in `out` whose fields are not in order, by where they begin.
    unsorted: Vec<Unsorted>,
    /// The places of their fields in `out`.
    fields: Vec<Range<usize>>,
    /// Bytes read and bytes moved: the cost.
    #[cfg(test)]
    cost: usize,
}

/// An object whose fields have to be sorted.
#[derive(Clone)]
struct Unsorted {
    /// Its place in the text, with its braces.
    place: Range<usize>,
    /// Where the places of its fields are listed, in order of their keys.
    fields: Range<usize>,
}

impl<'a> Canonical<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            out: String::with_capacity(text.len()),
            unsorted: Vec::new(),
            fields: Vec::new(),
            #[cfg(test)]
            cost: 0,
        }
    }

    fn text(&mut self) -> Result<String, serde_json::Error> {
        self.value(MAX_DEPTH)?;
        let text = std::mem::take(&mut self.out);
        if self.unsorted.is_empty() {
            return Ok(text);
        }
        self.unsorted.sort_by_key(|object| object.place.start);
        let mut sorted = String::with_capacity(text.len());
        self.write_sorted(&text, 0..text.len(), &mut sorted);
        Ok(sorted)
    }

    fn value(&mut self, depth_left: usize) -> Result<(), serde_json::Error> {
        let deeper = || {
            let error = || de::Error::custom(format!("nested more than {MAX_DEPTH} deep"));
            depth_left.checked_sub(1).ok_or_else(error)
        };
        match self.peek() {
            Some(b'{') => self.object(deeper()?),
            Some(b'[') => self.array(deeper()?),
            Some(b'"') => self.string().map(drop),
            _ => {
                let is_end = |byte: u8| b",]} \t\r\n".contains(&byte);
                let end = self.rest.bytes().position(is_end).unwrap_or(self.rest.len());
                if end == 0 {
                    return Err(de::Error::custom("not JSON"));
                }
                self.copy(end);
                Ok(())
            }
        }
    }

    fn array(&mut self, depth_left: usize) -> Result<(), serde_json::Error> {
        self.copy(1);
        while !self.is_at_end(b']') {
            self.value(depth_left)?;
            if self.peek() == Some(b',') {
                self.copy(1);
            }
        }
        self.copy(1);
        Ok(())
    }

    fn object(&mut self, depth_left: usize) -> Result<(), serde_json::Error> {
        let start = self.out.len();
        let mut fields: Vec<(Cow<'a, str>, Range<usize>)> = Vec::new();
        self.copy(1);
        while !self.is_at_end(b'}') {
            let field = self.out.len();
            let key = self.string()?;
            self.peek();
            self.copy(1);
            self.value(depth_left)?;
            fields.push((key, field..self.out.len()));
            if self.peek() == Some(b',') {
                self.copy(1);
            }
        }
        self.copy(1);
        if !fields.is_sorted_by(|a, b| a.0 < b.0) {
            // Of fields with the same key the last one counts.
            fields.reverse();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            fields.dedup_by(|later, first| later.0 == first.0);
            let first = self.fields.len();
            self.fields.extend(fields.into_iter().map(|(_, field)| field));
            let (place, fields) = (start..self.out.len(), first..self.fields.len());
            self.unsorted.push(Unsorted { place, fields });
        }
        Ok(())
    }

    /// Copies a string, with its escapes as serde writes them; returns what it says.
    fn string(&mut self) -> Result<Cow<'a, str>, serde_json::Error> {
        let mut escape = false;
        let mut has_escapes = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let is_end = byte == b'"' && !escape;
            escape = byte == b'\\' && !escape;
            has_escapes |= escape;
            is_end
        });
        let raw = self.take(end.map_or(self.rest.len(), |end| end + 2));
        if !has_escapes {
            self.out.push_str(raw);
            return Ok(Cow::Borrowed(raw.trim_matches('"')));
        }
        let string: String = serde_json::from_str(raw)?;
        self.out.push_str(&serde_json::to_string(&string)?);
        Ok(Cow::Owned(string))
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.bytes().next()
    }

    fn is_at_end(&mut self, brace: u8) -> bool {
        self.peek().is_none_or(|byte| byte == brace)
    }

    fn copy(&mut self, bytes: usize) {
        let text = self.take(bytes);
        self.out.push_str(text);
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        #[cfg(test)]
        {
            self.cost += bytes;
        }
        taken
    }

    /// Appends that part of `text`, with the fields of its objects in order.
    fn write_sorted(&mut self, text: &str, part: Range<usize>, out: &mut String) {
        let mut at = part.start;
        loop {
            let next = self.unsorted.partition_point(|object| object.place.start < at);
            let object = self.unsorted.get(next).filter(|next| next.place.start < part.end);
            let Some(Unsorted { place, fields }) = object.cloned() else { break };
            out.push_str(&text[at..place.start]);
            #[cfg(test)]
            {
                self.cost += place.start - at;
            }
            for index in fields.clone() {
                out.push(if index == fields.start { '{' } else { ',' });
                self.write_sorted(text, self.fields[index].clone(), out);
            }
            out.push('}');
            at = place.end;
        }
        out.push_str(&text[at..part.end]);
        #[cfg(test)]
        {
            self.cost += part.end - at;
        }
    }
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
    fn fields_are_sorted_at_every_level_and_the_last_of_the_same_name_counts() {
        let text = r#"[{ "b" : {"d":1, "c":[{"y":"\u00e9","x":{}}]}, "a":{"f":2,"e":3},"b":null},
            {"":0,"a\"":[ ],"a":"\\\""},{"k":{"m":1,"l":2},"k":{"o":3,"n":4}},
            {"b":1,"\u0061":2}]"#;
        let canonical = r#"[{"a":{"e":3,"f":2},"b":null},{"":0,"a":"\\\"","a\"":[]},{"k":{"n":4,"o":3}},{"a":2,"b":1}]"#;
        assert_eq!(value(text).to_string(), canonical);
        assert_eq!(value(canonical).to_string(), canonical);
    }

    #[test]
    fn a_nested_value_costs_as_much_as_a_flat_one() {
        // At each level the deepest field is the last by its key and comes first.
        let (open, close) = (r#"{"b":["#.repeat(60), r#"],"a":0}"#.repeat(60));
        let items: Vec<String> = (0..1_000).map(|i| format!(r#"{{"d":{i},"c":"text"}}"#)).collect();
        let text = format!("{open}{}{close}", items.join(","));
        let mut canonical = Canonical::new(&text);
        assert_eq!(canonical.text().unwrap().len(), text.len());
        assert!(canonical.cost <= 2 * text.len(), "{} for {}", canonical.cost, text.len());
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
    fn an_integer_is_written_as_it_is_displayed() {
        for int in [0, 7, -7, 10, 1_048_576, i64::MAX, i64::MIN] {
            let mut text = String::from("x");
            Value::Int(int).write_to(&mut text);
            assert_eq!(text, format!("x{int}"));
        }
    }

    #[test]
    fn bottomless_nesting_is_refused() {
        let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
        assert_eq!(value(&deep).to_string(), deep);
        let deepest = [MAX_DEPTH, MAX_DEPTH + 1].map(|depth| {
            let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            serde_json::from_str::<Value>(&text).is_ok()
        });
        assert_eq!(deepest, [true, false]);
        let bottomless = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(serde_json::from_str::<Value>(&bottomless).is_err());
    }
}
