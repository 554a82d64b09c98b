//! The generator of a node's chance.

use rand::rngs::Xoshiro256PlusPlus;

/// The only source of chance of a protocol: named and portable, so that a seed means the same
/// everywhere.
pub type Rng = Xoshiro256PlusPlus;
