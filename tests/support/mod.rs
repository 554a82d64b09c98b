//! A node process under test, spoken to through its pipes.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rumormill::maelstrom::record::{Event, Output, Record, Records};
use rumormill::protocols::rumormill::Rumormill;
use serde_json::{Value, json};

/// Longest life of a process under test: then it is killed, which ends every wait for it, and the
/// test fails. Not a measurement: no working node comes near it.
const LIFE_MAX: Duration = Duration::from_secs(240);

/// A child process that is killed after [`LIFE_MAX`].
pub(crate) struct Guarded {
    child: Arc<Mutex<Child>>,
    /// Dropped with the process: the guard ends.
    _guard: Sender<()>,
}

impl Guarded {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = Arc::new(Mutex::new(command.spawn().unwrap()));
        let (guard, ended) = mpsc::channel::<()>();
        let guarded = Arc::clone(&child);
        thread::spawn(move || {
            if ended.recv_timeout(LIFE_MAX) == Err(RecvTimeoutError::Timeout) {
                let _ = guarded.lock().unwrap().kill();
            }
        });
        Self { child, _guard: guard }
    }

    /// The child, for its pipes.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Child) -> T) -> T {
        call(&mut self.child.lock().unwrap())
    }

    /// The status of the process, once it has ended.
    pub(crate) fn wait(&self) -> ExitStatus {
        loop {
            if let Some(status) = self.with(|child| child.try_wait().unwrap()) {
                return status;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

pub(crate) struct Process {
    child: Guarded,
    input: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    /// Lines of stderr.
    log: Receiver<String>,
}

/// What a process left behind.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    /// Lines not yet received.
    pub(crate) lines: Vec<Value>,
    pub(crate) log: String,
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Self {
        let child = Guarded::spawn(
            Command::new(env!("CARGO_BIN_EXE_rumormill"))
                .args(args)
                .env("RUST_BACKTRACE", "1")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let mut output = BufReader::new(child.with(|child| child.stdout.take()).unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).unwrap() > 0 {
                // Once the test wants no more, the pipe is closed.
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        let mut stderr = BufReader::new(child.with(|child| child.stderr.take()).unwrap());
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).unwrap() > 0 {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        let input = child.with(|child| child.stdin.take());
        Self { child, input, lines, log }
    }

    /// A node `n0` that is alone in its cluster.
    #[allow(dead_code, reason = "not all tests start it without arguments")]
    pub(crate) fn started() -> Self {
        let mut node = Self::start(&[]);
        node.init();
        node
    }

    pub(crate) fn init(&mut self) {
        self.send(&json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1}));
        assert_eq!(self.body(), json!({"type": "init_ok", "in_reply_to": 1}));
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(crate) fn send(&mut self, body: &Value) {
        self.write(format!("{}\n", json!({"src": "c1", "dest": "n0", "body": body})).as_bytes());
    }

    pub(crate) fn line(&mut self) -> Vec<u8> {
        self.lines.recv().expect("an answer")
    }

    /// The body of the next message, which must be one from `n0` to `c1`.
    pub(crate) fn body(&mut self) -> Value {
        let message: Value = serde_json::from_slice(&self.line()).unwrap();
        assert_eq!((&message["src"], &message["dest"]), (&json!("n0"), &json!("c1")), "{message}");
        message["body"].clone()
    }

    /// Broadcasts a value and reads it back: the node works.
    pub(crate) fn assert_serves(&mut self, value: &Value) {
        self.send(&json!({"type": "broadcast", "message": value, "msg_id": 100}));
        assert_eq!(self.body(), json!({"type": "broadcast_ok", "in_reply_to": 100}));
        self.send(&json!({"type": "read", "msg_id": 101}));
        let reply = self.body();
        assert_eq!((&reply["type"], &reply["in_reply_to"]), (&json!("read_ok"), &json!(101)));
        assert!(reply["messages"].as_array().unwrap().contains(value), "{reply}");
    }

    /// Kills the process.
    #[allow(dead_code, reason = "not all tests kill")]
    pub(crate) fn kill(self) {
        self.child.with(|child| child.kill().unwrap());
        self.child.wait();
    }

    /// Kills the process once it has logged `text`, and returns that line. (The log is written by a thread of
    /// its own, which may be behind.)
    #[allow(dead_code, reason = "not all tests kill")]
    pub(crate) fn kill_once_logged(self, text: &str) -> String {
        let line = self.log.iter().find(|line| line.contains(text));
        self.kill();
        line.unwrap_or_else(|| panic!("the node ended without logging {text:?}"))
    }

    /// Closes the input and waits for the process to end on its own.
    pub(crate) fn end(mut self) -> End {
        drop(self.input.take());
        let lines = self.lines.iter().map(|line| serde_json::from_slice(&line).unwrap()).collect();
        End { status: self.child.wait(), lines, log: self.log.iter().collect() }
    }
}

/// The records in a file or in stderr's text, each replayed: every line sent must come again.
#[allow(dead_code, reason = "not all tests have records")]
pub(crate) fn assert_replays(text: &[u8]) -> Records {
    let records = Records::read(text).unwrap();
    for Record { header, events } in &records.lives {
        let config = header.config::<Rumormill>().unwrap();
        let mut node = header.node::<Rumormill>(config);
        let mut sent = VecDeque::new();
        for (line, event) in events {
            if let Event::Output(output) = event {
                assert_eq!(sent.pop_front().as_ref(), Some(output), "line {line}");
                continue;
            }
            assert_eq!(sent, [], "line {line}");
            event.feed(&mut node).unwrap();
            while let Some(message) = node.poll_transmit() {
                sent.push_back(Output::of(&message));
            }
        }
    }
    records
}
