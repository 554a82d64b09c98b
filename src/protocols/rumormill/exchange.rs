//! The exchange of messages with a peer: what a message changes, and what the next one carries.

mod compose;
#[cfg(test)]
pub(crate) mod fixture;
mod receiver;
mod room;
mod transmitter;

pub(crate) use compose::Purpose;
pub(crate) use receiver::Receiver;
pub(crate) use transmitter::Transmitter;
