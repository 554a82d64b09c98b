//! The node's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rumormill::process::run(std::env::args_os().skip(1)).into()
}
