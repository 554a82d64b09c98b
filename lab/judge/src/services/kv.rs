//! The operations on keys, and `lin-kv`: one map, on which every request acts in order.

use std::collections::BTreeMap;

use rumormill::value::Value;

use crate::format::edn::Edn;

/// A request.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Read {
        key: Value,
    },
    Write {
        key: Value,
        value: Value,
    },
    /// Compare and set.
    Cas {
        key: Value,
        from: Value,
        to: Value,
        /// Sets a key that is absent.
        creates: bool,
    },
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Value(Value),
    Written,
    Set,
    /// Error 20.
    Absent,
    /// Error 22, with its text.
    Differs(String),
    Timestamp(u64),
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Effect {
    pub(crate) answer: Answer,
    /// The value that the request's key has from now on, if it is set.
    pub(crate) set: Option<Value>,
}

impl Request {
    pub(crate) const fn key(&self) -> &Value {
        match self {
            Self::Read { key } | Self::Write { key, .. } | Self::Cas { key, .. } => key,
        }
    }

    /// The effect on a map in which the key has this value.
    pub(crate) fn effect(&self, present: Option<&Value>) -> Effect {
        let answer = |answer| Effect { answer, set: None };
        match (self, present) {
            (Self::Write { value, .. }, _) => {
                Effect { answer: Answer::Written, set: Some(value.clone()) }
            }
            (Self::Read { .. }, Some(value)) => answer(Answer::Value(value.clone())),
            (Self::Cas { from, to, .. }, Some(value)) if from == value => {
                Effect { answer: Answer::Set, set: Some(to.clone()) }
            }
            (Self::Cas { from, .. }, Some(value)) => {
                let text = format!("current value {} is not {}", clojure(value), clojure(from));
                answer(Answer::Differs(text))
            }
            (Self::Cas { to, creates: true, .. }, None) => {
                Effect { answer: Answer::Set, set: Some(to.clone()) }
            }
            (Self::Read { .. } | Self::Cas { .. }, None) => answer(Answer::Absent),
        }
    }
}

/// A value in Clojure's notation.
pub(super) fn clojure(value: &Value) -> String {
    Edn::of_json(&value.to_string()).to_string()
}

impl Answer {
    /// The body of the reply.
    pub(crate) fn to_body(&self, in_reply_to: &str) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let said = match self {
            Self::Value(value) => format!(r#""read_ok","value":{value}"#),
            Self::Written => r#""write_ok""#.to_owned(),
            Self::Set => r#""cas_ok""#.to_owned(),
            Self::Absent => r#""error","code":20,"text":"key does not exist""#.to_owned(),
            Self::Differs(why) => format!(r#""error","code":22,"text":{}"#, text(why)),
            Self::Timestamp(ts) => format!(r#""ts_ok","ts":{ts}"#),
        };
        format!(r#"{{"type":{said},"in_reply_to":{in_reply_to}}}"#)
    }
}

/// The state of `lin-kv`.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    values: BTreeMap<Value, Value>,
}

impl Map {
    pub(super) fn apply(&mut self, request: &Request) -> Answer {
        let Effect { answer, set } = request.effect(self.values.get(request.key()));
        if let Some(value) = set {
            self.values.insert(request.key().clone(), value);
        }
        answer
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::value_of;
    use super::*;

    pub(crate) fn read(key: &str) -> Request {
        Request::Read { key: value_of(key) }
    }

    pub(crate) fn write(key: &str, value: &str) -> Request {
        Request::Write { key: value_of(key), value: value_of(value) }
    }

    pub(crate) fn cas(key: &str, from: &str, to: &str, creates: bool) -> Request {
        Request::Cas { key: value_of(key), from: value_of(from), to: value_of(to), creates }
    }

    #[test]
    fn the_table_of_operations() {
        let mut map = Map::default();
        assert_eq!(map.apply(&read("1")), Answer::Absent);
        assert_eq!(map.apply(&cas("1", "0", "5", false)), Answer::Absent);
        assert_eq!(map.apply(&cas("1", "0", "5", true)), Answer::Set);
        assert_eq!(map.apply(&read("1")), Answer::Value(value_of("5")));
        // With a key that is present the flag means nothing.
        let differs = |text: &str| Answer::Differs(text.to_owned());
        assert_eq!(map.apply(&cas("1", "4", "6", true)), differs("current value 5 is not 4"));
        assert_eq!(map.apply(&cas("1", "5", "6", false)), Answer::Set);
        assert_eq!(map.apply(&write("1", "null")), Answer::Written);
        assert_eq!(map.apply(&read("1")), Answer::Value(value_of("null")));
        assert_eq!(map.apply(&cas("1", "null", "7", false)), Answer::Set);
        // 1 and 1.0 are different keys and values.
        assert_eq!(map.apply(&read("1.0")), Answer::Absent);
        assert_eq!(map.apply(&cas("1", "7.0", "8", false)), differs("current value 7 is not 7.0"));
    }

    #[test]
    fn values_stand_in_errors_as_clojure_writes_them() {
        let mut map = Map::default();
        map.apply(&write("\"k\"", r#"[1, 2, "s", null, 1.5]"#));
        let why = map.apply(&cas("\"k\"", r#"{"a": [1, 2]}"#, "0", false));
        let text = r#"current value [1 2 "s" nil 1.5] is not {"a" [1 2]}"#;
        assert_eq!(why, Answer::Differs(text.to_owned()));
        assert_eq!(
            why.to_body("3"),
            r#"{"type":"error","code":22,"text":"current value [1 2 \"s\" nil 1.5] is not {\"a\" [1 2]}","in_reply_to":3}"#
        );
    }
}
