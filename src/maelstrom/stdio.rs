//! The driver: connects a [`Server`] to stdin, stdout, stderr and the clock.
//!
//! Two threads. One reads and cuts the input into blocks of whole lines; the other owns the node,
//! sleeps until there is input or the node's next deadline, and writes. What a batch of input gives
//! rise to is written in one go. A node with a journal has a third thread, which syncs ([`committer`]).

mod committer;
mod lines;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::thread;

use anyhow::Context as _;

use super::message::{LINE_BYTES_MAX, Message};
use super::parse::Refusal;
use super::server::Server;
use crate::cluster::Name;
use crate::id::Generation;
use crate::journal::{DiskDirectory, Journal, Offset, OpenOptions, Opened, Run};
use crate::protocol::Protocol;
use crate::service::Service;
use crate::time::Instant;
use crate::wire::Wire;
use committer::{Committer, Report};
use lines::{Block, LineReader};

/// Capacity of a pipe: more never comes at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Blocks read ahead: enough that neither thread waits for the other, and few, so that the pipe of a
/// node that cannot keep up fills and the sender waits, instead of the node growing.
const BLOCKS_AHEAD: usize = 4;
/// Output is written once it is this much, even if there is more input: no reader waits for long.
const FLUSH_BYTES: usize = 256 << 10;
/// Buffers that had to be larger than this once are given back.
const KEEP_BYTES: usize = 4 * FLUSH_BYTES;

/// Most messages that may wait for the disk. If there are more, nothing is read until some are written:
/// a disk that hangs fills the pipe to the node, and not its memory.
const WAITING_MAX: usize = 1 << 16;

/// Where a node keeps its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    /// The directory, in which the node has one of its own.
    pub path: PathBuf,
    /// Go on with what is whole of a damaged journal.
    pub repair: bool,
}

