//! `lab test` end to end: real processes, the built binary, short runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// A node that writes its process id to its log, starts something, and is a node that floods.
const CHATTY: &str = r#"echo $$ >&2; sleep 1000 & echo $! >&2; exec "$0" "$@""#;

/// Makes the workspace's node flood.
const FLOOD: [&str; 3] = ["--", "--protocol", "flood"];

/// The workspace's node, for scripts. (Without `--bin` the lab finds and builds it.)
fn node() -> PathBuf {
    // Cargo tells where the lab's binary is; that of the node lies beside it.
    let path = Path::new(LAB).with_file_name("rumormill");
    assert!(path.is_file(), "no {}: cargo build --workspace", path.display());
    path
}

/// A lab that keeps its results in a directory of its own.
struct Lab {
    store: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { store: tempfile::tempdir().expect("temporary directory") }
    }

    /// Some nodes that flood, for a second.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.short(args);
        command.args(FLOOD);
        command
    }

    /// Some nodes for a second.
    fn short(&self, args: &[&str]) -> Command {
        let mut command = self.bare(&["--time-limit", "1", "--rate", "100", "--recovery", "auto"]);
        command.args(args);
        command
    }

    fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(LAB);
        command.arg("test").arg("--store").arg(self.store.path()).args(args);
        command.stdin(Stdio::null());
        command
    }

    /// Nodes that are shell scripts, in which `"$0" "$@"` is a node that floods.
    fn script(&self, args: &[&str], script: &str) -> Command {
        let mut command = self.short(&[&["--bin", "/bin/sh"], args].concat());
        command.args(["--", "-c", script]).arg(node()).args(&FLOOD[1..]);
        command
    }

    fn latest(&self, file: &str) -> PathBuf {
        self.store.path().join("latest").join(file)
    }

    /// All process ids in the nodes' logs, once there are `count`.
    fn pids(&self, count: usize) -> Vec<Pid> {
        loop {
            let logs = self.store.path().join("current/node-logs");
            let text: String = fs::read_dir(logs)
                .into_iter()
                .flatten()
                .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
                .collect();
            // Only whole lines: half a number is another number.
            let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let pids: Vec<_> = whole.filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect();
            if pids.len() >= count {
                return pids;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("run the lab");
    read(&output)
}

fn read(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("exit code"), text(&output.stdout), text(&output.stderr))
}

fn signal(lab: &Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(lab), signal).expect("signal the lab");
}

/// Waits until none of the processes is left.
fn await_end(pids: &[Pid]) {
    while pids.iter().any(|&pid| is_running(pid)) {
        thread::sleep(Duration::from_millis(10));
    }
}

/// True unless the process is gone, or dead and not yet reaped by its new parent.
fn is_running(pid: Pid) -> bool {
    if rustix::process::test_kill_process(pid).is_err() {
        return false;
    }
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    !stat.is_ok_and(|stat| stat.contains(") Z "))
}

/// As after `cargo install --path lab`: there is no other binary.
#[test]
fn a_lab_that_stands_alone_has_the_node_in_it() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let lab = directory.path().join("lab");
    fs::copy(LAB, &lab).expect("a copy of the lab");
    let version = Command::new(&lab).args(["node", "--version"]).output().expect("the node");
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("rumormill "), "{version:?}");
    let bad = Command::new(&lab).args(["node", "--no-such-flag"]).output().expect("the node");
    assert_eq!(bad.status.code(), Some(2));
    let store = directory.path().join("store");
    let run = Command::new(&lab)
        .args(["test", "--node-count", "3", "--time-limit", "1", "--rate", "50"])
        .args(["--recovery", "auto", "--no-report", "--store"])
        .arg(&store)
        .output()
        .expect("the lab");
    let screen = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && screen.contains("PASSED"), "{screen}");
}

#[test]
fn flood_nodes_pass_on_a_good_network() {
    let lab = Lab::new();
    let (code, screen, log) = run(&mut lab.command(&["--node-count", "5", "--seed", "7"]));
    assert_eq!(code, 0, "{screen}{log}");
    for file in ["results.edn", "results.json", "history.edn", "messages.jsonl"] {
        assert!(fs::metadata(lab.latest(file)).expect(file).len() > 0, "{file} is empty");
    }
    assert!(lab.latest("node-logs/n4.log").exists());
    let results = fs::read_to_string(lab.latest("results.edn")).expect("results");
    assert!(results.contains(":lost-count 0"), "{results}");
}

#[test]
fn messages_are_shown_with_maelstroms_flags() {
    let lab = Lab::new();
    let shown = |flags: &[&str]| {
        let (code, screen, log) = run(&mut lab.command(&[&["--node-count", "2"], flags].concat()));
        assert_eq!(code, 0, "{screen}{log}");
        ["send", "recv"].map(|what| log.contains(&format!(" ms {what} {{\"id\":")))
    };
    assert_eq!(shown(&["--log-net-send"]), [true, false]);
    assert_eq!(shown(&["--log-net-recv", "--log-stderr"]), [false, true]);
}

#[test]
fn a_failed_limit_decides_the_exit_status() {
    let lab = Lab::new();
    let (code, screen, log) = run(&mut lab.command(&["--limit", "msgs-per-op<0.001"]));
    assert_eq!(code, 1, "{screen}{log}");
    assert!(screen.contains("msgs-per-op"), "{screen}");
}

#[test]
fn a_node_that_dies_is_told_at_once() {
    let lab = Lab::new();
    let script = "echo boom >&2; exit 3";
    let (code, _, log) = run(&mut lab.script(&["--time-limit", "1000"], script));
    assert_eq!(code, 255, "{log}");
    assert!(log.contains("exited with status 3"), "{log}");
    assert!(log.contains("boom"), "{log}");
}

