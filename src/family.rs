//! Code for any protocol, chosen by its name at run time.
//!
//! The names stand in the list of [`crate::protocols`]; code for all of them needs no list.

use crate::protocol::Protocol;
use crate::wire::Wire;

/// Code for any protocol: a generic closure.
pub trait Visitor {
    /// The result.
    type Output;

    /// Runs for the protocol `P`.
    fn visit<P: Protocol<Message: Wire>>(self) -> Self::Output;
}

/// The name of a protocol.
pub trait ProtocolName: Copy {
    /// Calls the visitor with the protocol of that name.
    fn visit<V: Visitor>(self, visitor: V) -> V::Output;
}
