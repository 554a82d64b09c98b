//! Parts that several protocols of the family share besides [`crate::store`]: random peers, periodic
//! timers, piggyback, suspicion ([`phi`]), sums that conserve mass ([`fixed_point`]).
//!
//! A protocol that runs in rounds for ever has a [`Ticker`] and draws its peers from its generator
//! ([`random_others`], [`random_of`]). A protocol of synchronous cycles in its paper has a
//! [`CycleTimer`], whose phase never moves and which stands still while there is nothing to do, and
//! draws its peers by cycle ([`CyclePeers`]): so variants that fall silent at different times still
//! make the same choices, and the lab compares them cycle by cycle.

mod chance;
mod cycle_timer;
pub mod fixed_point;
pub mod phi;
mod piggyback;
mod sample;
mod ticker;

pub(crate) use chance::mix;
pub use chance::{Chance, CyclePeers};
pub use cycle_timer::CycleTimer;
pub use piggyback::Piggyback;
pub use sample::{random_of, random_others};
pub use ticker::{Ticker, random_time};

crate::choice! {
    /// A switch.
    pub enum Switch {
        /// Off.
        Off = "off",
        /// On.
        On = "on",
    }
}

impl Switch {
    /// True if it is on.
    #[must_use]
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}
