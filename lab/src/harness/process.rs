//! Node processes: started in one process group, none left behind.
//!
//! All nodes are in the group of a *guard*, a shell that waits for the end of its stdin and then
//! kills its whole group. The lab holds the only other end of that pipe. So whatever ends the lab,
//! SIGKILL included, ends every node and what a node has started; and Ctrl-C at the terminal
//! reaches the lab alone, which stops the nodes in order.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{Context as _, bail};
use rumormill::maelstrom::record::is_record_line;
use rumormill_judge::format::text::quote;
use rustix::process::{Pid, Resource, Rlimit, Signal};

use super::pipe::{InPipe, OutPipe};

/// Reads its stdin to the end, then kills its group and with it itself.
const GUARD: &str = "while read -r _; do :; done; kill -s KILL 0";

/// How much of the end of a log is looked at for the last lines of a dead node; a record may be
/// among them.
const TAIL_BYTES: u64 = 1 << 20;

/// Bytes of a script that may be its first line.
const MAX_FIRST_LINE: u64 = 256;

/// The lab's niceness; others have 0.
const LAB_NICE: i32 = -10;

/// Descriptors per node: both ends of three pipes exist while it is being spawned.
const FILES_PER_NODE: u64 = 3;

/// Descriptors for everything else.
const FILES_FOR_LAB: u64 = 64;

/// The process group that all nodes are in, and the guard that leads it.
#[derive(Debug)]
pub struct Group {
    guard: Child,
    /// Held open for as long as the lab lives.
    _lifeline: Option<ChildStdin>,
    id: Pid,
}

impl Group {
    /// Starts the guard.
    ///
    /// # Errors
    /// When there is no shell to run it.
    pub fn new() -> anyhow::Result<Self> {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start /bin/sh, which guards the node processes")?;
        let lifeline = guard.stdin.take();
        let id = Pid::from_child(&guard);
        Ok(Self { guard, _lifeline: lifeline, id })
    }

    /// Kills every process of the group at once.
    pub fn kill(&mut self) {
        // An error means that no process is left in it.
        let _ = rustix::process::kill_process_group(self.id, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // The guard is reaped last: until then the group's number cannot belong to another group.
        let _ = self.guard.wait();
    }
}

/// The program, and where its stderr goes.
#[derive(Clone, Debug)]
pub struct NodeCommand {
    /// The binary.
    pub bin: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Whether stderr passes through the lab ([`NodeProcess::stderr`]) or goes to the log by
    /// itself.
    pub pipe_stderr: bool,
}

/// One running node.
#[derive(Debug)]
pub struct NodeProcess {
    /// Its name in the network.
    pub name: String,
    /// Its stdin, until either side closes it.
    pub stdin: Option<OutPipe>,
    /// Its stdout, until it closes it.
    pub stdout: Option<InPipe>,
    /// Its stderr, if that passes through the lab, and the log that it goes to.
    pub stderr: Option<(InPipe, File)>,
    /// The beginning of the last line that was written to its stdin.
    pub last_line: Vec<u8>,
    log: PathBuf,
    child: Child,
    status: Option<ExitStatus>,
}

impl NodeProcess {
    /// Starts a node whose stderr ends up in the file `log`, after what an earlier process of it has
    /// written there if it is `again`.
    ///
    /// # Errors
    /// When the binary cannot be run or the log not be written; one line says which.
    pub fn spawn(
        group: &Group,
        command: &NodeCommand,
        name: &str,
        log: PathBuf,
        again: bool,
    ) -> anyhow::Result<Self> {
        let mut options = File::options();
        options.create(true).write(true).truncate(!again).append(again);
        let log_file =
            options.open(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let (stderr, log_file) = if command.pipe_stderr {
            (Stdio::piped(), Some(log_file))
        } else {
            (Stdio::from(log_file), None)
        };
        let mut child = Command::new(&command.bin)
            .args(&command.args)
            .process_group(group.id.as_raw_pid())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| why_not_run(&command.bin, &error))?;
        let stdin = child.stdin.take().map(OutPipe::new).transpose()?;
        let stdout = child.stdout.take().map(InPipe::new).transpose()?;
        let stderr = child.stderr.take().map(InPipe::new).transpose()?.zip(log_file);
        let last_line = Vec::new();
        Ok(Self {
            name: name.to_owned(),
            stdin,
            stdout,
            stderr,
            last_line,
            log,
            child,
            status: None,
        })
    }

    /// How it ended, if it has, asking the system if need be.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            // An error would mean that our child was reaped elsewhere; it is not.
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.status = self.child.wait().ok();
    }

    /// Lets time stand still for it, or go on.
    pub fn pause(&self, pauses: bool) {
        let signal = if pauses { Signal::STOP } else { Signal::CONT };
        // An error means that it has ended.
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), signal);
    }

    /// Bytes in its log.
    pub fn log_bytes(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |meta| meta.len())
    }

    /// The last lines that it wrote to stderr.
    pub fn last_stderr_lines(&self, count: usize) -> Vec<String> {
        last_lines(&self.log, count).unwrap_or_default()
    }
}

fn last_lines(path: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let for_people = |line: &&str| !is_record_line(line.as_bytes());
    let lines: Vec<&str> = text.lines().filter(for_people).collect();
    let first = lines.len().saturating_sub(count);
    Ok(lines[first..].iter().map(|&line| line.to_owned()).collect())
}

/// An exit status in words.
#[must_use]
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("was killed by {name}"),
            None => format!("was killed by signal {signal}"),
        },
        (None, None) => format!("ended: {status}"),
    }
}

