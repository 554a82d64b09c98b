//! Tables of many runs for the documents: the frontier of messages per operation against latency,
//! with theory and published solutions beside it; profiles with faults; clusters of several sizes; the protocols of the
//! family side by side.

#[cfg(any(test, feature = "ablation"))]
pub mod ablation;
pub mod cases;
pub mod chart;
pub mod faults;
pub mod fit;
mod labels;
pub mod load;
pub mod measure;
pub mod peers;
pub mod protocols;
pub mod sections;
pub mod sizes;
pub mod stamp;
pub mod table;
pub mod theory;
