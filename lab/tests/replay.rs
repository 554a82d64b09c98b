//! From `lab test` to `lab replay`, `lab explain` and `lab compare`: real processes, the built
//! binaries, a short run with partitions.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rumormill::{args, protocols};
use rumormill_judge::message::events::NullSink;
use rumormill_lab::profile::Profile;
use rumormill_lab::replay::{Replay, files};
use rumormill_lab::sim::{self, Records};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// Exit status, stdout, stderr.
fn lab(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(LAB).args(args).stdin(Stdio::null()).output().expect("run the lab");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("exit code"), text(&output.stdout), text(&output.stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("plain paths")
}

/// Our own nodes, cut apart a few times.
fn run(store: &Path) {
    let args = ["test", "--store", path(store), "--node-count", "5", "--rate", "50"];
    let network = ["--latency", "20", "--nemesis", "partition", "--nemesis-interval", "1"];
    let rest = ["--time-limit", "4", "--recovery", "auto", "--seed", "7"];
    let (code, screen, log) = lab(&[&args[..], &network, &rest].concat());
    assert_eq!(code, 0, "{screen}{log}");
}

#[test]
fn a_run_with_partitions_is_replayed_explained_and_compared() {
    let dir = tempfile::tempdir().expect("temporary directory");
    run(dir.path());
    let latest = dir.path().join("latest");
    let store = path(&latest);

    let (code, out, log) = lab(&["replay", store]);
    assert_eq!(code, 0, "{out}{log}");
    assert_eq!(out.lines().filter(|line| line.contains(": same: ")).count(), 5, "{out}");

    let (code, out, log) = lab(&["replay", store, "--break", "value 3"]);
    assert_eq!(code, 0, "{out}{log}");
    assert!(out.contains("stopped") && out.contains("neighbours: "), "{out}");

    tampered_records_are_found(&latest);
    explained(store);
    watched(store);
    let (code, out, log) = lab(&["compare", store, store, "--limit", "lost<1"]);
    assert_eq!(code, 0, "{out}{log}");
    assert!(out.contains("msgs-per-op ") && out.contains("ok      B  lost < 1: 0"), "{out}");
    let (code, out, _) = lab(&["compare", store, store, "--limit", "lost>0"]);
    assert_eq!(code, 1, "{out}");
}

/// Every node of every profile, crashes and restarts included.
#[test]
fn simulated_nodes_of_all_profiles_replay_without_a_difference() {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../maelstrom/profiles");
    let mut count = 0;
    for entry in fs::read_dir(profiles).expect("profiles") {
        let profile = entry.expect("an entry").path();
        let dir = tempfile::tempdir().expect("temporary directory");
        record_simulated(path(&profile), dir.path());
        for file in files::find(dir.path()).expect("records") {
            for life in files::read(&file).expect("a record").lives {
                let mut replay = Replay::new(&life).expect("a record of ours");
                while replay
                    .step()
                    .unwrap_or_else(|d| panic!("{profile:?} {file:?}: {d}"))
                    .is_some()
                {}
                assert!(replay.counts().0 > 0 && replay.counts().1 > 0, "{profile:?} {file:?}");
            }
        }
        count += 1;
    }
    assert!(count >= 20, "{count} profiles");
}

fn record_simulated(profile: &str, dir: &Path) {
    let mut flags = Profile::load(profile).expect("a profile").flags().expect("flags");
    let node_args = std::mem::take(&mut flags.node_args);
    let Ok(args::Command::Run(options)) =
        protocols::family().parse(node_args.iter().map(Into::into))
    else {
        panic!("{node_args:?}");
    };
    flags.seed = Some(7);
    let settings = flags.into_settings().expect("settings");
    let mut records = Records::create(dir, &settings.nodes).expect("records");
    let config = options.settings().expect("settings of ours");
    sim::simulate_observed(&settings, &config, NullSink, &mut records).expect("a run");
    records.finish().expect("records");
}

fn tampered_records_are_found(latest: &Path) {
    let log = fs::read_to_string(latest.join("node-logs/n2.log")).expect("log");
    let sent = log.lines().filter(|line| line.starts_with("{\"out\":")).nth(20).expect("outputs");
    let file = latest.join("tampered.log");
    fs::write(&file, log.replacen(sent, &sent.replacen("\"dest\":\"", "\"dest\":\"x", 1), 1))
        .expect("write");
    let (code, out, _) = lab(&["replay", path(&file)]);
    assert_eq!(code, 1, "{out}");
    for part in ["DIFFERENT", "recorded: ", "replayed: ", "the state before:\nn2 at "] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, _, log) = lab(&["replay", path(&latest.join("results.json"))]);
    assert_eq!((code, log.lines().count()), (255, 1), "{log}");
    assert!(log.contains("no record in it"), "{log}");
}

