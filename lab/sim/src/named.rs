//! Settings that are one of a few names.

/// Implements `FromStr` and `Display` from a table of names; the first name of a value is shown.
#[macro_export]
macro_rules! named {
    ($type:ty, $first:literal => $first_value:expr $(, $name:literal => $value:expr)* $(,)?) => {
        impl $type {
            /// All names, for a help.
            pub const NAMES: &'static str = concat!($first $(, "|", $name)*);
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $first => Ok($first_value),
                    $($name => Ok($value),)*
                    _ => Err(format!("`{text}` is not one of {}", Self::NAMES.replace('|', ", "))),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let names = [($first, $first_value) $(, ($name, $value))*];
                let name = names.iter().find(|(_, value)| value == self).map(|(name, _)| *name);
                f.write_str(name.unwrap_or("?"))
            }
        }
    };
}
