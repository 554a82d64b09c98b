//! The judge of runs: pure functions of what clients and networks recorded.
//!
//! * [`workload`]: requests, replies and verdict of each workload, one file each;
//! * [`history`]: the operations of clients, as Maelstrom records them;
//! * [`checker`]: the figures and verdicts of a history, Maelstrom's and finer ones;
//! * [`convergence`], [`components`]: when values reached all nodes, or those of a component;
//! * [`edn`], [`envelope`], [`scan`], [`text`], [`number`]: the formats in which all that is written.

pub mod checker;
pub mod components;
pub mod convergence;
pub mod edn;
pub mod envelope;
pub mod history;
pub mod number;
pub mod scan;
pub mod text;
pub mod workload;
