//! `lab sim` as a process.

use std::process::{Command, Output};

use rumormill_judge::results::Results;

use super::EVERYTHING;

fn lab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(args).output().expect("the lab starts")
}

/// Flags with spaces between them.
fn sim(flags: &str) -> Output {
    lab(&std::iter::once("sim").chain(flags.split_whitespace()).collect::<Vec<_>>())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Challenges 3b and 3c of Gossip Glomers: a flood is enough for the first, and not for the other.
#[test]
fn a_simulated_flood_passes_without_faults_and_loses_values_in_partitions() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = dir.path().display().to_string();
    let flood = |profile: &str| {
        let args = ["sim", "--protocol", "flood", "--profile", profile, "--seed", "3"];
        let output = lab(&[&args[..], &["--store", &store]].concat());
        let results = dir.path().join("latest/results.json");
        let json = std::fs::read_to_string(results).unwrap_or_else(|_| panic!("{output:?}"));
        let results: Results = serde_json::from_str(&json).expect("results");
        (output.status.code(), results)
    };
    let (status, good) = flood("fly-3b");
    assert_eq!(status, Some(0));
    assert_eq!(good.rumormill.missing.missing_count, 0);
    let types = &good.rumormill.traffic.types;
    assert!(types["flood"].send > 0 && !types.contains_key("rumormill"), "{types:?}");
    let (status, torn) = flood("fly-3c");
    assert_eq!(status, Some(1));
    assert!(torn.rumormill.missing.missing_count > 0, "{:?}", torn.rumormill.missing);
}

#[test]
fn two_processes_give_the_same_fingerprint() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let script = dir.path().join("script.toml");
    std::fs::write(&script, EVERYTHING).expect("a file");
    let script = script.display().to_string();
    let fingerprint = |store: &str, seed: &str| {
        let store = dir.path().join(store);
        let store_arg = store.display().to_string();
        let args = [
            "sim",
            "--node-count",
            "7",
            "--latency",
            "20",
            "--rate",
            "50",
            "--time-limit",
            "5",
            "--nemesis",
            "partition",
            "--nemesis-interval",
            "1",
            "--seed",
            seed,
            "--fault-script",
            &script,
            "--store",
            &store_arg,
        ];
        let output = lab(&args);
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
        let json = std::fs::read_to_string(store.join("latest/results.json")).expect("results");
        let results: Results = serde_json::from_str(&json).expect("results");
        let messages = std::fs::read(store.join("latest/messages.jsonl")).expect("messages");
        (results.rumormill.fingerprint, messages)
    };
    let first = fingerprint("a", "1");
    assert!(first == fingerprint("b", "1"));
    assert_ne!(first.0, fingerprint("c", "2").0);
}

#[test]
fn the_table_of_many_seeds_has_a_median() {
    let output = sim(
        "--node-count 5 --time-limit 2 --rate 50 --latency 10 --seeds 3 --seed 7 --isolate n0@0.5..1",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let text = stdout(&output);
    for start in ["7 ", "8 ", "9 ", "median ", "worst ", "speed "] {
        assert!(text.lines().any(|line| line.starts_with(start)), "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_said_in_a_sentence() {
    let refusals: [(&[&str], &str); 5] = [
        (&["test", "--crash", "n1@1"], "crashes without --durable are for simulated nodes only"),
        (&["sim", "--", "--bogus"], "unknown flag \"--bogus\""),
        (
            &["sim", "--protocol", "flood", "--", "--route=hub"],
            "the node's arguments: --route is no flag of protocol flood",
        ),
        (&["sim", "--", "--seed=1"], "lab's --seed"),
        (&["sim", "--loss", "2"], "not a probability"),
    ];
    for (args, sentence) in refusals {
        let output = lab(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(254), "{args:?}: {error}");
        assert!(error.contains(sentence), "{args:?}: {error}");
    }
}

#[test]
fn a_failed_seed_names_its_limit_and_the_worst_can_be_run_again() {
    let output = sim(
        "--protocol flood --node-count 5 --time-limit 2 --rate 20 --latency 50 --seed 7 --seeds 3 \
         --limit max<1ms",
    );
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.matches("FAILED  max < 1 ms").count(), 4, "{text}");
    assert!(text.contains("worst   seed ") && text.contains("again with --seed "), "{text}");
}

#[test]
fn absurd_settings_are_refused_before_anything_runs() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let script = dir.path().join("script.toml");
    std::fs::write(&script, "[[slow]]\nnode = 'n1'\nextra-ms = 9000000000000000000\n").unwrap();
    let script = script.to_str().expect("a path");
    for (args, words) in [
        (&["--node-count", "99999999999"][..], "node-count: 99999999999 is more than 1000000"),
        (&["--rate", "1e18"], "rate: 1000000000000000000 is not a number from 0 to 1000000"),
        (&["--rate", "100000", "--time-limit", "2000"], "200000000 operations are more than"),
        (&["--latency", "99999999999"], "latency: 99999999999 is more than"),
        (&["--recovery", "0.5"], "nor a whole number of seconds"),
        (&["--fault-script", script], "extra-ms"),
    ] {
        let output = lab(&[&["sim", "--no-store"], args].concat());
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(254)), "{args:?}: {log}");
        assert!(log.contains(words), "{args:?}: {log}");
    }
}

#[test]
fn a_title_names_the_faults_and_again_the_program() {
    let output =
        sim("--node-count 3 --time-limit 2 --loss 0.01 --crash n2@1+0.5 --seed 3 --no-store");
    let text = stdout(&output);
    let title = text.lines().next().unwrap_or_default();
    assert!(title.contains("rumormill: 3 nodes, grid"), "{title}");
    assert!(title.ends_with("loss 0.01, n2 crashes at 1 s"), "{title}");
    let program = env!("CARGO_BIN_EXE_lab");
    assert!(text.contains(&format!("again   {program} sim --node-count 3")), "{text}");
}
