//! The log: lines on stderr, written by a thread of their own.
//!
//! A reader of stderr that stops reading must not stop the node, so no line waits for it: lines are
//! queued, and lines that do not fit into the queue are dropped and counted.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Capacity of the queue in bytes. It bounds the memory of a node whose stderr is not read. A record
/// on stderr grows by tens of MB per second at full load, and a smaller queue would end it whenever
/// its reader pauses for a moment.
const QUEUE_BYTES: usize = 16 << 20;
/// Most bytes per write: the progress of a slow reader is seen in these steps.
const PIECE_BYTES: usize = 16 << 10;
/// At its end the node waits for a reader that makes no progress for at most this long.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// The log of a process. Dropping it writes what is queued, as far as it is read.
#[derive(Debug)]
pub struct Log(Writer);

/// A handle of the log. A write is queued as a whole or dropped as a whole; it never waits.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue_bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<u8>,
    /// Lines dropped since the queue was last taken.
    dropped: u64,
    /// Pieces written so far.
    written: u64,
    /// No more lines will come.
    is_closed: bool,
    /// The thread has ended: all is written, or the output is closed.
    is_done: bool,
}

impl Log {
    /// A log that writes to `output`.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        Self::with_capacity(output, QUEUE_BYTES)
    }

    fn with_capacity(output: impl Write + Send + 'static, queue_bytes: usize) -> io::Result<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { queue_bytes, state, changed });
        let writer = Writer(Arc::clone(&shared));
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.pump(output))?;
        Ok(Self(writer))
    }

    /// A handle to write with.
    #[must_use]
    pub fn writer(&self) -> Writer {
        self.0.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Writer(shared) = &self.0;
        let mut state = shared.lock();
        state.is_closed = true;
        shared.changed.notify_all();
        while !state.is_done {
            let written = state.written;
            let wait = shared.changed.wait_timeout_while(state, FLUSH_MAX, |state| {
                !state.is_done && state.written == written
            });
            let (next, waited) = wait.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return;
            }
            state = next;
        }
    }
}

impl Write for Writer {
    /// # Errors
    /// If the output is closed, or the queue is full.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let Self(shared) = self;
        let mut state = shared.lock();
        if state.is_done {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // Lines after dropped ones are dropped until they are reported, so the report stands where
        // they are missing. An empty queue takes lines of any length.
        let is_full =
            !state.queue.is_empty() && state.queue.len() + lines.len() > shared.queue_bytes;
        if is_full || state.dropped > 0 {
            state.dropped += lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "stderr is not read"));
        }
        state.queue.extend_from_slice(lines);
        shared.changed.notify_all();
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is queued, until the log is closed or its output is.
    fn pump(&self, mut output: impl Write) {
        while let Some(lines) = self.take() {
            let is_written = lines.chunks(PIECE_BYTES).all(|piece| {
                let is_written = output.write_all(piece).is_ok();
                self.lock().written += 1;
                self.changed.notify_all();
                is_written
            });
            if !is_written || output.flush().is_err() {
                break;
            }
        }
        self.lock().is_done = true;
        self.changed.notify_all();
    }

    /// Waits for lines. `None`: all are taken, and no more will come.
    fn take(&self) -> Option<Vec<u8>> {
        let is_idle = |state: &mut State| state.queue.is_empty() && !state.is_closed;
        let wait = self.changed.wait_while(self.lock(), is_idle);
        let mut state = wait.unwrap_or_else(PoisonError::into_inner);
        let mut lines = std::mem::take(&mut state.queue);
        match std::mem::take(&mut state.dropped) {
            0 => {}
            // Writing to a Vec cannot fail.
            dropped => drop(writeln!(lines, "rumormill: {dropped} lines of log dropped")),
        }
        (!lines.is_empty()).then_some(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// A pipe with a reader that reads when it is told to. Once its reader is gone, it is closed.
    struct Pipe {
        reads: Receiver<()>,
        text: Sender<Vec<u8>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.text.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.reads.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Pipe, Sender<()>, Receiver<Vec<u8>>) {
        let (reader, reads) = mpsc::channel();
        let (text, texts) = mpsc::channel();
        (Pipe { reads, text }, reader, texts)
    }

    #[test]
    fn lines_that_are_not_read_are_dropped_and_counted_where_they_are_missing() {
        let (pipe, reader, texts) = pipe();
        let log = Log::with_capacity(pipe, 8).unwrap();
        let mut writer = log.writer();
        writer.write_all(b"first\n").unwrap();
        // The thread waits for the reader; all that follows is queued or dropped.
        assert_eq!(texts.recv(), Ok(b"first\n".to_vec()));
        writer.write_all(b"second\n").unwrap();
        for lines in ["third\n", "fourth\nfifth\n", "6\n"] {
            let error = writer.write_all(lines.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
        reader.send(()).unwrap();
        assert_eq!(texts.recv(), Ok(b"second\nrumormill: 4 lines of log dropped\n".to_vec()));
        writer.write_all(b"a line as long as it likes\n").unwrap();
        (0..2).for_each(|_| reader.send(()).unwrap());
        drop(log);
        assert_eq!(texts.recv(), Ok(b"a line as long as it likes\n".to_vec()));
        assert!(texts.try_recv().is_err());
    }

    #[test]
    fn a_log_whose_reader_stopped_does_not_keep_the_node_from_ending() {
        let (pipe, reader, texts) = pipe();
        let log = Log::start(pipe).unwrap();
        log.writer().write_all(b"first\n").unwrap();
        assert_eq!(texts.recv(), Ok(b"first\n".to_vec()));
        log.writer().write_all(b"second\n").unwrap();
        drop(log);
        drop(reader);
    }

    #[test]
    fn a_closed_log_is_an_error() {
        let (pipe, reader, texts) = pipe();
        drop((reader, texts));
        let log = Log::start(pipe).unwrap();
        let mut writer = log.writer();
        let _ = writer.write_all(b"first\n");
        drop(log);
        assert_eq!(writer.write_all(b"late\n").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
