//! Virtual time.

/// A span or an instant of virtual time, in nanoseconds.
pub type Nanos = u64;

/// Nanoseconds in a millisecond.
pub const MS: Nanos = 1_000_000;
