//! A server of one file, which may break off or stall.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A server's reaction to a request.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Whole,
    /// Breaks off in the middle.
    Half,
    /// Says no more after the first half.
    Stalling,
}

/// Serves one file on the loopback interface.
pub(crate) struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn new(body: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("address").port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().flatten() {
                let stream = answer(stream, &body, manner);
                counter.fetch_add(1, Ordering::SeqCst);
                if matches!(manner, Manner::Stalling) {
                    kept.push(stream);
                }
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/maelstrom.tar.bz2", self.port)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, body: &[u8], manner: Manner) -> TcpStream {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        request.push(byte[0]);
    }
    let sent = match manner {
        Manner::Whole => body,
        Manner::Half | Manner::Stalling => &body[..body.len() / 2],
    };
    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    // The other side may have gone: that is its own affair.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
    let _ = stream.flush();
    stream
}
