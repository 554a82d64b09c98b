//! The latency budget is kept, with few messages, in runs in which once it was not.

use std::process::Command;

/// Runs 25 nodes with 100 ms between them and 100 operations per second for 20 s. Passes if the
/// limits are kept.
fn keeps(limits: [&str; 2], seed: &str, network: &[&str], budget: &str) -> bool {
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["sim", "--node-count", "25", "--latency", "100", "--rate", "100"])
        .args(["--time-limit", "20", "--no-store", "--no-report", "--seed", seed])
        .args(limits.iter().flat_map(|limit| ["--limit", limit]))
        .args(network)
        .args(["--", "--latency-budget", budget])
        .output()
        .expect("the lab starts");
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}: {}", String::from_utf8_lossy(&output.stderr));
    code == Some(0)
}

#[test]
fn entries_that_went_early_with_an_ack_are_not_taken_for_late() {
    let limits = ["convergence-max<=680", "msgs-per-op<=1.15"];
    assert!(keeps(limits, "3", &["--no-head-of-line"], "600"));
}

#[test]
fn entries_that_missed_a_beat_get_one_of_their_own() {
    let limits = ["convergence-max<=1100", "msgs-per-op<=0.7"];
    assert!(keeps(limits, "1", &["--latency-dist", "measured"], "1000"));
}
