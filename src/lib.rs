//! Rumormill.
pub mod args;
pub mod cluster;
pub mod config;
mod gossip;
pub mod held;
pub mod link;
mod load;
mod loss;
pub mod message;
#[cfg(feature = "mutations")]
pub mod mutation;
pub mod node;
mod overlay;
pub mod parse;
pub mod plan;
pub mod route;
pub mod rtt;
pub mod stats;
pub mod stdio;
pub mod store;
mod sync;
pub mod time;
pub mod value;
