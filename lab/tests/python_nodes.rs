//! The Python nodes of `lab/examples/python` pass, and each fails with a plain reason once a line
//! of it is wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// A workload, the node that serves it, a line of the node, and what is wrong in its place.
struct Case {
    workload: &'static str,
    node: &'static str,
    right: &'static str,
    wrong: &'static str,
    /// A part of the sentence in which the lab says so.
    reason: &'static str,
}

const CASES: [Case; 7] = [
    Case {
        workload: "echo",
        node: "echo.py",
        right: r#"body["echo"]}"#,
        wrong: r#"body["echo"].upper()}"#,
        reason: "of the echoes are wrong or missing",
    },
    Case {
        workload: "unique-ids",
        node: "unique_ids.py",
        right: r#"f"{node.id}-{count}""#,
        wrong: "count",
        reason: "given out more than once",
    },
    Case {
        workload: "broadcast",
        node: "broadcast.py",
        right: r#"values.update(body["values"])"#,
        wrong: "pass",
        reason: "missing on some node",
    },
    Case {
        workload: "g-set",
        node: "g_set.py",
        right: r#"elements.update(body["elements"])"#,
        wrong: "pass",
        reason: "missing on some node",
    },
    Case {
        workload: "g-counter",
        node: "counter.py",
        right: "max(mine.get(name, 0), value)",
        wrong: "mine.get(name, 0) + value",
        reason: "came to a wrong sum, off by up to",
    },
    Case {
        workload: "pn-counter",
        node: "counter.py",
        right: "sum(added.values()) - sum(taken.values())",
        wrong: "sum(added.values()) + sum(taken.values())",
        reason: "came to a wrong sum, off by up to",
    },
    Case {
        workload: "g-counter",
        node: "counter_seq_kv.py",
        right: r#"mine += body["delta"]"#,
        wrong: r#"mine = body["delta"]"#,
        reason: "came to a wrong sum, off by up to",
    },
];

/// Runs three nodes for two seconds, with the line replaced if need be; returns the exit status and
/// everything that was said.
fn run(case: &Case, is_wrong: bool) -> (i32, String) {
    let dir: TempDir = tempfile::tempdir().expect("temporary directory");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python");
    for name in ["node.py", case.node] {
        let mut text = fs::read_to_string(examples.join(name)).expect(name);
        if is_wrong && name == case.node {
            assert!(text.contains(case.right), "{name} has no {}", case.right);
            text = text.replace(case.right, case.wrong);
        }
        fs::write(dir.path().join(name), text).expect(name);
    }
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let python = String::from_utf8(python.expect("python3 runs").stdout).expect("a path");
    let output = Command::new(LAB)
        .args(["test", "-w", case.workload, "--node-count", "3", "--rate", "40"])
        .args(["--time-limit", "2", "--recovery", "2", "--seed", "7", "--no-report", "--store"])
        .arg(dir.path().join("store"))
        .args(["--bin", python.trim(), "--"])
        .arg(dir.path().join(case.node))
        .stdin(Stdio::null())
        .output()
        .expect("run the lab");
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code().expect("exit code"), said.concat())
}

#[test]
fn python_nodes_pass_and_a_wrong_line_is_told_plainly() {
    for case in &CASES {
        let Case { workload, node, reason, .. } = case;
        let (code, said) = run(case, false);
        assert_eq!(code, 0, "{node} for {workload}: {said}");
        let (code, said) = run(case, true);
        assert_eq!(code, 1, "wrong {node} for {workload}: {said}");
        assert!(said.contains(reason), "wrong {node} for {workload}: {said}");
    }
}
