//! Tables of many runs for the documents: the frontier of messages per operation against latency,
//! with theory and published solutions beside it; profiles with faults; clusters of several sizes.

#[cfg(any(test, feature = "ablation"))]
pub mod ablation;
pub mod cases;
pub mod chart;
pub mod faults;
pub mod fit;
mod labels;
pub mod measure;
pub mod peers;
pub mod sections;
pub mod sizes;
pub mod table;
pub mod theory;
