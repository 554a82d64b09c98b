//! Settings of protocols: flags, defaults, and the forms of their values.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The settings of a protocol. A record keeps them as JSON.
pub trait Settings:
    Clone + fmt::Debug + Default + PartialEq + Serialize + DeserializeOwned + 'static
{
    /// The flags, each with its help. Defaults are those of [`Default`].
    const FLAGS: &'static [Flag<Self>] = &[];
    /// A text for the end of the help.
    const EXPLANATION: &'static str = "";

    /// Settings that contradict each other are refused.
    ///
    /// # Errors
    /// The flags and values that contradict each other.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A flag with a value, of settings `C`.
pub struct Flag<C> {
    /// Its name, with both dashes.
    pub name: &'static str,
    /// Its line in the help.
    pub help: &'static str,
    /// Where the value goes, and which values there are.
    pub setting: Setting<C>,
}

/// Where the value of a flag goes, and so which values it takes.
pub enum Setting<C> {
    /// A time, zero included.
    Delay(fn(&mut C) -> &mut Duration),
    /// A time above zero.
    Interval(fn(&mut C) -> &mut Duration),
    /// A time, zero included, or none.
    OptionalDelay(fn(&mut C) -> &mut Option<Duration>),
    /// A number above zero.
    Count(fn(&mut C) -> &mut usize),
    /// One of several names.
    Choice {
        /// In the help.
        placeholder: &'static str,
        /// All names.
        names: fn() -> Vec<&'static str>,
        /// Takes a name; `None` if there is no such name.
        set: fn(&mut C, &str) -> Option<()>,
        /// The present name.
        show: fn(&C) -> &'static str,
    },
}

impl<C> fmt::Debug for Flag<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flag").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for Setting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.placeholder())
    }
}

impl<C> Setting<C> {
    /// Stands for the value in the help.
    #[must_use]
    pub const fn placeholder(&self) -> &'static str {
        match self {
            Self::Delay(_) | Self::OptionalDelay(_) | Self::Interval(_) => "TIME",
            Self::Count(_) => "NUMBER",
            Self::Choice { placeholder, .. } => placeholder,
        }
    }

    /// The values it takes, for an error.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Delay(_) | Self::OptionalDelay(_) => {
                "a time such as 200ms, 1.5s or 200 (milliseconds)".to_owned()
            }
            Self::Interval(_) => "a time above 0, such as 200ms or 1.5s".to_owned(),
            Self::Count(_) => "an integer above 0".to_owned(),
            Self::Choice { names, .. } => names().join(", "),
        }
    }

    /// Takes a value; `None` if it is not of the expected form.
    pub fn set(&self, config: &mut C, text: &str) -> Option<()> {
        match self {
            Self::Delay(field) => *field(config) = parse_time(text)?,
            Self::OptionalDelay(field) => *field(config) = Some(parse_time(text)?),
            Self::Interval(field) => {
                *field(config) = parse_time(text).filter(|time| !time.is_zero())?;
            }
            Self::Count(field) => {
                *field(config) = text.parse().ok().filter(|&number| number > 0)?;
            }
            Self::Choice { set, .. } => set(config, text)?,
        }
        Some(())
    }

    /// The value as a user would give it. (The accessors need the settings mutable; nothing
    /// changes.)
    #[must_use]
    pub fn show(&self, config: &mut C) -> String {
        match self {
            Self::Delay(field) | Self::Interval(field) => show_time(*field(config)),
            Self::OptionalDelay(field) => {
                field(config).map_or_else(|| "none".to_owned(), show_time)
            }
            Self::Count(field) => field(config).to_string(),
            Self::Choice { show, .. } => show(config).to_owned(),
        }
    }
}

/// Reads a time: a number with `ms` or `s`; a bare number is milliseconds.
#[must_use]
pub fn parse_time(text: &str) -> Option<Duration> {
    let (number, seconds_per_unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => text.strip_suffix('s').map_or((text, 1e-3), |number| (number, 1.0)),
    };
    // Rust's own number format also has signs, exponents, "inf" and "nan".
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds = number.parse::<f64>().ok()? * seconds_per_unit;
    let micros = Duration::try_from_secs_f64(seconds).ok()?.as_nanos().div_ceil(1000);
    // The core counts whole microseconds; a time that is not zero must not become so.
    u64::try_from(micros).ok().map(Duration::from_micros)
}

/// Writes a time so that [`parse_time`] takes it back.
#[must_use]
pub fn show_time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{}ms", time.as_micros() as f64 / 1e3)
    } else {
        format!("{}s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_unless_they_say_otherwise() {
        for (text, micros) in
            [("200ms", 200_000), ("1.5s", 1_500_000), ("20", 20_000), ("0", 0), ("0.0001", 1)]
        {
            assert_eq!(parse_time(text), Some(Duration::from_micros(micros)), "{text}");
        }
        for text in ["", "s", "ms", "-1", "+1", "1e3", "inf", "nan", "1h", "1 s", "1.2.3", "."] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        assert_eq!(parse_time(&"9".repeat(40)), None);
    }
}
