//! Settings of protocols: flags, defaults, and the forms of their values.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer, Serialize, Serializer};

/// The settings of a protocol. A record keeps them as JSON.
pub trait Settings:
    Clone + fmt::Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
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
    /// A number, 0 included.
    Number(fn(&mut C) -> &mut usize),
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

impl<C> Flag<C> {
    /// Its name without dashes.
    fn key(&self) -> &'static str {
        self.name.trim_start_matches('-')
    }
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
            Self::Count(_) | Self::Number(_) => "NUMBER",
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
            Self::Number(_) => "an integer".to_owned(),
            Self::Choice { names, .. } => names().join(", "),
        }
    }

    /// Takes a value; `None` if it is not of the expected form.
    pub fn set(&self, config: &mut C, text: &str) -> Option<()> {
        match self {
            Self::Delay(field) => *field(config) = parse_time(text)?,
            Self::OptionalDelay(field) => {
                *field(config) = if text == "none" { None } else { Some(parse_time(text)?) };
            }
            Self::Interval(field) => {
                *field(config) = parse_time(text).filter(|time| !time.is_zero())?;
            }
            Self::Count(field) => {
                *field(config) = text.parse().ok().filter(|&number| number > 0)?;
            }
            Self::Number(field) => *field(config) = text.parse().ok()?,
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
            Self::Count(field) | Self::Number(field) => field(config).to_string(),
            Self::Choice { show, .. } => show(config).to_owned(),
        }
    }
}

/// A setting that is one of several names.
pub trait Choice: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// Its name.
    fn as_str(self) -> &'static str;

    /// The one of that name.
    #[must_use]
    fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.as_str() == name)
    }

    /// All names.
    #[must_use]
    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|choice| choice.as_str()).collect()
    }
}

/// Makes an enum a [`Choice`]: each variant has a name on the command line.
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name {
            $($(#[$variant_meta])* $variant),*
        }

        impl $crate::config::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),*
                }
            }
        }
    };
}

/// Makes the settings of a protocol: fields, defaults and flags in one place.
///
/// Each field has a type, the variant of [`Setting`] that reads its flag, a default, the flag and
/// its help. There may follow a field for a bug on purpose, which is no flag and compiled with its
/// feature only; a check of settings that may contradict each other; and a text for the end of the help.
/// Records keep the flags as the user would give them.
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $type:ty as $setting:ident = $default:expr, $flag:literal, $help:literal
            );* $(;)?
        }
        $(bug[$feature:literal] $bug:ident: $bug_type:ty;)?
        $(check $check:ident)?
        $($explanation:literal)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
            $(
                /// A bug on purpose.
                #[cfg(feature = $feature)]
                pub $bug: Option<$bug_type>,
            )?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    $(#[cfg(feature = $feature)] $bug: None,)?
                }
            }
        }

        impl $crate::config::Settings for $name {
            const FLAGS: &'static [$crate::config::Flag<Self>] = &[
                $($crate::config::Flag {
                    name: $flag,
                    help: $help,
                    setting: $crate::settings!(@setting $setting $field $type),
                }),*
            ];
            $(const EXPLANATION: &'static str = $explanation;)?
            $(fn check(&self) -> Result<(), String> {
                $check(self)
            })?
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::config::serialize_flags(self, to)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::config::deserialize_flags(from)
            }
        }
    };
    (@setting Choice $field:ident $type:ty) => {
        $crate::config::Setting::Choice {
            placeholder: "NAME",
            names: <$type as $crate::config::Choice>::names,
            set: |config, text| {
                config.$field = <$type as $crate::config::Choice>::of(text)?;
                Some(())
            },
            show: |config| $crate::config::Choice::as_str(config.$field),
        }
    };
    (@setting $setting:ident $field:ident $type:ty) => {
        $crate::config::Setting::$setting(|config| &mut config.$field)
    };
}

/// Writes settings as a map of flags, without dashes, to their values.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_flags<C: Settings, S: Serializer>(config: &C, to: S) -> Result<S::Ok, S::Error> {
    let mut config = config.clone();
    to.collect_map(C::FLAGS.iter().map(|flag| (flag.key(), flag.setting.show(&mut config))))
}

/// Reads settings as [`serialize_flags`] writes them. A flag that is absent has its default.
///
/// # Errors
/// The flag, what was expected, and what came.
pub fn deserialize_flags<'de, C: Settings, D: Deserializer<'de>>(from: D) -> Result<C, D::Error> {
    let mut config = C::default();
    for (key, value) in BTreeMap::<String, String>::deserialize(from)? {
        let flag = C::FLAGS.iter().find(|flag| flag.key() == key);
        let flag = flag.ok_or_else(|| D::Error::custom(format!("unknown setting `{key}`")))?;
        flag.setting.set(&mut config, &value).ok_or_else(|| {
            let expected = flag.setting.expected();
            D::Error::custom(format!("`{key}`: expected {expected}, got {value:?}"))
        })?;
    }
    Ok(config)
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

    choice! {
        /// A direction.
        enum Way {
            /// There.
            There = "there",
            /// Back.
            Back = "back",
        }
    }

    settings! {
        /// Some settings.
        struct Sample {
            /// A time.
            period: Duration as Interval = Duration::from_millis(1500), "--period", "a time";
            /// A number.
            fanout: usize as Count = 3, "--fanout", "a number";
            /// A name.
            way: Way as Choice = Way::There, "--way", "there or back";
            /// A time, or none.
            window: Option<Duration> as OptionalDelay = None, "--window", "a time";
        }
        check at_most_nine
        "More.\n"
    }

    fn at_most_nine(sample: &Sample) -> Result<(), String> {
        if sample.fanout <= 9 { Ok(()) } else { Err("more than nine".to_owned()) }
    }

    #[test]
    fn settings_are_written_as_the_user_gives_them_and_read_back() {
        let mut config = Sample { fanout: 7, way: Way::Back, ..Sample::default() };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(json, r#"{"period":"1.5s","fanout":"7","way":"back","window":"none"}"#);
        assert_eq!(serde_json::from_str::<Sample>(&json).unwrap(), config);
        assert_eq!(serde_json::from_str::<Sample>("{}").unwrap(), Sample::default());
        let wrong = |json: &str| serde_json::from_str::<Sample>(json).unwrap_err().to_string();
        assert!(wrong(r#"{"way":"up"}"#).starts_with("`way`: expected there, back, got \"up\""));
        assert!(wrong(r#"{"fan":"1"}"#).starts_with("unknown setting `fan`"));
        assert_eq!(Sample::FLAGS[2].setting.set(&mut config, "there"), Some(()));
        assert_eq!((config.way, Sample::EXPLANATION), (Way::There, "More.\n"));
        for window in [None, Some(Duration::from_micros(70))] {
            let json = serde_json::to_string(&Sample { window, ..Sample::default() }).unwrap();
            assert_eq!(serde_json::from_str::<Sample>(&json).unwrap().window, window, "{json}");
        }
        let check = [9, 10].map(|fanout| Sample { fanout, ..Sample::default() }.check());
        assert_eq!(check, [Ok(()), Err("more than nine".to_owned())]);
    }

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
