//! The one way in which numbers are shown.

/// A measured number as text: four significant digits, the whole part in full up to a million, then
/// with a suffix; `never` if it is infinite.
#[must_use]
pub fn number(value: f64) -> String {
    if value.is_infinite() {
        return "never".to_owned();
    }
    let (value, suffix) = match value.abs() {
        size if size >= 1e12 => (value / 1e12, "T"),
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        _ => (value, ""),
    };
    // Of 0 the logarithm is infinite, which the bounds take care of.
    let decimals = (3.0 - value.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{}{suffix}", trimmed(&format!("{value:.decimals$}")))
}

/// Without zeros at the end of the decimals.
pub fn trimmed(text: &str) -> String {
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A number of things, in the plural unless it is one.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_any_size_has_four_digits_and_fits() {
        for (value, shown) in [
            (0.0, "0"),
            (-0.000_000_1, "0"),
            (0.001, "0.001"),
            (0.029_41, "0.02941"),
            (9.999_96, "10"),
            (12.345, "12.35"),
            (452.0, "452"),
            (300.45, "300.4"),
            (99_999.96, "100000"),
            (123_456.7, "123457"),
            (1_234_567.0, "1.235M"),
            (15_000_000_000.0, "15G"),
            (f64::INFINITY, "never"),
        ] {
            assert_eq!(number(value), shown);
        }
    }
}
