//! The lab.
#![allow(missing_docs)]

pub mod checker;
pub mod convergence;
pub mod edn;
pub mod history;
pub mod journal;
pub mod limit;
pub mod network;
pub mod outcome;
pub mod profile;
pub mod results;
pub mod screen;
pub mod settings;
pub mod store;
