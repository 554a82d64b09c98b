//! Opening a journal: reading its segments, judging damage, and finding the place to go on.

use std::io;

use super::segment::Summary;
use super::{Directory, FORMAT, Journal, JournalError, Mutation, SEGMENT, TEMPORARY, file_name};
use crate::cluster::Name;
use crate::id::Generation;

/// The end of the name of a damaged file's copy.
const DAMAGED: &str = ".damaged";

/// A segment as it was found.
struct Found {
    number: u64,
    file: String,
    bytes: Vec<u8>,
    summary: Summary,
}

/// Something wrong with a segment.
struct Fault {
    at: usize,
    problem: &'static str,
}

impl Found {
    /// The fault of a segment, if it has one. A write that was not completed is none, if this is the
    /// last segment.
    fn fault(&self, is_last: bool) -> Option<Fault> {
        let Summary { header, entries, end, damages, length, .. } = &self.summary;
        if let Some(damage) = damages.iter().find(|damage| !(is_last && damage.is_tail)) {
            return Some(Fault { at: damage.at, problem: damage.problem });
        }
        let (at, problem) = match header {
            None if *length == 0 && !is_last => (0, "the segment is missing"),
            None if *length > 0 && damages.is_empty() => (0, "the segment has no header"),
            _ if end.is_some_and(|end| end != *entries) => (*length, "entries are missing"),
            _ => return None,
        };
        Some(Fault { at, problem })
    }
}

impl<D: Directory> Journal<D> {
    /// Reads all segments and finds the place to go on: cuts off a write that was not completed, and
    /// repairs damage if that is wanted. Returns notes for people.
    pub(super) fn go_on(&mut self) -> Result<Vec<String>, JournalError> {
        let mut notes = Vec::new();
        let last = self.tidy()?;
        let mut latest = Generation::default();
        let mut before: Option<Found> = None;
        for number in 1..=last {
            let found = self.find(number)?;
            self.check_header(&found)?;
            latest = found.summary.generations.iter().copied().fold(latest, Generation::max);
            if let (Some(before), Some(header)) = (&before, &found.summary.header)
                && self.left.contains(&before.number)
                && header.previous != before.summary.length as u64
            {
                let at = before.summary.length.min(header.previous as usize);
                let fault = Fault { at, problem: "the segment has another length than it had" };
                self.repair(before, &fault, &mut notes)?;
            }
            if let Some(fault) = found.fault(number == last) {
                self.repair(&found, &fault, &mut notes)?;
                self.begin_segment(number + 1, found.summary.length);
            } else if found.summary.is_closed() {
                self.begin_segment(number + 1, found.summary.length);
            } else if number < last {
                self.left.insert(number);
            } else {
                let previous = before.as_ref().map_or(0, |before| before.summary.length);
                self.begin_segment(number, previous);
                self.resume(&found, &mut notes)?;
            }
            before = Some(found);
        }
        if last > 0 {
            self.directory.sync_names().map_err(|error| self.io("sync", "", error))?;
        }
        let next = latest.0.checked_add(1).ok_or(JournalError::NoGenerationLeft)?;
        let next = if self.has_bug(Mutation::GenerationReused) { latest.0 } else { next };
        self.generation = self.generation.max(Generation(next));
        Ok(notes)
    }

    /// Removes copies that were not completed; returns the number of the last segment.
    fn tidy(&mut self) -> Result<u64, JournalError> {
        let files = self.directory.list().map_err(|error| self.io("list", "", error))?;
        for file in files.iter().filter(|file| file.ends_with(TEMPORARY)) {
            self.directory.remove(file).map_err(|error| self.io("remove", file, error))?;
        }
        let number = |file: &String| file.strip_suffix(SEGMENT)?.parse().ok();
        Ok(files.iter().filter_map(number).max().unwrap_or(0))
    }

    fn find(&self, number: u64) -> Result<Found, JournalError> {
        let file = file_name(number);
        let bytes = match self.directory.read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(self.io("read", &file, error)),
        };
        let summary = Summary::read(&bytes, |_| {});
        Ok(Found { number, file, bytes, summary })
    }

    /// The segment is one of this node, and of a format that can be read.
    fn check_header(&self, found: &Found) -> Result<(), JournalError> {
        let Some(header) = &found.summary.header else { return Ok(()) };
        let file = self.place(&found.file);
        if header.format != FORMAT {
            return Err(JournalError::Format { file, format: header.format });
        }
        if header.node != self.node {
            let (node, other) = (Name::clone(&self.node), Name::clone(&header.node));
            return Err(JournalError::OtherNode { file, node, other });
        }
        if header.segment != found.number {
            let problem = format!("the file has the content of segment {}", header.segment);
            return Err(JournalError::Entries { file, problem });
        }
        Ok(())
    }

    /// The next record is the first one of a segment.
    fn begin_segment(&mut self, number: u64, previous: usize) {
        (self.segment, self.length, self.previous) = (number, 0, previous as u64);
    }

    /// Goes on at the end of the last segment, without a write that was not completed.
    fn resume(&mut self, found: &Found, notes: &mut Vec<String>) -> Result<(), JournalError> {
        let (file, length) = (&found.file, found.summary.length);
        let tail = found.summary.damages.first().filter(|_| !self.has_bug(Mutation::TornTailTaken));
        let end = tail.map_or(length, |tail| tail.at);
        if end < length {
            let place = self.place(file);
            notes.push(format!(
                "{place}: the last write was not completed: {} bytes cut off at byte {end}",
                length - end
            ));
        }
        // A process that was killed may have left its last record without a sync, or after a sync that
        // failed; then only what is written again is synced. It is also where the rest is cut off.
        let last = found.summary.last_record.min(end);
        let written = self.directory.write(file, last as u64, &found.bytes[last..end]);
        written.map_err(|error| self.io("write", file, error))?;
        self.directory.sync(file).map_err(|error| self.io("sync", file, error))?;
        self.length = end as u64;
        Ok(())
    }

    /// Goes on with what is whole of a damaged segment, if that is wanted: it becomes a closed one, and
    /// a copy of the damaged file is kept.
    fn repair(
        &mut self,
        found: &Found,
        fault: &Fault,
        notes: &mut Vec<String>,
    ) -> Result<(), JournalError> {
        let Found { number, file, bytes, summary } = found;
        let (place, Fault { at, problem }) = (self.place(file), fault);
        if !self.options.repair {
            return Err(JournalError::Damaged { file: place, offset: *at as u64, problem });
        }
        let copy = format!("{number:08}{DAMAGED}");
        let kept = self.directory.write(&copy, 0, bytes).and_then(|()| self.directory.sync(&copy));
        let closed = kept.and_then(|()| self.close_segment(*number, bytes));
        closed.map_err(|error| self.io("repair", file, error))?;
        self.left.remove(number);
        let lost: usize = summary.damages.iter().map(|damage| damage.until - damage.at).sum();
        notes.push(format!(
            "{place}: repaired: at byte {at}, {problem}; {lost} bytes are lost, {} entries are not; \
             {} is a copy of the damaged file",
            summary.entries,
            self.place(&copy)
        ));
        Ok(())
    }
}
