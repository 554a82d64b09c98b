//! As much of HTTP/1.1 (RFC 9112) as a page without scripts needs, with a bound on everything a
//! client can take: connections, the size of a request, and the time of both directions.
//!
//! Each connection has a thread of its own and one request; then it is closed.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::answer::{Answer, Body, Question, answer};
use super::runs::Runs;

/// Connections at a time. A browser opens about six; the next one beyond is told to come again.
const MAX_CONNECTIONS: usize = 64;
/// Bytes of a request's head: a comparison of many runs has a long address.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// How long a client may take to send its request. An idle connection ends then.
const MAX_REQUEST: Duration = Duration::from_secs(5);
/// How long a client may take no byte of its answer.
const MAX_STALL: Duration = Duration::from_secs(5);
/// How long an answer may take: a recording of a gigabyte on this machine takes seconds.
const MAX_ANSWER: Duration = Duration::from_secs(60);
/// Bytes that are copied at a time.
const PIECE_BYTES: usize = 64 << 10;

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
struct Request<'h> {
    question: Question<'h>,
    /// A body follows, which nothing here wants.
    has_body: bool,
}

/// Answers whatever connects to the listener, until the process ends.
pub(super) fn serve(listener: &TcpListener, runs: &Arc<Runs>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // Such as too many open files: the next one may do.
        let Ok(stream) = stream else {
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        let slot = Slot::take(&open);
        let runs = Arc::clone(runs);
        let handle = move || match slot {
            Some(_slot) => converse(&stream, |request| match request {
                Ok(question) => answer(&runs, question),
                Err((status, why)) => Answer::problem(status, "Refused", why),
            }),
            None => refuse_busy(&stream),
        };
        // Without a thread the connection is closed, which is an answer, too.
        let _ = thread::Builder::new().name("server".to_owned()).spawn(handle);
    }
}

/// A place among the connections, free again when it is dropped.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let before = open.fetch_add(1, Ordering::Relaxed);
        let slot = Self(Arc::clone(open));
        (before < MAX_CONNECTIONS).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn refuse_busy(stream: &TcpStream) {
    let busy = Answer::problem(503, "Busy", "There are too many connections. Try again.");
    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
    let _ = respond(stream, busy, false);
    let _ = stream.shutdown(Shutdown::Both);
}

/// One request, one answer. Errors of the connection need no answer.
fn converse(
    stream: &TcpStream,
    answer: impl FnOnce(Result<&Question<'_>, (u16, &'static str)>) -> Answer,
) {
    let Ok(head) = read_head(stream) else { return };
    let request = match &head {
        Ok(head) => parse(head).ok_or((400, "This is no HTTP request.")),
        Err(problem) => Err(*problem),
    };
    let (reply, is_head) = match &request {
        Ok(request) if request.has_body => {
            (answer(Err((413, "Requests with a body are not taken."))), false)
        }
        Ok(Request { question, .. }) => (answer(Ok(question)), question.method == "HEAD"),
        Err(problem) => (answer(Err(*problem)), false),
    };
    let _ = stream.set_write_timeout(Some(MAX_STALL));
    let _ = respond(stream, reply, is_head);
    let _ = stream.shutdown(Shutdown::Both);
}

/// The head of a request, without the empty line after it; or what is wrong with it.
///
/// # Errors
/// If the connection ends, or the client takes too long.
fn read_head(mut stream: &TcpStream) -> io::Result<Result<Vec<u8>, (u16, &'static str)>> {
    let until = Instant::now() + MAX_REQUEST;
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The end may stand across two pieces.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(&piece[..count]);
        if let Some(at) = head[from..].windows(4).position(|end| end == b"\r\n\r\n") {
            head.truncate(from + at);
            return Ok(Ok(head));
        }
        if head.len() > MAX_HEAD_BYTES {
            return Ok(Err((431, "The head of the request is too long.")));
        }
    }
}

/// Takes the head of a request apart; `None` if it is none, or ambiguous.
fn parse(head: &[u8]) -> Option<Request<'_>> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/1.") || method.is_empty() {
        return None;
    }
    let mut request =
        Request { question: Question { method, host: None, target }, has_body: false };
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("host") {
            if request.question.host.replace(value).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case("content-length") {
            request.has_body |= value != "0";
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            request.has_body = true;
        }
    }
    Some(request)
}

fn respond(mut stream: &TcpStream, reply: Answer, is_head: bool) -> io::Result<()> {
    let Answer { status, headers, body } = reply;
    let length = match &body {
        Body::Text(text) => text.len() as u64,
        Body::File(_, length) => *length,
    };
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        // Values are constants, or paths that were encoded: a line break would be another header.
        if !value.contains(['\r', '\n']) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head += &format!("Content-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    match body {
        _ if is_head => Ok(()),
        Body::Text(text) => stream.write_all(text.as_bytes()),
        // A run may still write to the file: no more than was there is promised.
        Body::File(file, length) => copy(file.take(length), stream),
    }
}

fn copy(mut from: impl Read, mut to: &TcpStream) -> io::Result<()> {
    let until = Instant::now() + MAX_ANSWER;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 || Instant::now() > until {
            return Ok(());
        }
        to.write_all(&piece[..count])?;
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_taken_apart_and_ambiguous_ones_refused() {
        let request = parse(b"GET /a?b HTTP/1.1\r\nhost:  localhost:1 \r\nX: y").unwrap();
        let question = Question { method: "GET", host: Some("localhost:1"), target: "/a?b" };
        assert_eq!(request, Request { question, has_body: false });
        for (head, has_body) in [
            ("POST / HTTP/1.1\r\nContent-Length: 5", true),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked", true),
            ("GET / HTTP/1.0\r\nContent-Length: 0", false),
        ] {
            assert_eq!(parse(head.as_bytes()).map(|request| request.has_body), Some(has_body));
        }
        for bad in [
            "",
            "GET",
            "GET /",
            "GET  / HTTP/1.1",
            "GET / HTTP/2",
            "GET / HTTP/1.1 x",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
            "GET / HTTP/1.1\r\nno colon",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse(b"GET /\xff HTTP/1.1"), None);
    }
}
