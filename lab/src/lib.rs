//! The lab.
#![allow(missing_docs)]

<<<<<<< HEAD
pub mod convergence;
pub mod harness;
=======
mod agenda;
mod client;
pub mod convergence;
mod envelope;
mod generator;
>>>>>>> e
pub mod history;
pub mod journal;
pub mod network;
pub mod outcome;
<<<<<<< HEAD
pub mod run;
pub mod settings;
=======
pub mod random;
mod reply;
pub mod run;
pub mod settings;
pub mod topology;
>>>>>>> e
