//! Reads `messages.jsonl`, line by line, for all that shows which node holds what.

use std::collections::HashMap;

use rumormill::cluster::Name;
use rumormill::value::Value;
use rumormill_judge::format::envelope::string;
use rumormill_judge::format::scan::{Fields, array_inside};
use rumormill_judge::history::read_set::read_set;
use rumormill_judge::trace::{Carried, Tracer, ValuesAt};
use rumormill_sim::Nanos;
use serde_json::value::RawValue;

use super::message_line::MessageLine;

/// A message that entered the network.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its `type`; empty if it has none.
    pub kind: String,
    /// The nodes at its ends; `None` for a client.
    pub from: Option<u32>,
    /// See `from`.
    pub to: Option<u32>,
    /// Its number as a request.
    pub msg_id: Option<i64>,
    /// The number of the request that it answers.
    pub in_reply_to: Option<i64>,
    /// The number of the value that a client hands in with it.
    pub handed_in: Option<u32>,
    /// The findings in a message between nodes.
    pub carried: Carried,
}

/// A message on its way to a node or a client.
#[derive(Debug)]
struct Flight {
    from: Option<u32>,
    to: Option<u32>,
    client: String,
    request: Option<i64>,
    kind: FlightKind,
}

#[derive(Debug)]
enum FlightKind {
    Init,
    Broadcast(u32),
    BroadcastOk,
    Read,
    BetweenNodes(Carried),
    Other,
}

/// A request of a client that a node may answer: client, node, number.
type Request = (String, u32, i64);

/// Reads the lines of a run.
#[derive(Debug)]
pub struct Reader {
    /// The holders of each value, as far as the lines tell.
    pub tracer: Tracer,
    /// The names of the nodes, once `init` has told them.
    pub nodes: Vec<String>,
    /// Begin of the history's clock, by the driver's.
    pub zero: Option<Nanos>,
    /// The time of the last line, by the driver's clock.
    pub now: Nanos,
    values_at: Vec<ValuesAt>,
    flights: HashMap<u64, Flight>,
    /// The values of broadcasts, and when reads reached their nodes.
    broadcasts: HashMap<Request, u32>,
    reads: HashMap<Request, Nanos>,
    /// Nodes that have been initialised.
    initialised: Vec<bool>,
}

/// The fields of a body that matter here, as JSON.
#[derive(Default)]
struct Body<'a> {
    kind: String,
    msg_id: Option<i64>,
    in_reply_to: Option<i64>,
    message: Option<&'a str>,
    delta: Option<&'a str>,
    messages: Option<&'a str>,
    node_ids: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn of(text: &'a str) -> Self {
        let mut body = Self::default();
        let Some(mut fields) = Fields::of(text) else { return body };
        while let Ok(Some((key, value))) = fields.next_field() {
            match &*key {
                "type" => body.kind = string(value).unwrap_or_default().into_owned(),
                "msg_id" => body.msg_id = value.parse().ok(),
                "in_reply_to" => body.in_reply_to = value.parse().ok(),
                // In the broadcast workload, and in that of a set.
                "message" | "element" => body.message = Some(value),
                // In that of a counter.
                "delta" => body.delta = Some(value),
                "messages" | "value" => body.messages = Some(value),
                "node_ids" => body.node_ids = Some(value),
                _ => {}
            }
        }
        body
    }

    fn value(&self) -> Option<Value> {
        let raw: &RawValue = serde_json::from_str(self.message?).ok()?;
        Value::from_raw(raw).ok()
    }
}

impl Reader {
    /// A reader of a run's lines, the first one first.
    #[must_use]
    pub fn new(values_at: &[ValuesAt]) -> Self {
        Self {
            tracer: Tracer::new(&[], &[]),
            nodes: Vec::new(),
            zero: None,
            now: 0,
            values_at: values_at.to_vec(),
            flights: HashMap::new(),
            broadcasts: HashMap::new(),
            reads: HashMap::new(),
            initialised: Vec::new(),
        }
    }

    /// Takes in a line; the message, if one was sent.
    pub(crate) fn take(&mut self, line: &MessageLine<'_>) -> Option<Sent> {
        self.now = line.t;
        match line.e {
            "zero" => self.zero = Some(line.t),
            "send" => return line.body.map(|body| self.sent(line, body.get())),
            "recv" => self.received(line.id),
            "drop" => _ = self.flights.remove(&line.id),
            _ => {}
        }
        None
    }

