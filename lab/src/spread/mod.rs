//! Bare protocols: one rumour in a cluster without names, JSON or clients, as in the literature.

pub mod asynchronous;
pub mod chart;
pub mod cycles;
pub mod film;
pub mod model;
pub mod output;
pub mod rumour;
pub mod subject;
pub mod surroundings;

#[cfg(test)]
mod tests;
