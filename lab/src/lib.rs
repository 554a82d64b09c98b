//! The lab: runs Maelstrom nodes without a JVM, and judges them.
//!
//! All semantics are in one state machine without I/O, [`run::Run`]; the [`harness`] drives it
//! with real processes. Pure functions of what it recorded ([`checker`]) give the results.

pub use rumormill_judge::{checker, components, convergence, edn, history, workload};
use rumormill_judge::{envelope, number, scan, text};
pub use rumormill_sim::dice as random;

mod axis;
pub mod bench;
mod chart;
pub mod check;
pub mod cli;
mod client;
pub mod commands;
pub mod compare;
pub mod cost;
pub mod entries;
pub mod explain;
pub mod figures;
pub mod flags;
mod generator;
pub mod harness;
pub mod hunt;
pub mod journal;
pub mod limit;
pub mod maelstrom;
pub mod network;
pub mod node;
pub mod outcome;
mod parallel;
pub mod profile;
pub mod replay;
mod reply;
pub mod report;
pub mod results;
pub mod run;
pub mod screen;
pub mod serve;
pub mod services;
pub mod settings;
pub mod shard;
pub mod sim;
pub mod spread;
pub mod store;
mod svg;
mod toml_file;
pub mod topology;
pub mod trace;
pub mod validate;
pub mod watch;