    fn sent(&mut self, line: &MessageLine<'_>, text: &str) -> Sent {
        let body = Body::of(text);
        if self.nodes.is_empty()
            && let Some(nodes) = body.node_ids.and_then(|ids| serde_json::from_str(ids).ok())
        {
            self.name_nodes(nodes);
        }
        let (from, to) = (self.tracer.node(&line.src), self.tracer.node(&line.dest));
        let mut sent = Sent {
            from,
            to,
            msg_id: body.msg_id,
            in_reply_to: body.in_reply_to,
            handed_in: None,
            carried: Carried::default(),
            kind: String::new(),
        };
        let kind = match (from, to, &*body.kind) {
            (None, Some(_), "init") => FlightKind::Init,
            (None, Some(_), "read") => FlightKind::Read,
            (None, Some(_), "broadcast" | "add") => match self.handed_in(line.t, &body) {
                Some(number) => {
                    sent.handed_in = Some(number);
                    FlightKind::Broadcast(number)
                }
                None => FlightKind::Other,
            },
            (Some(_), None, "broadcast_ok" | "add_ok") => FlightKind::BroadcastOk,
            (Some(node), None, "read_ok") => {
                self.answered(node, line, &body);
                FlightKind::Other
            }
            (Some(node), Some(_), kind) => {
                sent.carried = self.tracer.sent(node, kind, text);
                FlightKind::BetweenNodes(sent.carried.clone())
            }
            _ => FlightKind::Other,
        };
        if !matches!(kind, FlightKind::Other) {
            let client = if from.is_none() { &line.src } else { &line.dest };
            let flight = Flight {
                from,
                to,
                client: client.clone(),
                request: if from.is_none() { body.msg_id } else { body.in_reply_to },
                kind,
            };
            self.flights.insert(line.id, flight);
        }
        sent.kind = body.kind;
        sent
    }

    /// A client hands in a value, or an addition to a counter; returns its number.
    fn handed_in(&mut self, now: Nanos, body: &Body<'_>) -> Option<u32> {
        if let Some(value) = body.value() {
            return Some(self.tracer.invoked(&value, now));
        }
        // To add nothing changes nothing.
        let is_addition = body.delta.is_some_and(|delta| delta != "0");
        is_addition.then(|| self.tracer.added(now))
    }

    fn name_nodes(&mut self, nodes: Vec<String>) {
        let names: Vec<Name> = nodes.iter().map(|name| name.as_str().into()).collect();
        self.tracer = Tracer::new(&names, &self.values_at);
        self.initialised = vec![false; nodes.len()];
        self.nodes = nodes;
    }

    /// A node answers a read of a client.
    fn answered(&mut self, node: u32, line: &MessageLine<'_>, body: &Body<'_>) {
        let Some(number) = body.in_reply_to else { return };
        let Some(begun) = self.reads.remove(&(line.dest.clone(), node, number)) else { return };
        // Maelstrom takes `null` for an empty list; anything else tells nothing.
        let list = body.messages.map(|list| if list == "null" { "[]" } else { list });
        if let Some(inside) = list.and_then(array_inside) {
            self.tracer.read(node, begun, line.t, &read_set(inside));
        }
    }

    /// A message has arrived. A copy of it brings nothing that it has not.
    fn received(&mut self, id: u64) {
        let Some(flight) = self.flights.remove(&id) else { return };
        let (now, tracer) = (self.now, &mut self.tracer);
        let request = |node: u32| Some((flight.client.clone(), node, flight.request?));
        match (flight.kind, flight.from, flight.to) {
            (FlightKind::Init, _, Some(node))
                if std::mem::replace(&mut self.initialised[node as usize], true) =>
            {
                tracer.forgot(node);
            }
            (FlightKind::Broadcast(value), _, Some(node)) => {
                tracer.taken(node, value, now, id);
                self.broadcasts.extend(request(node).map(|request| (request, value)));
            }
            (FlightKind::Read, _, Some(node)) => {
                self.reads.extend(request(node).map(|request| (request, now)));
            }
            (FlightKind::BroadcastOk, Some(node), _) => {
                let value = request(node).and_then(|request| self.broadcasts.remove(&request));
                if let Some(value) = value {
                    tracer.acked(node, value, now);
                }
            }
            (FlightKind::BetweenNodes(carried), Some(from), Some(node)) => {
                tracer.received((from, node), &carried, now, id);
            }
            _ => {}
        }
    }
}
