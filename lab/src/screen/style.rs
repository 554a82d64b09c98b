//! Colours where they can be seen, and numbers of a width that fits.

use std::io::IsTerminal;

/// Whether the screen may have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours are shown.
    pub colour: bool,
}

impl Style {
    /// Text only.
    pub const PLAIN: Self = Self { colour: false };

    /// Colours on a terminal, unless `NO_COLOR` is set or the terminal cannot.
    #[must_use]
    pub fn for_stdout() -> Self {
        let var = |name| std::env::var_os(name).unwrap_or_default();
        let refused = !var("NO_COLOR").is_empty() || var("TERM") == "dumb";
        Self { colour: std::io::stdout().is_terminal() && !refused }
    }

    /// The text in a tone.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "1;32",
            Tone::Bad => "1;31",
            Tone::Warn => "33",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What a colour is to say.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// As it must not be.
    Bad,
    /// Worth a look.
    Warn,
    /// A title.
    Strong,
    /// Less important.
    Faint,
}

/// A number in at most eight characters: as many decimals as its size leaves room for, and a
/// suffix from a million on.
pub(crate) fn number(value: f64) -> String {
    let (value, suffix) = match value.abs() {
        size if size >= 1e12 => (value / 1e12, "T"),
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        _ => (value, ""),
    };
    let decimals = match value.abs() {
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    format!("{}{suffix}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A number of things, in the plural unless it is one.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit() {
        for (value, shown) in [
            (0.0, "0"),
            (0.001, "0.001"),
            (12.345, "12.35"),
            (452.0, "452"),
            (99_999.96, "100000"),
            (123_456.7, "123456.7"),
            (1_234_567.0, "1.235M"),
            (15_000_000_000.0, "15G"),
        ] {
            assert_eq!(number(value), shown);
        }
    }

    #[test]
    fn colours_are_only_there_if_asked_for() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "x"), "x");
        assert_eq!(Style { colour: true }.paint(Tone::Bad, "x"), "\x1b[1;31mx\x1b[0m");
    }
}
