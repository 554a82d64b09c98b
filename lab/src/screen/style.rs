//! Colours where they can be seen.

use std::io::IsTerminal;

/// Style of the screen: with colours, or without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
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

/// Meaning of a colour.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_only_there_if_asked_for() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "x"), "x");
        assert_eq!(Style { colour: true }.paint(Tone::Bad, "x"), "\x1b[1;31mx\x1b[0m");
    }
}
