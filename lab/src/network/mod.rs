//! The network: a queue per participant, latency, and what stands in a message's way.

pub mod faults;
pub mod packet;
