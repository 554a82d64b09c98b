//! The lab.
#![allow(missing_docs)]

pub mod checker;
pub mod edn;
pub mod history;
