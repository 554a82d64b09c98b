//! A test of Maelstrom nodes, from the first request to the verdict: all of it that needs neither
//! processes nor files nor a clock.
//!
//! A run goes through these modules from top to bottom; each stands on those before it.
//!
//! * [`mod@format`], [`history`], [`delivery`]: how all that happens is written: lines of JSON, EDN, the
//!   operations of clients as Maelstrom records them, and when values reached which nodes;
//! * [`checker`]: the figures and verdicts of a history, Maelstrom's and finer ones;
//! * [`workload`]: requests, replies and verdict of each workload, one file each;
//! * [`settings`], [`topology`]: what is asked for;
//! * [`generator`]: what chance makes of that: operations, partitions, faults of nodes;
//! * [`message`], [`services`], [`trace`]: what is said, Maelstrom's services that answer, and which
//!   values messages carry;
//! * [`run`]: the run itself, a state machine that processes or simulated nodes are driven with;
//! * [`outcome`]: what it recorded;
//! * [`results`], [`figures`], [`verdict`]: what follows from that, as a file, as a table, and in a
//!   word.

pub mod checker;
pub mod delivery;
pub mod figures;
pub mod format;
pub mod generator;
pub mod history;
pub mod message;
pub mod outcome;
pub mod results;
pub mod run;
pub mod services;
pub mod settings;
pub mod topology;
pub mod trace;
pub mod verdict;
pub mod workload;
