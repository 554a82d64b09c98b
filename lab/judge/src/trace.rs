//! The deliveries of each value, by whom and when, and its holders: seen in messages and reads.
//!
//! One tracker for everything that tells of values: screen, results, explain, report and watch.
//!
//! - [`Tracer`] takes in events in order: requests, messages, reads, restarts. [`Run`] feeds it
//!   while the run goes on; the lab does so from `messages.jsonl`.
//! - `place` finds where in a message values may stand, `learn` decides where they do.
//! - [`ValueTrace`] is what follows: for each value, when each node came to hold it, by which
//!   message or read. A node that was sent a value and returns reads without it does not hold it.
//!
//! [`Run`]: crate::run::Run

mod additions;
mod learn;
pub mod own;
mod place;
mod tracer;
mod value_trace;

pub use learn::Source;
pub use place::ValuesAt;
pub use tracer::{Carried, Tracer};
pub(crate) use value_trace::Event;
pub use value_trace::{Hold, TracedValue, Unreturned, ValueTrace, Via};

#[cfg(test)]
mod tests;
