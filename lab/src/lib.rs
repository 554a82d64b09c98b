//! The lab.
#![allow(missing_docs)]

mod agenda;
pub mod convergence;
mod generator;
pub mod history;
pub mod journal;
pub mod network;
pub mod outcome;
pub mod random;
pub mod settings;
pub mod topology;
