//! The lab.
#![allow(missing_docs)]

pub mod checker;
pub mod convergence;
pub mod edn;
pub mod history;
pub mod journal;
pub mod network;
pub mod outcome;
pub mod settings;
