//! The exercises: the commands of exercises/README.md say what the text around them says.

use std::fs;
use std::path::Path;
use std::process::Command;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// The verdict on each: exit status, and words of the screen.
const EXPECTED: [(&str, i32, &str); 8] = [
    ("1_no_retry.py", 1, "acknowledged values missing on some node"),
    ("2_deaf_to_some.py", 1, "n3 was sent 0 (by n"),
    ("3_extra_key.py", 1, "a read_ok must not have the keys [\"count\"]"),
    ("4_print.py", 2, "Maelstrom would have ignored n0, n1, n2, n3, n4"),
    ("5_crash.py", 255, "KeyError: 9"),
    ("6_slow.py", 0, "slow node "),
    ("7_ack_first.py", 1, "FAIL  max < 400 ms"),
    ("8_short_memory.py", 1, "FAIL  duplicates = 0"),
];

/// The words of the command of `exercise`, after `lab`.
fn command(readme: &str, exercise: &str) -> Vec<String> {
    let line = readme.lines().find(|line| line.starts_with("    lab ") && line.contains(exercise));
    let line = line.unwrap_or_else(|| panic!("exercises/README.md has no command for {exercise}"));
    line.split_whitespace().skip(1).map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn each_exercise_has_the_verdict_that_its_text_tells_of() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("no python3: the exercises were not run");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let readme = fs::read_to_string(root.join("exercises/README.md")).expect("the text");
    for (exercise, code, words) in EXPECTED {
        let store = tempfile::tempdir().expect("temporary directory");
        let mut lab = Command::new(LAB);
        lab.args(command(&readme, exercise)).args(["--seed", "1", "--no-report", "--store"]);
        let output = lab.arg(store.path()).current_dir(root).output().expect("the lab starts");
        let screen = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{exercise}:\n{screen}");
        assert!(screen.contains(words), "{exercise} without {words:?}:\n{screen}");
    }
}