/// The absolute path of the binary to run. Like Maelstrom, without searching `PATH`.
///
/// # Errors
/// When there is no such file, or it is not a program.
pub fn resolve_bin(bin: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(bin)
        .with_context(|| format!("cannot make a path of {}", bin.display()))?;
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) => {
            let hint = on_path(bin).map_or_else(String::new, |found| {
                format!(" (PATH is not searched: try {})", found.display())
            });
            bail!("cannot run {}: {error}{hint}", bin.display());
        }
    };
    if !metadata.is_file() {
        bail!("cannot run {}: not a file", bin.display());
    }
    rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).map_err(|_| {
        anyhow::anyhow!("cannot run {}: not executable (chmod +x it)", bin.display())
    })?;
    Ok(path)
}

/// Where a program of this name is on the `PATH`, for a hint.
fn on_path(name: &Path) -> Option<PathBuf> {
    if name.components().count() != 1 {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// Why the system did not start a file that is there and may be executed: mostly its first line.
fn why_not_run(bin: &Path, error: &io::Error) -> anyhow::Error {
    let mut head = Vec::new();
    // A file that cannot be read has no first line to look at.
    let _ = File::open(bin).and_then(|file| file.take(MAX_FIRST_LINE).read_to_end(&mut head));
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let shown = quote(line);
    let bin = bin.display();
    let Some(rest) = line.strip_prefix(b"#!") else {
        if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) {
            return anyhow::anyhow!(
                "cannot run {bin}: it has no #! line and is no binary of this system"
            );
        }
        return anyhow::anyhow!("cannot run {bin}: {error}");
    };
    if rest.ends_with(b"\r") {
        return anyhow::anyhow!(
            "cannot run {bin}: its first line, {shown}, ends in a carriage return (\\r)"
        );
    }
    let text = String::from_utf8_lossy(rest);
    let interpreter = text.split_ascii_whitespace().next().unwrap_or_default();
    if !Path::new(interpreter).exists() {
        let interpreter = quote(interpreter.as_bytes());
        return anyhow::anyhow!(
            "cannot run {bin}: its first line names {interpreter}, which is not there"
        );
    }
    anyhow::anyhow!("cannot run {bin}, whose first line is {shown}: {error}")
}

/// Lets the lab go before the nodes, where the system allows it (it takes a privilege): on a busy
/// machine a late lab would be taken for a slow node. Processes started earlier are not affected.
pub fn go_first() {
    let _ = rustix::process::setpriority_process(None, LAB_NICE);
}

/// Makes room for the pipes of `nodes` nodes in the table of open files.
///
/// # Errors
/// When the hard limit is too low.
pub fn raise_open_files(nodes: usize) -> anyhow::Result<()> {
    let nodes = u64::try_from(nodes).unwrap_or(u64::MAX);
    let needed = nodes.saturating_mul(FILES_PER_NODE).saturating_add(FILES_FOR_LAB);
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(needed), maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).map_err(|_| {
        anyhow::anyhow!("{nodes} nodes need {needed} open files; raise the limit (ulimit -n)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawn(group: &Group, script: &str, log: &Path) -> NodeProcess {
        let args = vec!["-c".to_owned(), script.to_owned()];
        let command = NodeCommand { bin: "/bin/sh".into(), args, pipe_stderr: false };
        NodeProcess::spawn(group, &command, "n0", log.into(), false).expect("spawn")
    }

    #[test]
    fn a_dead_node_says_how_it_died_and_what_it_said_last() {
        let dir = tempfile::tempdir().expect("dir");
        let group = Group::new().expect("group");
        let script = r#"echo one >&2; echo two >&2; echo three >&2; echo '{"t":1' >&2; exit 3"#;
        let mut node = spawn(&group, script, &dir.path().join("n0.log"));
        let status = node.child.wait().expect("wait");
        assert_eq!(describe(status), "exited with status 3");
        assert_eq!(node.last_stderr_lines(2), ["two", "three"]);
        assert!(node.exit_status().is_some());
    }

    #[test]
    fn the_end_of_the_group_is_the_end_of_its_nodes() {
        let dir = tempfile::tempdir().expect("dir");
        let mut group = Group::new().expect("group");
        let mut node = spawn(&group, "sleep 1000", &dir.path().join("n0.log"));
        group.kill();
        assert_eq!(describe(node.child.wait().expect("wait")), "was killed by SIGKILL");
    }

    #[test]
    fn the_guard_kills_when_its_stdin_ends() {
        let dir = tempfile::tempdir().expect("dir");
        let mut group = Group::new().expect("group");
        let mut node = spawn(&group, "sleep 1000", &dir.path().join("n0.log"));
        group._lifeline = None;
        assert_eq!(describe(node.child.wait().expect("wait")), "was killed by SIGKILL");
    }

    #[test]
    fn a_binary_that_cannot_be_run_is_told_in_one_line() {
        let dir = tempfile::tempdir().expect("dir");
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "text").expect("write");
        for (path, why) in
            [(dir.path().join("none"), "No such file"), (dir.path().into(), "not a file")]
        {
            let error = format!("{:#}", resolve_bin(&path).expect_err("not runnable"));
            assert!(error.contains(why) && !error.contains('\n'), "{error}");
        }
        assert!(format!("{:#}", resolve_bin(&plain).expect_err("")).contains("not executable"));
        assert_eq!(resolve_bin(Path::new("/bin/sh")).expect("sh"), Path::new("/bin/sh"));
    }
}
