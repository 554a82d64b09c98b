//! The events that the loop sleeps on: pipes, signals, and the next deadline.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

const SIGNALS: Token = Token(0);
const TIMER: Token = Token(1);
/// Tokens from here on are pipes: three per node.
const FIRST_PIPE: usize = 2;
const PIPES_PER_NODE: usize = 3;

/// Which pipe of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipe {
    /// Writable.
    Stdin,
    /// Readable.
    Stdout,
    /// Readable.
    Stderr,
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A pipe of that node is ready. Edge-triggered: it is said once.
    Ready(usize, Pipe),
    /// Some child has ended.
    ChildEnded,
    /// Someone wants the lab to stop (SIGINT, SIGTERM, SIGHUP).
    Stop(i32),
}

/// Waits for all of it at once, in one thread.
pub struct Waiter {
    poll: Poll,
    events: Events,
    signals: Signals,
    timer: Timer,
}

/// After a [`Waiter`] nothing handles the signals that ask to stop: from here on they end the
/// process, as they did before.
///
/// # Errors
/// When the system refuses.
pub fn restore_signals() -> io::Result<()> {
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_default(signal, always)?;
    }
    Ok(())
}

impl Waiter {
    /// From here on the signals come in through [`Waiter::wait`].
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut signals = Signals::new([SIGCHLD, SIGHUP, SIGINT, SIGTERM])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let timer = Timer::new(poll.registry())?;
        Ok(Self { poll, events: Events::with_capacity(1024), signals, timer })
    }

    /// Watches a pipe of a node.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn add(&self, node: usize, pipe: Pipe, source: &mut impl Source) -> io::Result<()> {
        let interest = match pipe {
            Pipe::Stdin => Interest::WRITABLE,
            Pipe::Stdout | Pipe::Stderr => Interest::READABLE,
        };
        let token = Token(FIRST_PIPE + node * PIPES_PER_NODE + pipe as usize);
        self.poll.registry().register(source, token, interest)
    }

    /// Stops watching a pipe, before it is closed.
    pub fn remove(&self, source: &mut impl Source) {
        // Closing would do; an error changes nothing.
        let _ = self.poll.registry().deregister(source);
    }

    /// Sleeps until something happens or `deadline` has come, and appends what happened.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn wait(&mut self, deadline: Instant, wakes: &mut Vec<Wake>) -> io::Result<()> {
        let timeout = self.timer.arm(deadline)?;
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            match event.token() {
                TIMER => {}
                SIGNALS => wakes.extend(self.signals.pending().map(|signal| match signal {
                    SIGCHLD => Wake::ChildEnded,
                    signal => Wake::Stop(signal),
                })),
                Token(token) => {
                    let index = token - FIRST_PIPE;
                    let pipe = match index % PIPES_PER_NODE {
                        0 => Pipe::Stdin,
                        1 => Pipe::Stdout,
                        _ => Pipe::Stderr,
                    };
                    wakes.push(Wake::Ready(index / PIPES_PER_NODE, pipe));
                }
            }
        }
        Ok(())
    }
}

/// `epoll` counts in milliseconds; a timer descriptor wakes it to the microsecond.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Timer {
    fd: std::os::fd::OwnedFd,
    armed: Option<Instant>,
}

#[cfg(target_os = "linux")]
impl Timer {
    fn new(registry: &mio::Registry) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags};
        use std::os::fd::AsRawFd as _;

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = mio::unix::SourceFd(&fd.as_raw_fd());
        registry.register(&mut source, TIMER, Interest::READABLE)?;
        Ok(Self { fd, armed: None })
    }

    /// Sees to it that the poll wakes at `deadline`; returns the timeout to poll with.
    fn arm(&mut self, deadline: Instant) -> io::Result<Option<Duration>> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec};

        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Some(Duration::ZERO));
        }
        if self.armed != Some(deadline) {
            let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let spec = Itimerspec { it_interval: zero, it_value };
            rustix::time::timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &spec)?;
            self.armed = Some(deadline);
        }
        Ok(None)
    }
}

/// `kqueue` takes nanoseconds.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    fn new(_: &mio::Registry) -> io::Result<Self> {
        Ok(Self)
    }

    fn arm(&mut self, deadline: Instant) -> io::Result<Option<Duration>> {
        Ok(Some(deadline.saturating_duration_since(Instant::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_deadline_wakes_and_so_does_a_pipe() {
        let mut waiter = Waiter::new().expect("waiter");
        let (mut writer, mut reader) = mio::unix::pipe::new().expect("pipe");
        waiter.add(7, Pipe::Stdout, &mut reader).expect("add");

        // Other tests in this process have children, too.
        let is_ours = |wake: &Wake| *wake != Wake::ChildEnded;
        let mut wakes = Vec::new();
        let deadline = Instant::now() + Duration::from_micros(200);
        while Instant::now() < deadline {
            waiter.wait(deadline, &mut wakes).expect("wait");
            wakes.retain(is_ours);
        }
        assert_eq!(wakes, []);

        writer.write_all(b"x").expect("write");
        while wakes.is_empty() {
            waiter.wait(deadline + Duration::from_secs(1000), &mut wakes).expect("wait");
            wakes.retain(is_ours);
        }
        assert_eq!(wakes, [Wake::Ready(7, Pipe::Stdout)]);
    }
}
