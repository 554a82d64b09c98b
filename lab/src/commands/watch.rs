//! `lab watch`.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rumormill_judge::trace::ValuesAt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::screen::Style;
use crate::store::journal::values_at_of;
use crate::watch::cluster::Cluster;
use crate::watch::screen::{self, Frame};
use crate::watch::tail::Tail;

/// How often a terminal is drawn.
const FRAME: Duration = Duration::from_millis(200);
/// How often there is a line elsewhere.
const PLAIN: Duration = Duration::from_secs(1);
/// A run that writes nothing for so long, and has no results, was broken off.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Time after which a run that writes nothing may be idle or gone, in seconds.
const QUIET_S: u64 = 3;
/// Lines taken in at a time, so that a signal need not wait.
const LINES: usize = 20_000;
/// Where the terminal does not tell.
const SIZE: (usize, usize) = (80, 24);

/// `lab watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The directory of a run of the lab, or a store with one going on
    #[arg(value_name = "STORE", default_value = "store")]
    pub store: PathBuf,
    /// Show it from its beginning, this many times as fast as it was
    #[arg(long, value_name = "X")]
    pub speed: Option<f64>,
    /// Where values stand in messages that are not of the workspace's own node, such as
    /// body.messages[*]; may be repeated [default: as the run was told, or found out]
    #[arg(long, value_name = "PATH")]
    pub values_at: Vec<ValuesAt>,
    /// Show it once, as it is now
    #[arg(long, conflicts_with = "speed")]
    pub once: bool,
}

/// Executes `lab watch`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &WatchArgs) -> Result<u8> {
    if args.speed.is_some_and(|speed| !(speed > 0.0 && speed.is_finite())) {
        bail!("a speed is a number above 0");
    }
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let mut run = Run::open(&find(&args.store)?, args.speed, &args.values_at)?;
    let is_terminal = io::stdout().is_terminal();
    let style = Style::for_stdout();
    if args.once {
        while run.advance()? {}
        show(&run.draw(style, false))?;
        return Ok(0);
    }
    let mut picture = is_terminal.then(Picture::begin).transpose()?;
    let mut next_line = Instant::now();
    loop {
        let has_more = run.advance()?;
        // The store's next run, if this one was there first.
        if !has_more && args.speed.is_none() {
            let dir = find(&args.store)?;
            if dir != run.dir {
                run = Run::open(&dir, None, &args.values_at)?;
                continue;
            }
        }
        let is_end = signals.pending().next().is_some() || run.is_over(has_more);
        match &mut picture {
            Some(picture) => picture.show(&run.draw(style, true))?,
            None if is_end
                || (Instant::now() >= next_line && (!has_more || args.speed.is_some())) =>
            {
                next_line = Instant::now() + PLAIN;
                show(&[screen::line(&mut run.cluster)])?;
            }
            None => {}
        }
        if is_end {
            break;
        }
        if !has_more || args.speed.is_some() {
            thread::sleep(FRAME);
        }
    }
    // The last picture stays where the terminal was before.
    if picture.take().is_some() {
        show(&run.draw(style, false))?;
    }
    Ok(0)
}

/// The run's directory: what is given, or what goes on in it.
fn find(store: &Path) -> Result<PathBuf> {
    let has_messages = |dir: &PathBuf| dir.join("messages.jsonl").is_file();
    let candidates = [store.to_owned(), store.join("current")];
    match candidates.into_iter().find(has_messages) {
        // Links move on to the next run.
        Some(dir) => dir.canonicalize().with_context(|| format!("cannot read {}", dir.display())),
        None => bail!(
            "there is no messages.jsonl in {} (only runs of the lab have it)",
            store.display()
        ),
    }
}

/// A run on its way.
struct Run {
    dir: PathBuf,
    messages: Tail,
    history: Option<Tail>,
    cluster: Cluster,
    /// A line that is not due yet.
    waiting: Option<(u64, String)>,
    speed: Option<f64>,
    start: Instant,
    /// When something new was last read, or written if that was before.
    last_news: Instant,
    /// All that was there when the file was opened has been read.
    caught_up: bool,
    /// Messages counted then and then, for their rate.
    counts: (Instant, u64, Option<f64>),
    /// There were results before the last look for news.
    has_results: bool,
}

