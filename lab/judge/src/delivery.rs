//! Deliveries: when values reached all nodes, and when those of a connected component.

pub mod components;
pub mod convergence;
pub mod entries;
