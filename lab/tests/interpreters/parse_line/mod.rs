//! Any bytes as a line: the parser takes it or refuses it, and either is well-formed.

use rumormill::maelstrom::parse::parse_line;
use rumormill_lab::node::{Body, Message};

/// A refusal quotes the beginning of the line and says what is wrong: no more than this.
const REFUSAL_CHARS_MAX: usize = 12 * 1_000;

/// Parses the line and checks the outcome. Returns true if it was taken.
pub(crate) fn run(line: &[u8]) -> bool {
    match parse_line(line) {
        Ok(message) => {
            check_way_back(&message);
            true
        }
        Err(refusal) => {
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

/// What was taken is the same message when it is written and read again.
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
