//! Bugs on purpose: in the protocol, and in the journal.

use std::str::FromStr;

use derive_more::Display;
use rumormill::journal;
use rumormill::protocols::rumormill::mutation::Mutation;

use super::setup::Setup;

/// A bug, put where a real one might be.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display("{}", self.name())]
pub enum Bug {
    /// In the protocol.
    Protocol(Mutation),
    /// In the journal. Found in durable clusters only.
    Journal(journal::Mutation),
}

impl Bug {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let journal = journal::Mutation::ALL.into_iter().map(Self::Journal);
        Mutation::ALL.into_iter().map(Self::Protocol).chain(journal)
    }

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocol(mutation) => mutation.name(),
            Self::Journal(mutation) => mutation.name(),
        }
    }

    /// Puts the bug into nodes.
    pub const fn put(self, nodes: &mut Setup) {
        match self {
            Self::Protocol(mutation) => {
                nodes.config.mutation = Some(mutation);
                if let Some(other) = &mut nodes.other {
                    other.mutation = Some(mutation);
                }
            }
            Self::Journal(mutation) => nodes.journal.mutation = Some(mutation),
        }
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all().find(|bug| bug.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::name).collect();
            format!("expected one of {}, not {text:?}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bugs_of_protocol_and_journal_have_names_of_their_own() {
        for bug in Bug::all() {
            assert_eq!(bug.name().parse(), Ok(bug));
        }
        let refusal = "none".parse::<Bug>().unwrap_err();
        assert!(refusal.contains("retry-never-sent, ") && refusal.contains("ack-before-sync, "));
    }
}
