//! The lab.
#![allow(missing_docs)]

pub mod convergence;
pub mod harness;
pub mod history;
pub mod journal;
pub mod network;
pub mod outcome;
pub mod run;
pub mod settings;
