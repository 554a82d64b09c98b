//! The journal of a node: what survives `kill -9` and the loss of power.
//!
//! Every entry that a node holds is in its journal, whichever node it was submitted to, and so is
//! every generation of the node. A write-ahead log with group commit (Gray and Reuter, "Transaction
//! Processing", 1993, chapter 9): [`Journal::commit`] writes a batch with one sync, and what depends on
//! the batch leaves the node only then. That is for the [server](crate::maelstrom::server) to see to.
//!
//! The journal is a row of *segments*, files that are numbered from 1. The last one is written to. A
//! segment that has become long enough is left for a new one, and then closed ([`Journal::maintain`]):
//! a compact copy replaces it. There is never more than one record that has not been synced, and it is
//! the last one. So a damaged record with nothing whole behind it is a write that was not completed:
//! nothing that depends on it has left the node, and it is cut off. Any other damage is an error, as is
//! a segment that is missing or too short.
//!
//! `docs/JOURNAL.md` has the format and the argument.

mod crc;
mod directory;
mod error;
mod format;
mod mutation;
mod open;
mod segment;

use std::collections::BTreeSet;
use std::io;

use crate::cluster::Name;
use crate::id::Generation;

pub use directory::{Directory, DiskDirectory};
pub use error::JournalError;
pub use format::{FORMAT, Run};
use format::{Header, RecordWriter};
pub use mutation::Mutation;
use segment::{Compact, Summary};

/// A segment is left when it is this long. Closing one takes the journal as long as it takes to read
/// and write this much, and memory for its entries; each segment is a file.
const SEGMENT_BYTES: u64 = 8 << 20;
/// The ends of the names of files.
const SEGMENT: &str = ".segment";
const TEMPORARY: &str = ".tmp";

/// A place in the row of what a node has appended to its journal since it was opened: everything
/// before it. The generation comes first, then the entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// The records that one sync makes durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The entries, in order of arrival.
    pub runs: Vec<Run>,
    /// The place behind them.
    pub upto: Offset,
}

/// The journal of one node, open for one generation.
#[derive(Debug)]
pub struct Journal<D> {
    directory: D,
    node: Name,
    generation: Generation,
    /// The segment that is written to, its length as far as it is synced, and that of the one before
    /// it when it was left.
    segment: u64,
    length: u64,
    previous: u64,
    /// The generation is on disk in this segment.
    has_generation: bool,
    /// Segments that were left and are not closed yet.
    left: BTreeSet<u64>,
    options: OpenOptions,
}

/// How a journal is opened and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// Go on with what is whole of a damaged journal; a copy of each damaged file is kept.
    pub repair: bool,
    /// The length at which a segment is left, in bytes.
    pub segment_bytes: u64,
    /// The bug to have.
    #[cfg(feature = "mutations")]
    pub mutation: Option<Mutation>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            repair: false,
            segment_bytes: SEGMENT_BYTES,
            #[cfg(feature = "mutations")]
            mutation: None,
        }
    }
}

/// The findings when a journal is opened.
#[derive(Debug)]
pub struct Opened<D> {
    /// The journal.
    pub journal: Journal<D>,
    /// Repairs and what was cut off, a line for each.
    pub notes: Vec<String>,
}

impl<D: Directory> Journal<D> {
    /// Opens the journal of `node`, or begins one in an empty directory. Its generation is `candidate`,
    /// or a later one if the journal has a generation of the node that is as late.
    ///
    /// # Errors
    /// If the journal is damaged, of another node or of a later format, or cannot be read.
    pub fn open(
        directory: D,
        node: &Name,
        candidate: Generation,
        options: &OpenOptions,
    ) -> Result<Opened<D>, JournalError> {
        let mut journal = Self {
            directory,
            node: Name::clone(node),
            generation: candidate,
            segment: 1,
            length: 0,
            previous: 0,
            has_generation: false,
            left: BTreeSet::new(),
            options: *options,
        };
        let notes = journal.go_on()?;
        Ok(Opened { journal, notes })
    }

    /// The generation of the node that has the journal open.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Closes the journal.
    #[must_use]
    pub fn into_directory(self) -> D {
        self.directory
    }

    /// Reads all entries, a run at a time, each entry once.
    ///
    /// # Errors
    /// That of `each`, or if a file cannot be read.
    pub fn restore(
        &self,
        mut each: impl FnMut(Run) -> Result<(), String>,
    ) -> Result<(), JournalError> {
        for number in 1..=self.segment {
            let file = file_name(number);
            let bytes = match self.directory.read(&file) {
                Ok(bytes) => bytes,
                Err(_) if number == self.segment && self.length == 0 => continue,
                Err(error) => return Err(self.io("read", &file, error)),
            };
            let mut outcome = Ok(());
            let summary = Summary::read(&bytes, |run| {
                if outcome.is_ok() {
                    outcome = each(run);
                }
            });
            if self.has_bug(Mutation::TornTailTaken) {
                summary.torn_runs(&bytes).try_for_each(&mut each).map_err(|problem| {
                    JournalError::Entries { file: self.place(&file), problem }
                })?;
            }
            outcome
                .map_err(|problem| JournalError::Entries { file: self.place(&file), problem })?;
        }
        Ok(())
    }

