//! The broadcast workload: a set of values that only grows.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::{ReadText, Refusal, Reply, Request, Service};
use crate::effects::Entry;
use crate::id::Origin;
use crate::value::Value;

/// The distinct values, and the reply to `read` kept ready.
///
/// `read` returns each *value* once, whatever the number of entries that carry it.
#[derive(Clone, Default)]
pub struct Broadcast {
    /// The integers, as bits: 64 of them by the number that they share but for the last six bits.
    ///
    /// Clients count, so most bits of a word are set, and there are few words.
    ints: BTreeMap<i64, u64>,
    /// Only ever asked for a key: its iteration order is never seen.
    others: HashSet<Arc<str>>,
    read_text: Arc<ReadText>,
}

/// The text has all values; the order of the hash table differs from run to run.
impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("read_text", &self.read_text).finish_non_exhaustive()
    }
}

impl Broadcast {
    /// Number of distinct values.
    #[must_use]
    pub fn value_count(&self) -> usize {
        self.read_text.count() as usize
    }

    /// True if the value is held.
    #[must_use]
    pub fn contains(&self, value: &Value) -> bool {
        match value {
            Value::Int(int) => {
                let (word, bit) = place(*int);
                self.ints.get(&word).is_some_and(|bits| bits & bit != 0)
            }
            Value::Json(text) => self.others.contains(text),
        }
    }

    /// The distinct values in order of delivery, as JSON texts joined by commas.
    ///
    /// Shared, not copied: the service copies it only if it grows while a reply still holds it.
    #[must_use]
    pub fn read_text(&self) -> Arc<ReadText> {
        Arc::clone(&self.read_text)
    }
}

/// The word of an integer, and its bit there.
const fn place(int: i64) -> (i64, u64) {
    (int >> 6, 1 << (int & 63))
}

impl Service for Broadcast {
    fn on_request(
        &mut self,
        _: Origin,
        request: Request,
        submit: &mut Vec<Value>,
    ) -> Result<Reply, Refusal> {
        match request {
            Request::Broadcast { message } => {
                // A value that is held already needs no second entry.
                if !self.contains(&message) {
                    submit.push(message);
                }
                Ok(Reply::BroadcastOk)
            }
            Request::Read => Ok(Reply::ReadOk { messages: self.read_text() }),
            _ => Err(Refusal::NotSupported),
        }
    }

    fn on_deliver(&mut self, entry: &Entry) {
        let is_new = match &entry.value {
            Value::Int(int) => {
                let (word, bit) = place(*int);
                let bits = self.ints.entry(word).or_default();
                let is_new = *bits & bit == 0;
                *bits |= bit;
                is_new
            }
            Value::Json(text) => self.others.insert(Arc::clone(text)),
        };
        if is_new {
            Arc::make_mut(&mut self.read_text).push(&entry.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntryId, Generation, NodeId};

    fn entry(node: u32, sequence: u64, value: Value) -> Entry {
        let origin = Origin { node: NodeId(node), generation: Generation(1) };
        Entry { id: EntryId { origin, sequence }, value }
    }

    #[test]
    fn a_value_is_read_once_however_many_entries_carry_it() {
        let mut service = Broadcast::default();
        service.on_deliver(&entry(0, 0, Value::Int(7)));
        service.on_deliver(&entry(0, 1, Value::Json("\"x\"".into())));
        let early = service.read_text();
        service.on_deliver(&entry(1, 0, Value::Int(7)));
        service.on_deliver(&entry(1, 1, Value::Int(8)));
        assert_eq!(&**service.read_text(), "7,\"x\",8");
        assert_eq!(&**early, "7,\"x\"");
        assert_eq!(service.value_count(), 3);
    }

    #[test]
    fn a_value_that_is_held_is_acknowledged_and_not_submitted_again() {
        let (mut service, mut submit) = (Broadcast::default(), Vec::new());
        let origin = Origin { node: NodeId(0), generation: Generation(1) };
        let broadcast = Request::Broadcast { message: Value::Int(7) };
        assert_eq!(
            service.on_request(origin, broadcast.clone(), &mut submit),
            Ok(Reply::BroadcastOk)
        );
        assert_eq!(submit, [Value::Int(7)]);
        service.on_deliver(&entry(0, 0, Value::Int(7)));
        assert_eq!(service.on_request(origin, broadcast, &mut submit), Ok(Reply::BroadcastOk));
        assert_eq!(submit.len(), 1);
    }
}
