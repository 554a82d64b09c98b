//! Any bytes as a line: the parser takes it or refuses it, and either is well-formed.

use std::sync::{Arc, OnceLock};

use rumormill::cluster::{Name, Nodes};
use rumormill::maelstrom::parse::{self, Refusal};
use rumormill::protocols::rumormill::message::Gossip;

use super::{Body, Message};

/// A refusal quotes the beginning of the line and says what is wrong: no more than this.
const REFUSAL_CHARS_MAX: usize = 12 * 1_000;

/// The node list of the node that reads the line.
fn nodes() -> &'static Arc<Nodes> {
    static NODES: OnceLock<Arc<Nodes>> = OnceLock::new();
    NODES.get_or_init(|| Arc::new(["n0", "n1", "n2"].map(Name::from).to_vec().into()))
}

fn parse_line(line: &[u8]) -> Result<Message, Refusal> {
    parse::parse_line::<Gossip>(line, Some(nodes()))
}

/// Parses the line and checks the outcome. Returns true if it was taken.
pub(crate) fn run(line: &[u8]) -> bool {
    let before_init = parse::parse_line::<Gossip>(line, None);
    match parse_line(line) {
        Ok(message) => {
            // Before `init` the same is taken, but for messages of peers.
            let is_of_peer = matches!(message.body, Body::Peer(_));
            assert_eq!(before_init.is_err(), is_of_peer, "{message:?}");
            assert!(is_of_peer || before_init.as_ref() == Ok(&message));
            check_way_back(&message);
            true
        }
        Err(refusal) => {
            assert!(before_init.is_err(), "{before_init:?}");
            assert!(refusal.mismatch.is_none() || refusal.reply.is_none());
            assert!(!refusal.text.is_empty() && !refusal.text.contains(char::is_control));
            assert!(refusal.text.chars().count() <= REFUSAL_CHARS_MAX);
            if let Some(reply) = refusal.reply {
                let (in_reply_to, code) = (reply.in_reply_to, reply.code);
                let body = Body::Error { in_reply_to, code, text: refusal.text };
                check_json(&Message { src: reply.src, dest: reply.dest, body });
            }
            false
        }
    }
}

/// A message that was taken is the same when it is written and read again.
fn check_way_back(message: &Message) {
    let line = check_json(message);
    match parse_line(&line) {
        Ok(again) => assert_eq!(*message, again),
        Err(refusal) => panic!("{message:?} was taken, and then refused: {}", refusal.text),
    }
}

/// Whatever is written is one line of JSON.
fn check_json(message: &Message) -> Vec<u8> {
    let mut line = Vec::new();
    message.write_line(&mut line);
    assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
    let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(&line);
    assert!(parsed.is_ok(), "{:?} is no JSON", String::from_utf8_lossy(&line));
    line
}
