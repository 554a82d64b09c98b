//! A message as a node handed it over, before it is known whether it may be sent.

use crate::format::envelope::Envelope;
use crate::format::text::quote;
use crate::message::Message;
use crate::run::reply::{Claim, claim_of_text, claim_of_typed};

/// Where a message of a node came from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent<'a> {
    /// A line of a process.
    Line(&'a [u8], &'a Envelope<'a>),
    /// A message of a simulated node.
    Message(&'a Message),
}

impl Sent<'_> {
    /// Sender and addressee, as the message says.
    pub(super) fn ends(&self) -> (&str, &str) {
        match self {
            Self::Line(_, envelope) => (&envelope.src, &envelope.dest),
            Self::Message(message) => (&message.src, &message.dest),
        }
    }

    /// The message for people.
    pub(super) fn quoted(&self) -> String {
        match self {
            Self::Line(line, _) => quote(line),
            Self::Message(message) => {
                let mut line = Vec::new();
                message.write_line(&mut line);
                quote(&line)
            }
        }
    }

    /// The request that it claims to answer.
    pub(super) fn claim(&self) -> Claim {
        match self {
            Self::Line(_, envelope) => claim_of_text(envelope.body),
            Self::Message(message) => claim_of_typed(&message.body),
        }
    }
}
