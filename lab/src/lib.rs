//! The lab.
#![allow(missing_docs)]

mod agenda;
pub mod checker;
mod client;
pub mod convergence;
pub mod edn;
mod envelope;
mod generator;
pub mod history;
pub mod journal;
pub mod limit;
pub mod network;
pub mod outcome;
pub mod profile;
pub mod random;
mod reply;
pub mod results;
pub mod run;
pub mod screen;
pub mod settings;
pub mod sim;
pub mod store;
pub mod topology;
