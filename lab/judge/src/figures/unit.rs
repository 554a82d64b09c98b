//! Units of figures.

use crate::format::number::{number, trimmed};

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Time,
    /// Bytes.
    Bytes,
    /// A share of 1, shown in percent.
    Share,
    /// A plain number.
    Number,
}

impl Unit {
    /// Suffixes that a bound may have, and their factors. Longer ones come before those they end
    /// with.
    const fn suffixes(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Time => &[("ms", 1.0), ("us", 0.001), ("µs", 0.001), ("s", 1_000.0)],
            Self::Bytes => &[("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1.0)],
            Self::Share => &[("%", 0.01)],
            Self::Number => &[],
        }
    }

    /// Reads a bound; one without a suffix is in ms, in bytes, or a share of 1.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<f64> {
        let (digits, factor) = self
            .suffixes()
            .iter()
            .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?.trim_end(), *factor)))
            .unwrap_or((text, 1.0));
        let starts_well = digits.starts_with(|char: char| char.is_ascii_digit() || char == '.');
        digits.parse::<f64>().ok().filter(|_| starts_well).map(|number| number * factor)
    }

    /// Form of a bound, for errors.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Time => "a time like 400ms or 1.5s",
            Self::Bytes => "a number of bytes like 500 or 2kB",
            Self::Share => "a share like 0.05 or 5%",
            Self::Number => "a number",
        }
    }

    /// Sign of the unit; empty for plain numbers.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Time => "ms",
            Self::Bytes => "B",
            Self::Share => "%",
            Self::Number => "",
        }
    }

    /// A value as a number in this unit, without the sign.
    #[must_use]
    pub fn bare(self, value: f64) -> String {
        number(self.scaled(value))
    }

    /// A value with the sign of its unit.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        self.signed(value, &self.bare(value))
    }

    /// A bound with the sign of its unit, in all its digits: it can be parsed again.
    #[must_use]
    pub fn show_bound(self, bound: f64) -> String {
        self.signed(bound, &trimmed(&format!("{:.9}", self.scaled(bound))))
    }

    fn scaled(self, value: f64) -> f64 {
        if self == Self::Share { value * 100.0 } else { value }
    }

    fn signed(self, value: f64, number: &str) -> String {
        let suffix = self.suffix();
        if suffix.is_empty() || value.is_infinite() {
            return number.to_owned();
        }
        // `3.375M` is 3.375 MB.
        let digits = number.trim_end_matches(char::is_alphabetic);
        format!("{digits} {}{suffix}", &number[digits.len()..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_shown_is_parsed_to_itself() {
        for (unit, bound) in [
            (Unit::Time, 1_234.567_8),
            (Unit::Bytes, 123_456_789.0),
            (Unit::Share, 0.07),
            (Unit::Number, 2.612_34),
        ] {
            let parsed = unit.parse(&unit.show_bound(bound)).unwrap();
            assert!((parsed - bound).abs() < 1e-9, "{}", unit.show_bound(bound));
        }
        assert_eq!(Unit::Share.show_bound(0.07), "7 %");
    }

    #[test]
    fn value_shown_has_its_sign_but_never_has_none() {
        assert_eq!(Unit::Time.show(250.04), "250 ms");
        assert_eq!(Unit::Share.show(0.025), "2.5 %");
        assert_eq!(Unit::Number.show(3.0), "3");
        assert_eq!(Unit::Bytes.show(3_375_293.0), "3.375 MB");
        assert_eq!(Unit::Time.show(f64::INFINITY), "never");
    }
}