impl Run {
    fn open(dir: &Path, speed: Option<f64>, values_at: &[ValuesAt]) -> Result<Self> {
        let path = dir.join("messages.jsonl");
        let messages =
            Tail::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let told = values_at_of(dir);
        let values_at = if values_at.is_empty() { told } else { values_at.to_vec() };
        let now = Instant::now();
        // A run that was killed has written nothing for long.
        let age = fs::metadata(&path).and_then(|meta| meta.modified()).ok();
        let age = age.and_then(|time| time.elapsed().ok()).unwrap_or_default();
        Ok(Self {
            dir: dir.to_owned(),
            messages,
            // Without it, partitions are not told, and that is all.
            history: Tail::open(&dir.join("history.edn")).ok(),
            cluster: Cluster::new(&values_at),
            waiting: None,
            speed,
            start: now,
            last_news: now.checked_sub(age).unwrap_or(now),
            caught_up: false,
            counts: (now, 0, None),
            has_results: false,
        })
    }

    /// Takes in what is new and due. True if there is more.
    fn advance(&mut self) -> Result<bool> {
        // First: what was written before there were results is all there is.
        self.has_results = self.dir.join("results.json").is_file();
        let mut has_more = true;
        for _ in 0..LINES {
            let Some(line) = self.next_due()? else {
                has_more = self.waiting.is_some();
                self.caught_up |= !has_more;
                break;
            };
            self.cluster.message_line(&line);
            // All that was there at first is as old as the file.
            if self.caught_up {
                self.last_news = Instant::now();
            }
        }
        self.catch_up_history()?;
        let (then, count, _) = self.counts;
        if then.elapsed() >= PLAIN {
            let rate = (self.cluster.messages - count) as f64 / then.elapsed().as_secs_f64();
            self.counts = (Instant::now(), self.cluster.messages, Some(rate));
        }
        Ok(has_more)
    }

    fn next_due(&mut self) -> Result<Option<String>> {
        let Some(speed) = self.speed else { return Ok(self.messages.next_line()?) };
        if self.waiting.is_none() {
            let Some(line) = self.messages.next_line()? else { return Ok(None) };
            let time = Cluster::time_of_message(&line).unwrap_or_else(|| self.cluster.now());
            self.waiting = Some((time, line));
        }
        let now = (self.start.elapsed().as_nanos() as f64 * speed) as u64;
        Ok(self.waiting.take_if(|(time, _)| *time <= now).map(|(_, line)| line))
    }

    /// The history follows the messages: it has the same clock, but for its beginning.
    fn catch_up_history(&mut self) -> Result<()> {
        let Some(history) = &mut self.history else { return Ok(()) };
        for _ in 0..LINES {
            if self.speed.is_some() && self.cluster.is_history_ahead() {
                return Ok(());
            }
            let Some(line) = history.next_line()? else { return Ok(()) };
            self.cluster.history_line(&line);
        }
        Ok(())
    }

    fn is_over(&self, has_more: bool) -> bool {
        !has_more && (self.has_results || self.last_news.elapsed() > GIVE_UP)
    }

    fn draw(&mut self, style: Style, is_picture: bool) -> Vec<String> {
        let size = rustix::termios::tcgetwinsize(io::stdout())
            .map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)))
            .ok()
            .filter(|(width, height)| *width > 0 && *height > 0)
            .unwrap_or(SIZE);
        // Below the shell's own lines; a file has room for all nodes.
        let height = match (is_picture, io::stdout().is_terminal()) {
            (true, _) => size.1,
            (false, true) => size.1.saturating_sub(1),
            (false, false) => usize::MAX,
        };
        let state = match (self.has_results, self.speed) {
            (_, Some(speed)) => format!("{speed} times as fast as it was"),
            (true, None) => "over".to_owned(),
            (false, None) => match self.last_news.elapsed().as_secs() {
                0..QUIET_S => "running".to_owned(),
                quiet => format!("nothing new for {quiet} s"),
            },
        };
        let store = self.dir.display().to_string();
        let rate = self.counts.2.filter(|_| !self.has_results);
        let frame = Frame {
            store,
            state,
            rate,
            width: size.0,
            height,
            is_over: self.has_results && self.waiting.is_none(),
            style,
        };
        screen::draw(&mut self.cluster, &frame)
    }
}

fn show(lines: &[String]) -> Result<()> {
    put(&(lines.join("\n") + "\n"))
}

fn put(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// A terminal that shows pictures. It is as it was before when this is dropped.
struct Picture;

impl Picture {
    /// Another screen than the shell's, no cursor, no wrapping.
    fn begin() -> Result<Self> {
        write!(io::stdout(), "\x1b[?1049h\x1b[?25l\x1b[?7l")?;
        Ok(Self)
    }

    fn show(&mut self, lines: &[String]) -> Result<()> {
        put(&format!("\x1b[H{}\x1b[K\x1b[J", lines.join("\x1b[K\r\n")))
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // A closed terminal is no error.
        let mut out = io::stdout();
        let _ = write!(out, "\x1b[?7h\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
    }
}
