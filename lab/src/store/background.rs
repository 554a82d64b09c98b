//! A file that is written by a thread of its own: a slow disk must not make the lab late.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Writes are handed over in pieces of about this size.
const CHUNK_BYTES: usize = 256 << 10;

/// At most this many pieces wait for the disk; then the lab does.
const MAX_CHUNKS: usize = 128;

/// Age at which an incomplete piece is written all the same, because `lab watch` may read the file.
const MAX_DELAY: Duration = Duration::from_millis(200);

/// A file, open for writing.
#[derive(Debug)]
pub(super) struct BackgroundFile {
    buffer: Arc<Mutex<Vec<u8>>>,
    chunks: SyncSender<Vec<u8>>,
    writer: JoinHandle<io::Result<()>>,
}

impl BackgroundFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (chunks, received) = sync_channel(MAX_CHUNKS);
        let buffer = Arc::new(Mutex::new(Vec::with_capacity(CHUNK_BYTES)));
        let shared = Arc::clone(&buffer);
        let writer = thread::Builder::new()
            .name("file writer".to_owned())
            .spawn(move || write_all(file, &received, &shared))?;
        Ok(Self { buffer, chunks, writer })
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The first error that writing met.
    pub(super) fn finish(mut self) -> io::Result<()> {
        // If the writer is gone, its own error says why.
        let _ = self.flush();
        drop(self.chunks);
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the file's writer panicked")))
    }
}

impl Write for BackgroundFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = lock(&self.buffer);
        buffer.extend_from_slice(bytes);
        if buffer.len() >= CHUNK_BYTES {
            hand_over(&mut buffer, &self.chunks)?;
        }
        Ok(bytes.len())
    }

    /// Hands over what is there; [`BackgroundFile::finish`] waits for the disk.
    fn flush(&mut self) -> io::Result<()> {
        hand_over(&mut lock(&self.buffer), &self.chunks)
    }
}

fn lock(buffer: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    // Nothing in here is ever half done.
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The buffer is locked all the while, so that pieces stay in their order.
fn hand_over(buffer: &mut Vec<u8>, chunks: &SyncSender<Vec<u8>>) -> io::Result<()> {
    let chunk = mem::replace(buffer, Vec::with_capacity(CHUNK_BYTES));
    chunks.send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

fn write_all(
    mut file: File,
    chunks: &Receiver<Vec<u8>>,
    buffer: &Mutex<Vec<u8>>,
) -> io::Result<()> {
    loop {
        match chunks.recv_timeout(MAX_DELAY) {
            Ok(chunk) => file.write_all(&chunk)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                let fresh = Vec::with_capacity(CHUNK_BYTES);
                // The holder of the lock may wait for room among the pieces: never wait for it.
                let Ok(mut buffer) = buffer.try_lock() else { continue };
                // Pieces may have come since; with the lock held, no other can.
                let earlier: Vec<Vec<u8>> = chunks.try_iter().collect();
                let last = mem::replace(&mut *buffer, fresh);
                drop(buffer);
                earlier.iter().chain([&last]).try_for_each(|chunk| file.write_all(chunk))?;
            }
        }
    }
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
    fn what_is_written_can_soon_be_read() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("file");
        let mut file = BackgroundFile::create(&path).expect("create");
        for part in ["a little\n", "and a little more\n"] {
            let before = fs::read(&path).expect("read");
            file.write_all(part.as_bytes()).expect("write");
            let expected = [&before, part.as_bytes()].concat();
            // It comes by itself, without a flush and before the end.
            while fs::read(&path).expect("read") != expected {
                thread::sleep(Duration::from_millis(1));
            }
        }
        file.finish().expect("finish");
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
