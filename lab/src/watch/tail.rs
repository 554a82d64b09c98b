//! Reads a file that another process still writes, line by line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

/// A file on its way to its end, which may move.
#[derive(Debug)]
pub struct Tail {
    file: BufReader<File>,
    /// The beginning of a line whose end has not been written yet.
    line: Vec<u8>,
}

impl Tail {
    /// Opens a file at its beginning.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(1 << 18, File::open(path)?), line: Vec::new() })
    }

    /// The next whole line, without its newline, if there is one by now.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        self.file.read_until(b'\n', &mut self.line)?;
        if self.line.pop_if(|last| *last == b'\n').is_none() {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn lines_come_when_they_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut file = File::create(&path).unwrap();
        let mut tail = Tail::open(&path).unwrap();
        assert_eq!(tail.next_line().unwrap(), None);
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.next_line().unwrap().as_deref(), Some("one"));
        assert_eq!(tail.next_line().unwrap(), None);
        file.write_all(b"o\n\nthree").unwrap();
        assert_eq!(tail.next_line().unwrap().as_deref(), Some("two"));
        assert_eq!(tail.next_line().unwrap().as_deref(), Some(""));
        assert_eq!(tail.next_line().unwrap(), None);
        assert!(Tail::open(&dir.path().join("none")).is_err());
    }
}
