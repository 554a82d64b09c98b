pub mod lateness;
pub mod pipe;
pub mod process;
pub mod wait;
