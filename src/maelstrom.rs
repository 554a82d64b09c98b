//! Maelstrom's side: messages and their lines, the server, the driver of a process, the log,
//! the record.

mod gate;
pub mod log;
pub mod message;
pub mod parse;
pub mod record;
pub mod server;
pub mod stdio;
