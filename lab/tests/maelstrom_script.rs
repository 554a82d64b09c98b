//! `scripts/maelstrom` on every one of its paths, with a Maelstrom, a Java and a release that are
//! none: the real ones are neither needed nor touched.
#![cfg(unix)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// The programs that the script may find on a bare machine.
const TOOLS: [&str; 13] = [
    "bash", "cat", "cp", "dirname", "find", "mkdir", "mktemp", "mv", "rm", "sed", "sleep", "tar",
    "wc",
];

/// Held while a program is written and while one is started. A process that is forked while a program is open
/// for writing keeps it open for a moment, and Linux runs no program that is open for writing (ETXTBSY).
static PROGRAMS: Mutex<()> = Mutex::new(());

fn programs() -> MutexGuard<'static, ()> {
    PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clone of the repository with nothing but the script, and a PATH of our own making.
struct Clone {
    dir: TempDir,
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Clone {
    /// Everything is installed, except Maelstrom.
    fn new() -> Self {
        let clone = Self { dir: tempfile::tempdir().expect("temporary directory") };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("workspace");
        for dir in ["scripts", "bin", "maelstrom/profiles", "elsewhere"] {
            fs::create_dir_all(clone.path(dir)).expect("directory");
        }
        let script = fs::read_to_string(repository.join("scripts/maelstrom")).expect("script");
        clone.executable("scripts/maelstrom", &script);
        for name in ["fly-3a", "partition-25"] {
            let name = format!("maelstrom/profiles/{name}.toml");
            fs::copy(repository.join(&name), clone.path(&name)).expect("profile");
        }
        for tool in TOOLS {
            clone.link(tool).unwrap_or_else(|| panic!("there is no {tool} on this machine"));
        }
        clone.link("sha256sum").or_else(|| clone.link("shasum")).expect("sha256sum or shasum");
        if clone.link("curl").is_none() {
            clone.program("bin/curl", include_str!("maelstrom/curl"));
        }
        if clone.link("bzip2").is_none() {
            clone.program("bin/bzip2", "exec cat");
        }
        clone.java("17.0.15");
        clone.program("bin/gnuplot", "exit 0");
        clone.program("bin/git", "exit 0");
        let run = format!("while [[ $1 != -- ]]; do shift; done; shift; exec '{LAB}' \"$@\"");
        clone.program("bin/cargo", &format!("[[ $1 == run ]] || exit 0\n{run}"));
        clone.program("node", "exec cat");
        clone
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the user is, as the user's shell would say.
    fn elsewhere(&self) -> PathBuf {
        fs::canonicalize(self.path("elsewhere")).expect("directory")
    }

    /// Makes a tool of this machine available.
    fn link(&self, tool: &str) -> Option<()> {
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|p| p.is_file())?;
        symlink(found, self.path("bin").join(tool)).ok()
    }

    fn program(&self, name: &str, script: &str) {
        self.executable(name, &format!("#!/usr/bin/env bash\n{script}\n"));
    }

    fn executable(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        let _held = programs();
        fs::write(&path, text).expect("program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    fn java(&self, version: &str) {
        let text = format!(
            "echo 'Picked up JAVA_TOOL_OPTIONS: -Dx=\"1\"' >&2\n\
             echo 'openjdk version \"{version}\" 2025-04-15' >&2"
        );
        self.program("bin/java", &text);
    }

    /// A Maelstrom that notes how it was called and leaves a run's files.
    fn maelstrom(&self, dir: &str) {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/maelstrom");
        let script = format!(
            "echo \"{dir} in $PWD: $*\" >>'{called}'\n\
             if [[ $* != *broadcast* ]]; then echo 'passed on'; exit 7; fi\n\
             n=0; while [[ -e store/broadcast/run$n ]]; do n=$((n + 1)); done\n\
             mkdir -p store/broadcast/run$n\n\
             cp '{fixture}'/*.edn '{fixture}'/jepsen.log store/broadcast/run$n\n\
             echo 'Everything looks good!'",
            called = self.path("called").display(),
            fixture = fixture.display(),
        );
        self.program(&format!("{dir}/maelstrom"), &script);
    }

    /// How Maelstrom was called, a line per time.
    fn calls(&self) -> String {
        fs::read_to_string(self.path("called")).unwrap_or_default()
    }

    /// The release as it would be downloaded.
    fn archive(&self, files: &[&str]) -> Vec<u8> {
        self.maelstrom("packed/maelstrom");
        self.program("packed/maelstrom/lib/maelstrom.jar", "");
        let mut tar = Command::new("tar");
        tar.args(["-cjf", "release.tar.bz2", "-C", "packed"])
            .args(files)
            .current_dir(self.dir.path())
            .env("PATH", self.path("bin"));
        assert!(start(&mut tar).wait().expect("tar").success());
        fs::read(self.path("release.tar.bz2")).expect("archive")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("scripts/maelstrom"));
        command.args(args).current_dir(self.path("elsewhere")).stdin(Stdio::null());
        command.env_clear().env("PATH", self.path("bin"));
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        run(&mut self.command(args))
    }

    /// Runs a profile with a release that is there to be downloaded.
    fn run_from(&self, server: &Server) -> Ended {
        let mut command = self.command(&["fly-3a", "--bin", "../node"]);
        run(command.env("MAELSTROM_URL", server.url()))
    }

    /// The files below `maelstrom/release`.
    fn releases(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("maelstrom/release")).into_iter().flatten();
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into()).collect()
    }

    fn checksum(&self) -> Option<String> {
        fs::read_to_string(self.path("maelstrom/release.sha256")).ok()
    }
}

