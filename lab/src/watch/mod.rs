//! `lab watch`: a run in the terminal, from its files, while they are being written.
//!
//! [`tail`] reads what is new in a file, [`cluster`] makes a picture of the cluster of it, and
//! [`screen`] draws it. None of them has a clock: what is shown follows from the files.

pub mod cluster;
pub mod screen;
pub mod tail;

#[cfg(test)]
mod tests;
