//! A node's pipes, non-blocking at the lab's end: a node that is slow to read or quick to write
//! never holds up the others.

use std::io::{self, Read as _, Write as _};
use std::process::ChildStdin;

use memchr::memchr_iter;
use mio::unix::pipe::{Receiver, Sender};

/// A line that is longer than this is not waited for. A read of a million values has a tenth of
/// it, and each node may make the lab hold this much.
const LINE_LIMIT_BYTES: usize = 64 << 20;

/// Bytes of written output that may stay at the front of a buffer before they are moved out.
const COMPACT_BYTES: usize = 64 << 10;

/// The way to a node's stdin: what the pipe does not take at once waits here.
#[derive(Debug)]
pub struct OutPipe {
    pipe: Sender,
    buffer: Vec<u8>,
    /// How much of `buffer`'s front the pipe has taken.
    written: usize,
    peak_bytes: usize,
}

impl OutPipe {
    /// Wraps a child's stdin.
    pub fn new(stdin: ChildStdin) -> io::Result<Self> {
        let pipe = Sender::from(stdin);
        pipe.set_nonblocking(true)?;
        Ok(Self { pipe, buffer: Vec::new(), written: 0, peak_bytes: 0 })
    }

    /// The pipe, to register it.
    pub fn source(&mut self) -> &mut Sender {
        &mut self.pipe
    }

    /// Where to append lines; [`OutPipe::flush`] sends them.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// True if a flush is due once something is appended; else the pipe's readiness brings it.
    pub fn is_idle(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Bytes that the node has not taken yet.
    pub fn waiting_bytes(&self) -> usize {
        self.buffer.len() - self.written
    }

    /// The most that ever waited after a flush.
    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes
    }

    /// Writes as much as the pipe takes.
    ///
    /// # Errors
    /// When the node has closed its stdin.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.written < self.buffer.len() {
            match self.pipe.write(&self.buffer[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.written += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.written == self.buffer.len() {
            self.buffer.clear();
            self.written = 0;
        } else if self.written > COMPACT_BYTES && self.written > self.buffer.len() / 2 {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
        self.peak_bytes = self.peak_bytes.max(self.waiting_bytes());
        Ok(())
    }
}

/// How a turn of reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// Nothing more for now.
    Drained,
    /// There may be more; others should have their turn first.
    More,
    /// The other end is closed.
    Closed,
}

/// The way from a node's stdout (or stderr), cut into lines.
#[derive(Debug)]
pub struct InPipe {
    pipe: Receiver,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    read_bytes: usize,
    /// The other side was killed: it could not complete its last line.
    is_killed: bool,
}

impl InPipe {
    /// Wraps a child's stdout (or stderr).
    pub fn new(pipe: impl Into<Receiver>) -> io::Result<Self> {
        let pipe = pipe.into();
        pipe.set_nonblocking(true)?;
        Ok(Self { pipe, partial: Vec::new(), read_bytes: 0, is_killed: false })
    }

    /// The other side was killed.
    pub const fn on_kill(&mut self) {
        self.is_killed = true;
    }

    /// The pipe, to register it.
    pub fn source(&mut self) -> &mut Receiver {
        &mut self.pipe
    }

    /// The beginning of a line whose end has not come yet.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Bytes read so far.
    pub fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// Reads once into `scratch` and hands on each whole line, without its newline. At the
    /// other side's end of file what is left counts as a line, unless the other side was killed.
    ///
    /// # Errors
    /// When reading fails, or a line gets too long to be one.
    pub fn read(
        &mut self,
        scratch: &mut [u8],
        mut on_line: impl FnMut(&[u8]),
    ) -> io::Result<ReadEnd> {
        let count = loop {
            match self.pipe.read(scratch) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(ReadEnd::Drained);
                }
                Err(error) => return Err(error),
            }
        };
        if count == 0 {
            if !self.partial.is_empty() && !self.is_killed {
                on_line(&std::mem::take(&mut self.partial));
            }
            return Ok(ReadEnd::Closed);
        }
        self.read_bytes += count;
        split_lines(&mut self.partial, &scratch[..count], on_line);
        if self.partial.len() > LINE_LIMIT_BYTES {
            let text = format!("a line of more than {} MiB", LINE_LIMIT_BYTES >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // Another read, not a short count, decides whether the pipe is empty: readiness is
        // edge-triggered, and a wrong guess would leave data behind.
        Ok(ReadEnd::More)
    }
}

/// Hands on the lines that `bytes` completes; keeps the rest in `partial`.
fn split_lines(partial: &mut Vec<u8>, bytes: &[u8], mut on_line: impl FnMut(&[u8])) {
    let mut start = 0;
    for end in memchr_iter(b'\n', bytes) {
        let line = &bytes[start..end];
        if partial.is_empty() {
            on_line(line);
        } else {
            partial.extend_from_slice(line);
            on_line(partial);
            partial.clear();
        }
        start = end + 1;
    }
    partial.extend_from_slice(&bytes[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
        let mut partial = Vec::new();
        let mut lines = Vec::new();
        for piece in pieces {
            split_lines(&mut partial, piece, |line| {
                lines.push(String::from_utf8_lossy(line).into_owned());
            });
        }
        (lines, partial)
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let (lines, rest) = lines_of(&[b"one\ntw", b"", b"o\n\nthr", b"ee", b"\nfo"]);
        assert_eq!(lines, ["one", "two", "", "three"]);
        assert_eq!(rest, b"fo");
    }

    #[test]
    fn a_full_pipe_does_not_block_and_nothing_is_lost() {
        let (pipe, mut far_end) = mio::unix::pipe::new().expect("pipe");
        let mut out = OutPipe { pipe, buffer: Vec::new(), written: 0, peak_bytes: 0 };
        let sent: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        out.buffer().extend_from_slice(&sent);
        out.flush().expect("flush");
        assert!(out.waiting_bytes() > 0, "the pipe took a megabyte at once");

        let mut got = Vec::new();
        let mut scratch = vec![0; 10_000];
        while got.len() < sent.len() {
            let count = far_end.read(&mut scratch).expect("read");
            got.extend_from_slice(&scratch[..count]);
            out.flush().expect("flush");
        }
        assert_eq!(got, sent);
        assert_eq!(out.waiting_bytes(), 0);
        assert!(out.peak_bytes() > 0);
    }

    #[test]
    fn a_last_line_without_newline_counts_when_the_writer_closes() {
        let (mut writer, pipe) = mio::unix::pipe::new().expect("pipe");
        let mut input = InPipe::new(pipe).expect("pipe");
        writer.write_all(b"first\nlast").expect("write");
        let mut scratch = [0; 64];
        let mut lines = Vec::new();
        let mut read = |input: &mut InPipe| {
            input.read(&mut scratch, |line| lines.push(line.to_vec())).expect("read")
        };
        assert_eq!(read(&mut input), ReadEnd::More);
        assert_eq!(read(&mut input), ReadEnd::Drained);
        drop(writer);
        assert_eq!(read(&mut input), ReadEnd::Closed);
        assert_eq!(lines, [b"first".to_vec(), b"last".to_vec()]);
    }
}
