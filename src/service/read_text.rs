//! The reply to `read`: all values, kept ready as text.

use std::fmt;
use std::ops::Deref;

use crate::value::Value;

/// The inside of the JSON array in a `read_ok`: the distinct values' texts, joined by commas.
///
/// It only ever grows at its end, so a checksum can be kept beside it. That is what the record of
/// a node has of a long reply: to sum up the whole text for each read would cost a good part of
/// what the read costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadText {
    text: String,
    count: u64,
    sum: u64,
}

impl ReadText {
    /// Appends a value.
    pub fn push(&mut self, value: &Value) {
        // By a quarter, and not to twice the length: a simulated cluster has many of these.
        let room = value.text_bytes() + 1;
        if self.text.capacity() - self.text.len() < room {
            self.text.reserve_exact(room.max(self.text.len() / 4));
        }
        if self.count > 0 {
            self.text.push(',');
        }
        let start = self.text.len();
        value.write_to(&mut self.text);
        self.count += 1;
        self.sum = self.text.as_bytes()[start..].chunks(8).fold(self.sum, |sum, part| {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            mix(sum, u64::from_le_bytes(word))
        });
    }

    /// Number of values.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// A checksum of the values and their order.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }
}

/// Tells texts apart that differ by mistake, not by malice.
const fn mix(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Deref for ReadText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ReadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: &[Value]) -> ReadText {
        let mut text = ReadText::default();
        values.iter().for_each(|value| text.push(value));
        text
    }

    #[test]
    fn other_values_and_another_order_have_another_sum() {
        let long = Value::Json("\"a text of more than eight bytes\"".into());
        let values = [Value::Int(7), long, Value::Int(-1)];
        let all = text(&values);
        assert_eq!(&*all, "7,\"a text of more than eight bytes\",-1");
        assert_eq!(all.count(), 3);
        assert_eq!(all.sum(), text(&values).sum());
        let [a, b, c] = values;
        let others = [
            text(&[a.clone(), b.clone()]),
            text(&[b.clone(), a.clone(), c.clone()]),
            text(&[a, b, Value::Int(1)]),
            text(&[Value::Int(71), Value::Int(-1)]),
            text(&[Value::Int(7), Value::Int(1), Value::Int(-1)]),
        ];
        assert!(others.iter().all(|other| other.sum() != all.sum()));
    }
}
