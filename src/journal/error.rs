//! The reasons why a journal cannot be opened.

use std::fmt;
use std::io;

use super::FORMAT;
use crate::cluster::Name;

/// The reason why a journal cannot be opened or read. Nothing has been acknowledged then.
#[derive(Debug)]
pub enum JournalError {
    /// The file system failed.
    Io {
        /// The operation.
        action: &'static str,
        /// The file.
        file: String,
        /// The reason.
        error: io::Error,
    },
    /// Something is missing from the middle of the journal, or was changed.
    Damaged {
        /// The file.
        file: String,
        /// Where in the file, in bytes.
        offset: u64,
        /// The fault found there.
        problem: &'static str,
    },
    /// The journal is that of another node.
    OtherNode {
        /// The file.
        file: String,
        /// The node.
        node: Name,
        /// The other node.
        other: Name,
    },
    /// A later version has written the journal.
    Format {
        /// The file.
        file: String,
        /// The version of its format.
        format: u64,
    },
    /// The entries make no sense to the node.
    Entries {
        /// The file.
        file: String,
        /// The reason.
        problem: String,
    },
    /// There is no generation after the last one.
    NoGenerationLeft,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, file, error } => write!(f, "cannot {action} {file}: {error}"),
            Self::Damaged { file, offset, problem } => write!(
                f,
                "{file} is damaged at byte {offset}: {problem} (--repair goes on with what is whole)"
            ),
            Self::OtherNode { file, node, other } => {
                write!(f, "{file} is of node {other}, and this is node {node}")
            }
            Self::Format { file, format } => {
                write!(f, "{file} is of format {format}, and this version reads {FORMAT}")
            }
            Self::Entries { file, problem } => write!(f, "{file}: {problem}"),
            Self::NoGenerationLeft => {
                f.write_str("the journal has the last generation that there is")
            }
        }
    }
}

impl std::error::Error for JournalError {}
