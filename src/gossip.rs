//! Parts that several protocols of the family share besides [`crate::peers`] and [`crate::store`].

mod chance;
mod cycle_timer;
mod piggyback;

pub use chance::{Chance, CyclePeers};
pub use cycle_timer::CycleTimer;
pub use piggyback::Piggyback;

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
