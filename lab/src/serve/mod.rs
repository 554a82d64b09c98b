//! `lab serve`: a store in the browser, on this machine only.
//!
//! The server is bound to the loopback address. A page from elsewhere that has its own name point
//! to this machine (DNS rebinding) is told apart by the `Host` it asks for, and refused. Nothing
//! can be changed: only GET and HEAD are answered, with what is in the store, and with scenes that
//! are simulated for `/play` and not kept.

mod answer;
mod files;
mod http;
mod pages;
mod play;
mod runs;
mod url;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
pub(crate) use runs::{Runs, SHOWN, Summary};

/// A server that is bound to its address. It answers until the process ends.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    /// How many runs there are at the start.
    pub runs: usize,
}

/// Begins to serve the runs below a directory, in threads of its own. Port 0 is any free one.
///
/// # Errors
/// If there is no such directory, or the port is not free.
pub fn start(dir: &Path, port: u16) -> Result<Serving> {
    let root = dir.canonicalize().with_context(|| format!("cannot read {}", dir.display()))?;
    if !root.is_dir() {
        return Err(anyhow!("{} is no directory", dir.display()));
    }
    start_at(root, port)
}

/// The same for a store that the first run may have yet to make.
///
/// # Errors
/// If it cannot be said where that is, or the port is not free.
pub fn start_early(dir: &Path, port: u16) -> Result<Serving> {
    match std::env::current_dir().and_then(|here| here.canonicalize()) {
        Ok(here) if !dir.exists() => start_at(here.join(dir), port),
        _ => start(dir, port),
    }
}

fn start_at(root: PathBuf, port: u16) -> Result<Serving> {
    let runs = Arc::new(Runs::new(root));
    let count = runs.list().len();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
        format!("cannot listen on port {port} (another one with --port; 0 is any free one)")
    })?;
    let address = listener.local_addr().context("the server has no address")?;
    thread::Builder::new()
        .name("listener".to_owned())
        .spawn(move || http::serve(&listener, &runs))
        .context("cannot start a thread")?;
    Ok(Serving { address, runs: count })
}

#[cfg(test)]
mod tests;
