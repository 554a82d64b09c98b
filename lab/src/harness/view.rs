//! The progress of a run on stderr.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use rumormill::maelstrom::record::is_record_line;
use rumormill_judge::outcome::{Notice, NoticeKind, Progress};

/// How often the line on a terminal is rewritten.
const TERMINAL_REFRESH: Duration = Duration::from_millis(200);

/// How often there is a line if stderr is not a terminal.
const PLAIN_REFRESH: Duration = Duration::from_secs(5);

/// Notices of one kind that are shown; the results count them all.
const SHOWN_PER_KIND: usize = 10;

/// Columns assumed if the terminal does not tell.
const DEFAULT_WIDTH: usize = 80;

/// Stderr: a progress line that is rewritten on a terminal, plain lines elsewhere.
#[derive(Debug)]
pub struct View {
    terminal: bool,
    start: Instant,
    next: Instant,
    /// When the last progress was shown, and the messages counted then.
    last: (Instant, u64),
    /// The terminal's last line.
    line: String,
    shown: BTreeMap<NoticeKind, usize>,
    notices: Vec<Notice>,
}

impl View {
    /// When [`View::refresh`] next has something to do.
    #[must_use]
    pub const fn next_refresh(&self) -> Instant {
        self.next
    }

    /// Shows the progress if it is time to.
    pub fn refresh(&mut self, progress: impl FnOnce() -> Progress) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        let progress = progress();
        let seconds = (now - self.last.0).as_secs_f64();
        let per_second = (progress.messages - self.last.1) as f64 / seconds.max(1e-3);
        self.last = (now, progress.messages);
        let line = describe(now - self.start, &progress, per_second);
        if self.terminal {
            self.next = now + TERMINAL_REFRESH;
            self.rewrite(line);
        } else {
            self.next = now + PLAIN_REFRESH;
            self.say(&line);
        }
    }

    /// Shows something that the run noticed; of each kind only the first few.
    pub fn notice(&mut self, notice: Notice) {
        let count = self.shown.entry(notice.kind).or_default();
        *count += 1;
        if *count <= SHOWN_PER_KIND {
            let last = *count == SHOWN_PER_KIND;
            self.warn(&notice.text);
            if last {
                self.warn("more of that kind is counted, but not shown");
            }
            self.notices.push(notice);
        }
    }

    /// The notices that were shown.
    #[must_use]
    pub fn into_notices(self) -> Vec<Notice> {
        self.notices
    }

    /// Says that something is odd.
    pub fn warn(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// A line of a node's stderr: to its log and, unless it is part of a record, here.
    pub fn node_stderr(&mut self, node: &str, line: &[u8], log: &mut File) {
        if !is_record_line(line) {
            let text = String::from_utf8_lossy(line);
            self.say(&format!("{node}: {text}"));
        }
        // A full disk must not end the run; the line has been shown.
        let _ = log.write_all(line).and_then(|()| log.write_all(b"\n"));
    }

    /// A line of its own, above the progress.
    pub fn say(&mut self, text: &str) {
        let line = std::mem::take(&mut self.line);
        self.clear(&line);
        // There is no place left to say that stderr is gone.
        let _ = writeln!(io::stderr(), "{text}");
        if !line.is_empty() {
            self.rewrite(line);
        }
    }

    /// Removes the progress line.
    pub fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.clear(&line);
    }

    fn rewrite(&mut self, line: String) {
        let width = rustix::termios::tcgetwinsize(io::stderr())
            .map_or(DEFAULT_WIDTH, |size| usize::from(size.ws_col).max(1));
        let shown: String = line.chars().take(width - 1).collect();
        let _ = write!(io::stderr(), "\r\x1b[K{shown}");
        self.line = line;
    }

    fn clear(&self, line: &str) {
        if self.terminal && !line.is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Begins to count the time.
impl Default for View {
    fn default() -> Self {
        let start = Instant::now();
        let terminal = io::stderr().is_terminal();
        let next = start + if terminal { TERMINAL_REFRESH } else { PLAIN_REFRESH };
        Self {
            terminal,
            start,
            next,
            last: (start, 0),
            line: String::new(),
            shown: BTreeMap::new(),
            notices: Vec::new(),
        }
    }
}

fn describe(elapsed: Duration, progress: &Progress, per_second: f64) -> String {
    let mut line = format!(
        "{:6.1} s  {:<11}  {} ops, {} ok, {} in flight",
        elapsed.as_secs_f64(),
        progress.phase.name(),
        progress.invoked,
        progress.ok,
        progress.in_flight,
    );
    if progress.not_ok > 0 {
        line.push_str(&format!(", {} failed", progress.not_ok));
    }
    line.push_str(&format!("  {per_second:.0} msgs/s"));
    line
}

#[cfg(test)]
mod tests {
    use rumormill_judge::outcome::Phase;

    use super::*;

    #[test]
    fn the_progress_line_mentions_failures_only_when_there_are_some() {
        let mut progress = Progress {
            phase: Phase::Main,
            invoked: 120,
            ok: 100,
            not_ok: 0,
            in_flight: 20,
            messages: 4_000,
            server_messages: 3_000,
            queued: 7,
        };
        let elapsed = Duration::from_millis(12_340);
        let line = describe(elapsed, &progress, 812.4);
        assert_eq!(line, "  12.3 s  main         120 ops, 100 ok, 20 in flight  812 msgs/s");
        progress.not_ok = 2;
        assert!(describe(elapsed, &progress, 812.4).contains("20 in flight, 2 failed"));
    }
}
