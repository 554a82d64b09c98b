//! Every protocol that delivers everything while nothing fails, as real processes under `lab test`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rumormill::protocols::{Name, Promise};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// A run of three nodes for two seconds: exit status, and the screen.
fn run(protocol: Name) -> (Option<i32>, String) {
    // Cargo tells where the lab's binary is; that of the node lies beside it.
    let node = Path::new(LAB).with_file_name("rumormill");
    assert!(node.is_file(), "no {}: cargo build --workspace", node.display());
    let store = tempfile::tempdir().expect("temporary directory");
    let mut command = Command::new(LAB);
    command.arg("test").arg("--store").arg(store.path()).arg("--bin").arg(node);
    command.args(["--node-count", "3", "--time-limit", "2", "--rate", "20", "--recovery", "auto"]);
    command.args(["--", "--protocol", &protocol.to_string()]).stdin(Stdio::null());
    let output = command.output().expect("run the lab");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn protocols_that_promise_delivery_pass_lab_test() {
    let promises =
        |protocol: &Name| matches!(protocol.promise(), Promise::Delivers | Promise::Repairs);
    thread::scope(|scope| {
        let start = |protocol| (protocol, scope.spawn(move || run(protocol)));
        let runs: Vec<_> = Name::ALL.into_iter().filter(promises).map(start).collect();
        for (protocol, run) in runs {
            let (status, screen) = run.join().expect("a run");
            assert_eq!(status, Some(0), "{protocol}: {screen}");
        }
    });
}
