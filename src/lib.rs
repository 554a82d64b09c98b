//! Rumormill.
pub mod args;
pub mod cluster;
pub mod config;
mod gossip;
pub mod held;
pub mod link;
pub mod message;
pub mod node;
pub mod parse;
pub mod route;
pub mod rtt;
pub mod stats;
pub mod stdio;
pub mod store;
mod sync;
pub mod time;
pub mod value;
