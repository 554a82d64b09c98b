//! The echo workload: every text comes back.

use super::{Refusal, Reply, Request, Service};
use crate::effects::Entry;
use crate::id::Origin;
use crate::value::Value;

/// The service; it has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Service for Echo {
    fn on_request(
        &mut self,
        _: Origin,
        request: Request,
        _: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        match request {
            Request::Echo { echo } => Ok(Reply::EchoOk { echo }),
            _ => Err(Refusal::NotSupported),
        }
    }

    fn on_deliver(&mut self, _: &Entry) {}
}
