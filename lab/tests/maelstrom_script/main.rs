//! `scripts/maelstrom` on every one of its paths, with a Maelstrom, a Java and a release that are
//! none: the real ones are neither needed nor touched.
#![cfg(unix)]

mod clone;
mod server;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use clone::{Clone, LAB, run, start};
use server::{Manner, Server};

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
    let cells = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(cells.contains("| fly-3d | passed | 0 | 0 | 0 | 0 | 0 | 1 | 4 of 4 | agrees |"));
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
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/maelstrom_script");
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
