//! The nodes of `lab new` pass while nothing is lost, fail when messages are, and pass again once the
//! missing part is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// The part that is missing in Python.
const RETRY: &str = "
        for neighbour, values in self.unacked.items():
            for value in values:
                self.send(neighbour, {\"type\": \"gossip\", \"value\": value})
";

fn new(language: &str, dir: &Path) -> Output {
    Command::new(LAB).args(["new", language]).arg(dir).output().expect("the lab starts")
}

/// The exit status of a short run, and what the lab said.
fn run(node: &Path, flags: &str) -> (Option<i32>, String) {
    let store = tempfile::tempdir().expect("temporary directory");
    let output = Command::new(LAB)
        .args(["test", "--time-limit", "3", "--rate", "20", "--seed", "1", "--recovery", "auto"])
        .args(flags.split_whitespace())
        .args(["--no-report", "--store"])
        .arg(store.path())
        .arg("--bin")
        .arg(node)
        .output()
        .expect("the lab starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn passes_until_messages_are_lost(node: &Path) {
    let (code, screen) = run(node, "");
    assert_eq!(code, Some(0), "{screen}");
    let (code, screen) = run(node, "--loss 0.3");
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("missing on some node"), "{screen}");
}

#[test]
fn the_python_node_lacks_nothing_but_its_retry_loop() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("no python3: the node was not run");
        return;
    }
    let dir = tempfile::tempdir().expect("temporary directory");
    let made = dir.path().join("a node");
    let output = new("python", &made);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("lab test --bin ./node.py"), "{said}");
    let node = made.join("node.py");
    passes_until_messages_are_lost(&node);
    let text = fs::read_to_string(&node).expect("the node");
    let (before, after) = text.split_once("        # Your part").expect("a place for it");
    let (_, after) = after.split_once('\n').expect("a line");
    fs::write(&node, before.to_owned() + RETRY + after).expect("the node");
    let (code, screen) = run(&node, "--loss 0.3");
    assert_eq!(code, Some(0), "{screen}");
    // A second time would write over it.
    let output = new("python", &made);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(255) && said.contains("already there"), "{said}");
}

#[test]
fn the_rust_node_lacks_nothing_but_its_retry_loop() {
    let dir = tempfile::tempdir().expect("temporary directory");
    assert!(new("rust", dir.path()).status.success());
    for file in ["Cargo.toml", "src/main.rs", "README.md"] {
        assert!(dir.path().join(file).is_file(), "{file}");
    }
    // The same source, compiled as an example, which lies beside the lab.
    let node: PathBuf = Path::new(LAB).with_file_name("examples").join("new-rust");
    assert!(node.is_file(), "no {}: cargo build --examples", node.display());
    passes_until_messages_are_lost(&node);
}

#[test]
fn the_go_node_is_written() {
    let dir = tempfile::tempdir().expect("temporary directory");
    assert!(new("go", dir.path()).status.success());
    if Command::new("go").arg("version").output().is_err() {
        println!("no go: the node was not built");
        return;
    }
    let built = Command::new("go").arg("build").current_dir(dir.path()).status().expect("go");
    assert!(built.success());
    passes_until_messages_are_lost(&dir.path().join("node"));
}
