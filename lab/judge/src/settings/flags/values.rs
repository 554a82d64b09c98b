//! How single settings are written, in flags and profiles alike.

use std::fmt;
use std::str::FromStr;

use derive_more::Display;
use serde::{Deserializer, Serializer};

/// Number of workers: `4n` is four per node.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
pub enum Concurrency {
    /// So many per node.
    #[display("{_0}n")]
    PerNode(usize),
    /// So many.
    Total(usize),
}

impl Concurrency {
    /// The number of workers for so many nodes.
    #[must_use]
    pub const fn workers(self, nodes: usize) -> usize {
        match self {
            Self::PerNode(count) => count.saturating_mul(nodes),
            Self::Total(count) => count,
        }
    }
}

impl FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, build): (&str, fn(usize) -> Self) = match text.strip_suffix('n') {
            Some(digits) => (digits, Self::PerNode),
            None => (text, Self::Total),
        };
        match digits.parse() {
            Ok(count) if count > 0 => Ok(build(count)),
            _ => {
                Err(format!("`{text}` is neither a number of workers nor one per node, like `4n`"))
            }
        }
    }
}

/// The value of `--nemesis`: any subset of Maelstrom's faults. The empty one, `none`, overrides a
/// profile's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NemesisKinds {
    /// Partitions.
    pub partition: bool,
    /// Nodes are killed, and started anew.
    pub kill: bool,
    /// Nodes are stopped, and go on.
    pub pause: bool,
}

impl NemesisKinds {
    /// All names, for a help.
    pub const NAMES: &str = "partition,kill,pause|none";
    /// Nothing.
    pub const NONE: Self = Self { partition: false, kill: false, pause: false };
    /// Partitions only.
    pub const PARTITION: Self = Self { partition: true, ..Self::NONE };
}

impl FromStr for NemesisKinds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut kinds = Self::NONE;
        if text == "none" {
            return Ok(kinds);
        }
        for name in text.split(',') {
            let kind = match name {
                "partition" => &mut kinds.partition,
                "kill" => &mut kinds.kill,
                "pause" => &mut kinds.pause,
                _ => {
                    let expected = "partition, kill, pause, several with commas between, or none";
                    return Err(format!("`{text}` is not one of {expected}"));
                }
            };
            *kind = true;
        }
        Ok(kinds)
    }
}

impl fmt::Display for NemesisKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("partition", self.partition), ("kill", self.kill), ("pause", self.pause)];
        let names: Vec<&str> =
            kinds.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(","))
    }
}

/// How a file has a setting: as the text that the flag takes, or as a number.
pub mod as_flag {
    use serde::Deserialize as _;
    use serde::de::Error as _;
    use serde_json::Value;

    use super::{Deserializer, FromStr, Serializer, fmt};

    /// Writes the text.
    pub fn serialize<S, T>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        T: fmt::Display,
    {
        serializer.collect_str(value)
    }

    /// Reads a string or number as what the same text would be as a flag.
    pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: fmt::Display>,
    {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        text.parse().map_err(|error: T::Err| {
            let why = error.to_string();
            D::Error::custom(if why.contains(&text) { why } else { format!("`{text}`: {why}") })
        })
    }

    /// The same for a setting that may be left out.
    pub mod option {
        use super::{Deserializer, FromStr, Serializer, fmt};

        /// Writes the text.
        pub fn serialize<S, T>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error>
        where
            S: Serializer,
            T: fmt::Display,
        {
            match value {
                Some(value) => serializer.collect_str(value),
                None => serializer.serialize_none(),
            }
        }

        /// Reads what is there.
        pub fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
        where
            D: Deserializer<'de>,
            T: FromStr<Err: fmt::Display>,
        {
            super::deserialize(deserializer).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::workload::Workload;

    use super::*;

    fn survives<T: FromStr<Err = String> + fmt::Display>(names: &[&str]) {
        for name in names {
            let shown = name.parse::<T>().unwrap_or_else(|error| panic!("{error}")).to_string();
            assert_eq!(shown, *name);
        }
        assert!("nonsense".parse::<T>().is_err());
    }

    #[test]
    fn what_is_shown_is_what_was_given() {
        survives::<Concurrency>(&["1n", "4n", "7"]);
        survives::<&'static Workload>(&["broadcast"]);
        survives::<NemesisKinds>(&[
            "none",
            "partition",
            "kill",
            "kill,pause",
            "partition,kill,pause",
        ]);
    }

    #[test]
    fn errors_list_what_is_possible() {
        for bad in ["0", "0n", "n", "-1", "4m", ""] {
            assert!(bad.parse::<Concurrency>().unwrap_err().contains("4n"), "{bad}");
        }
    }

    #[test]
    fn workers_per_node_are_multiplied() {
        assert_eq!(Concurrency::PerNode(4).workers(5), 20);
        assert_eq!(Concurrency::Total(4).workers(5), 4);
    }
}
