//! A file that is written by a thread of its own: a slow disk must not make the lab late.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// What is written is handed over in pieces of about this size.
const CHUNK_BYTES: usize = 256 << 10;

/// At most this many pieces wait for the disk; then the lab does.
const MAX_CHUNKS: usize = 128;

/// A file, open for writing.
#[derive(Debug)]
pub(super) struct BackgroundFile {
    buffer: Vec<u8>,
    chunks: SyncSender<Vec<u8>>,
    writer: JoinHandle<io::Result<()>>,
}

impl BackgroundFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (chunks, received) = sync_channel(MAX_CHUNKS);
        let writer = thread::Builder::new()
            .name("file writer".to_owned())
            .spawn(move || write_all(file, &received))?;
        Ok(Self { buffer: Vec::with_capacity(CHUNK_BYTES), chunks, writer })
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The first error that writing met.
    pub(super) fn finish(self) -> io::Result<()> {
        let Self { buffer, chunks, writer } = self;
        // If the writer is gone, its own error says why.
        let _ = chunks.send(buffer);
        drop(chunks);
        writer.join().unwrap_or_else(|_| Err(io::Error::other("the file's writer panicked")))
    }
}

impl Write for BackgroundFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    /// Hands over what is there; [`BackgroundFile::finish`] waits for the disk.
    fn flush(&mut self) -> io::Result<()> {
        let chunk = mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        self.chunks.send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

fn write_all(mut file: File, chunks: &Receiver<Vec<u8>>) -> io::Result<()> {
    chunks.iter().try_for_each(|chunk| file.write_all(&chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn everything_arrives_in_order() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("file");
        let mut file = BackgroundFile::create(&path).expect("create");
        let mut expected = Vec::new();
        for number in 0..200_000 {
            writeln!(file, "line {number}").expect("write");
            writeln!(expected, "line {number}").expect("write");
        }
        file.finish().expect("finish");
        assert!(fs::read(&path).expect("read") == expected);
    }

    #[test]
    fn a_disk_that_is_full_is_told_at_the_end() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let mut file = BackgroundFile::create(full).expect("create");
        file.write_all(b"something").expect("only the buffer has seen it");
        assert_eq!(file.finish().expect_err("full").kind(), io::ErrorKind::StorageFull);
    }
}