#[test]
fn a_line_that_is_no_message_is_quoted_and_survived() {
    let lab = Lab::new();
    let script = r#"echo 'hello, world'; exec "$0" "$@""#;
    let (code, screen, log) = run(&mut lab.script(&["--node-count", "2"], script));
    assert_eq!(code, 2, "{screen}{log}");
    assert!(log.contains("hello, world"), "{log}");
    assert!(screen.contains("Maelstrom would have ignored n0, n1"), "{screen}");

    let (code, _, log) = run(&mut lab.script(&["--node-count", "2", "--strict"], script));
    assert_eq!(code, 255, "{log}");
}

#[test]
fn a_node_that_does_not_answer_init_is_named() {
    let lab = Lab::new();
    let args = ["--nodes", "alpha,beta", "--init-timeout", "300"];
    let script = "exec cat >/dev/null";
    let (code, _, log) = run(&mut lab.script(&args, script));
    assert_eq!(code, 255, "{log}");
    assert!(log.contains("alpha") && log.contains("init"), "{log}");
}

#[test]
fn what_cannot_be_run_is_one_plain_line() {
    let lab = Lab::new();
    let (code, _, log) = run(&mut lab.bare(&["--bin", "./no-such-node"]));
    assert_eq!(code, 255, "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("./no-such-node"), "{log}");
}

#[test]
fn bad_arguments_are_254_and_help_is_not() {
    let lab = Lab::new();
    for args in [
        &["--no-such-flag"][..],
        &["--workload", "kafka"],
        &["--limit", "nonsense<<"],
        &["--node-count", "0"],
        &["--profile", "no-such-profile"],
    ] {
        let (code, _, log) = run(&mut lab.command(args));
        assert_eq!(code, 254, "{args:?}: {log}");
    }
    let (code, help, _) = run(&mut lab.bare(&["--help"]));
    assert_eq!(code, 0);
    assert!(help.contains("--latency-dist"), "{help}");
}

#[test]
fn an_interrupted_lab_stops_its_nodes_and_what_they_started() {
    for (sent, expected) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let lab = Lab::new();
        let args = ["--node-count", "3", "--time-limit", "1000"];
        let mut command = lab.script(&args, CHATTY);
        let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("lab");
        let pids = lab.pids(6);
        signal(&process, sent);
        let (code, _, log) = read(&process.wait_with_output().expect("wait"));
        assert_eq!(code, expected, "{log}");
        assert!(log.contains("stopping"), "{log}");
        await_end(&pids);
    }
}

#[test]
fn a_killed_lab_leaves_nobody_behind() {
    let lab = Lab::new();
    let args = ["--node-count", "3", "--time-limit", "1000"];
    let mut command = lab.script(&args, CHATTY);
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("lab");
    let pids = lab.pids(6);
    signal(&process, Signal::KILL);
    process.wait().expect("wait");
    await_end(&pids);
}

#[test]
fn durable_nodes_that_are_all_killed_at_once_lose_nothing_they_acknowledged() {
    let lab = Lab::new();
    let nodes = ["n1", "n2", "n3"];
    let kills: Vec<String> = nodes.iter().map(|node| format!("--crash={node}@0.5+0.1")).collect();
    let mut command =
        lab.short(&["--nodes=n1,n2,n3", "--durable", "--limit=missing=0", "--no-report"]);
    command.args(&kills).arg("--pause=n2@0.2+0.1");
    let (code, screen, log) = run(&mut command);
    assert_eq!(code, 0, "{screen}{log}");
    assert!(screen.contains("3 (crashed), 1 (paused), 3 (restarted)"), "{screen}");
    let restarts = |node| {
        let log = fs::read_to_string(lab.latest(&format!("node-logs/{node}.log"))).expect("log");
        log.matches("rumormill: journal of").count()
    };
    assert_eq!(nodes.map(restarts), [2; 3]);
}

#[test]
fn durable_nodes_survive_maelstroms_kills_and_pauses_with_all_they_acknowledged() {
    let lab = Lab::new();
    let mut command = lab.bare(&["--nodes=n1,n2,n3", "--rate=100", "--time-limit=3", "--durable"]);
    command.args(["--nemesis=kill,pause,partition", "--nemesis-interval=0.15", "--recovery=4"]);
    // All nodes may be killed at the end, and none is told the topology: digests have to come soon.
    command.args(["--limit=missing=0", "--no-report", "--", "--sync-interval=100ms"]);
    let (code, screen, log) = run(&mut command);
    assert_eq!(code, 0, "{screen}{log}");
    assert!(screen.contains("(crashed)") && screen.contains("(paused)"), "{screen}");
    let history = fs::read_to_string(lab.latest("history.edn")).expect("a history");
    for line in [":f :kill, :value {", ":f :start, :value :all", ":f :resume, :value :all"] {
        assert!(history.contains(line), "{line}: {history}");
    }
    assert_eq!(history.matches(" :killed").count(), history.matches(" :started").count());
}

#[test]
fn processes_are_killed_only_if_they_are_durable_and_their_clocks_do_not_jump() {
    let lab = Lab::new();
    for (fault, problem) in
        [("--crash=n1@0.1", "crashes without --durable"), ("--clock-jump=n1@0.1+1", "clock jumps")]
    {
        let (code, _, log) = run(&mut lab.short(&[fault]));
        assert!(code == 254 && log.contains(problem), "{code}: {log}");
    }
}
