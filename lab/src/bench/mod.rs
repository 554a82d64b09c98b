//! The frontier: messages per operation against latency. What is possible, what we reach, and
//! what others do; and what becomes of it as the cluster grows.

pub mod cases;
pub mod chart;
pub mod faults;
mod labels;
pub mod measure;
pub mod peers;
pub mod sections;
pub mod sizes;
pub mod table;
pub mod theory;
