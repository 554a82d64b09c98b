//! The workloads: what clients ask, what they are answered, and how that is judged.
//!
//! A new workload is a file and a line in the list below. The rules are Maelstrom's; where its
//! verdict misses something, the honest one stands beside it.

mod broadcast;
mod echo;
mod g_counter;
mod g_set;
mod pn_counter;
mod results;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod unique_ids;

use std::str::FromStr;

use derive_more::{Debug, Display};
use rumormill_sim::dice::Dice;

use crate::history::{Op, OpValue, READ};
pub use broadcast::BROADCAST;
pub use g_set::G_SET;
pub use pn_counter::PN_COUNTER;
pub use results::WorkloadResults;

/// Lists the workloads: file, and name of the workload in it.
macro_rules! workloads {
    ($($file:ident: $workload:ident;)*) => {
        /// All workloads.
        pub static WORKLOADS: [&Workload; [$(stringify!($workload)),*].len()] =
            [$(&$file::$workload),*];
    };
}

workloads! {
    broadcast: BROADCAST;
    echo: ECHO;
    unique_ids: UNIQUE_IDS;
    g_set: G_SET;
    g_counter: G_COUNTER;
    pn_counter: PN_COUNTER;
}

/// A workload.
#[derive(Debug, Display)]
#[debug("{name}")]
#[display("{name}")]
pub struct Workload {
    /// Its name, on the command line and in `store/`.
    pub name: &'static str,
    /// The subject, in one line.
    pub summary: &'static str,
    /// The kinds of operations.
    pub operations: &'static [&'static Operation],
    /// Nodes are told their neighbours before the first operation.
    pub has_topology: bool,
    /// The outcome of errors and timeouts.
    pub errors: Errors,
    /// A client goes on after an operation with an unknown outcome, under a new process number.
    /// Otherwise it is closed, and its worker opens another.
    pub keeps_client: bool,
    /// Which worker does the next operation.
    pub turns: Turns,
    /// The things that spread among the nodes.
    pub spreads: Spreads,
    /// The next operation and its argument.
    pub next: fn(&mut Draws) -> (&'static Operation, OpValue),
    /// The operation of every worker at the end, after the heal and the wait. `None`: the run ends
    /// with the main phase.
    pub last: Option<LastOperation>,
    /// Maelstrom's checker.
    pub check: fn(&[Op]) -> WorkloadResults,
}

/// A kind of operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name in the history, and the `type` of the request. The reply's has `_ok` appended.
    pub f: &'static str,
    /// The key of the request's argument, if it has one.
    pub argument: Option<&'static str>,
    /// The keys that the reply must have.
    pub result: ResultShape,
    /// It may be done again: an operation without a reply has failed, and is not indeterminate.
    pub is_idempotent: bool,
}

impl Operation {
    /// One that takes an argument and returns nothing; done twice, it counts twice.
    const fn adding(f: &'static str, argument: &'static str) -> Self {
        Self { f, argument: Some(argument), result: ResultShape::Nothing, is_idempotent: false }
    }

    /// One that reads all that a node holds.
    const fn reading(result: ResultShape) -> Self {
        Self { f: READ, argument: None, result, is_idempotent: true }
    }
}

/// The result in a reply. A reply with any other key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultShape {
    /// None.
    Nothing,
    /// An array or `null` under this key.
    List(&'static str),
    /// An integer of at most 64 bits under this key.
    Integer(&'static str),
    /// Anything under this key.
    Any(&'static str),
    /// The whole reply, in which there is anything under this key.
    Body(&'static str),
}

impl ResultShape {
    /// The key of the result.
    #[must_use]
    pub const fn key(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::List(key) | Self::Integer(key) | Self::Any(key) | Self::Body(key) => Some(key),
        }
    }
}

/// The outcome of errors and timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// A definite error fails its operation; any other fails an idempotent one, and makes another
    /// one indeterminate.
    Mapped,
    /// Every error makes its operation indeterminate, reads too.
    Thrown,
}

/// Which worker does the next operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// The next free one in the rotation.
    RoundRobin,
    /// Any free one.
    Random,
}

/// The things that spread among the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spreads {
    /// Integers, each of which is added once.
    Elements,
    /// Numbers, whose sum counts.
    Deltas,
    /// Nothing.
    Nothing,
}

/// The operation of every worker at the end.
#[derive(Clone, Copy, Debug)]
pub struct LastOperation {
    /// Its kind. It has no argument.
    pub operation: &'static Operation,
    /// The history marks it with `:final? true`.
    pub is_marked: bool,
}

/// The source of a workload's operations.
#[derive(Debug)]
pub struct Draws {
    /// The source of chance.
    pub dice: Dice,
    /// The next number that was not used yet, from 0.
    pub next: i64,
}

impl Draws {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed, "mix"), next: 0 }
    }

    /// The next number that was not used yet.
    pub fn number(&mut self) -> OpValue {
        self.next += 1;
        OpValue::Int(self.next - 1)
    }
}

impl Workload {
    /// The kind of operation that reads all that a node holds, if there is one.
    #[must_use]
    pub fn read(&self) -> Option<&'static Operation> {
        self.operations.iter().copied().find(|operation| operation.f == READ)
    }
}

/// The names of all kinds of operations; some come more than once.
#[must_use]
pub fn functions() -> Vec<&'static str> {
    let operations = WORKLOADS.iter().flat_map(|workload| workload.operations);
    operations.map(|operation| operation.f).collect()
}

impl PartialEq for Workload {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl FromStr for &'static Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        WORKLOADS.iter().copied().find(|workload| workload.name == text).ok_or_else(|| {
            let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
            format!("`{text}` is not one of {}", names.join(", "))
        })
    }
}

/// The workload if none is named.
impl Default for &'static Workload {
    fn default() -> Self {
        &BROADCAST
    }
}
