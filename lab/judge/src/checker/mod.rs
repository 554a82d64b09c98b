//! The checkers: pure functions of a history, each in its own file.
//!
//! `set_full`, `stats`, `availability`, `exceptions` and `net` reproduce Maelstrom's, number for
//! number, so that figures can be compared. The others are the honest ones.

pub mod availability;
pub mod components;
pub mod convergence;
pub mod counter;
pub mod exceptions;
pub mod latency;
pub mod missing;
pub mod net;
pub mod quantile;
pub mod reads;
pub mod set_full;
pub mod stats;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::edn::Edn;
use crate::history::{Action, Op, OpKind, Process};

/// A verdict. The order is that of Maelstrom's composition: the greatest one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "serde_json::Value", try_from = "serde_json::Value")]
pub enum Validity {
    /// Nothing is wrong.
    #[default]
    Valid,
    /// Too little was observed to say.
    Unknown,
    /// Something is wrong.
    Invalid,
}

impl Validity {
    /// Valid or invalid.
    pub fn from_bool(is_valid: bool) -> Self {
        if is_valid { Self::Valid } else { Self::Invalid }
    }

    /// Invalid unless all that was observed is good, and valid only if enough was observed.
    pub fn of(is_good: bool, is_enough: bool) -> Self {
        if is_good && !is_enough { Self::Unknown } else { Self::from_bool(is_good) }
    }

    /// The verdict in a file of results, if it is one.
    #[must_use]
    pub fn of_edn(edn: &Edn) -> Option<Self> {
        match edn {
            Edn::Bool(is_valid) => Some(Self::from_bool(*is_valid)),
            // JSON has no keywords.
            Edn::Key(name) | Edn::Str(name) if name == "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The verdict of several together: false beats unknown beats true.
    pub fn compose(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().max().unwrap_or_default()
    }

    /// The exit status Maelstrom ends with.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Unknown => 2,
        }
    }
}

impl From<Validity> for Edn {
    fn from(validity: Validity) -> Self {
        match validity {
            Validity::Valid => Self::Bool(true),
            Validity::Invalid => Self::Bool(false),
            Validity::Unknown => Self::key("unknown"),
        }
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Valid => "true",
            Self::Unknown => "unknown",
            Self::Invalid => "false",
        })
    }
}

impl From<Validity> for serde_json::Value {
    fn from(validity: Validity) -> Self {
        Edn::from(validity).to_json()
    }
}

impl TryFrom<serde_json::Value> for Validity {
    type Error = String;

    fn try_from(json: serde_json::Value) -> Result<Self, String> {
        let found = json.to_string();
        Self::of_edn(&json.into())
            .ok_or_else(|| format!("expected true, false or \"unknown\", got {found}"))
    }
}

/// The name of a client operation's kind; none for the nemesis.
pub fn client_function(op: &Op) -> Option<&'static str> {
    match op.action {
        Action::Client { f, .. } => Some(f),
        Action::Nemesis { .. } => None,
    }
}

/// Client invocations in a history, of all kinds.
pub fn invocation_count(history: &[Op]) -> usize {
    history.iter().filter(|op| client_function(op).is_some() && op.kind == OpKind::Invoke).count()
}

/// Finds each completion's invocation, given the history in order.
#[derive(Debug, Default)]
pub struct Pairing {
    open: BTreeMap<Process, usize>,
}

impl Pairing {
    /// Notes one operation; for a completion, answers where its invocation is.
    pub fn step(&mut self, position: usize, op: &Op) -> Option<usize> {
        match op.kind {
            OpKind::Invoke => {
                self.open.insert(op.process, position);
                None
            }
            OpKind::Ok | OpKind::Fail | OpKind::Info => self.open.remove(&op.process),
        }
    }
}

#[cfg(any(test, feature = "testing"))]
pub mod script;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn false_beats_unknown_beats_true() {
        use Validity::{Invalid, Unknown, Valid};
        assert_eq!(Validity::compose([]), Valid);
        assert_eq!(Validity::compose([Valid, Valid]), Valid);
        assert_eq!(Validity::compose([Valid, Unknown]), Unknown);
        assert_eq!(Validity::compose([Unknown, Invalid, Valid]), Invalid);
        assert_eq!([Valid, Invalid, Unknown].map(Validity::exit_code), [0, 1, 2]);
    }

    #[test]
    fn validity_survives_json() {
        for (validity, text) in [
            (Validity::Valid, "true"),
            (Validity::Invalid, "false"),
            (Validity::Unknown, "\"unknown\""),
        ] {
            assert_eq!(serde_json::to_string(&validity).unwrap(), text);
            assert_eq!(serde_json::from_str::<Validity>(text).unwrap(), validity);
        }
        assert!(serde_json::from_str::<Validity>("\"maybe\"").is_err());
    }
}
