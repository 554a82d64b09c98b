//! The exchange of messages with a peer: what a message changes, and what the next one carries.

mod compose;
mod context;
#[cfg(test)]
pub(crate) mod fixture;
mod receiver;
mod room;
mod transmitter;

pub(crate) use compose::Purpose;
pub(crate) use context::Context;
pub(crate) use receiver::Receiver;
pub(crate) use transmitter::Transmitter;