    /// Makes a batch durable: returns when it is on disk.
    ///
    /// # Errors
    /// If it cannot be written, or not be synced. Some or all of it may be on disk then; the same batch
    /// must be committed again, until that succeeds.
    pub fn commit(&mut self, batch: &Batch) -> io::Result<()> {
        let file = file_name(self.segment);
        let is_new = self.length == 0;
        let mut record = RecordWriter::new();
        if is_new {
            record.header(&Header {
                format: FORMAT,
                node: Name::clone(&self.node),
                segment: self.segment,
                previous: self.previous,
            });
        }
        if !self.has_generation {
            record.generation(self.generation);
        }
        batch.runs.iter().for_each(|run| record.run(run));
        if record.is_empty() {
            return Ok(());
        }
        let bytes = record.finish();
        // Always at the end of what was synced: bytes of a write that failed are written once more, so
        // that a sync which succeeds now is a sync of theirs.
        self.write(&file, &bytes).or_else(|error| {
            let is_full = error.kind() == io::ErrorKind::StorageFull;
            if is_full && self.has_bug(Mutation::FullDiskIgnored) { Ok(()) } else { Err(error) }
        })?;
        if is_new {
            self.directory.sync_names()?;
        }
        self.length += bytes.len() as u64;
        self.has_generation = true;
        if self.length >= self.options.segment_bytes {
            self.leave_segment();
        }
        Ok(())
    }

    /// Writes a record behind what is synced, and syncs it.
    fn write(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.directory.write(file, self.length, bytes)?;
        if self.has_bug(Mutation::AckBeforeSync) {
            return Ok(());
        }
        self.directory.sync(file)
    }

    /// Closes the segments that were left, if there are any: call it after a commit, when nothing waits
    /// for the journal. A segment that cannot be closed stays as it is until the next start.
    ///
    /// # Errors
    /// If a segment cannot be read or written; nothing is lost.
    pub fn maintain(&mut self) -> io::Result<()> {
        // Not before the next one is there: a segment that is not closed is checked against it.
        if self.length == 0 {
            return Ok(());
        }
        while let Some(number) = self.left.pop_first() {
            let bytes = self.directory.read(&file_name(number))?;
            self.close_segment(number, &bytes)?;
        }
        Ok(())
    }

    /// The next record begins a new segment.
    fn leave_segment(&mut self) {
        self.left.insert(self.segment);
        self.segment += 1;
        self.previous = std::mem::take(&mut self.length);
        self.has_generation = false;
    }

    /// Replaces a segment by a compact copy of what is whole in it.
    fn close_segment(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let mut compact = Compact::default();
        let summary = Summary::read(bytes, |run| compact.insert(run));
        let header = summary.header.unwrap_or_else(|| {
            let before = self.directory.read(&file_name(number - 1));
            let previous = before.map_or(0, |bytes| bytes.len() as u64);
            Header { format: FORMAT, node: Name::clone(&self.node), segment: number, previous }
        });
        let (file, temporary) = (file_name(number), format!("{number:08}{TEMPORARY}"));
        let bytes = compact.into_bytes(&header, &summary.generations);
        // The copy is on disk before it gets the segment's name, which replaces the segment.
        self.directory.write(&temporary, 0, &bytes)?;
        if !self.has_bug(Mutation::SegmentReplacedEarly) {
            self.directory.sync(&temporary)?;
        }
        self.directory.rename(&temporary, &file)?;
        self.directory.sync_names()
    }

    /// True if the journal is to have this bug.
    #[cfg(feature = "mutations")]
    fn has_bug(&self, bug: Mutation) -> bool {
        self.options.mutation == Some(bug)
    }

    /// It has none.
    #[cfg(not(feature = "mutations"))]
    #[expect(clippy::unused_self)]
    const fn has_bug(&self, _bug: Mutation) -> bool {
        false
    }

    fn place(&self, file: &str) -> String {
        self.directory.place(file)
    }

    fn io(&self, action: &'static str, file: &str, error: io::Error) -> JournalError {
        JournalError::Io { action, file: self.place(file), error }
    }
}

fn file_name(number: u64) -> String {
    format!("{number:08}{SEGMENT}")
}

#[cfg(test)]
mod tests;
