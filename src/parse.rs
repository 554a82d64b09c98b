//! stub
use crate::message::{ErrorCode, Name};
/// Why a line was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whom to tell.
    pub reply: Option<ErrorReply>,
    /// What was wrong.
    pub text: String,
}
/// The error reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// from
    pub src: Name,
    /// to
    pub dest: Name,
    /// what
    pub in_reply_to: i64,
    /// code
    pub code: ErrorCode,
}
