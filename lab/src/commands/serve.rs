//! `lab serve`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::commands::shell::print;
use crate::serve;

/// `lab serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// A store, or the directory of a run [default: store, which may not exist yet]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The port to listen on; 0 is any free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub port: u16,
}

/// Executes `lab serve`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &ServeArgs) -> Result<u8> {
    // First, so that no signal is missed from here on.
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let serving = match &args.dir {
        Some(dir) => serve::start(dir, args.port)?,
        None => serve::start_early(Path::new("store"), args.port)?,
    };
    let dir = args.dir.as_deref().unwrap_or_else(|| Path::new("store")).display();
    let (runs, port) = (serving.runs, serving.address.port());
    let runs = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
    print(&format!(
        "{runs} in {dir}: http://127.0.0.1:{port}/ (Ctrl-C ends it)\n\
         a rumour in a cluster, to play with: http://127.0.0.1:{port}/play\n"
    ));
    signals.forever().next();
    Ok(0)
}
