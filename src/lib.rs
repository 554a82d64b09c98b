//! Rumormill.
pub mod held;
pub mod message;
pub mod time;
pub mod value;
/// x
pub mod store { /// y
 pub struct Store; }
