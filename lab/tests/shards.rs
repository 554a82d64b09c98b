//! Shards: what several machines did comes together as if one had done it, to the byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

fn lab(args: &str, files: &[PathBuf]) -> Output {
    Command::new(LAB).args(args.split(' ')).args(files).output().expect("the lab starts")
}

/// The files of all shards of a command.
fn shards(dir: &Path, command: &str, of: u64) -> Vec<PathBuf> {
    let shard = |part| {
        let output = lab(&format!("{command} --shard {part}/{of}"), &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {said}");
        let path = dir.join(format!("{part}.shard"));
        fs::write(&path, output.stdout).expect("a file");
        path
    };
    // In any order.
    (1..=of).rev().map(shard).collect()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn a_hunt_in_shards_reports_as_one_machine_does() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let command = "hunt --seeds 23 --start 100 --jobs 1";
    let files = shards(dir.path(), command, 4);
    let merged = lab("hunt merge", &files);
    let whole = lab(command, &[]);
    assert_eq!(text(&merged), text(&whole));
    assert_eq!(merged.status.code(), whole.status.code());
    assert!(text(&whole).contains("23 seeds. What happened:"), "{}", text(&whole));
    let output = lab("hunt merge", &files[1..]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(254));
    assert!(said.contains("shards are missing: 4/4"), "{said}");
}

#[test]
fn a_hunt_in_another_protocol_in_shards_reports_as_one_machine_does() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let command = "hunt --protocol flood --seeds 14 --start 3 --jobs 1";
    let files = shards(dir.path(), command, 4);
    let merged = lab("hunt merge", &files);
    let whole = lab(command, &[]);
    assert_eq!(text(&merged), text(&whole));
    let code = merged.status.code();
    assert_eq!((code, whole.status.code()), (Some(1), Some(1)), "a flood loses values");
    assert!(text(&whole).starts_with("flood: 14 seeds, "), "{}", text(&whole));
    let other = lab("hunt merge --trace", &files);
    assert_eq!(other.status.code(), Some(254), "no case to trace");
}

#[test]
fn rumours_in_shards_have_the_figures_of_one_machine() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let command =
        "spread rumor flood --nodes 60 --runs 10 --latency 20ms --crash 5@50ms+100ms --seed 3";
    let files = shards(dir.path(), command, 3);
    for kind in ["csv", "svg", "json"] {
        let out = |name: &str| dir.path().join(format!("{name}.{kind}"));
        let (merged_out, whole_out) = (out("merged"), out("whole"));
        let merged = lab(&format!("spread merge --out {}", merged_out.display()), &files);
        let whole = lab(&format!("{command} --out {}", whole_out.display()), &[]);
        assert_eq!(text(&merged), text(&whole));
        assert!(text(&whole).contains("of 10 runs reached all"), "{}", text(&whole));
        let read = |path: &Path| fs::read_to_string(path).expect("a file");
        assert_eq!(read(&merged_out), read(&whole_out), "{kind}");
    }
    let hunt = lab("hunt merge", &files);
    assert_eq!(hunt.status.code(), Some(254), "shards of another command");
}
