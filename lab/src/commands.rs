//! The commands, from their arguments to the exit status.

#[cfg(feature = "ablation")]
pub mod ablate;
pub mod bench;
pub mod check;
pub mod compare;
pub mod explain;
pub mod figures;
pub mod grade;
pub mod hunt;
pub mod install;
pub mod maelstrom;
pub mod new;
pub mod replay;
pub mod report;
pub mod run_args;
pub mod runs;
pub mod serve;
pub mod shared_args;
pub mod shell;
pub mod sim;
pub mod spread;
pub mod test;
pub mod validate;
pub mod watch;
