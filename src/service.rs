//! The clients' view: a fold over delivered entries.
//!
//! A service answers the requests of a workload and applies entries. It knows nothing of peers:
//! dissemination is the protocol's.

mod any;
mod broadcast;
mod counter;
mod echo;
mod g_set;
mod read_text;
mod unique_ids;

use std::fmt;
use std::sync::Arc;

use crate::effects::Entry;
use crate::id::Origin;
use crate::json::put_field;
use crate::value::Value;
pub use any::{AnyService, Workload};
pub use broadcast::Broadcast;
pub use counter::{GCounter, PnCounter};
pub use echo::Echo;
pub use g_set::GSet;
pub use read_text::ReadText;
pub use unique_ids::UniqueIds;

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
    /// A client wants its text back.
    Echo {
        /// The text, or any other JSON.
        echo: Value,
    },
    /// A client wants an id.
    Generate,
    /// A client adds to a set.
    AddElement {
        /// The element.
        element: Value,
    },
    /// A client adds to a counter.
    AddDelta {
        /// The number.
        delta: i64,
    },
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
    /// The body of the client's message.
    EchoOk {
        /// The same.
        echo: Value,
    },
    /// An id that was never given out before.
    GenerateOk {
        /// The id.
        id: String,
    },
    /// The element or number is held and will not be lost.
    AddOk,
    /// All elements held, each once.
    SetOk {
        /// The inside of the JSON array, shared with the service.
        value: Arc<ReadText>,
    },
    /// The sum of a counter.
    SumOk {
        /// The sum.
        value: i128,
    },
}

/// Why a service does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The workload has no such request.
    NotSupported,
    /// The field that is wrong, what was expected, and what came.
    Malformed(String),
}

/// The service of a workload.
pub trait Service: Clone + fmt::Debug + Default {
    /// Answers a request. Values to disseminate are pushed onto `submit`; the host makes entries
    /// of them and applies them here before the reply leaves. `origin` is the node's present
    /// generation.
    ///
    /// # Errors
    /// If the workload has no such request, or its argument is wrong.
    fn on_request(
        &mut self,
        origin: Origin,
        request: Request,
        submit: &mut Vec<Value>,
    ) -> Result<Reply, Refusal>;

    /// Applies an entry: submitted here or delivered by the protocol, each exactly once.
    fn on_deliver(&mut self, entry: &Entry);

    /// True if the workload tells nodes their neighbours, and with that when to begin.
    fn has_topology(&self) -> bool {
        true
    }
}

impl Request {
    /// The `type` on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Broadcast { .. } => "broadcast",
            Self::Read => "read",
            Self::Echo { .. } => "echo",
            Self::Generate => "generate",
            Self::AddElement { .. } | Self::AddDelta { .. } => "add",
        }
    }

    /// Appends the fields of the body but its `type` and `msg_id`.
    pub(crate) fn write_fields(&self, out: &mut Vec<u8>) {
        match self {
            Self::Broadcast { message } => put_field(out, "message", message),
            Self::Echo { echo } => put_field(out, "echo", echo),
            Self::AddElement { element } => put_field(out, "element", element),
            Self::AddDelta { delta } => put_field(out, "delta", delta),
            Self::Read | Self::Generate => {}
        }
    }
}

impl Reply {
    /// The `type` on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BroadcastOk => "broadcast_ok",
            Self::ReadOk { .. } | Self::SetOk { .. } | Self::SumOk { .. } => "read_ok",
            Self::EchoOk { .. } => "echo_ok",
            Self::GenerateOk { .. } => "generate_ok",
            Self::AddOk => "add_ok",
        }
    }

    /// The list that the reply consists of, and its key.
    #[must_use]
    pub const fn list(&self) -> Option<(&'static str, &Arc<ReadText>)> {
        match self {
            Self::ReadOk { messages } => Some(("messages", messages)),
            Self::SetOk { value } => Some(("value", value)),
            _ => None,
        }
    }

    /// Appends the fields of the body but its `type` and `in_reply_to`.
    pub(crate) fn write_fields(&self, out: &mut Vec<u8>) {
        match self {
            Self::BroadcastOk | Self::AddOk => {}
            Self::EchoOk { echo } => put_field(out, "echo", echo),
            Self::GenerateOk { id } => put_field(out, "id", id),
            Self::SumOk { value } => put_field(out, "value", value),
            Self::ReadOk { messages } => put_list(out, "messages", messages),
            Self::SetOk { value } => put_list(out, "value", value),
        }
    }
}

/// Appends an array whose inside is kept as text.
fn put_list(out: &mut Vec<u8>, key: &str, inside: &ReadText) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":[");
    out.extend_from_slice(inside.as_bytes());
    out.push(b']');
}
