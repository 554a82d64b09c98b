//! Bare protocols: one rumour in a cluster without names, JSON or clients, as in the literature.

pub mod cycles;
pub mod model;
pub mod rumour;
