//! The g-set workload: a set that only grows. It is the broadcast workload under other names.

use super::{Broadcast, Refusal, Reply, Request, Service};
use crate::effects::Entry;
use crate::id::Origin;
use crate::value::Value;

/// The elements.
#[derive(Clone, Debug, Default)]
pub struct GSet {
    elements: Broadcast,
}

impl GSet {
    /// The elements, as the values of a broadcast.
    #[must_use]
    pub const fn elements(&self) -> &Broadcast {
        &self.elements
    }
}

impl Service for GSet {
    fn on_request(
        &mut self,
        origin: Origin,
        request: Request,
        submit: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        match request {
            Request::AddElement { element } => {
                let broadcast = Request::Broadcast { message: element };
                self.elements.on_request(origin, broadcast, submit)?;
                Ok(Reply::AddOk)
            }
            Request::Read => Ok(Reply::SetOk { value: self.elements.read_text() }),
            _ => Err(Refusal::NotSupported),
        }
    }

    fn on_deliver(&mut self, entry: &Entry) {
        self.elements.on_deliver(entry);
    }
}
