//! The hunter finds nothing in the node, finds every bug put there on purpose, and what it once
//! found stays away.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use rumormill::journal;
use rumormill::protocols::rumormill::mutation::Mutation;
use rumormill_lab::hunt::case::Case;
use rumormill_lab::hunt::draw::draw;
use rumormill_lab::hunt::phases::run;
use rumormill_lab::hunt::setup::Setup;
use rumormill_lab::hunt::shrink::shrink;
use rumormill_lab::hunt::{Found, Hunt, report};
use rumormill_lab::shard::Shard;

/// Enough for every kind of fault to happen; `lab hunt` is for more.
const SEEDS: u64 = 150;

/// A bug on purpose that takes more seeds than this has not been found.
const SEEDS_PER_MUTATION: u64 = 300;

fn hunt(seeds: u64, stop_at_first: bool, tweak: &(dyn Fn(&mut Setup) + Sync)) -> Found {
    Hunt { start: 0, seeds, jobs: 2, tweak, stop_at_first, stop: &AtomicBool::new(false) }
        .run(&|_, _| {})
}

#[test]
fn a_hunt_finds_nothing_and_is_not_vacuous() {
    let found = hunt(SEEDS, false, &|_| {});
    let text = report::render(&found);
    assert!(found.failures.is_empty(), "{text}");
    assert_eq!(found.vacuous().collect::<Vec<_>>(), [""; 0], "{text}");
}

#[test]
fn shards_of_a_hunt_end_at_the_same_first_failure() {
    let tweak = |nodes: &mut Setup| nodes.config.mutation = Some(Mutation::ALL[0]);
    let stop = AtomicBool::new(false);
    let hunt =
        Hunt { start: 0, seeds: 40, jobs: 2, tweak: &tweak, stop_at_first: true, stop: &stop };
    let whole = hunt.run(&|_, _| {});
    assert!(!whole.failures.is_empty() && whole.seeds < 40, "{}", report::render(&whole));
    let shard = |part| hunt.run_shard(Shard { part, of: 3 }, &|_, _| {});
    let merged = hunt.sum_up((1..=3).flat_map(shard).collect());
    assert_eq!(report::render(&merged), report::render(&whole));
}

#[test]
fn an_interrupted_hunt_tells_what_it_found_and_what_is_left() {
    let stop = AtomicBool::new(false);
    let hunt = |stop| Hunt {
        start: 0,
        seeds: 1 << 40,
        jobs: 2,
        tweak: &|_| {},
        stop_at_first: true,
        stop,
    };
    let found = hunt(&stop).run(&|done, _| stop.store(done >= 3, Ordering::Relaxed));
    // Each thread ends the seed that it has begun.
    assert!((3..=5).contains(&found.seeds), "{}", found.seeds);
    assert_eq!(found.seeds + found.left, 1 << 40);
    let text = report::render(&found);
    assert!(text.starts_with(&format!("Interrupted, {} seeds are left.", found.left)), "{text}");
    assert!(text.contains("messages between nodes") && !text.contains("VACUOUS"), "{text}");
}

#[test]
fn what_once_failed_does_not_fail_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let case = Case::load(&path).unwrap();
        let outcome = run(&case, &|_| {}, false);
        assert!(
            outcome.violation.is_none(),
            "{}:\n{}",
            path.display(),
            report::render_one(&case, &outcome)
        );
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn every_bug_on_purpose_is_found() {
    let find = |name: &str, tweak: &(dyn Fn(&mut Setup) + Sync)| {
        let found = hunt(SEEDS_PER_MUTATION, true, tweak);
        let first = found.failures.first_key_value();
        let (seed, violation) = first.unwrap_or_else(|| panic!("{name} was not found"));
        println!("{name}: found within {} seeds ({violation})", seed + 1);
    };
    for mutation in Mutation::ALL {
        find(mutation.name(), &|nodes| nodes.config.mutation = Some(mutation));
    }
    for mutation in journal::Mutation::ALL {
        find(mutation.name(), &|nodes| nodes.journal.mutation = Some(mutation));
    }
}

/// A bug on purpose and a seed that finds it: the report says all that it takes to look into it.
#[test]
fn a_failure_is_told_with_what_happened_and_the_state_of_each_node() {
    let tweak = |nodes: &mut Setup| nodes.config.mutation = Some(Mutation::RetryNeverSent);
    let found = hunt(SEEDS_PER_MUTATION, true, &tweak);
    let (&seed, violation) = found.failures.first_key_value().expect("the bug is found");
    let case = shrink(&draw(seed), violation.kind, &tweak, &AtomicBool::new(false));
    let text = report::render_one(&case, &run(&case, &tweak, false));
    assert!(text.starts_with(&format!("FAILED  {}", violation.kind.words())), "{text}");
    assert!(text.contains("What happened") && text.contains("messages between nodes"), "{text}");
    for node in &case.nodes {
        assert!(text.lines().any(|line| line.starts_with(&format!("{node} "))), "{node}: {text}");
    }
    let fine = report::render_one(&case, &run(&case, &|_| {}, false));
    assert!(fine.starts_with("PASSED") && !fine.contains("The nodes"), "{fine}");
}

fn lab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(args).output().expect("the lab starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_kept_case_is_run_told_and_stored_for_explain_and_replay() {
    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/cases/late-message-of-unheard-life.toml");
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = dir.path().display().to_string();
    let output = lab(&["sim", "--case", case, "--store", &store]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    assert!(told.starts_with("PASSED") && told.contains(&format!("again   lab sim --case {case}")));
    let latest = dir.path().join("latest");
    assert_eq!(std::fs::read_to_string(latest.join("report.txt")).expect("a report"), told);
    let latest = latest.display().to_string();
    let replayed = lab(&["replay", &latest]);
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
    let explained = lab(&["explain", &latest, "--slowest", "1"]);
    assert_eq!(explained.status.code(), Some(0), "{}", text(&explained.stderr));
    assert!(!text(&explained.stdout).contains("no such value"), "{}", text(&explained.stdout));

    let unkept = lab(&["sim", "--case", case, "--no-store", "--trace", "--store", &store]);
    assert!(text(&unkept.stdout).contains(" recv ") && !text(&unkept.stdout).contains("files "));
    assert_eq!(std::fs::read_dir(dir.path().join("case")).expect("runs").count(), 2, "with latest");
}

#[test]
fn what_is_no_case_is_refused_with_its_line() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let file = dir.path().join("my.toml");
    std::fs::write(&file, "version = 1\nseed = \"x\"\n").expect("a file");
    let path = file.display().to_string();
    let refused = lab(&["sim", "--case", &path, "--no-store"]);
    assert_eq!(refused.status.code(), Some(254));
    let error = text(&refused.stderr);
    assert!(error.contains("my.toml, line 2: invalid type: string \"x\", expected u64"), "{error}");
    let mixed = lab(&["sim", "--case", &path, "--rate", "5"]);
    assert_eq!(mixed.status.code(), Some(254));
    assert!(text(&mixed.stderr).contains("a case says all of the run"));
    let none = lab(&["sim", "--case", "no/such.toml"]);
    assert!(text(&none.stderr).contains("cannot read no/such.toml"), "{}", text(&none.stderr));
}
