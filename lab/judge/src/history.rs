//! The history: what every client and the nemesis did, in the order Jepsen would have written it.
//!
//! All checkers are pure functions of it. Reads keep the *set* of values they returned; their
//! text, in the node's order and with duplicates, goes straight to `history.edn`.

pub mod errors;
pub mod read_set;
pub mod reader;

use std::collections::BTreeSet;
use std::fmt;

use roaring::RoaringTreemap;
use rumormill_sim::Nanos;

use crate::format::edn::Edn;

/// Which end of an operation a line of the history is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpKind {
    /// It began.
    Invoke,
    /// It took effect.
    Ok,
    /// It did not take effect.
    Fail,
    /// Unknown whether it took effect; all lines of the nemesis are of this kind too.
    Info,
}

impl OpKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Invoke, Self::Ok, Self::Fail, Self::Info];

    /// The name in a history's `:type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

/// Process that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    /// A client process: worker number, plus the concurrency for each `info` before it.
    Client(u64),
    /// The fault injector.
    Nemesis,
}

/// An operation and its argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// An operation of a client.
    Client {
        /// Its kind, as the history's `:f` has it.
        f: &'static str,
        /// Its argument; on an `ok` completion its result, if the operation has one.
        value: OpValue,
    },
    /// A nemesis action, by its Jepsen name, and its value as EDN text.
    Nemesis {
        /// `start-partition`, `stop-partition`.
        name: String,
        /// EDN, `nil` if there is none.
        value_edn: String,
    },
}

impl Action {
    /// The element that the operation adds to a set.
    #[must_use]
    pub fn added(&self) -> Option<u64> {
        match self {
            Self::Client { f: BROADCAST | ADD, value: OpValue::Int(int) } => (*int).try_into().ok(),
            _ => None,
        }
    }

    /// The argument or result of a client's operation.
    #[must_use]
    pub const fn value(&self) -> &OpValue {
        match self {
            Self::Client { value, .. } => value,
            Self::Nemesis { .. } => &OpValue::Nil,
        }
    }

    /// The set that the operation returned.
    #[must_use]
    pub const fn read_set(&self) -> Option<&ReadSet> {
        self.value().set()
    }

    /// The result of a read.
    #[must_use]
    pub fn read_value(&self) -> Option<&OpValue> {
        match self {
            Self::Client { f: READ, value } if *value != OpValue::Nil => Some(value),
            _ => None,
        }
    }

    /// True for a read of a client.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Client { f: READ, .. })
    }
}

/// Kind of an operation: it reads all that a node holds.
pub const READ: &str = "read";
/// Kind of an operation: it adds a value in the broadcast workload.
pub const BROADCAST: &str = "broadcast";
/// Kind of an operation: it adds an element to a set, or to a counter.
pub const ADD: &str = "add";

/// Argument or result of an operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OpValue {
    /// `nil`: there is none.
    #[default]
    Nil,
    /// An integer.
    Int(i64),
    /// The set that a read returned.
    Set(ReadSet),
    /// Anything else.
    Edn(Edn),
}

impl OpValue {
    /// The set, if it is one.
    #[must_use]
    pub const fn set(&self) -> Option<&ReadSet> {
        match self {
            Self::Set(set) => Some(set),
            _ => None,
        }
    }

    /// The same as EDN; of a set its integers.
    #[must_use]
    pub fn to_edn(&self) -> Edn {
        match self {
            Self::Nil => Edn::Nil,
            Self::Int(int) => Edn::Int(*int),
            Self::Set(set) => Edn::vector(&set.ints),
            Self::Edn(edn) => edn.clone(),
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub const fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }
}

impl From<Edn> for OpValue {
    fn from(edn: Edn) -> Self {
        match edn {
            Edn::Nil => Self::Nil,
            Edn::Int(int) => Self::Int(int),
            other => Self::Edn(other),
        }
    }
}

/// The values a read returned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadSet {
    /// Integers of at least 0, each once. Anything else cannot match a broadcast value.
    pub ints: RoaringTreemap,
    /// Elements that are no integers of at least 0.
    pub others: OtherElements,
    /// How many elements the reply had, duplicates and other types included.
    pub len: usize,
}

/// Elements of a read that cannot be broadcast values: negative numbers, strings, `2.0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherElements {
    /// How many, repetitions included.
    pub count: usize,
    /// Their texts, each once; of more than [`MAX_OTHERS`](Self::MAX_OTHERS) the first ones.
    pub texts: BTreeSet<Box<str>>,
}

impl OtherElements {
    /// Texts kept of one read: a history holds thousands of reads, and one example is enough for a
    /// person.
    pub const MAX_OTHERS: usize = 100;
    /// Characters of a text that are kept.
    const MAX_CHARS: usize = 60;

    /// Adds an element.
    pub fn add(&mut self, text: &str) {
        self.count += 1;
        if self.texts.len() < Self::MAX_OTHERS {
            let cut = text.char_indices().nth(Self::MAX_CHARS).map_or(text.len(), |(at, _)| at);
            self.texts.insert(text[..cut].into());
        }
    }
}

/// Why an operation is not `ok`.
#[derive(Clone, Debug, PartialEq)]
pub enum OpError {
    /// No reply in time: `:net-timeout`.
    Timeout,
    /// An error reply: its name (`:temporarily-unavailable`, `:unknown`) and text.
    Reply {
        /// Keyword without the colon.
        name: String,
        /// The reply's `text`.
        text: Option<String>,
    },
    /// An exception in Maelstrom: a reply of the wrong shape, or any error in a workload that maps
    /// none.
    Exception(String),
}

impl OpError {
    /// The exception that stands for a timeout in a workload that maps no errors.
    pub const NO_REPLY: &str = "no reply in time";

    /// The same in a workload that maps no errors.
    #[must_use]
    pub fn into_exception(self) -> Self {
        Self::Exception(self.to_string())
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str(Self::NO_REPLY),
            Self::Reply { name, text: Some(text) } => write!(f, "{name}: {text}"),
            Self::Reply { name, text: None } => f.write_str(name),
            Self::Exception(why) => f.write_str(why),
        }
    }
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Position in the history, from 0.
    pub index: usize,
    /// When.
    pub time: Nanos,
    /// Which end.
    pub kind: OpKind,
    /// Process.
    pub process: Process,
    /// What.
    pub action: Action,
    /// A final read.
    pub is_final: bool,
    /// Why not `ok`.
    pub error: Option<OpError>,
}

impl Op {
    /// A line of the nemesis.
    #[must_use]
    pub fn nemesis(index: usize, time: Nanos, name: &str, value_edn: &str) -> Self {
        let action = Action::Nemesis { name: name.into(), value_edn: value_edn.into() };
        let (kind, process) = (OpKind::Info, Process::Nemesis);
        Self { index, time, kind, process, action, is_final: false, error: None }
    }
}
