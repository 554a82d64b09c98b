//! The node's program.

use std::process::ExitCode;

use rumormill::{process, protocols};

fn main() -> ExitCode {
    process::run(&protocols::family(), std::env::args_os().skip(1)).into()
}
