//! `lab serve`: a store in the browser, on this machine only.
//!
//! The server is bound to the loopback address. A page from elsewhere that has its own name point
//! to this machine (DNS rebinding) is told apart by the `Host` it asks for, and refused. Nothing
//! can be changed: only GET and HEAD are answered, and only with what is in the store.

mod answer;
mod files;
mod pages;
mod runs;
mod url;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use tiny_http::{Header, Request, Response, Server, StatusCode};

use answer::{Answer, Body, Question, answer};
use runs::Runs;

/// Requests that are answered at the same time: more than a browser asks for.
const THREADS: usize = 8;

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
    let runs = Arc::new(Runs::new(root));
    let count = runs.list().len();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
        format!("cannot listen on port {port} (another one with --port; 0 is any free one)")
    })?;
    let server = Server::from_listener(listener, None).map_err(|error| anyhow!("{error}"))?;
    let address = server.server_addr().to_ip().context("the server has no address")?;
    let server = Arc::new(server);
    for _ in 0..THREADS {
        let (server, runs) = (Arc::clone(&server), Arc::clone(&runs));
        thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                while let Ok(request) = server.recv() {
                    respond(&runs, request);
                }
            })
            .context("cannot start a thread")?;
    }
    Ok(Serving { address, runs: count })
}

fn respond(runs: &Runs, request: Request) {
    let host = request.headers().iter().find(|header| header.field.equiv("Host"));
    let question = Question {
        method: request.method().as_str(),
        host: host.map(|header| header.value.as_str()),
        target: request.url(),
    };
    let Answer { status, headers, body } = answer(runs, &question);
    // All of them are constants of ours, or paths that were encoded.
    let headers: Vec<Header> = headers
        .iter()
        .filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok())
        .collect();
    let status = StatusCode(status);
    // A client that is gone needs no answer.
    let _ = match body {
        Body::Text(text) => {
            let length = Some(text.len());
            let reader = std::io::Cursor::new(text.into_bytes());
            request.respond(Response::new(status, headers, reader, length, None))
        }
        Body::File(file, length) => {
            // A run may still write to it: no more than was there is promised.
            let reader = std::io::Read::take(file, length);
            let length = usize::try_from(length).ok();
            request.respond(Response::new(status, headers, reader, length, None))
        }
    };
}

#[cfg(test)]
mod tests;
