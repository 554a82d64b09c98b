//! `lab`: runs, simulates, checks and explains nodes.

use std::process::ExitCode;

use clap::Parser as _;
use rumormill_lab::cli::{self, Cli};
use rumormill_lab::commands::shell::BAD_ARGUMENTS;

/// A simulation allocates and frees small pieces all the time, and large ones that grow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => cli::execute(&cli).into(),
        Err(error) => {
            // Help and version come this way, too; only they belong on stdout.
            let code = if error.use_stderr() { BAD_ARGUMENTS } else { 0 };
            // A closed terminal is no error.
            let _ = error.print();
            code.into()
        }
    }
}
