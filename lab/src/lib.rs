//! The lab.
#![allow(missing_docs)]

mod agenda;
mod client;
pub mod convergence;
mod envelope;
mod generator;
pub mod history;
pub mod journal;
pub mod network;
pub mod outcome;
pub mod random;
mod reply;
pub mod run;
mod scan;
pub mod settings;
pub mod topology;
