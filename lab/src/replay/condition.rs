//! Where to stop: `--until` and `--break`.

use std::str::FromStr;

use rumormill::config::parse_time;
use rumormill::maelstrom::parse::parse_line;
use rumormill::maelstrom::record::Event;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::service::Request;
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill_judge::message::Body;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Turn;

/// Stop before the first input that is later than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// A time since the node's start.
    Time(Instant),
    /// A line of the file.
    Line(u64),
}

impl Until {
    /// True if the input is still to be fed.
    #[must_use]
    pub fn allows(self, line: u64, input: &Event) -> bool {
        match self {
            Self::Time(until) => input.time().is_none_or(|at| at <= until),
            Self::Line(until) => line <= until,
        }
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(line) = text.parse() {
            return Ok(Self::Line(line));
        }
        let time = parse_time(text).filter(|_| text.ends_with('s'));
        let time = time.ok_or_else(|| {
            format!("expected a time such as 2.5s or 300ms, or a line, not {text:?}")
        })?;
        Ok(Self::Time(Instant::ZERO.after(time)))
    }
}

/// The condition of a turn for the replay to stop after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A broadcast or gossip message that came or was sent carries the value.
    Value(Value),
    /// The message that came is from this node or client.
    From(String),
    /// A message was sent to this node or client.
    To(String),
    /// A message of this type came or was sent.
    Type(String),
    /// The deadline had come.
    Timeout,
    /// The node had something to tell people: a refused line, for example.
    Diagnostic,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match (word, rest.is_empty()) {
            ("value", false) => {
                let raw = serde_json::from_str::<&RawValue>(rest)
                    .map_err(|error| format!("{rest:?} is no JSON value: {error}"))?;
                Value::from_raw(raw).map(Self::Value).map_err(|error| error.to_string())
            }
            ("from", false) => Ok(Self::From(rest.to_owned())),
            ("to", false) => Ok(Self::To(rest.to_owned())),
            ("type", false) => Ok(Self::Type(rest.to_owned())),
            ("timeout", true) => Ok(Self::Timeout),
            ("diagnostic", true) => Ok(Self::Diagnostic),
            _ => Err(format!(
                "expected `value V`, `from NODE`, `to NODE`, `type TYPE`, `timeout` or \
                 `diagnostic`, not {text:?}"
            )),
        }
    }
}

/// As much of any message as a condition asks for.
#[derive(Deserialize)]
struct Envelope {
    src: String,
    body: Kind,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

impl Condition {
    /// True if the turn has it.
    #[must_use]
    pub fn holds(&self, turn: &Turn<'_>) -> bool {
        let input = match turn.input {
            Event::Message(_, text) => Some(text.as_str()),
            _ => None,
        };
        let sent = &turn.sent;
        let envelope = |text: &str| serde_json::from_str::<Envelope>(text).ok();
        match self {
            Self::Value(value) => {
                let parse = |text: &str| parse_line::<Gossip>(text.as_bytes(), turn.nodes.as_ref());
                let came = input.and_then(|text| parse(text).ok());
                came.iter().chain(sent).any(|message| carries(&message.body, value))
            }
            Self::From(name) => input.and_then(envelope).is_some_and(|m| m.src == *name),
            Self::To(name) => sent.iter().any(|message| *message.dest == **name),
            Self::Type(kind) => {
                input.and_then(envelope).is_some_and(|m| m.body.kind == *kind)
                    || sent.iter().any(|message| message.body.kind() == kind)
            }
            Self::Timeout => matches!(turn.input, Event::Timeout(_)),
            Self::Diagnostic => !turn.diagnostics.is_empty(),
        }
    }
}

/// True for a broadcast of the value, and for gossip that brings it.
fn carries(body: &Body, value: &Value) -> bool {
    match body {
        Body::Request { request: Request::Broadcast { message }, .. } => message == value,
        Body::Peer(named) => {
            named.message().entries.iter().any(|entries| entries.values.contains(value))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn stops_are_read() {
        assert_eq!("12".parse(), Ok(Until::Line(12)));
        assert_eq!("2.5s".parse(), Ok(Until::Time(Instant::from_micros(2_500_000))));
        assert_eq!("300ms".parse(), Ok(Until::Time(Instant::from_micros(300_000))));
        for text in ["", "x", "-1s", "nans", "1h", "s"] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
        assert_eq!("value 42".parse(), Ok(Condition::Value(Value::Int(42))));
        assert_eq!(" to n3".parse(), Ok(Condition::To("n3".to_owned())));
        assert_eq!("timeout".parse(), Ok(Condition::Timeout));
        for text in ["value", "value {", "timeout 3", "hop n3", ""] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_is_found_in_broadcasts_and_gossip_only() {
        let value = Value::Int(42);
        let nodes = Arc::new(vec!["n0".into(), "n1".into()].into());
        let line = |body: &str| format!("{{\"src\":\"n1\",\"dest\":\"n0\",\"body\":{body}}}");
        for (body, is_in) in [
            (r#"{"type":"broadcast","message":42,"msg_id":1}"#, true),
            (r#"{"type":"broadcast","message":1,"msg_id":42}"#, false),
            (r#"{"type":"rumormill","v":4,"id":[1,42],"entries":[1,1,0,[7,42]]}"#, true),
            (r#"{"type":"rumormill","v":4,"id":[1,42],"entries":[1,42,0,[7]]}"#, false),
            (r#"{"type":"read_ok","messages":[42],"in_reply_to":1}"#, false),
        ] {
            let parsed = parse_line::<Gossip>(line(body).as_bytes(), Some(&nodes));
            let carries = parsed.is_ok_and(|m| carries(&m.body, &value));
            assert_eq!(carries, is_in, "{body}");
        }
    }
}
