//! The lab: runs Maelstrom nodes without a JVM, and judges them.
//!
//! A run is one state machine without I/O, [`rumormill_judge::run::Run`], and so is its verdict. The
//! lab is all around it that touches a machine, and all that looks at runs.
//!
//! * [`harness`] drives a run with processes, [`sim`] with simulated nodes; [`store`] has its files;
//! * [`screen`], [`report`], [`explain`], [`watch`], [`compare`], [`check`], [`replay`] and [`serve`]
//!   show one, or several;
//! * `draw` and `html` make pictures and pages;
//! * [`hunt`], [`bench`], [`spread`] and [`validate`] do many;
//! * [`cli`], [`commands`] and [`profile`] read what is asked for; [`maelstrom`] says it to the real
//!   one.

pub mod bench;
pub mod check;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod cost;
mod draw;
pub mod explain;
pub mod harness;
mod html;
pub mod hunt;
pub mod maelstrom;
pub mod node;
mod parallel;
pub mod profile;
pub mod replay;
pub mod report;
pub mod screen;
pub mod serve;
pub mod shard;
pub mod sim;
pub mod spread;
mod steps;
pub mod store;
pub mod validate;
pub mod watch;
