//! The directory of a journal: what a journal asks of a file system, and the real one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A directory of files, as far as a journal needs one. The lab has another that loses and tears what
/// was not synced.
pub trait Directory {
    /// The names of the files.
    ///
    /// # Errors
    /// Those of the file system, as in all methods.
    fn list(&self) -> io::Result<Vec<String>>;

    /// The content of a file.
    ///
    /// # Errors
    /// If there is no such file, among others.
    fn read(&self, file: &str) -> io::Result<Vec<u8>>;

    /// Makes `bytes` the content of a file from `offset` on: writes over what stands there, and then
    /// cuts off what stands behind. There is a file afterwards.
    ///
    /// # Errors
    /// Some of the bytes may have been written then.
    fn write(&mut self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when the content of a file is on disk.
    ///
    /// # Errors
    /// It is unknown then which of the bytes written since the last sync are on disk.
    fn sync(&mut self, file: &str) -> io::Result<()>;

    /// Gives a file another name; a file of that name is gone.
    ///
    /// # Errors
    /// Nothing is changed then.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    /// If there is no such file, among others.
    fn remove(&mut self, file: &str) -> io::Result<()>;

    /// Returns when the names are on disk: of files that are new, renamed or removed.
    ///
    /// # Errors
    /// It is unknown then which of the changes are on disk.
    fn sync_names(&mut self) -> io::Result<()>;

    /// A file's place, for people.
    fn place(&self, file: &str) -> String;
}

/// The file that is locked as long as a process uses the directory.
const LOCK: &str = "lock";

/// A directory on disk, which one process uses at a time.
#[derive(Debug)]
pub struct DiskDirectory {
    path: PathBuf,
    /// Locked until it is closed, which the end of the process does in any case.
    _lock: File,
    /// The file that was last written, which is the next one, too, as a rule.
    open: Option<(String, File)>,
}

impl DiskDirectory {
    /// Opens the directory of a node below `parent`; both are made if need be.
    ///
    /// # Errors
    /// A line that says what failed: the directory cannot be made or written, or another process uses
    /// it.
    pub fn open(parent: &Path, node: &str) -> Result<Self, String> {
        let path = parent.join(file_name(node));
        let problem = |what: &str, error: &io::Error| format!("{what} {}: {error}", path.display());
        fs::create_dir_all(&path).map_err(|error| problem("cannot make", &error))?;
        sync_directory(parent).map_err(|error| problem("cannot sync what holds", &error))?;
        let lock = OpenOptions::new().create(true).append(true).open(path.join(LOCK));
        let lock = lock.map_err(|error| problem("cannot write in", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock, open: None }),
            Err(TryLockError::WouldBlock) => {
                Err(format!("{} is in use by another process", path.display()))
            }
            Err(TryLockError::Error(error)) => Err(problem("cannot lock", &error)),
        }
    }

    fn file(&mut self, file: &str) -> io::Result<&mut File> {
        if self.open.as_ref().is_none_or(|(name, _)| name != file) {
            let path = self.path.join(file);
            let opened = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
            self.open = Some((file.to_owned(), opened));
        }
        self.open.as_mut().map(|(_, file)| file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Directory for DiskDirectory {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name()));
        names.map(|name| name.map(|name| name.to_string_lossy().into_owned())).collect()
    }

    fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(file))
    }

    fn write(&mut self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(file)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)?;
        let end = offset + bytes.len() as u64;
        if file.metadata()?.len() > end { file.set_len(end) } else { Ok(()) }
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        self.file(file)?.sync_data()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open = None;
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.open = None;
        fs::remove_file(self.path.join(file))
    }

    fn sync_names(&mut self) -> io::Result<()> {
        sync_directory(&self.path)
    }

    fn place(&self, file: &str) -> String {
        self.path.join(file).display().to_string()
    }
}

/// Only Unix has directories that can be synced; elsewhere the file system does it.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// The name of a node's directory: its own, with all but letters, digits, `-` and `_` as `%` and their
/// code.
fn file_name(node: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    node.bytes().fold(String::new(), |name, byte| match byte {
        byte if is_plain(byte) => name + char::from(byte).encode_utf8(&mut [0; 4]),
        byte => name + &format!("%{byte:02x}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is removed again.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("rumormill-{}-{name}", std::process::id()));
            Self(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_of_nodes_are_names_of_files() {
        assert_eq!(file_name("n0-A_b"), "n0-A_b");
        assert_eq!(file_name("../\u{e9} %"), "%2e%2e%2f%c3%a9%20%25");
    }

    #[test]
    fn a_directory_has_one_user_and_its_files_are_cut_where_they_are_written() {
        let parent = Temporary::new("directory");
        let mut directory = DiskDirectory::open(&parent.0, "n0").unwrap();
        let second = DiskDirectory::open(&parent.0, "n0").unwrap_err();
        assert!(second.ends_with("n0 is in use by another process"), "{second}");
        let other = DiskDirectory::open(&parent.0, "n1").unwrap();
        directory.write("a", 0, b"abcdef").unwrap();
        directory.write("b", 0, b"x").unwrap();
        directory.write("a", 2, b"CD").unwrap();
        directory.sync("a").unwrap();
        directory.sync_names().unwrap();
        assert_eq!(directory.read("a").unwrap(), b"abCD");
        directory.rename("a", "b").unwrap();
        directory.write("b", 4, b"!").unwrap();
        assert_eq!(directory.read("b").unwrap(), b"abCD!");
        assert_eq!(directory.read("a").unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut names = directory.list().unwrap();
        names.sort();
        assert_eq!(names, ["b", "lock"]);
        directory.remove("b").unwrap();
        drop((directory, other));
        let again = DiskDirectory::open(&parent.0, "n0").unwrap();
        assert_eq!(again.list().unwrap(), ["lock"]);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let parent = Temporary::new("file");
        fs::write(&parent.0, b"a file").unwrap();
        let error = DiskDirectory::open(&parent.0, "n0").unwrap_err();
        assert!(error.starts_with(&format!("cannot make {}", parent.0.display())), "{error}");
        fs::remove_file(&parent.0).unwrap();
    }
}
