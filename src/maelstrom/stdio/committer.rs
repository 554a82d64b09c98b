//! The journal's thread: one commit at a time, beside the node. What comes meanwhile is the next one.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::journal::{Batch, Directory, Journal, Offset};

/// Time between attempts to write what could not be written. With more, a node serves later than it
/// could when there is space again; with less, a disk that fails is kept busy.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The outcome of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Everything before this place is on disk.
    Synced(Offset),
    /// It failed, and is tried again until it succeeds.
    Failed(String),
}

/// A journal and its thread. Dropping it closes the journal.
#[derive(Debug)]
pub(super) struct Committer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batch: Option<Batch>,
    /// A batch was submitted, and the report of its success has not been taken.
    is_busy: bool,
    report: Option<Report>,
    is_closed: bool,
}

impl Committer {
    /// Starts the thread. `wake` is called when there is a report, and must not block.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn start(
        journal: Journal<impl Directory + Send + 'static>,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let pump = Arc::clone(&shared);
        let thread = thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || pump.run(journal, wake))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// True if a batch can be submitted.
    pub(super) fn is_idle(&self) -> bool {
        !self.shared.lock().is_busy
    }

    /// Commits a batch. There must be none under way.
    pub(super) fn submit(&self, batch: Batch) {
        let mut state = self.shared.lock();
        (state.batch, state.is_busy) = (Some(batch), true);
        self.shared.changed.notify_all();
    }

    /// The last report, if it is new.
    pub(super) fn report(&self) -> Option<Report> {
        self.shared.lock().take_report()
    }

    /// Waits for the next report. A batch must be under way.
    pub(super) fn wait(&self) -> Report {
        let mut state = self.shared.lock();
        loop {
            if let Some(report) = state.take_report() {
                return report;
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked with the lock held, and there is nothing else to hear from it.
            let _ = thread.join();
        }
    }
}

impl State {
    fn take_report(&mut self) -> Option<Report> {
        let report = self.report.take()?;
        self.is_busy &= !matches!(report, Report::Synced(_));
        Some(report)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut journal: Journal<impl Directory>, wake: impl Fn()) {
        while let Some(batch) = self.next_batch() {
            while let Err(error) = journal.commit(&batch) {
                self.report(Report::Failed(error.to_string()), &wake);
                let is_open = |state: &mut State| !state.is_closed;
                let wait = self.changed.wait_timeout_while(self.lock(), RETRY_INTERVAL, is_open);
                if wait.unwrap_or_else(PoisonError::into_inner).0.is_closed {
                    return;
                }
            }
            self.report(Report::Synced(batch.upto), &wake);
            // A segment that cannot be closed now is closed at the next start.
            let _ = journal.maintain();
        }
    }

    /// Waits for a batch. `None`: there will be none.
    fn next_batch(&self) -> Option<Batch> {
        let is_idle = |state: &mut State| state.batch.is_none() && !state.is_closed;
        let wait = self.changed.wait_while(self.lock(), is_idle);
        wait.unwrap_or_else(PoisonError::into_inner).batch.take()
    }

    fn report(&self, report: Report, wake: &impl Fn()) {
        self.lock().report = Some(report);
        self.changed.notify_all();
        wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::id::Generation;
    use crate::journal::OpenOptions;

    /// A disk without room for so many attempts to write.
    struct Full(Arc<AtomicU32>);

    impl Directory for Full {
        fn list(&self) -> io::Result<Vec<String>> {
            Ok(Vec::new())
        }

        fn read(&self, _file: &str) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn write(&mut self, _file: &str, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
            let left = self.0.load(Ordering::SeqCst);
            self.0.store(left.saturating_sub(1), Ordering::SeqCst);
            if left > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn sync(&mut self, _file: &str) -> io::Result<()> {
            Ok(())
        }

        fn rename(&mut self, _from: &str, _to: &str) -> io::Result<()> {
            Ok(())
        }

        fn remove(&mut self, _file: &str) -> io::Result<()> {
            Ok(())
        }

        fn sync_names(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn place(&self, file: &str) -> String {
            file.to_owned()
        }
    }

    fn start(failures: u32, wakes: &Arc<AtomicU32>) -> Committer {
        let disk = Full(Arc::new(AtomicU32::new(failures)));
        let opened =
            Journal::open(disk, &"n0".into(), Generation(1), &OpenOptions::default()).unwrap();
        let wakes = Arc::clone(wakes);
        Committer::start(opened.journal, move || {
            wakes.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap()
    }

    fn batch(upto: u64) -> Batch {
        Batch { runs: Vec::new(), upto: Offset(upto) }
    }

    #[test]
    fn a_commit_is_tried_until_it_succeeds_and_each_report_wakes() {
        let wakes = Arc::default();
        let committer = start(2, &wakes);
        assert!(committer.is_idle() && committer.report().is_none());
        committer.submit(batch(1));
        let mut reports = vec![committer.wait()];
        while !committer.is_idle() {
            reports.push(committer.wait());
        }
        assert!(matches!(reports[0], Report::Failed(_)), "{reports:?}");
        assert_eq!(reports.last(), Some(&Report::Synced(Offset(1))));
        committer.submit(batch(2));
        assert_eq!(committer.wait(), Report::Synced(Offset(2)));
        drop(committer);
        assert_eq!(wakes.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_commit_that_never_succeeds_does_not_keep_the_node_from_ending() {
        let committer = start(u32::MAX, &Arc::default());
        committer.submit(batch(1));
        assert!(matches!(committer.wait(), Report::Failed(_)));
        assert!(!committer.is_idle());
        drop(committer);
    }
}