fn start(command: &mut Command) -> Child {
    let _held = programs();
    command.spawn().expect("a program")
}

fn run(command: &mut Command) -> Ended {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = start(command).wait_with_output().expect("the script");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("exit status");
    Ended { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// A server's reaction to a request.
#[derive(Clone, Copy)]
enum Manner {
    Whole,
    /// Breaks off in the middle.
    Half,
    /// Says no more after the first half.
    Stalling,
}

/// Serves one file on the loopback interface.
struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn new(body: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("address").port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().flatten() {
                let stream = answer(stream, &body, manner);
                counter.fetch_add(1, Ordering::SeqCst);
                if matches!(manner, Manner::Stalling) {
                    kept.push(stream);
                }
            }
        });
        Self { port, requests }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/maelstrom.tar.bz2", self.port)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, body: &[u8], manner: Manner) -> TcpStream {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        request.push(byte[0]);
    }
    let sent = match manner {
        Manner::Whole => body,
        Manner::Half | Manner::Stalling => &body[..body.len() / 2],
    };
    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    // The other side may have gone: that is its own affair.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
    let _ = stream.flush();
    stream
}

#[test]
fn a_profile_is_run_and_shown_as_our_own_runs_are() {
    let clone = Clone::new();
    clone.maelstrom("bin");
    let ended = clone.run(&["fly-3a", "--bin", "../node", "--", "--route", "hub"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.starts_with("PASSED  All is well. node --route hub: 1 node"),
        "{}",
        ended.stdout
    );
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = ended.stdout.lines().map(words).collect();
    for line in [
        "missing at the end nothing: 1 acknowledged value on 1 node",
        "bytes per operation not available",
    ] {
        assert!(lines.iter().any(|shown| shown == line), "{line}: {}", ended.stdout);
    }
    assert!(ended.stdout.contains("scripts/maelstrom fly-3a -- --route hub"), "{}", ended.stdout);
    assert!(ended.stdout.contains("figures agree"), "{}", ended.stdout);
    // Maelstrom's own output is there to be seen, but not among the results.
    assert!(ended.stderr.contains("Everything looks good!"), "{}", ended.stderr);
    let node = clone.elsewhere().join("../node");
    let expected = format!(
        "test --workload broadcast --bin {} --node-count 1 --time-limit 20 --rate 10 -- --route hub",
        node.display()
    );
    assert!(clone.calls().trim_end().ends_with(&expected), "{}", clone.calls());
    assert!(clone.path("maelstrom/store/broadcast/run0/results.edn").is_file());
}

#[test]
fn limits_decide_the_exit_status() {
    let clone = Clone::new();
    clone.maelstrom("bin");
    let ended = clone.run(&["fly-3a", "--bin", "../node", "--limit", "msgs-per-op>1"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stdout.contains("FAIL  msgs-per-op > 1"), "{}", ended.stdout);
    let ended = clone.run(&["fly-3a", "--bin", "../node", "--limit", "nonsense"]);
    assert_eq!(ended.code, 254, "{}", ended.stderr);
}

#[test]
fn all_profiles_make_a_table() {
    let clone = Clone::new();
    clone.maelstrom("bin");
    let ended = clone.run(&["all", "--bin", "../node"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let table = fs::read_to_string(clone.path("maelstrom/store/all.md")).expect("table");
    assert!(ended.stdout.contains(&table), "{}", ended.stdout);
    assert!(table.contains("| fly-3d | passed | 0 | 0 | 0 | 0 | 0 | 1 | 4 of 4 | agrees |"));
    assert_eq!(clone.calls().lines().count(), 6);
}

#[test]
fn what_is_no_profile_is_passed_on() {
    let clone = Clone::new();
    clone.maelstrom("bin");
    let ended = clone.run(&["test", "-w", "echo", "--bin", "./mine", "--", "a b"]);
    assert_eq!((ended.code, &*ended.stdout), (7, "passed on\n"), "{}", ended.stderr);
    let expected =
        format!("in {}: test -w echo --bin ./mine -- a b\n", clone.elsewhere().display());
    assert!(clone.calls().ends_with(&expected), "{}", clone.calls());
}

#[test]
fn without_arguments_it_says_what_it_can_do() {
    let ended = Clone::new().run(&[]);
    assert_eq!(ended.code, 254);
    assert!(ended.stderr.contains("scripts/maelstrom PROFILE"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("Profiles: fly-3a partition-25\n"), "{}", ended.stderr);
}

#[test]
fn maelstrom_home_comes_before_the_path() {
    let clone = Clone::new();
    clone.maelstrom("bin");
    clone.maelstrom("home");
    let home = |dir: &str| {
        let mut command = clone.command(&["fly-3a", "--bin", "../node"]);
        run(command.env("MAELSTROM_HOME", dir))
    };
    assert_eq!(home("../home").code, 0);
    assert!(clone.calls().starts_with("home in"), "{}", clone.calls());
    let ended = home("../nowhere");
    assert_eq!(ended.code, 255);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("MAELSTROM_HOME is ../nowhere"), "{}", ended.stderr);
}

#[test]
fn the_script_does_not_take_itself_for_maelstrom() {
    let clone = Clone::new();
    clone.maelstrom("bin");
    let path = std::env::join_paths([clone.path("scripts"), clone.path("bin")]).expect("path");
    let ended = run(clone.command(&["serve"]).env("PATH", path));
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(clone.calls().starts_with("bin in"), "{}", clone.calls());
}

#[test]
fn the_release_is_downloaded_once_and_trusted_on_first_use() {
    let clone = Clone::new();
    let server = Server::new(clone.archive(&["maelstrom"]), Manner::Whole);
    let ended = clone.run_from(&server);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("trusted on first use"), "{}", ended.stderr);
    assert_eq!(clone.releases(), ["0.2.4"]);
    let remembered = clone.checksum().expect("checksum");
    let (sum, name) = remembered.trim_end().split_once("  ").expect("two columns");
    assert_eq!((sum.len(), name), (64, "maelstrom-0.2.4.tar.bz2"));

    let ended = clone.run_from(&server);
    assert_eq!((ended.code, server.requests()), (0, 1), "{}", ended.stderr);
    assert_eq!(clone.calls().lines().count(), 2);

    // Downloaded again, it is still what it was.
    fs::remove_dir_all(clone.path("maelstrom/release")).expect("remove");
    let ended = clone.run_from(&server);
    assert_eq!((ended.code, server.requests()), (0, 2), "{}", ended.stderr);
    assert_eq!(clone.checksum(), Some(remembered));
}

#[test]
fn another_release_than_the_remembered_one_is_not_unpacked() {
    let clone = Clone::new();
    let server = Server::new(clone.archive(&["maelstrom"]), Manner::Whole);
    let other = format!("{}  maelstrom-0.2.4.tar.bz2\n", "0".repeat(64));
    fs::write(clone.path("maelstrom/release.sha256"), &other).expect("checksum");
    let ended = clone.run_from(&server);
    assert_eq!(ended.code, 255, "{}", ended.stderr);
    assert!(ended.stderr.contains("release.sha256 says 0000"), "{}", ended.stderr);
    assert_eq!((clone.releases(), clone.checksum()), (vec![], Some(other)));
    assert_eq!(clone.calls(), "");
}

#[test]
fn what_is_no_release_is_not_kept() {
    let clone = Clone::new();
    let server = Server::new(clone.archive(&["maelstrom/maelstrom"]), Manner::Whole);
    let ended = clone.run_from(&server);
    assert_eq!(ended.code, 255);
    assert!(ended.stderr.contains("no release of Maelstrom"), "{}", ended.stderr);
    let ended = clone.run_from(&Server::new(b"<html>not here</html>".to_vec(), Manner::Whole));
    assert_eq!(ended.code, 255);
    assert!(ended.stderr.contains("cannot be unpacked"), "{}", ended.stderr);
    assert_eq!((clone.releases(), clone.checksum()), (vec![], None));
}

#[test]
fn without_a_network_nothing_is_left() {
    let clone = Clone::new();
    // A port on which no process listens any more.
    let port =
        TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("address").port();
    let mut command = clone.command(&["fly-3a"]);
    let ended = run(command.env("MAELSTROM_URL", format!("http://127.0.0.1:{port}/x")));
    assert_eq!(ended.code, 255);
    assert!(ended.stderr.contains("check the network"), "{}", ended.stderr);
    assert!(ended.stderr.contains("MAELSTROM_HOME"), "{}", ended.stderr);
    assert_eq!((clone.releases(), clone.checksum()), (vec![], None));
}

#[test]
fn a_download_that_breaks_off_leaves_nothing() {
    let clone = Clone::new();
    let body = clone.archive(&["maelstrom"]);
    let ended = clone.run_from(&Server::new(body.clone(), Manner::Half));
    assert_eq!(ended.code, 255);
    assert!(ended.stderr.contains("the download failed"), "{}", ended.stderr);
    assert_eq!((clone.releases(), clone.checksum()), (vec![], None));
    // The next attempt starts afresh.
    assert_eq!(clone.run_from(&Server::new(body, Manner::Whole)).code, 0);
    assert_eq!(clone.releases(), ["0.2.4"]);
}

#[test]
fn an_interrupted_download_leaves_nothing() {
    let clone = Clone::new();
    let server = Server::new(clone.archive(&["maelstrom"]), Manner::Stalling);
    let mut command = clone.command(&["fly-3a"]);
    command.env("MAELSTROM_URL", server.url()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut script = start(&mut command);
    while server.requests() == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(Pid::from_child(&script), Signal::TERM).expect("signal");
    assert_eq!(script.wait().expect("the script's end").code(), Some(143));
    assert_eq!((clone.releases(), clone.checksum()), (vec![], None));
}

#[test]
fn what_is_missing_is_said_in_one_line_each_before_anything_is_started() {
    for (missing, said) in [
        ("java", "no Java: install a JDK"),
        ("gnuplot", "no gnuplot: without it Maelstrom's verdict is always unknown"),
        ("git", "no git: without it Maelstrom crashes"),
        ("cargo", "no cargo"),
    ] {
        let clone = Clone::new();
        clone.maelstrom("bin");
        fs::remove_file(clone.path("bin").join(missing)).expect("remove");
        let ended = clone.run(&["fly-3a"]);
        assert_eq!((ended.code, ended.stderr.lines().count()), (255, 1), "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_eq!(clone.calls(), "");
    }
    let clone = Clone::new();
    let server = Server::new(clone.archive(&["maelstrom"]), Manner::Whole);
    for missing in ["java", "gnuplot", "git", "cargo", "curl", "bzip2"] {
        fs::remove_file(clone.path("bin").join(missing)).expect("remove");
    }
    let ended = clone.run_from(&server);
    assert_eq!((ended.code, ended.stderr.lines().count()), (255, 6), "{}", ended.stderr);
    assert_eq!((server.requests(), clone.releases()), (0, vec![]));
}

#[test]
fn only_a_java_that_is_new_enough_and_runs_will_do() {
    let clone = Clone::new();
    clone.maelstrom("bin");
    for version in ["1.8.0_392", "9.0.4", "10"] {
        clone.java(version);
        let ended = clone.run(&["serve"]);
        assert_eq!(ended.code, 255, "{version}");
        let major = version.trim_start_matches("1.").split('.').next().expect("major");
        let said = format!("Java {major} is too old: Maelstrom needs 11 or newer");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    }
    for version in ["11", "11.0.2", "17.0.15", "21-ea"] {
        clone.java(version);
        assert_eq!(clone.run(&["serve"]).code, 7, "{version}");
    }
    clone.program("bin/java", "echo 'Unable to locate a Java Runtime.' >&2; exit 1");
    assert!(clone.run(&["serve"]).stderr.contains("no Java"));
}

#[test]
fn a_run_without_end_says_why() {
    let clone = Clone::new();
    let crash = r#"
        mkdir -p store/broadcast/run
        printf '%s\n' 'x{GMT}	WARN	[jepsen test runner] jepsen.core: Test crashed!' \
            'clojure.lang.ExceptionInfo: Expected node n0 to respond' >store/broadcast/run/jepsen.log
        exit 255"#;
    clone.program("bin/maelstrom", crash);
    let ended = clone.run(&["fly-3a", "--bin", "../node"]);
    assert_eq!(ended.code, 255, "{}", ended.stderr);
    assert!(ended.stderr.trim_end().ends_with("Expected node n0 to respond"), "{}", ended.stderr);

    clone.program("bin/maelstrom", "exit 254");
    let ended = clone.run(&["fly-3a", "--bin", "../node"]);
    assert_eq!(ended.code, 255, "{}", ended.stderr);
    assert!(ended.stderr.contains("exited with status 254 and left no files"), "{}", ended.stderr);
}

#[test]
fn a_run_can_be_checked_without_any_maelstrom() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/maelstrom");
    let check = |args: &[&str]| run(Command::new(LAB).arg("check").args(args));
    let run = store.to_str().expect("UTF-8");
    let ended = check(&[run]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("figures agree"), "{}", ended.stdout);
    assert_eq!(check(&[run, "--profile", "fly-3e"]).code, 0);
    assert_eq!(check(&[run, "--limit", "msgs-per-op>1"]).code, 1);
    assert_eq!(check(&[run, "--limit", "nonsense"]).code, 254);
    assert_eq!(check(&[run, "--profile", "nonsense"]).code, 254);
    let ended = check(&["nowhere"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (255, 1), "{}", ended.stderr);
}
