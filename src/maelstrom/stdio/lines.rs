//! Whole lines from a stream: the reader thread's half of the driver.

use std::io::{self, BufRead as _, Read};

/// Some input, in the order it came.
#[derive(Debug)]
pub(super) enum Block {
    /// Whole lines, each with its newline; the stream's very last one may lack it.
    Lines(Vec<u8>),
    /// The beginning of a line that is longer than the limit. The rest of it is skipped.
    TooLong(Vec<u8>),
    /// The stream cannot be read any further.
    Failed(io::Error),
}

/// How much is kept of a line that is too long: enough to see what it was.
const KEPT_BYTES: usize = 1024;

/// Cuts a stream into blocks of whole lines.
pub(super) struct LineReader<R> {
    source: R,
    chunk: Box<[u8]>,
    /// Longest line taken, its newline not counted.
    max_line: usize,
    /// The beginning of the line whose end has not come yet.
    partial: Vec<u8>,
    /// The rest of the current line is of no interest.
    skipping: bool,
}

impl<R: Read> LineReader<R> {
    /// Reads `chunk_bytes` at a time and takes lines of at most `max_line` bytes.
    pub(super) fn new(source: R, chunk_bytes: usize, max_line: usize) -> Self {
        let chunk = vec![0; chunk_bytes].into_boxed_slice();
        Self { source, chunk, max_line, partial: Vec::new(), skipping: false }
    }

    /// Hands all of the stream to `send`, until its end or until `send` wants no more.
    pub(super) fn pump(&mut self, mut send: impl FnMut(Block) -> bool) {
        loop {
            match self.source.read(&mut self.chunk) {
                Ok(0) => {
                    if !self.partial.is_empty() {
                        send(Block::Lines(std::mem::take(&mut self.partial)));
                    }
                    return;
                }
                Ok(count) => {
                    if !self.take_chunk(count, &mut send) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    send(Block::Failed(error));
                    return;
                }
            }
        }
    }

    /// Works off the first `count` bytes of the chunk. False if `send` wants no more.
    fn take_chunk(&mut self, count: usize, send: &mut impl FnMut(Block) -> bool) -> bool {
        let mut data = &self.chunk[..count];
        if self.skipping {
            let Some(end) = first_newline(data) else { return true };
            self.skipping = false;
            data = &data[end + 1..];
        }
        // A line within one chunk is below the limit, so only the first one here can be over it.
        let end_of_first = first_newline(data);
        let first = &data[..end_of_first.unwrap_or(data.len())];
        if self.partial.len() + first.len() > self.max_line {
            let mut start = std::mem::take(&mut self.partial);
            start.truncate(KEPT_BYTES);
            start.shrink_to_fit();
            start.extend_from_slice(&first[..first.len().min(KEPT_BYTES)]);
            if !send(Block::TooLong(start)) {
                return false;
            }
            let Some(end) = end_of_first else {
                self.skipping = true;
                return true;
            };
            data = &data[end + 1..];
        }
        let whole = data.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        self.partial.extend_from_slice(&data[..whole]);
        let go_on = whole == 0 || send(Block::Lines(std::mem::take(&mut self.partial)));
        self.partial.extend_from_slice(&data[whole..]);
        go_on
    }
}

/// Where the first line of a block ends: its length without the newline, if it has one.
pub(super) fn first_newline(mut data: &[u8]) -> Option<usize> {
    let all = data;
    // The standard library's way to its fast byte search. A slice has no errors to give.
    let length = data.skip_until(b'\n').ok()?;
    (length > 0 && all[length - 1] == b'\n').then(|| length - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its parts one by one, as a pipe gives what was written.
    struct Parts(Vec<&'static str>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0);
            if part == "!" {
                return Err(io::Error::other("broken"));
            }
            if part == "~" {
                return Err(io::ErrorKind::Interrupted.into());
            }
            buffer[..part.len()].copy_from_slice(part.as_bytes());
            Ok(part.len())
        }
    }

    fn blocks(parts: &[&'static str]) -> Vec<String> {
        let mut out = Vec::new();
        LineReader::new(Parts(parts.to_vec()), 8, 10).pump(|block| {
            out.push(match block {
                Block::Lines(bytes) => String::from_utf8(bytes).unwrap(),
                Block::TooLong(start) => format!("too long: {}", String::from_utf8_lossy(&start)),
                Block::Failed(error) => format!("failed: {error}"),
            });
            true
        });
        out
    }

    #[test]
    fn blocks_end_with_lines() {
        assert_eq!(blocks(&["a\nb\nc", "d", "\n", "e\n"]), ["a\nb\n", "cd\n", "e\n"]);
        assert_eq!(blocks(&["\n\n", "~", "a\n"]), ["\n\n", "a\n"]);
        assert_eq!(blocks(&[]), [""; 0]);
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        assert_eq!(blocks(&["a\nb", "c"]), ["a\n", "bc"]);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_to_its_newline() {
        assert_eq!(blocks(&["12345", "67890\n"]), ["1234567890\n"]);
        let long = "too long: 12345678901";
        assert_eq!(blocks(&["12345", "678901", "234", "5\na", "\n"]), [long, "a\n"]);
        assert_eq!(blocks(&["12345", "678901\nb", "\n"]), [long, "b\n"]);
        assert_eq!(blocks(&["12345", "678901", "2"]), [long]);
        assert_eq!(blocks(&["12345", "678901\n", "12345", "678901\n"]), [long, long]);
    }

    #[test]
    fn a_failure_ends_the_stream() {
        assert_eq!(blocks(&["a\n", "b", "!", "c\n"]), ["a\n", "failed: broken"]);
    }
}
