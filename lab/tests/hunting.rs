//! The hunter finds nothing in the node, finds every bug put there on purpose, and what it once
//! found stays away.

use std::path::Path;

use rumormill::config::Config;
use rumormill::mutation::Mutation;
use rumormill_lab::hunt::case::Case;
use rumormill_lab::hunt::phases::run;
use rumormill_lab::hunt::{Found, Hunt, report};

/// Enough for every kind of fault to happen; `lab hunt` is for more.
const SEEDS: u64 = 150;

/// A bug on purpose that takes more seeds than this has not been found.
const SEEDS_PER_MUTATION: u64 = 300;

fn hunt(seeds: u64, mutation: Option<Mutation>) -> Found {
    let tweak = |config: &mut Config| config.mutation = mutation;
    Hunt { start: 0, seeds, jobs: 2, tweak: &tweak, stop_at_first: mutation.is_some() }
        .run(&|_, _| {})
}

#[test]
fn a_hunt_finds_nothing_and_is_not_vacuous() {
    let found = hunt(SEEDS, None);
    let text = report::render(&found);
    assert!(found.failures.is_empty(), "{text}");
    assert_eq!(found.vacuous().collect::<Vec<_>>(), [""; 0], "{text}");
}

#[test]
fn what_once_failed_does_not_fail_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
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
    for mutation in Mutation::ALL {
        let found = hunt(SEEDS_PER_MUTATION, Some(mutation));
        let first = found.failures.first_key_value();
        let (seed, violation) = first.unwrap_or_else(|| panic!("{mutation} was not found"));
        println!("{mutation}: found within {} seeds ({violation})", seed + 1);
    }
}
