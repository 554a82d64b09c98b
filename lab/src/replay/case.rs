//! Cases: records that are kept as regression tests.
//!
//! Gossip, and its time, is a matter of tuning; answers to clients are not. So a
//! case has all the inputs, but only the replies to clients as outputs, and it stays true while the
//! protocol between nodes changes. A replay of a case also checks, reply by reply, that no client
//! is told less or more than the node was told.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rumormill::cluster::Nodes;
use rumormill::maelstrom::parse::parse_line;
use rumormill::maelstrom::record::{Event, Header, Output, Record, Writer};
use rumormill::maelstrom::stdio::{Input, Recorder as _};
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill::service::{Reply, Request};
use rumormill::value::Value;
use rumormill::wire::Wire as _;
use rumormill_judge::message::{Body, Message};
use serde_json::value::RawValue;

use crate::node::Node;

/// Where cases are kept, in the workspace.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join("replay")
}

/// Replays the inputs of a record on the node as it is now, and writes them down with what its
/// clients are told, as a case of that name. Returns its path.
///
/// # Errors
/// If the node tells a client less or more than it knows: that is to be mended first. Or if there
/// is such a case already.
pub fn write(record: &Record, name: &str, dir: &Path) -> Result<PathBuf> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ensure!(
        !name.is_empty() && name.chars().all(is_plain),
        "a case's name has letters, digits, - and _ only, not {name:?}"
    );
    let mut text = Vec::new();
    let header = Header { replies_only: true, ..record.header.clone() };
    let mut writer = Writer::new(&mut text, &header);
    run(record, |input, replies| {
        feed_writer(&mut writer, input);
        replies.iter().for_each(|reply| writer.sent(reply));
        Ok(())
    })?;
    drop(writer);
    let path = dir.join(format!("{name}.record"));
    fs::create_dir_all(dir)
        .and_then(|()| fs::File::create_new(&path)?.write_all(&text))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Checks that the node as it is now tells its clients what the case says.
///
/// # Errors
/// The first reply that differs, or that says less or more than the node was told.
pub fn check(case: &Record) -> Result<()> {
    let mut expected = case.events.iter().filter_map(|(line, event)| match event {
        Event::Output(output) => Some((line, output)),
        _ => None,
    });
    run(case, |input, replies| {
        for reply in replies {
            let reply = Output::of(reply);
            match expected.next() {
                Some((_, expected)) if *expected == reply => {}
                Some((line, expected)) => {
                    bail!("line {line}: expected {expected}\nfound    {reply}")
                }
                None => bail!("after {}: unexpected {reply}", super::describe(input)),
            }
        }
        Ok(())
    })?;
    match expected.next() {
        Some((line, expected)) => bail!("line {line}: expected {expected}, and it never came"),
        None => Ok(()),
    }
}

/// Feeds all inputs to a node and hands each on with the replies to clients.
fn run(record: &Record, mut each: impl FnMut(&Event, &[Message]) -> Result<()>) -> Result<()> {
    let header = &record.header;
    let config = header.config::<Rumormill>().map_err(anyhow::Error::msg)?;
    let mut node: Node = header.node(config);
    let mut told = Told::default();
    for (line, event) in &record.events {
        if matches!(event, Event::Output(_)) {
            continue;
        }
        told.note(event);
        if let Err(why) = event.feed(&mut node) {
            bail!("line {line}: {}: {why}", super::describe(event));
        }
        while node.poll_log().is_some() {}
        let sent: Vec<Message> = std::iter::from_fn(|| node.poll_transmit()).collect();
        let replies: Vec<Message> =
            sent.into_iter().filter(|message| !matches!(message.body, Body::Peer(_))).collect();
        for reply in &replies {
            told.check(reply).with_context(|| format!("line {line}"))?;
        }
        each(event, &replies)?;
    }
    Ok(())
}

/// The knowledge of a node.
#[derive(Default)]
struct Told {
    /// Its name and its peers.
    peers: Option<Arc<Nodes>>,
    values: BTreeSet<Value>,
}

impl Told {
    fn note(&mut self, event: &Event) {
        if let Event::Restored(_, run) = event {
            self.values.extend(run.values.iter().cloned());
        }
        let Event::Message(_, text) = event else { return };
        match parse_line::<Gossip>(text.as_bytes(), self.peers.as_ref()) {
            Ok(Message { body: Body::Init { node_ids, .. }, .. }) if self.peers.is_none() => {
                self.peers = Some(node_ids);
            }
            // Before `init` everything is refused.
            Ok(_) if self.peers.is_none() => {}
            Ok(Message {
                body: Body::Request { request: Request::Broadcast { message }, .. },
                ..
            }) => {
                self.values.insert(message);
            }
            Ok(Message { src, body: Body::Peer(named), .. })
                if self.peers.as_ref().is_some_and(|peers| peers.id(&src).is_some()) =>
            {
                named.into_message().values(&mut |value| _ = self.values.insert(value.clone()));
            }
            _ => {}
        }
    }

    /// A read returns every value once: no more, no less.
    fn check(&self, reply: &Message) -> Result<()> {
        let Body::Reply { reply: Reply::ReadOk { messages }, .. } = &reply.body else {
            return Ok(());
        };
        let items = format!("[{messages}]");
        let items: Vec<&RawValue> = serde_json::from_str(&items)?;
        let mut read = BTreeSet::new();
        for item in items {
            let value = Value::from_raw(item)?;
            ensure!(self.values.contains(&value), "a read has {item}, which the node was not told");
            ensure!(read.insert(value), "a read has {item} twice");
        }
        let Some(lost) = self.values.difference(&read).next() else { return Ok(()) };
        let mut text = String::new();
        lost.write_to(&mut text);
        bail!("a read lacks {text}, which the node was told")
    }
}

fn feed_writer<W: std::io::Write>(writer: &mut Writer<W>, event: &Event) {
    let refusal;
    let input = match event {
        Event::Message(_, text) => Input::Message(text.as_bytes()),
        Event::BadLine(_, line) => Input::BadLine(line),
        Event::TooLong(_, text) => {
            refusal = rumormill::maelstrom::parse::Refusal {
                reply: None,
                mismatch: None,
                text: text.clone(),
            };
            Input::TooLong(&refusal)
        }
        Event::Opened(_, generation) => Input::Opened(*generation),
        Event::Restored(_, run) => Input::Restored(run),
        Event::Synced(_, upto) => Input::Synced(*upto),
        Event::DiskFailure(_, reason) => Input::DiskFailure(reason),
        Event::Timeout(_) => Input::Timeout,
        Event::End(_) => Input::End,
        Event::Output(_) => return,
    };
    writer.input(event.time().unwrap_or_default(), &input);
}