fn explained(store: &str) {
    let (code, out, log) = lab(&["explain", store, "3"]);
    assert_eq!(code, 0, "{out}{log}");
    assert!(out.contains("value 3, broadcast by c") && out.contains("last: "), "{out}");
    let (code, out, _) = lab(&["explain", store, "--slowest", "4", "--json"]);
    assert_eq!(code, 0, "{out}");
    let slowest: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(slowest.as_array().map(Vec::len), Some(4));
    let (code, out, _) = lab(&["explain", store, "--lost"]);
    assert_eq!(code, 0, "{out}");
    let (_, out, _) = lab(&["explain", store, "--link", "n0,n1", "--between", "1s,2s"]);
    assert!(!out.is_empty() && out.lines().all(|line| line.contains("n0 -> n1")), "{out}");
    let link = ["explain", store, "--link", "n0,n1", "--between", "1s,2s"];
    let (code, out, _) = lab(&[&link[..], &["--json"]].concat());
    let rows: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(code == 0 && rows.as_array().is_some_and(|rows| !rows.is_empty()), "{out}");
    assert!(rows[0]["from"] == "n0" && rows[0]["received-ms"].is_array(), "{out}");
    for (args, expected) in [
        (&["123456789"][..], 1),
        (&["--link", "n0,n1", "--between", "999s,1000s"], 1),
        (&["--node", "n99"], 255),
    ] {
        let (code, out, _) = lab(&[&["explain", store], args].concat());
        assert_eq!(code, expected, "{args:?} {out}");
    }
}

fn watched(store: &str) {
    let (code, out, log) = lab(&["watch", store, "--once"]);
    assert_eq!(code, 0, "{out}{log}");
    assert!(out.contains(" s  over  ") && out.contains(" 0 missing on some node"), "{out}");
    assert_eq!(out.lines().filter(|line| line.starts_with('n') && line.contains('█')).count(), 5);
    // Neither is a terminal: lines instead of pictures, and an end.
    for speed in [&[][..], &["--speed", "100"]] {
        let (code, out, log) = lab(&[&["watch", store], speed].concat());
        assert_eq!(code, 0, "{out}{log}");
        let last = out.lines().last().unwrap_or_default();
        assert!(last.contains(" on all 5 nodes; ") && !last.contains("lacks"), "{out}");
        assert!(!out.contains('\x1b'), "{out}");
    }
    let (code, _, log) = lab(&["watch", &format!("{store}/node-logs")]);
    assert!(code == 255 && log.lines().count() == 1, "{log}");
}

#[test]
fn a_store_is_served_until_a_signal_comes() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut command = Command::new(LAB);
    command.args(["serve", path(dir.path()), "--port", "0"]);
    let mut server = command.stdout(Stdio::piped()).spawn().expect("run the lab");
    let mut line = String::new();
    let output = server.stdout.take().expect("stdout");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.unwrap_or_else(|| panic!("{line}"));
    assert!(line.starts_with("0 runs in ") && address.starts_with("127.0.0.1:"), "{line}");
    std::net::TcpStream::connect(address).expect("a listener");
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    assert_eq!(server.wait().expect("an end").code(), Some(0));
}
