//! The unique-ids workload: every id is generated once in a cluster.
//!
//! An id is the node, its generation and a counter. A restarted node has another generation, so
//! that no id comes twice, without a message and without a disk.

use super::{Refusal, Reply, Request, Service};
use crate::effects::Entry;
use crate::id::Origin;
use crate::value::Value;

/// The service: how many ids this generation of the node has given out.
#[derive(Clone, Copy, Debug, Default)]
pub struct UniqueIds {
    count: u64,
}

impl Service for UniqueIds {
    fn on_request(
        &mut self,
        origin: Origin,
        request: Request,
        _: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        let Request::Generate = request else { return Err(Refusal::NotSupported) };
        let id = format!("{}-{}-{}", origin.node.0, origin.generation, self.count);
        self.count += 1;
        Ok(Reply::GenerateOk { id })
    }

    fn on_deliver(&mut self, _: &Entry) {}
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::{Generation, NodeId};

    #[test]
    fn ids_differ_between_requests_nodes_and_generations() {
        let mut ids = BTreeSet::new();
        for node in [1, 11] {
            for generation in [1, 11] {
                let origin = Origin { node: NodeId(node), generation: Generation(generation) };
                let mut service = UniqueIds::default();
                for _ in 0..12 {
                    let reply = service.on_request(origin, Request::Generate, &mut Vec::new());
                    let Ok(Reply::GenerateOk { id }) = reply else { panic!("{reply:?}") };
                    assert!(ids.insert(id.clone()), "{id} comes twice");
                }
            }
        }
        assert_eq!(ids.len(), 48);
    }
}
