//! The journal of a simulated node, on a disk that takes its time to sync.
//!
//! A commit begins when there is something to write and none is under way, and ends one sync later.
//! A crash meanwhile strikes at any change of the node's files: before the write, in the midst of it,
//! before or after the sync, and when all is on disk and no reply has left. Every other crash is one of
//! the whole machine, which loses what was not synced.

use std::io;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rumormill::cluster::Name;
use rumormill::id::Generation;
use rumormill::journal::{Batch, Journal, JournalError, Offset, OpenOptions, Run};
use rumormill::protocol::Rng;
use rumormill::time::Instant;

use crate::disk::SimDisk;

/// A commit and the closing of a segment change files less often than this.
const CHANGES_MAX: u32 = 9;
/// A start changes files less often than this, as a rule.
const START_CHANGES_MAX: u32 = 3;
/// Share of the starts before which another one was killed.
const KILLED_START: f64 = 0.1;
/// Time between attempts to write what could not be written, as of a process.
pub const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The settings of a node's disk, and of the journal on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskConfig {
    /// Length of a sync.
    pub sync: Duration,
    /// How the journal is opened and kept.
    pub journal: OpenOptions,
}

/// The events at a disk, or at several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Commits that were completed.
    pub commits: u64,
    /// Attempts at a commit that found no space.
    pub failed_commits: u64,
    /// Crashes in the midst of a commit.
    pub torn_commits: u64,
    /// Starts that were killed.
    pub killed_starts: u64,
    /// Crashes that lost what was not synced.
    pub power_losses: u64,
    /// Notes of starts: writes that were not completed, and were cut off.
    pub cut_tails: u64,
}

/// A disk, and the journal that the node has there.
#[derive(Debug)]
pub(crate) struct Storage {
    disk: SimDisk,
    config: DiskConfig,
    rng: Rng,
    /// Present while a process has it open.
    journal: Option<Journal<SimDisk>>,
    /// The batch that is being written, and when that is done.
    commit: Option<(Instant, Batch)>,
    counts: DiskCounts,
}

impl Storage {
    pub(crate) fn new(seed: u64, config: DiskConfig) -> Self {
        let mut rng = Rng::seed_from_u64(seed);
        let disk = SimDisk::new(rng.random());
        let counts = DiskCounts::default();
        Self { disk, config, rng, journal: None, commit: None, counts }
    }

    pub(crate) const fn counts(&self) -> DiskCounts {
        self.counts
    }

    /// Opens the journal of a node whose clock stands still: the journal alone tells generations apart.
    pub(crate) fn open(&mut self, node: &Name) -> Result<Generation, JournalError> {
        if self.rng.random_bool(KILLED_START) {
            self.disk.kill_after(self.rng.random_range(0..START_CHANGES_MAX));
            let killed = self.start(node);
            self.counts.killed_starts += u64::from(killed.is_err());
            self.crash();
        }
        let journal = self.start(node)?;
        let generation = journal.generation();
        self.journal = Some(journal);
        Ok(generation)
    }

    fn start(&mut self, node: &Name) -> Result<Journal<SimDisk>, JournalError> {
        let Self { disk, config, .. } = self;
        let opened = Journal::open(disk.clone(), node, Generation(1), &config.journal)?;
        self.counts.cut_tails += opened.notes.len() as u64;
        Ok(opened.journal)
    }

