//! The exchange of messages with a peer: what a message changes, and what the next one carries.

mod compose;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod receiver;
mod room;
pub(crate) mod transmitter;

pub(crate) use compose::Purpose;
