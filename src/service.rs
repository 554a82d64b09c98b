//! The clients' view: a fold over delivered entries.
//!
//! A service answers the requests of a workload and applies entries. It knows nothing of peers:
//! dissemination is the protocol's.

mod broadcast;
mod read_text;

use std::fmt;
use std::sync::Arc;

use crate::effects::Entry;
use crate::value::Value;
use crate::wire::put_field;
pub use broadcast::Broadcast;
pub use read_text::ReadText;

/// A request of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A client submits a value.
    Broadcast {
        /// The value.
        message: Value,
    },
    /// A client asks for everything.
    Read,
}

/// The reply to a request. It has no key beyond Maelstrom's schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The value is held and will not be lost.
    BroadcastOk,
    /// All values held, each once.
    ReadOk {
        /// The inside of the JSON array, shared with the service, so that a read costs no
        /// formatting.
        messages: Arc<ReadText>,
    },
}

/// The service of a workload.
pub trait Service: Clone + fmt::Debug + Default {
    /// Answers a request. Values to disseminate are pushed onto `submit`; the host makes entries
    /// of them and applies them here before the reply leaves. `None`: the service does not know
    /// the request.
    fn on_request(&mut self, request: Request, submit: &mut Vec<Value>) -> Option<Reply>;

    /// Applies an entry: submitted here or delivered by the protocol, each exactly once.
    fn on_deliver(&mut self, entry: &Entry);
}

impl Request {
    /// The `type` on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Broadcast { .. } => "broadcast",
            Self::Read => "read",
        }
    }

    /// Appends the fields of the body but its `type` and `msg_id`.
    pub(crate) fn write_fields(&self, out: &mut Vec<u8>) {
        match self {
            Self::Broadcast { message } => put_field(out, "message", message),
            Self::Read => {}
        }
    }
}

impl Reply {
    /// The `type` on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BroadcastOk => "broadcast_ok",
            Self::ReadOk { .. } => "read_ok",
        }
    }

    /// The list that the reply consists of, and its key.
    #[must_use]
    pub const fn list(&self) -> Option<(&'static str, &Arc<ReadText>)> {
        match self {
            Self::BroadcastOk => None,
            Self::ReadOk { messages } => Some(("messages", messages)),
        }
    }

    /// Appends the fields of the body but its `type` and `in_reply_to`.
    pub(crate) fn write_fields(&self, out: &mut Vec<u8>) {
        match self {
            Self::BroadcastOk => {}
            Self::ReadOk { messages } => {
                out.extend_from_slice(b",\"messages\":[");
                out.extend_from_slice(messages.as_bytes());
                out.push(b']');
            }
        }
    }
}