    /// Reads all entries.
    pub(crate) fn restore(
        &self,
        each: impl FnMut(Run) -> Result<(), String>,
    ) -> Result<(), JournalError> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.restore(each))
    }

    /// True if a batch can be committed.
    pub(crate) const fn is_idle(&self) -> bool {
        self.journal.is_some() && self.commit.is_none()
    }

    /// Begins a commit.
    pub(crate) fn begin(&mut self, now: Instant, batch: Batch) {
        self.commit = Some((now.after(self.config.sync), batch));
    }

    /// The end of the commit under way.
    pub(crate) fn next_sync(&self) -> Option<Instant> {
        self.commit.as_ref().map(|(at, _)| *at)
    }

    /// The place up to which all will be on disk when the commit under way has ended.
    pub(crate) fn next_offset(&self) -> Option<Offset> {
        self.commit.as_ref().map(|(_, batch)| batch.upto)
    }

    /// Ends the commit if its time has come. What failed is tried again later.
    pub(crate) fn end(&mut self, now: Instant) -> Option<io::Result<Offset>> {
        let (_, batch) = self.commit.take_if(|(at, _)| *at <= now)?;
        let journal = self.journal.as_mut()?;
        if let Err(error) = journal.commit(&batch) {
            self.counts.failed_commits += 1;
            self.commit = Some((now.after(RETRY_INTERVAL), batch));
            return Some(Err(error));
        }
        self.counts.commits += 1;
        // A segment that cannot be closed stays as it is.
        let _ = journal.maintain();
        Some(Ok(batch.upto))
    }

    /// Whether writes and syncs fail.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.disk.set_full(is_full);
    }

    /// The process is killed, or the whole machine loses power.
    pub(crate) fn crash(&mut self) {
        let commit = self.commit.take();
        if let (Some(mut journal), Some((_, batch))) = (self.journal.take(), commit) {
            self.counts.torn_commits += 1;
            self.disk.kill_after(self.rng.random_range(0..CHANGES_MAX));
            if journal.commit(&batch).is_ok() {
                let _ = journal.maintain();
            }
        }
        if self.rng.random_bool(0.5) {
            self.counts.power_losses += 1;
            self.disk.lose_power();
        }
        self.disk.start();
    }
}

#[cfg(test)]
mod tests {
    use rumormill::value::Value;

    use super::*;

    fn batch(first: u64, count: u64) -> Batch {
        let values = (first..first + count).map(|value| Value::Int(value as i64)).collect();
        let run = Run { node: "n0".into(), generation: Generation(1), first, values };
        Batch { runs: vec![run], upto: Offset(first + count) }
    }

    fn held(storage: &Storage) -> u64 {
        let mut count = 0;
        let add = |run: Run| {
            count += run.values.len() as u64;
            Ok(())
        };
        storage.restore(add).unwrap();
        count
    }

    #[test]
    fn a_commit_takes_a_sync_and_then_survives_every_crash() {
        let sync = Duration::from_millis(5);
        for seed in 0..50 {
            let config = DiskConfig { sync, ..DiskConfig::default() };
            let mut storage = Storage::new(seed, config);
            assert_eq!(storage.open(&"n0".into()).unwrap(), Generation(1));
            storage.begin(Instant::ZERO, batch(0, 3));
            assert!(!storage.is_idle() && storage.end(Instant::from_micros(4_999)).is_none());
            assert_eq!(storage.next_offset(), Some(Offset(3)));
            assert_eq!(storage.end(Instant::from_micros(5_000)).unwrap().unwrap(), Offset(3));
            storage.crash();
            assert!(!storage.is_idle());
            assert_eq!(storage.open(&"n0".into()).unwrap(), Generation(2));
            assert_eq!(held(&storage), 3, "seed {seed}");
        }
    }

    #[test]
    fn a_crash_comes_at_any_instant_of_a_commit() {
        let mut outcomes = std::collections::BTreeMap::new();
        for seed in 0..200 {
            let mut storage = Storage::new(seed, DiskConfig::default());
            storage.open(&"n0".into()).unwrap();
            storage.begin(Instant::ZERO, batch(0, 100));
            storage.crash();
            storage.open(&"n0".into()).unwrap();
            let is_cut = storage.counts().cut_tails > 0;
            *outcomes.entry((held(&storage), is_cut)).or_insert(0) += 1;
        }
        // Nothing, a torn record that is cut off, and all of it.
        let kinds: Vec<(u64, bool)> = outcomes.keys().copied().collect();
        assert_eq!(kinds, [(0, false), (0, true), (100, false)], "{outcomes:?}");
        assert!(outcomes.values().all(|count| *count > 10), "{outcomes:?}");
    }
}
