//! `--log-net-send`, `--log-net-recv`: every message on stderr.

use std::io::{self, Write as _};

use rumormill::cluster::Nodes;
use rumormill_judge::history::Op;
use rumormill_judge::message::events::{EventSink, PacketEvent};
use rumormill_judge::message::packet::Packet;
use rumormill_sim::Nanos;

/// Shows messages on their way to another sink.
#[derive(Debug)]
pub struct NetLog<S> {
    inner: S,
    show_sent: bool,
    show_received: bool,
    line: Vec<u8>,
}

impl<S> NetLog<S> {
    /// Shows what is asked for, and passes everything on.
    pub const fn new(inner: S, show_sent: bool, show_received: bool) -> Self {
        Self { inner, show_sent, show_received, line: Vec::new() }
    }

    /// The sink behind.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn show(&mut self, what: &str, now: Nanos, packet: &Packet, nodes: &Nodes) {
        self.line.clear();
        let millis = now as f64 / 1e6;
        // A Vec takes every write.
        let _ = write!(self.line, "{millis:10.3} ms {what} ");
        packet.write_line(nodes, &mut self.line);
        // There is no place left to say that stderr is gone.
        let _ = io::stderr().write_all(&self.line);
    }
}

impl<S: EventSink> EventSink for NetLog<S> {
    fn zero(&mut self, now: Nanos) {
        self.inner.zero(now);
    }

    fn op(&mut self, op: &Op, read_text: Option<&str>) {
        self.inner.op(op, read_text);
    }

    fn packet(&mut self, now: Nanos, event: PacketEvent, packet: &Packet, nodes: &Nodes) {
        let (is_shown, what) = match event {
            PacketEvent::Sent => (self.show_sent, "send"),
            PacketEvent::Received => (self.show_received, "recv"),
            PacketEvent::Dropped(cause) => (self.show_received, cause.name()),
        };
        if is_shown {
            self.show(what, now, packet, nodes);
        }
        self.inner.packet(now, event, packet, nodes);
    }
}