/// An input of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A line came that is a message, given without its newline.
    Message(&'a [u8]),
    /// A line came that is none, given without its newline.
    BadLine(&'a [u8]),
    /// A line came that is too long to be looked at.
    TooLong(&'a Refusal),
    /// The journal was opened, for this generation.
    Opened(Generation),
    /// Entries came from the journal.
    Restored(&'a Run),
    /// Everything before this place in the journal is on disk.
    Synced(Offset),
    /// The journal cannot be written for now, and why.
    DiskFailure(&'a str),
    /// The node's deadline has come.
    Timeout,
    /// No more lines will come.
    End,
}

/// Records the inputs and outputs of a node, in order. `()` records nothing.
pub trait Recorder {
    /// Called before the node gets the input.
    fn input(&mut self, now: Instant, input: &Input<'_>);
    /// Called with every message that the node sends, and its line, newline included.
    fn output<M: Wire>(&mut self, message: &Message<M>, line: &[u8]);
    /// Called before the outputs are written: a batch is complete.
    ///
    /// # Errors
    /// Once, when recording has ended because the record cannot be written.
    fn flush(&mut self) -> io::Result<()>;
}

impl Recorder for () {
    fn input(&mut self, _now: Instant, _input: &Input<'_>) {}
    fn output<M: Wire>(&mut self, _message: &Message<M>, _line: &[u8]) {}
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the node until its input ends or its output is closed. Both are ways to stop a
/// node, and no errors. Time starts now. `data` is for a node with a journal.
///
/// # Errors
/// If the input cannot be read, or the output cannot be written although it is open; if the journal
/// cannot be opened, or not be written at the end.
pub fn run<P, S, R, W, L, T>(
    node: Server<P, S>,
    input: R,
    output: W,
    log: L,
    recorder: T,
    data: Option<DataDir>,
) -> anyhow::Result<()>
where
    P: Protocol<Message: Wire>,
    S: Service,
    R: Read + Send + 'static,
    W: Write,
    L: Write,
    T: Recorder,
{
    let (sender, queue) = mpsc::sync_channel(BLOCKS_AHEAD);
    let mut reader = LineReader::new(input, CHUNK_BYTES, LINE_BYTES_MAX);
    let journal = data.map(|data| JournalOf { data, events: sender.clone(), committer: None });
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || {
            reader.pump(|block| sender.send(Event::Block(block)).is_ok());
            // Its sender is not the only one.
            let _ = sender.send(Event::End);
        })
        .context("cannot start the reader")?;
    let origin = std::time::Instant::now();
    let (out, notes) = (Vec::new(), Vec::new());
    let mut driver = Driver { node, origin, output, out, log, notes, recorder, journal };
    match driver.serve(&queue) {
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Output(error)) => Err(error).context("cannot write the output"),
        Err(Stop::Input(error)) => Err(error).context("cannot read the input"),
        Err(Stop::Journal(problem)) => Err(anyhow::Error::msg(problem)),
        Ok(()) => Ok(()),
    }
}

/// The reason why a driver stops.
enum Stop {
    Input(io::Error),
    Output(io::Error),
    Journal(String),
}

/// An event that the driver waits for.
enum Event {
    Block(Block),
    /// There is no more input.
    End,
    /// The committer has something to say.
    Disk,
}

/// The journal's side of the driver.
struct JournalOf {
    data: DataDir,
    events: SyncSender<Event>,
    /// Once the node has its name.
    committer: Option<Committer>,
}

struct Driver<P: Protocol, S: Service, W, L, T> {
    node: Server<P, S>,
    origin: std::time::Instant,
    output: W,
    /// Lines for `output`.
    out: Vec<u8>,
    log: L,
    /// Lines for `log`.
    notes: Vec<u8>,
    recorder: T,
    journal: Option<JournalOf>,
}

impl<P: Protocol<Message: Wire>, S: Service, W: Write, L: Write, T: Recorder>
    Driver<P, S, W, L, T>
{
    fn serve(&mut self, queue: &Receiver<Event>) -> Result<(), Stop> {
        loop {
            let now = self.now();
            if self.node.poll_timeout().is_some_and(|deadline| deadline <= now) {
                self.recorder.input(now, &Input::Timeout);
                self.node.handle_timeout(now);
                self.collect()?;
            }
            self.tend_journal()?;
            let event = match queue.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Disconnected) => Event::End,
                Err(TryRecvError::Empty) => {
                    self.flush()?;
                    match self.wait(queue) {
                        Ok(event) => event,
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => Event::End,
                    }
                }
            };
            match event {
                Event::Block(block) => self.handle_block(block)?,
                Event::End => return self.end(),
                Event::Disk => {}
            }
        }
    }

    fn now(&self) -> Instant {
        let micros = self.origin.elapsed().as_micros();
        u64::try_from(micros).map_or(Instant::MAX, Instant::from_micros)
    }

    /// Sleeps until there is input or the node's deadline has come.
    fn wait(&self, queue: &Receiver<Event>) -> Result<Event, RecvTimeoutError> {
        match self.node.poll_timeout() {
            Some(deadline) => queue.recv_timeout(deadline.since(self.now())),
            None => queue.recv().map_err(RecvTimeoutError::from),
        }
    }

    fn end(&mut self) -> Result<(), Stop> {
        let now = self.now();
        self.recorder.input(now, &Input::End);
        self.node.handle_end_of_input(now);
        self.collect()?;
        self.finish_journal()?;
        self.flush()
    }

    /// Hears how far the journal is on disk, and hands over what is new, if it has nothing to do.
    fn tend_journal(&mut self) -> Result<(), Stop> {
        let Some(JournalOf { committer: Some(committer), .. }) = &self.journal else {
            return Ok(());
        };
        let is_full = self.node.waiting() > WAITING_MAX && !self.node.is_disk_failing();
        let must_wait = is_full && !committer.is_idle();
        let report = if must_wait { Some(committer.wait()) } else { committer.report() };
        if let Some(report) = report {
            self.on_report(&report)?;
        }
        let Some(JournalOf { committer: Some(committer), .. }) = &self.journal else {
            return Ok(());
        };
        if committer.is_idle()
            && let Some(batch) = self.node.poll_append()
        {
            committer.submit(batch);
        }
        Ok(())
    }

    fn on_report(&mut self, report: &Report) -> Result<(), Stop> {
        let now = self.now();
        match report {
            Report::Synced(upto) => {
                self.recorder.input(now, &Input::Synced(*upto));
                self.node.handle_synced(now, *upto);
            }
            Report::Failed(reason) => {
                self.recorder.input(now, &Input::DiskFailure(reason));
                self.node.handle_disk_failure(now, reason);
            }
        }
        self.collect()
    }

    /// Waits until everything is on disk, and with it all messages can leave.
    fn finish_journal(&mut self) -> Result<(), Stop> {
        loop {
            self.tend_journal()?;
            let Some(JournalOf { committer: Some(committer), .. }) = &self.journal else {
                return Ok(());
            };
            if committer.is_idle() {
                return Ok(());
            }
            let report = committer.wait();
            self.on_report(&report)?;
            if let Report::Failed(reason) = report {
                self.flush()?;
                return Err(Stop::Journal(format!("cannot write the journal: {reason}")));
            }
        }
    }

    /// Opens the journal of the node, which has just heard its name.
    fn open_journal(&mut self, name: &Name) -> Result<(), String> {
        let now = self.now();
        let Some(JournalOf { data, events, committer }) = &mut self.journal else { return Ok(()) };
        let directory = DiskDirectory::open(&data.path, name)?;
        let options = OpenOptions { repair: data.repair, ..OpenOptions::default() };
        let opened = Journal::open(directory, name, self.node.generation(), &options);
        let Opened { journal, notes } = opened.map_err(|error| error.to_string())?;
        let (generation, mut entries) = (journal.generation(), 0);
        self.recorder.input(now, &Input::Opened(generation));
        self.node.handle_opened(now, generation);
        let restored = journal.restore(|run| {
            entries += run.values.len();
            self.recorder.input(now, &Input::Restored(&run));
            self.node.handle_restored(now, run)
        });
        restored.map_err(|error| error.to_string())?;
        let found = format!("journal of {name}: {entries} entries, generation {generation}");
        for note in notes.iter().chain([&found]) {
            self.notes.extend_from_slice(format!("rumormill: {note}\n").as_bytes());
        }
        let events = events.clone();
        // If there is no room, the driver is not asleep.
        let wake = move || drop(events.try_send(Event::Disk));
        let started = Committer::start(journal, wake);
        *committer = Some(started.map_err(|error| format!("cannot start a thread: {error}"))?);
        Ok(())
    }

    fn handle_block(&mut self, block: Block) -> Result<(), Stop> {
        match block {
            Block::Lines(lines) => {
                let mut rest = lines.as_slice();
                while !rest.is_empty() {
                    let end = lines::first_newline(rest).unwrap_or(rest.len());
                    let line = &rest[..end];
                    rest = &rest[rest.len().min(end + 1)..];
                    // Blank lines say nothing, not even anything wrong.
                    if !line.trim_ascii_start().is_empty() {
                        self.handle_line(line)?;
                    }
                }
                Ok(())
            }
            Block::TooLong(start) => {
                let problem = format!("a line of more than {LINE_BYTES_MAX} bytes, skipped");
                let refusal = Refusal::new(None, &problem, &String::from_utf8_lossy(&start));
                let now = self.now();
                self.recorder.input(now, &Input::TooLong(&refusal));
                self.node.handle_refusal(now, refusal);
                self.collect()
            }
            Block::Failed(error) => {
                self.end()?;
                Err(Stop::Input(error))
            }
        }
    }

    fn handle_line(&mut self, line: &[u8]) -> Result<(), Stop> {
        let now = self.now();
        match self.node.parse_line(line) {
            Ok(message) => {
                self.recorder.input(now, &Input::Message(line));
                self.node.handle_message(now, message);
            }
            Err(refusal) => {
                self.recorder.input(now, &Input::BadLine(line));
                self.node.handle_refusal(now, refusal);
            }
        }
        self.collect()
    }

    /// Takes the outputs of the node after an input.
    fn collect(&mut self) -> Result<(), Stop> {
        if let Some(name) = self.node.poll_open() {
            let opened = self.open_journal(&name);
            if opened.is_err() {
                self.flush()?;
            }
            opened.map_err(Stop::Journal)?;
        }
        while let Some(message) = self.node.poll_transmit() {
            let start = self.out.len();
            message.write_line(&mut self.out);
            self.recorder.output(&message, &self.out[start..]);
            if self.out.len() >= FLUSH_BYTES {
                self.flush()?;
            }
        }
        while let Some(note) = self.node.poll_log() {
            self.notes.extend_from_slice(note.as_bytes());
            self.notes.push(b'\n');
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        // First, so that every output that was written is in the record.
        if let Err(error) = self.recorder.flush() {
            let note = format!("rumormill: recording has ended: {error}\n");
            self.notes.extend_from_slice(note.as_bytes());
        }
        if !self.notes.is_empty() {
            // A log that is closed or full does not stop the node.
            let _ = self.log.write_all(&self.notes).and_then(|()| self.log.flush());
            self.notes.clear();
        }
        if !self.out.is_empty() {
            let written = self.output.write_all(&self.out).and_then(|()| self.output.flush());
            written.map_err(Stop::Output)?;
            self.out.clear();
            self.out.shrink_to(KEEP_BYTES);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
