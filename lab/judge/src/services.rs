//! Maelstrom's services: `lin-kv`, `seq-kv`, `lww-kv` and `lin-tso`, participants that nodes may
//! ask.
//!
//! Pure state machines: one request after another, a reply or none. The network around them, with
//! its latency, is [`run`](crate::run)'s.

mod kv;
mod lww_kv;
mod seq_kv;

use rumormill::value::Value;
use rumormill_sim::dice::Dice;
use rumormill_sim::named;

use crate::format::scan::Fields;
pub(crate) use kv::{Answer, Request};

/// Whether the services have Maelstrom's oddities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Services {
    /// As Maelstrom's: `seq-kv` lets time run backwards for a requester that is more than 32 versions
    /// behind, and the replicas of `lww-kv` never meet. The default, because a node that passes here
    /// is to pass there.
    #[default]
    Compatible,
    /// As their names promise.
    Correct,
}

named!(Services, "compatible" => Self::Compatible, "correct" => Self::Correct);

/// The names of the services, by their numbers.
pub const NAMES: [&str; 4] = ["lin-kv", "seq-kv", "lww-kv", "lin-tso"];

/// All services and their state.
#[derive(Debug)]
pub(crate) struct Desk {
    lin_kv: kv::Map,
    seq_kv: seq_kv::SeqKv,
    lww_kv: lww_kv::LwwKv,
    next_timestamp: u64,
}

impl Desk {
    pub(crate) fn new(services: Services, seed: u64) -> Self {
        let dice = |concern| Dice::new(seed, concern);
        Self {
            lin_kv: kv::Map::default(),
            seq_kv: seq_kv::SeqKv::new(services, dice("seq-kv")),
            lww_kv: lww_kv::LwwKv::new(services, dice("lww-kv")),
            next_timestamp: 0,
        }
    }

    /// The body of the reply to a request; `None` if the service does not know its type, to which
    /// it says nothing.
    pub(crate) fn answer(&mut self, service: u8, requester: &str, body: &str) -> Option<String> {
        let asked = Asked::read(body)?;
        let answer = match (NAMES.get(usize::from(service))?, &asked.request) {
            (&"lin-tso", None) if asked.kind == "ts" => {
                self.next_timestamp += 1;
                Answer::Timestamp(self.next_timestamp - 1)
            }
            (&"lin-kv", Some(request)) => self.lin_kv.apply(request),
            (&"seq-kv", Some(request)) => self.seq_kv.apply(requester, request),
            (&"lww-kv", Some(request)) => self.lww_kv.apply(request),
            _ => return None,
        };
        Some(answer.to_body(&asked.msg_id))
    }
}

/// A body, as far as a service looks at it.
struct Asked {
    kind: String,
    /// The `msg_id` as JSON; `null` if there is none.
    msg_id: String,
    /// The operation on keys, if it is one.
    request: Option<Request>,
}

impl Asked {
    /// Reads a body. What is missing is `null`: services refuse nothing.
    fn read(body: &str) -> Option<Self> {
        let (mut kind, mut msg_id) = (String::new(), "null".to_owned());
        let [mut key, mut value, mut from, mut to] = [const { None }; 4];
        let mut creates = false;
        let mut fields = Fields::of(body)?;
        while let Some((name, json)) = fields.next_field().ok()? {
            let slot = match &*name {
                "type" => {
                    kind = serde_json::from_str(json).unwrap_or_default();
                    continue;
                }
                "msg_id" => {
                    msg_id = json.to_owned();
                    continue;
                }
                "create_if_not_exists" => {
                    creates = !matches!(json, "false" | "null");
                    continue;
                }
                "key" => &mut key,
                "value" => &mut value,
                "from" => &mut from,
                "to" => &mut to,
                _ => continue,
            };
            *slot = Some(value_of(json));
        }
        let or_null = |value: Option<Value>| value.unwrap_or_else(|| Value::Json("null".into()));
        let key = or_null(key);
        let request = match &*kind {
            "read" => Some(Request::Read { key }),
            "write" => Some(Request::Write { key, value: or_null(value) }),
            "cas" => Some(Request::Cas { key, from: or_null(from), to: or_null(to), creates }),
            _ => None,
        };
        Some(Self { kind, msg_id, request })
    }
}

/// A JSON text as a value: two are equal if they are the same JSON.
fn value_of(json: &str) -> Value {
    // Nested too deep to be put into canonical form: it is equal to its own text.
    serde_json::from_str(json).unwrap_or_else(|_| Value::Json(json.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        Desk::new(Services::Compatible, 1)
    }

    #[test]
    fn a_service_does_not_answer_what_it_does_not_know() {
        let mut desk = desk();
        let mut ask = |service, body| desk.answer(service, "n0", body);
        assert_eq!(ask(0, r#"{"type":"ts","msg_id":1}"#), None);
        assert_eq!(ask(3, r#"{"type":"read","key":1,"msg_id":1}"#), None);
        assert_eq!(ask(0, r#"{"type":"increment","msg_id":1}"#), None);
        assert_eq!(ask(0, "{}"), None);
        // Its state is as it was.
        let read = ask(0, r#"{"type":"read","key":1,"msg_id":2}"#).unwrap();
        assert!(read.contains(r#""code":20"#), "{read}");
    }

    #[test]
    fn timestamps_are_given_out_once_to_all() {
        let mut desk = desk();
        for (ts, requester) in ["n0", "n1", "n0"].into_iter().enumerate() {
            let reply = desk.answer(3, requester, r#"{"type":"ts","msg_id":7}"#).unwrap();
            assert_eq!(reply, format!(r#"{{"type":"ts_ok","ts":{ts},"in_reply_to":7}}"#));
        }
    }

    #[test]
    fn what_is_missing_is_null() {
        let mut desk = desk();
        let mut ask = |body| desk.answer(0, "n0", body).unwrap();
        assert_eq!(ask(r#"{"type":"write"}"#), r#"{"type":"write_ok","in_reply_to":null}"#);
        let read = ask(r#"{"type":"read","key":null,"msg_id":1}"#);
        assert_eq!(read, r#"{"type":"read_ok","value":null,"in_reply_to":1}"#);
        let cas = ask(r#"{"type":"cas","to":4,"msg_id":2}"#);
        assert_eq!(cas, r#"{"type":"cas_ok","in_reply_to":2}"#);
        assert!(ask(r#"{"type":"read","msg_id":3}"#).contains(r#""value":4"#));
    }
}
