//! The lab.
#![allow(missing_docs)]

pub mod harness;
pub mod history;
