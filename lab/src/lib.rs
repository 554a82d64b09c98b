//! The lab.
#![allow(missing_docs)]

pub mod history;
